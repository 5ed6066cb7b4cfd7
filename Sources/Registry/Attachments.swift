package import Fleet

/// What policies hang on: certificates and groups.
package enum Attachments {
    /// AWS: AttachPolicy. Repeats change nothing. A dynamic group carries no policies, since
    /// whoever can change an attribute could then give rights.
    package static func attach(
        _ policy: PolicyName, to target: PolicyTarget, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        if view.holds(.policy(policy)) { _ = try PolicyVersions.policy(policy, in: view) }
        // Of a group there is more to know than that it is there.
        if view.holds(target.key) || !target.isCertificate {
            try Self.checkExists(target, in: view)
        }
        // The set of what is attached is relied on too: two attachments that break the limit only
        // together cannot both be made.
        var set = ChangeSet(
            action: "AttachPolicy",
            preconditions: [
                .present(.policy(policy)), .present(target.key),
                view.asSeen(.policiesOfTarget(target)),
            ])
        let attached = view.policiesOfTarget(target)
        guard !attached.contains(policy) else { return set }
        let limit = target.policiesMax
        guard attached.count < limit else {
            throw FleetError(
                .limitExceeded,
                "\(target.noun) has \(attached.count) policies, and may have no more than "
                    + "\(limit)", resource: policy.rawValue)
        }
        set.changes = [.attachPolicy(policy, target)]
        return set
    }

    /// AWS: DetachPolicy. What is not attached is detached already.
    package static func detach(
        _ policy: PolicyName, from target: PolicyTarget, in view: RegistryView
    ) -> ChangeSet {
        ChangeSet(
            action: "DetachPolicy",
            changes: view.policiesOfTarget(target).contains(policy)
                ? [.detachPolicy(policy, target)] : [])
    }

    /// What the first try to `attach` has to see. That a policy and a certificate are there is
    /// among the preconditions, and reading both would cost more than all else: where one is not,
    /// the next try sees all of `keys`, and tells which.
    package static func firstKeys(
        _ policy: PolicyName, _ target: PolicyTarget
    ) -> Set<RecordKey> {
        target.isCertificate ? [.policiesOfTarget(target)] : Self.keys(policy, target)
    }

    /// Whether `target` may have no more policies, so that a first try cannot tell whether the one
    /// to attach is there.
    package static func isFull(_ target: PolicyTarget, in view: RegistryView) -> Bool {
        view.policiesOfTarget(target).count >= target.policiesMax
    }

    /// What `attach` and `detach` have to see.
    package static func keys(_ policy: PolicyName, _ target: PolicyTarget) -> Set<RecordKey> {
        [.policy(policy), target.key, .policiesOfTarget(target)]
    }

    /// - Throws: `FleetError.notFound`; `.invalidRequest` for a dynamic group.
    package static func checkExists(
        _ target: PolicyTarget, in view: RegistryView
    ) throws(FleetError) {
        switch target {
        case .certificate(let id):
            guard view.certificate(id) != nil else { throw Certificates.missing(id) }
        case .thingGroup(let name):
            guard let group = view.thingGroup(name) else {
                throw FleetError(
                    .notFound, "Thing group \(name) does not exist", resource: name.rawValue)
            }
            guard !group.isDynamic else {
                throw FleetError(
                    .invalidRequest, "thing group \(name) is dynamic, and carries no policies",
                    resource: name.rawValue)
            }
        }
    }
}

extension PolicyTarget {
    fileprivate var isCertificate: Bool {
        if case .certificate = self { true } else { false }
    }

    fileprivate var policiesMax: Int {
        switch self {
        case .certificate: Limits.policiesPerCertificateMax
        case .thingGroup: Limits.policiesPerThingGroupMax
        }
    }

    fileprivate var noun: String {
        switch self {
        case .certificate(let id): "certificate \(id)"
        case .thingGroup(let name): "thing group \(name)"
        }
    }
}
