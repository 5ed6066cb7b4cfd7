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
        _ name: HookName, source: String, by author: String, message: String? = nil,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Templates.check(message: message)
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
        let latest = existing?.latestVersion ?? 0
        // A text the hook had before is that version again, with the author it had.
        let old = view.hookVersion(name, digest)
        if old == nil, latest >= Limits.hookVersionsMax {
            throw FleetError(
                .versionsLimitExceeded,
                "hook '\(name)' has had \(latest) texts, which is the most; give the next one "
                    + "another name", resource: name.rawValue)
        }
        let hook = HookScript(
            name: name, source: source, digest: digest, createdAt: old?.createdAt ?? now,
            author: old == nil ? author : old?.author,
            message: old == nil ? message : old?.message, version: old?.version ?? latest + 1,
            approval: old?.approval, enabled: existing?.enabled ?? true,
            latestVersion: old == nil ? latest + 1 : latest, loadedDigest: existing?.loadedDigest)
        set.changes = [.putHook(hook)]
        set.detail = ["digest": .string(digest), "version": .int(hook.version)]
        if let existing { set.detail["replacedDigest"] = .string(existing.digest) }
        if let message { set.detail["message"] = .string(message) }
        return set
    }

    /// What `put` and `load` have to see of a text.
    package static func keys(_ name: HookName, source: String) -> Set<RecordKey> {
        [.hook(name), .hookVersion(name, ContentDigest.sha256(of: source))]
    }

    /// Brings in what a file says, once: a file that is as it was when it was last loaded changes
    /// nothing, whatever became of the hook since; a changed one becomes the hook's text.
    ///
    /// - Parameter view: holds `keys(_:source:)`.
    /// - Throws: as `put`.
    package static func load(
        _ name: HookName, source: String, by author: String, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let digest = ContentDigest.sha256(of: source)
        let existing = view.hook(name)
        guard existing?.loadedDigest != digest else { return ChangeSet(action: "PutHook") }
        var set = try Self.put(
            name, source: source, by: author, message: "loaded from its file", in: view, at: now)
        guard case .putHook(var hook)? = set.changes.first ?? existing.map({ .putHook($0) }) else {
            return set
        }
        hook.loadedDigest = digest
        set.changes = [.putHook(hook)]
        return set
    }

    /// Puts one of the hook's texts in force, and lets it judge devices.
    ///
    /// - Parameters:
    ///   - digest: of the text; nil for the one it has. As long as one text only begins so, a
    ///     beginning was made whole by the caller.
    ///   - view: holds the hook, and the version where a digest is given.
    /// - Throws: `FleetError.notFound`.
    package static func enable(
        _ name: HookName, digest: String?, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var hook = try Self.existing(name, in: view)
        var set = ChangeSet(action: "EnableHook", preconditions: [view.asSeen(.hook(name))])
        if let digest, digest != hook.digest {
            guard let version = view.hookVersion(name, digest) else {
                throw FleetError(
                    .notFound, "hook '\(name)' never had a text with digest '\(digest.clipped)'",
                    resource: name.rawValue)
            }
            set.detail["replacedDigest"] = .string(hook.digest)
            hook = HookScript(
                name: name, source: version.source, digest: version.digest,
                createdAt: version.createdAt, author: version.author, message: version.message,
                version: version.version, approval: version.approval, enabled: hook.enabled,
                latestVersion: hook.latestVersion, loadedDigest: hook.loadedDigest)
        } else if hook.enabled {
            return set
        }
        hook.enabled = true
        set.changes = [.putHook(hook)]
        set.detail["digest"] = .string(hook.digest)
        return set
    }

    /// Takes the hook out of service: templates that name it refuse every device from now on.
    ///
    /// - Throws: `FleetError.notFound`.
    package static func disable(
        _ name: HookName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var hook = try Self.existing(name, in: view)
        var set = ChangeSet(action: "DisableHook", preconditions: [view.asSeen(.hook(name))])
        guard hook.enabled else { return set }
        hook.enabled = false
        set.changes = [.putHook(hook)]
        set.detail = ["digest": .string(hook.digest)]
        return set
    }

    /// The hook that an ARN names: `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]` as tools
    /// write it, or any other that ends in the name of a hook of this service.
    /// - Throws: `FleetError.invalidRequest` where what it ends in can be no hook's name.
    package static func name(calledBy target: String) throws(FleetError) -> HookName {
        let parts = target.split(separator: ":", omittingEmptySubsequences: false)
        if let function = parts.firstIndex(of: "function"), function + 1 < parts.count {
            return try HookName(String(parts[function + 1]))
        }
        let last = target.split(whereSeparator: { $0 == ":" || $0 == "/" }).last
        return try HookName(last.map(String.init) ?? target)
    }

    private static func existing(
        _ name: HookName, in view: RegistryView
    ) throws(FleetError) -> HookScript {
        guard let hook = view.hook(name) else {
            throw FleetError(.notFound, "there is no hook '\(name)'", resource: name.rawValue)
        }
        return hook
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
