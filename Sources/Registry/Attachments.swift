package import Fleet

/// What hangs on what: policies on certificates and groups, certificates on things.
package enum Attachments {
    /// AWS: AttachPolicy. Repeats change nothing.
    package static func attach(
        _ policy: PolicyName, to target: PolicyTarget, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.policy(policy) != nil else {
            throw FleetError(
                .notFound, "there is no policy '\(policy)'", resource: policy.rawValue)
        }
        let key = Self.key(of: target)
        guard view.entry(key) != nil else { throw Self.missing(target) }
        return ChangeSet(
            action: "AttachPolicy", preconditions: [.present(.policy(policy)), .present(key)],
            changes: view.policiesOfTarget(target).contains(policy)
                ? [] : [.attachPolicy(policy, target)])
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

    /// What `attach` and `detach` have to see.
    package static func keys(_ policy: PolicyName, _ target: PolicyTarget) -> Set<RecordKey> {
        [.policy(policy), Self.key(of: target), .policiesOfTarget(target)]
    }

    /// AWS: AttachThingPrincipal. A certificate that is one thing exclusively takes no other, and
    /// one that has another thing cannot become exclusive.
    package static func attach(
        _ principal: ThingPrincipal, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.thing(principal.thing) != nil else {
            throw FleetError(
                .notFound, "there is no thing '\(principal.thing)'",
                resource: principal.thing.rawValue)
        }
        guard view.certificate(principal.certificate) != nil else {
            throw Certificates.missing(principal.certificate)
        }
        // Attaching writes no record of its own, so two attachments that exclude one another meet
        // at the certificate's revision.
        var set = ChangeSet(
            action: "AttachThingPrincipal",
            preconditions: [
                .present(.thing(principal.thing)),
                view.asSeen(.certificate(principal.certificate)),
            ])
        let attached = view.thingsOfCertificate(principal.certificate)
        guard !attached.contains(principal) else { return set }
        try Self.checkExclusivity(of: principal, against: attached)
        set.changes = [.attachThingPrincipal(principal)]
        return set
    }

    /// - Parameter attached: what the certificate is attached to already.
    package static func checkExclusivity(
        of principal: ThingPrincipal, against attached: [ThingPrincipal]
    ) throws(FleetError) {
        let others = attached.filter { $0.thing != principal.thing }
        let exclusive =
            principal.exclusivity == .exclusive
            ? others.first
            : others.first { $0.exclusivity == .exclusive }
        guard let other = exclusive else { return }
        throw FleetError(
            .resourceConflict,
            "certificate \(principal.certificate) is attached to thing '\(other.thing)', and an "
                + "exclusive attachment allows no other",
            resource: principal.certificate.rawValue)
    }

    /// AWS: DetachThingPrincipal. What is not attached is detached already.
    package static func detach(
        _ thing: ThingName, from certificate: CertificateID, in view: RegistryView
    ) -> ChangeSet {
        ChangeSet(
            action: "DetachThingPrincipal",
            changes: view.thingsOfCertificate(certificate).contains { $0.thing == thing }
                ? [.detachThingPrincipal(thing, certificate)] : [])
    }

    private static func key(of target: PolicyTarget) -> RecordKey {
        switch target {
        case .certificate(let id): .certificate(id)
        case .thingGroup(let name): .thingGroup(name)
        }
    }

    private static func missing(_ target: PolicyTarget) -> FleetError {
        switch target {
        case .certificate(let id): Certificates.missing(id)
        case .thingGroup(let name):
            FleetError(.notFound, "there is no thing group '\(name)'", resource: name.rawValue)
        }
    }
}
