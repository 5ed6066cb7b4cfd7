package import Fleet
import JSON

/// The rules of hook scripts: known by digest, so that a certificate's provenance names the very
/// text that let it in.
package enum HookScripts {
    /// Stores the script, replacing another text of the same name; the audit record keeps both
    /// digests. The same text again changes nothing, its approval included; another text has yet
    /// to be approved.
    /// - Parameter author: as `Actor.person` tells people apart.
    package static func put(
        _ name: HookName, source: String, by author: String, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard source.utf8.count <= Limits.hookSourceBytesMax else {
            throw FleetError(
                .invalidRequest,
                "hook '\(name)' has \(source.utf8.count) bytes; at most "
                    + "\(Limits.hookSourceBytesMax)",
                resource: name.rawValue)
        }
        let digest = ContentDigest.sha256(of: source)
        let existing = view.hook(name)
        var set = ChangeSet(action: "PutHook", preconditions: [view.asSeen(.hook(name))])
        guard existing?.digest != digest else { return set }
        set.changes = [
            .putHook(
                HookScript(
                    name: name, source: source, digest: digest, createdAt: now, author: author))
        ]
        set.detail = ["digest": .string(digest)]
        if let existing { set.detail["replacedDigest"] = .string(existing.digest) }
        return set
    }

    /// Lets the script judge devices where four eyes are asked for.
    /// - Parameters:
    ///   - digest: of the text that was read: another one is not approved with it.
    ///   - approver: as `Actor.person` tells people apart.
    /// - Throws: `FleetError.notAllowed` where the approver wrote it.
    package static func approve(
        _ name: HookName, digest: String, by approver: String, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard var hook = view.hook(name) else {
            throw FleetError(.notFound, "there is no hook '\(name)'", resource: name.rawValue)
        }
        guard hook.digest == digest else {
            throw FleetError(
                .versionConflict,
                "hook '\(name)' is no longer the text with digest '\(digest.clipped)', but "
                    + "'\(hook.digest)': read it, and approve that",
                resource: name.rawValue)
        }
        guard hook.author != approver else {
            throw FleetError(
                .notAllowed,
                "hook '\(name)' was written by \(approver): somebody else has to approve it",
                resource: name.rawValue)
        }
        var set = ChangeSet(action: "ApproveHook", preconditions: [view.asSeen(.hook(name))])
        guard hook.approval == nil else { return set }
        hook.approval = HookScript.Approval(approver: approver, approvedAt: now)
        set.changes = [.putHook(hook)]
        set.detail = ["digest": .string(digest), "author": .string(hook.author ?? "unknown")]
        return set
    }
}
