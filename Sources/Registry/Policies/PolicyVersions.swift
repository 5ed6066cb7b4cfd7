package import Fleet
import Policies

/// The rules of policies. A document is never overwritten: another text is another version, and
/// the number of one that is gone is not given again.
package enum PolicyVersions {
    // MARK: Policies

    /// AWS: CreatePolicy. A name that is taken is refused, whatever its document.
    package static func create(
        _ name: PolicyName, document: String, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard view.policy(name) == nil else {
            throw FleetError(
                .alreadyExists, "Policy \(name) already exists", resource: name.rawValue)
        }
        try Self.check(document)
        return ChangeSet(
            action: "CreatePolicy", preconditions: [.absent(.policy(name))],
            changes: [.putPolicy(Self.first(name, document: document, at: now))])
    }

    /// AWS: DeletePolicy. The default version goes with the policy; any other, and anything the
    /// policy is attached to, has to go first.
    package static func delete(
        _ name: PolicyName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let policy = try Self.policy(name, in: view)
        guard policy.versions.count <= 1 else {
            throw FleetError(
                .deleteConflict,
                "Cannot delete the policy because it has one or more policy versions attached to "
                    + "it (name=\(name))", resource: name.rawValue)
        }
        guard view.anyTargetOfPolicy(name) == nil else {
            throw FleetError(
                .deleteConflict,
                "The policy cannot be deleted as the policy is attached to one or more principals "
                    + "(name=\(name))", resource: name.rawValue)
        }
        return ChangeSet(
            action: "DeletePolicy",
            preconditions: [.policy(name), .anyTargetOfPolicy(name)].map(view.asSeen),
            changes: [.deletePolicy(name)])
    }

    /// What `delete` has to see.
    package static func keysToDelete(_ name: PolicyName) -> Set<RecordKey> {
        [.policy(name), .anyTargetOfPolicy(name)]
    }

    // MARK: Versions

    /// AWS: CreatePolicyVersion. The same text again is another version, as AWS has it.
    package static func add(
        document: String, to name: PolicyName, setAsDefault: Bool, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let policy = try Self.policy(name, in: view)
        try Self.check(document)
        guard policy.versions.count < Limits.policyVersionsMax else {
            throw FleetError(
                .versionsLimitExceeded,
                "The policy \(name) already has the maximum number of versions "
                    + "(\(Limits.policyVersionsMax))", resource: name.rawValue)
        }
        return ChangeSet(
            action: "CreatePolicyVersion", preconditions: [view.asSeen(.policy(name))],
            changes: [
                .addPolicyVersion(
                    name, Self.next(of: policy, document: document, at: now),
                    isDefault: setAsDefault)
            ])
    }

    /// AWS: SetDefaultPolicyVersion. The default again changes nothing.
    package static func setDefault(
        _ id: Int, of name: PolicyName, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let policy = try Self.policy(name, in: view)
        _ = try Self.version(id, of: policy)
        return ChangeSet(
            action: "SetDefaultPolicyVersion", preconditions: [view.asSeen(.policy(name))],
            changes: policy.defaultVersionID == id
                ? [] : [.setDefaultPolicyVersion(name, id, at: now)])
    }

    /// AWS: DeletePolicyVersion. The default one goes with its policy only.
    package static func delete(
        version id: Int, of name: PolicyName, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let policy = try Self.policy(name, in: view)
        _ = try Self.version(id, of: policy)
        guard policy.defaultVersionID != id else {
            throw FleetError(
                .deleteConflict, "Cannot delete the default version of a policy (name=\(name))",
                resource: name.rawValue)
        }
        return ChangeSet(
            action: "DeletePolicyVersion", preconditions: [view.asSeen(.policy(name))],
            changes: [.deletePolicyVersion(name, id, at: now)])
    }

    /// Makes `document` the default version of the policy, which is made where there is none. The
    /// same text again changes nothing.
    package static func put(
        _ name: PolicyName, document: String, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let policy = view.policy(name) else {
            return try Self.create(name, document: document, in: view, at: now)
        }
        guard policy.defaultVersion?.document != document else {
            return ChangeSet(
                action: "CreatePolicyVersion", preconditions: [view.asSeen(.policy(name))])
        }
        return try Self.add(document: document, to: name, setAsDefault: true, in: view, at: now)
    }

    /// A policy with `document` as its only version. The caller has checked the document.
    package static func first(
        _ name: PolicyName, document: String, at now: UnixTime
    ) -> Policy {
        Policy(
            name: name, versions: [Policy.Version(id: 1, document: document, createdAt: now)],
            defaultVersionID: 1, createdAt: now)
    }

    private static func next(
        of policy: Policy, document: String, at now: UnixTime
    ) -> Policy.Version {
        Policy.Version(id: policy.latestVersionID + 1, document: document, createdAt: now)
    }

    // MARK: Looking up

    /// - Throws: `FleetError.notFound`.
    package static func policy(
        _ name: PolicyName, in view: RegistryView
    ) throws(FleetError) -> Policy {
        guard let policy = view.policy(name) else {
            throw FleetError(.notFound, "Policy \(name) does not exist", resource: name.rawValue)
        }
        return policy
    }

    /// - Throws: `FleetError.notFound`.
    package static func version(
        _ id: Int, of policy: Policy
    ) throws(FleetError) -> Policy.Version {
        guard let version = policy.version(id) else {
            throw FleetError(
                .notFound, "Policy \(policy.name) has no version \(id)",
                resource: policy.name.rawValue)
        }
        return version
    }

    /// AWS: a version's id on the wire is its number in decimal.
    package static func versionID(_ text: String) throws(FleetError) -> Int {
        guard let id = Int(text), id > 0, String(id) == text else {
            throw FleetError(
                .invalidRequest, "'\(text.clipped)' is no version of a policy: a number from 1 on")
        }
        return id
    }

    // MARK: Documents

    /// - Throws: `FleetError.malformedPolicy`, naming what is wrong and where.
    package static func check(_ document: String) throws(FleetError) {
        _ = try PolicyDocument.parse(document)
    }
}
