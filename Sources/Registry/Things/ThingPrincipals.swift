package import Fleet

/// Which certificates are which things.
package enum ThingPrincipals {
    /// AWS: AttachThingPrincipal. A certificate that is one thing exclusively takes no other, and
    /// one that has another thing cannot become exclusive. Repeats change nothing.
    package static func attach(
        _ principal: ThingPrincipal, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let (thing, certificate) = (principal.thing, principal.certificate)
        guard view.thing(thing) != nil else { throw Things.missing(thing) }
        guard view.certificate(certificate) != nil else { throw Certificates.missing(certificate) }
        // Attaching writes no record of its own, so two attachments that exclude one another meet
        // at what else the certificate is attached to. One other is enough to know: an exclusive
        // attachment is always the only one.
        let other = RecordKey.anyOtherThing(certificate, besides: thing)
        var set = ChangeSet(
            action: "AttachThingPrincipal",
            preconditions: [
                .present(.thing(thing)), .present(.certificate(certificate)), view.asSeen(other),
            ])
        guard view.attachment(thing, certificate) != principal else { return set }
        if let why = Self.exclusion(
            of: principal, by: view.anyOtherThing(of: certificate, besides: thing))
        {
            throw FleetError(.invalidRequest, why, resource: certificate.rawValue)
        }
        set.changes = [.attachThingPrincipal(principal)]
        return set
    }

    /// What `attach` has to see.
    package static func keysToAttach(_ principal: ThingPrincipal) -> Set<RecordKey> {
        let (thing, certificate) = (principal.thing, principal.certificate)
        return [
            .thing(thing), .certificate(certificate), .attachment(thing, certificate),
            .anyOtherThing(certificate, besides: thing),
        ]
    }

    /// AWS: DetachThingPrincipal. What is not attached is detached already.
    package static func detach(
        _ thing: ThingName, from certificate: CertificateID, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.thing(thing) != nil else { throw Things.missing(thing) }
        return ChangeSet(
            action: "DetachThingPrincipal",
            changes: view.attachment(thing, certificate) == nil
                ? [] : [.detachThingPrincipal(thing, certificate)])
    }

    /// What `detach` has to see.
    package static func keysToDetach(
        _ thing: ThingName, from certificate: CertificateID
    ) -> Set<RecordKey> {
        [.thing(thing), .attachment(thing, certificate)]
    }

    /// For registrations, whose refusal a device hears.
    /// - Parameter attached: what the certificate is attached to already.
    /// - Throws: `FleetError.resourceConflict`.
    package static func checkExclusivity(
        of principal: ThingPrincipal, against attached: [ThingPrincipal]
    ) throws(FleetError) {
        for other in attached where other.thing != principal.thing {
            guard let why = Self.exclusion(of: principal, by: other) else { continue }
            throw FleetError(.resourceConflict, why, resource: principal.certificate.rawValue)
        }
    }

    /// Why `principal` cannot be beside `other`; nil where it can.
    private static func exclusion(
        of principal: ThingPrincipal, by other: ThingPrincipal?
    ) -> String? {
        guard let other, principal.exclusivity == .exclusive || other.exclusivity == .exclusive
        else { return nil }
        return "certificate \(principal.certificate) is attached to thing '\(other.thing)', and an "
            + "exclusive attachment allows no other"
    }
}
