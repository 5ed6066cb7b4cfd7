package import Fleet
import JSON

/// The rules of certificates: how they come in from outside a device's dialogue, how their status
/// turns, when they may go.
package enum Certificates {
    /// AWS: UpdateCertificate. The same status again changes nothing.
    package static func setStatus(
        of id: CertificateID, to status: Certificate.Status, reason: String?,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let certificate = view.certificate(id) else { throw Self.missing(id) }
        let set = ChangeSet(
            action: "UpdateCertificate", preconditions: [view.asSeen(.certificate(id))])
        switch status {
        case .active, .inactive, .revoked: break
        case .pendingTransfer, .registerInactive, .pendingActivation:
            throw FleetError(
                .invalidRequest, "nobody may set a certificate to \(status.rawValue)",
                resource: id.rawValue)
        }
        guard certificate.status != status else { return set }
        guard certificate.status.canBecome(status) else {
            throw FleetError(
                .certificateState,
                "a certificate that is \(certificate.status.rawValue) cannot become "
                    + status.rawValue,
                resource: id.rawValue)
        }
        var changed = set
        changed.changes = [.setCertificateStatus(id, status, reason: reason, at: now)]
        if status == .revoked {
            changed.changes.append(
                .putRevocation(Revocation(of: certificate, .unspecified, at: now)))
        } else if status == .active, certificate.status == .inactive {
            // Where it was on hold; otherwise this changes nothing.
            changed.changes.append(.releaseHold(id))
        }
        return changed
    }

    /// Revokes for good, or puts on hold: then the certificate is INACTIVE, is on the CRL, and
    /// comes back when it is set to ACTIVE. Revoking what is revoked changes nothing; the first
    /// reason stays.
    /// - Parameter note: why, in the words of whoever asked.
    /// - Throws: `FleetError.notFound`; `.certificateState` for a hold on what is revoked.
    package static func revoke(
        _ id: CertificateID, _ reason: RevocationReason, note: String?, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let certificate = view.certificate(id) else { throw Self.missing(id) }
        var set = ChangeSet(
            action: "RevokeCertificate", preconditions: [view.asSeen(.certificate(id))],
            detail: [
                "certificateId": .string(id.rawValue), "reason": .string(reason.rawValue),
            ])
        let status: Certificate.Status = reason == .certificateHold ? .inactive : .revoked
        if certificate.status == .revoked {
            guard status == .revoked else {
                throw FleetError(
                    .certificateState, "certificate \(id) is revoked, which no hold takes back",
                    resource: id.rawValue)
            }
            return set
        }
        // In this order, so that the status finds its revocation and writes none of its own first.
        set.changes = [
            .putRevocation(Revocation(of: certificate, reason, at: now)),
            .setCertificateStatus(id, status, reason: note ?? reason.rawValue, at: now),
        ]
        return set
    }

    /// AWS: DeleteCertificate. An active certificate stays, and so does one that a thing or a
    /// policy still hangs on.
    /// - Parameter force: AWS `forceDelete`: policies that are attached do not keep it.
    /// - Parameter cascade: neither policies nor things do; the things stay, without it.
    package static func delete(
        _ id: CertificateID, force: Bool = false, cascade: Bool = false, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard let certificate = view.certificate(id) else { throw Self.missing(id) }
        guard certificate.status != .active else {
            throw FleetError(
                .certificateState, "an active certificate cannot be deleted; deactivate it first",
                resource: id.rawValue)
        }
        guard force || cascade || view.policiesOfTarget(.certificate(id)).isEmpty else {
            throw FleetError(
                .deleteConflict, "Certificate policies must be detached before deletion",
                resource: id.rawValue)
        }
        let things = view.thingsOfCertificate(id)
        guard cascade || things.isEmpty else {
            throw FleetError(
                .deleteConflict, "Things must be detached before deletion (certificate \(id))",
                resource: id.rawValue)
        }
        return ChangeSet(
            action: "DeleteCertificate",
            preconditions: [
                view.asSeen(.certificate(id)), view.asSeen(.thingsOfCertificate(id)),
            ] + (force || cascade ? [] : [.absent(.policiesOfTarget(.certificate(id)))]),
            changes: things.map { .detachThingPrincipal($0.thing, id) }
                + [.deleteCertificate(id)])
    }

    /// What `delete` has to see.
    package static func keysToDelete(_ id: CertificateID) -> Set<RecordKey> {
        [.certificate(id), .policiesOfTarget(.certificate(id)), .thingsOfCertificate(id)]
    }

    /// Makes an authority known to the fleet. The same certificate again changes nothing.
    package static func registerAuthority(
        _ authority: Authority, in view: RegistryView
    ) -> ChangeSet {
        ChangeSet(
            action: "RegisterCACertificate",
            preconditions: [view.asSeen(.authority(authority.id))],
            changes: view.authority(authority.id) == nil ? [.putAuthority(authority)] : [])
    }

    static func missing(_ id: CertificateID) -> FleetError {
        FleetError(.notFound, "there is no certificate \(id)", resource: id.rawValue)
    }
}
