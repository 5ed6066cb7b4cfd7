import Fleet
import JSON
import Registry

/// The one decision by which a certificate that has just been signed takes over from another: all
/// that hangs on the old one hangs on the new one too, and the new one's origin is the old one's,
/// so that whoever asks what a claim, a lot or a template has issued finds it.
struct CertificateRenewal {
    let predecessor: Certificate
    let issued: IssuedCertificate
    let isSameKey: Bool
    let publisher: Publisher
    let settings: RenewalSettings
    let at: UnixTime

    static func keys(of certificate: CertificateID) -> Set<RecordKey> {
        [
            .certificate(certificate), .renewal(certificate), .thingsOfCertificate(certificate),
            .policiesOfTarget(.certificate(certificate)),
        ]
    }

    var keys: Set<RecordKey> {
        Self.keys(of: self.predecessor.id).union(KeyReuse.keys(of: self.issued.publicKey))
            .union([.certificate(self.issued.id)])
    }

    /// What a look has to see further: the certificates that it has named.
    static func further(_ view: RegistryView, key: PublicKeyFingerprint) -> Set<RecordKey> {
        Set(
            view.certificatesWithKey(key).prefix(KeyReuse.certificatesOfKeyMax)
                .flatMap { [RecordKey.certificate($0), .thingsOfCertificate($0)] })
    }

    /// - Parameter view: holds `keys`, `further` and `RenewalLink.further`.
    /// - Throws: `FleetError.invalidCSR`, `.resourceConflict` for a key that is somebody else's.
    func changeSet(in view: RegistryView) throws(FleetError) -> ChangeSet {
        let old = self.predecessor
        guard self.issued.subject == old.subject else {
            throw FleetError(
                .invalidCSR, "the request's subject is not '\(old.subject.clipped)'"
            ).because(.renewalOfAnotherSubject)
        }
        let things = view.thingsOfCertificate(old.id)
        let sharers = try self.sharers(things.map(\.thing), in: view)
        let policies = view.policiesOfTarget(.certificate(old.id))
        var changes: [Change] = [.putCertificate(self.certificate)]
        changes += policies.map { .attachPolicy($0, .certificate(self.issued.id)) }
        changes += things.map {
            .attachThingPrincipal(
                ThingPrincipal(
                    thing: $0.thing, certificate: self.issued.id, exclusivity: $0.exclusivity))
        }
        let link = RenewalLink(
            of: old, to: self.issued.id, settings: self.settings, at: self.at)
        changes += link.changes(in: view)
        return ChangeSet(
            action: ProvisioningOperation.renewCertificate.rawValue,
            preconditions: [
                view.asSeen(.certificate(old.id)), view.asSeen(.thingsOfCertificate(old.id)),
                view.asSeen(.policiesOfTarget(.certificate(old.id))),
                .absent(.certificate(self.issued.id)),
            ] + link.preconditions(in: view)
                + sharers.filter { $0 != old.id }.map { view.asSeen(.certificate($0)) },
            changes: changes,
            detail: [
                "clientId": .string(self.publisher.clientID),
                "renews": .string(old.id.rawValue),
                "certificate": .string(self.issued.id.rawValue),
                "things": .array(things.map { .string($0.thing.rawValue) }),
            ])
    }

    private var certificate: Certificate {
        let before = self.predecessor.provenance
        let origin = Provenance.Origin(
            flow: self.isSameKey ? before?.origin.flow ?? .csr : .csr,
            claim: before?.origin.claim, clientID: self.publisher.clientID,
            sourceAddress: self.publisher.sourceAddress, requestedAt: self.at,
            station: before?.origin.station, lot: before?.origin.lot,
            profile: self.issued.profile)
        return Certificate(
            issued: self.issued, kind: .device, status: .active,
            reason: "renewal of \(self.predecessor.id)", at: self.at,
            provenance: Provenance(
                origin: origin, registration: before?.registration,
                renewal: Provenance.Renewal(of: self.predecessor)))
    }

    /// The certificates that have the key already. The same key again is allowed here and nowhere
    /// else, and for nobody but the device that has it.
    private func sharers(
        _ things: [ThingName], in view: RegistryView
    ) throws(FleetError) -> [CertificateID] {
        let others = view.certificatesWithKey(self.issued.publicKey)
        guard view.authoritiesWithKey(self.issued.publicKey).isEmpty,
            others.count < KeyReuse.certificatesOfKeyMax
        else {
            throw FleetError(
                .invalidCSR, "the key is an authority's, or has too many certificates"
            ).because(.keyNotFree)
        }
        for other in others.compactMap(view.certificate) where other.id != self.predecessor.id {
            guard other.status != .revoked else {
                throw FleetError(
                    .resourceConflict, "the key belongs to a revoked certificate",
                    resource: other.id.rawValue
                ).because(.keyOfRevokedCertificate)
            }
            let held = view.thingsOfCertificate(other.id).map(\.thing)
            let isOwn =
                Provenance.Renewal(of: other).first
                == Provenance.Renewal(of: self.predecessor).first
            guard other.kind == .device, isOwn || !held.isEmpty, Set(held).isSubset(of: things)
            else {
                throw FleetError(
                    .resourceConflict, "the key already belongs to another certificate",
                    resource: other.id.rawValue
                ).because(.keyNotFree)
            }
        }
        if let known = view.knownKey(self.issued.publicKey) {
            guard known.use == .device, known.thing.map(things.contains) ?? true else {
                throw FleetError(.resourceConflict, "the key is or was somebody else's")
                    .because(.keyNotFree)
            }
            guard !known.isRevoked else {
                throw FleetError(.resourceConflict, "the key belonged to a revoked certificate")
                    .because(.keyOfRevokedCertificate)
            }
        }
        return others
    }
}

/// The record that joins a certificate to the one that takes over from it.
struct RenewalLink {
    let predecessor: Certificate
    let successor: CertificateID
    let settings: RenewalSettings
    let at: UnixTime

    init(
        of predecessor: Certificate, to successor: CertificateID, settings: RenewalSettings,
        at now: UnixTime
    ) {
        self.predecessor = predecessor
        self.successor = successor
        self.settings = settings
        self.at = now
    }

    /// The certificate of an earlier renewal, which a view that holds that renewal asks for.
    static func further(_ view: RegistryView, of predecessor: CertificateID) -> Set<RecordKey> {
        view.renewal(of: predecessor).map { [.certificate($0.successor)] } ?? []
    }

    /// - Parameter view: holds the predecessor's renewal, and `further`.
    func changes(in view: RegistryView) -> [Change] {
        var changes: [Change] = []
        // Nobody has used it: its reply was lost, or its device chose another key.
        if let lost = view.renewal(of: self.predecessor.id)?.successor, lost != self.successor,
            view.certificate(lost)?.status == .active
        {
            changes.append(
                .setCertificateStatus(
                    lost, .inactive, reason: RenewalMark.renewed(as: self.successor), at: self.at))
        }
        changes.append(
            .putRenewal(
                Renewal(
                    predecessor: self.predecessor.id, successor: self.successor,
                    renewedAt: self.at,
                    overlapEndsAt: self.at.advanced(bySeconds: self.settings.overlapSeconds))))
        return changes
    }

    func preconditions(in view: RegistryView) -> [Precondition] {
        var seen = [view.asSeen(.renewal(self.predecessor.id))]
        if let lost = view.renewal(of: self.predecessor.id)?.successor {
            seen.append(view.asSeen(.certificate(lost)))
        }
        return seen
    }
}

/// What the status reason of a certificate says of its renewal.
enum RenewalMark {
    static func renewed(as id: CertificateID) -> String { "renewed as \(id)" }
}
