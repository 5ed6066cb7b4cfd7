import Fleet
import JSON

/// The certificate that a direct registration is about, before the registry has been asked what it
/// thinks of it.
enum CertificateCandidate: Sendable {
    /// One that the registry should know.
    case existing(Certificate)
    /// Signed a moment ago and known to nobody.
    case issued(IssuedCertificate)
    /// Made by `authority`, whose signature has been verified. The registry may know it already.
    case foreign(InspectedCertificate, authority: Authority)

    var id: CertificateID {
        switch self {
        case .existing(let certificate): certificate.id
        case .issued(let issued): issued.id
        case .foreign(let inspected, _): inspected.id
        }
    }

    var publicKey: PublicKeyFingerprint {
        switch self {
        case .existing(let certificate): certificate.publicKey
        case .issued(let issued): issued.publicKey
        case .foreign(let inspected, _): inspected.publicKey
        }
    }

    var pem: String {
        switch self {
        case .existing(let certificate): certificate.pem
        case .issued(let issued): issued.pem
        case .foreign(let inspected, _): inspected.pem
        }
    }

    /// What a decision about this certificate has to see.
    var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = [
            .certificate(self.id), .policiesOfTarget(.certificate(self.id)),
            .certificatesWithKey(self.publicKey), .authoritiesWithKey(self.publicKey),
            .knownKey(self.publicKey),
        ]
        keys.formUnion(PlanDecision.keys(of: self.id))
        if case .foreign(_, let authority) = self { keys.insert(.authority(authority.id)) }
        return keys
    }
}

/// What the registry says of a candidate: whether it may become this thing's, and what is written
/// for it.
struct CertificateJudgement {
    let planned: PlanDecision.PlannedCertificate
    /// The record of a certificate that comes to be; nil for one that is there.
    let created: Certificate?
    let preconditions: [Precondition]

    /// - Parameter view: holds `candidate.keys`, and `KeyOwnership.keys` of the certificates that
    ///   share its key.
    static func judge(
        _ candidate: CertificateCandidate, for thing: ThingName,
        by resource: TemplateDocument.CertificateResource, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> CertificateJudgement {
        guard view.authoritiesWithKey(candidate.publicKey).isEmpty else {
            throw FleetError(
                .resourceConflict, "the key is a certificate authority's own",
                resource: candidate.id.rawValue)
        }
        let others = view.certificatesWithKey(candidate.publicKey).filter { $0 != candidate.id }
        try KeyOwnership.check(others, for: thing, in: view)
        for other in others where view.certificate(other)?.kind == .claim {
            throw FleetError(
                .resourceConflict, "the key is a claim certificate's own",
                resource: other.rawValue)
        }
        var preconditions = others.map { view.asSeen(.certificate($0)) }
        preconditions.append(view.asSeen(.certificate(candidate.id)))
        let status: Certificate.Status?
        var created: Certificate?
        if let certificate = view.certificate(candidate.id) {
            status = try Self.status(of: certificate, by: resource, in: view)
        } else {
            // One that is there already an operator may well give to another thing.
            try KeyOwnership.checkMemory(of: candidate.publicKey, for: thing, in: view)
            status = nil
            created = try Self.record(
                of: candidate, thing, resource.status, in: view, at: now)
            if case .foreign(_, let authority) = candidate {
                preconditions.append(view.asSeen(.authority(authority.id)))
            }
        }
        return CertificateJudgement(
            planned: PlanDecision.PlannedCertificate(
                id: candidate.id, status: status, exclusivity: resource.exclusivity,
                wasInactive: view.certificate(candidate.id)?.status == .inactive),
            created: created, preconditions: preconditions)
    }

    /// AWS: OverrideSettings of the certificate's Status. Where the template is silent, one that
    /// waits or has no thing yet takes the template's status; one that has been somebody's must
    /// have it already, so that running a file again revives nothing that an operator has stopped.
    ///
    /// - Returns: nil where the status stays.
    private static func status(
        of certificate: Certificate, by resource: TemplateDocument.CertificateResource,
        in view: RegistryView
    ) throws(FleetError) -> Certificate.Status? {
        let (id, current, wanted) = (certificate.id, certificate.status, resource.status)
        guard certificate.kind == .device else {
            throw FleetError(
                .resourceConflict, "certificate \(id) is a claim, and no device's",
                resource: id.rawValue)
        }
        switch current {
        case .revoked, .pendingTransfer:
            throw FleetError(
                .resourceConflict, "certificate \(id) is \(current.rawValue)",
                resource: id.rawValue)
        case .active, .inactive, .registerInactive, .pendingActivation: break
        }
        guard current != wanted else { return nil }
        switch resource.statusOverride {
        case .doNothing: return nil
        case .replace: return wanted
        case nil where current == .pendingActivation || view.thingsOfCertificate(id).isEmpty:
            return wanted
        case nil, .fail, .merge:
            throw FleetError(
                .resourceConflict,
                "certificate \(id) is \(current.rawValue) and not \(wanted.rawValue); "
                    + "OverrideSettings can say REPLACE or DO_NOTHING for its Status",
                resource: id.rawValue)
        }
    }

    private static func record(
        of candidate: CertificateCandidate, _ thing: ThingName, _ status: Certificate.Status,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> Certificate {
        let reason = "registered as \(thing) by RegisterThing"
        switch candidate {
        case .existing(let certificate):
            throw FleetError(
                .notFound, "certificate \(certificate.id) is gone",
                resource: certificate.id.rawValue)
        case .issued(let issued):
            return Certificate(
                issued: issued, kind: .device, status: status, reason: reason, at: now,
                provenance: Provenance(
                    origin: Provenance.Origin(
                        flow: .operatorMade, claim: nil, clientID: nil, sourceAddress: nil,
                        requestedAt: now, profile: issued.profile)))
        case .foreign(let inspected, let authority):
            guard view.authority(authority.id)?.status == .active else {
                throw FleetError(
                    .certificateValidation,
                    "the authority '\(authority.subject.clipped)' is not active",
                    resource: authority.id.rawValue)
            }
            return Certificate(
                id: inspected.id, kind: .device, serialNumber: inspected.serialNumber,
                issuerID: authority.id, issuer: inspected.issuer, subject: inspected.subject,
                publicKey: inspected.publicKey, notBefore: inspected.notBefore,
                notAfter: inspected.notAfter, pem: inspected.pem, createdAt: now, status: status,
                statusChangedAt: now, statusReason: reason, provenance: nil, firstSeenAt: nil,
                mode: authority.registration.mode)
        }
    }
}
