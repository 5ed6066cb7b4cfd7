package import Fleet
import JSON
import Policies

/// The rules of roles that our users write themselves.
package enum AccessRoles {
    /// In one message.
    private static let keysNamedMax = 5

    /// Stores the document under `name`, in place of the one that was there. The same document
    /// again changes nothing.
    /// - Parameter operations: the control plane's (`iot:CreateThing`). A misspelt one is refused:
    ///   a denial of it would deny nothing.
    /// - Throws: `FleetError.malformedPolicy` with line and column where it does not parse.
    package static func put(
        _ name: RoleName, document: String, knowing operations: [String] = [],
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Self.refuseBuiltIn(name)
        _ = try PolicyDocument.parse(document, dialect: .access.knowing(operations))
        let existing = view.role(name)
        var set = ChangeSet(action: "PutRole", preconditions: [view.asSeen(.role(name))])
        guard existing?.document != document else { return set }
        set.changes = [
            .putRole(
                AccessRole(
                    name: name, document: document, createdAt: existing?.createdAt ?? now,
                    lastModifiedAt: now))
        ]
        set.detail = [
            "role": .string(name.rawValue),
            "digest": .string(ContentDigest.sha256(of: document)),
        ]
        if let existing {
            set.detail["replacedDigest"] = .string(ContentDigest.sha256(of: existing.document))
        }
        return set
    }

    /// A role that a credential has stays: what it denies would be allowed without it.
    /// - Parameter keys: the credentials that have it. One that is given it at the same moment may
    ///   do nothing from then on (`Rights`).
    /// - Throws: `FleetError.deleteConflict` where there is one.
    package static func delete(
        _ name: RoleName, namedBy keys: [AccessKeyID], in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.refuseBuiltIn(name)
        guard view.role(name) != nil else {
            throw FleetError(
                .notFound, "there is no role '\(name)'", resource: name.rawValue)
        }
        guard keys.isEmpty else {
            let some = keys.prefix(Self.keysNamedMax).map(\.rawValue).joined(separator: ", ")
            throw FleetError(
                .deleteConflict,
                "\(keys.count) credentials have the role '\(name)' (\(some)): give them others "
                    + "first, with 'slipway access roles'",
                resource: name.rawValue)
        }
        return ChangeSet(
            action: "DeleteRole", preconditions: [view.asSeen(.role(name))],
            changes: [.deleteRole(name)], detail: ["role": .string(name.rawValue)])
    }

    private static func refuseBuiltIn(_ name: RoleName) throws(FleetError) {
        guard BuiltInRole(name: name) == nil else {
            throw FleetError(
                .invalidRequest,
                "the role '\(name)' is built in: give your own another name",
                resource: name.rawValue)
        }
    }
}
