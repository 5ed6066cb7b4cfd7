package import Fleet
import JSON

/// The rules of hook scripts: known by digest, so that a certificate's provenance names the very
/// text that let it in.
package enum HookScripts {
    /// Stores the script, replacing another text of the same name; the audit record keeps both
    /// digests. The same text again changes nothing.
    package static func put(
        _ name: HookName, source: String, in view: RegistryView, at now: UnixTime
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
            .putHook(HookScript(name: name, source: source, digest: digest, createdAt: now))
        ]
        set.detail = ["digest": .string(digest)]
        if let existing { set.detail["replacedDigest"] = .string(existing.digest) }
        return set
    }
}
