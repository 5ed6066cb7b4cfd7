package import Fleet

/// A certificate of another authority, brought in by an operator.
///
/// AWS: RegisterCertificate and RegisterCertificateWithoutCA. That the authority signed it has
/// been verified by whoever can.
package struct CertificateRegistration: Hashable, Sendable {
    package let inspected: InspectedCertificate
    /// nil where it is registered without its authority.
    package let authority: CertificateID?
    package let mode: Certificate.Mode
    package let status: Certificate.Status
    /// Its own first CONNECT brings it in (AWS: just-in-time registration), and it waits for
    /// somebody, or for a template, to activate it.
    package let isJustInTime: Bool
    /// This service's authority signed it, before a loss or a move; its CRL speaks of it again.
    private let isOwn: Bool
    /// The device's own, where it brought itself in.
    private let clientID: String?

    /// - Parameter authority: a registered one, or the service's own of a certificate that comes
    ///   back; nil where it is registered without its authority.
    package init(
        _ inspected: InspectedCertificate, authority: Authority?, status: Certificate.Status
    ) {
        self.isJustInTime = false
        self.isOwn = authority?.role == .issuing
        self.clientID = nil
        self.inspected = inspected
        self.authority = authority?.id
        // AWS: a certificate inherits the mode of its authority.
        self.mode = authority?.registration.mode ?? .sniOnly
        self.status = status
    }

    /// AWS: just-in-time registration.
    package init(
        justInTime inspected: InspectedCertificate, authority: Authority, clientID: String
    ) {
        self.inspected = inspected
        self.authority = authority.id
        self.mode = authority.registration.mode
        self.status = .pendingActivation
        self.isJustInTime = true
        self.isOwn = false
        self.clientID = clientID
    }

    package var keys: Set<RecordKey> {
        var keys = KeyReuse.keys(of: self.inspected.publicKey)
        keys.insert(.certificate(self.inspected.id))
        if let authority { keys.insert(.authority(authority)) }
        return keys
    }

    package func changeSet(
        in view: RegistryView, by actor: Actor, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let id = self.inspected.id
        if self.authority == nil {
            try self.inspected.requireUnexpired(at: now)
        } else {
            try self.inspected.requireDevice(at: now)
        }
        switch self.status {
        case .active, .inactive, .revoked: break
        case .pendingActivation where self.isJustInTime: break
        case .pendingTransfer, .registerInactive, .pendingActivation:
            throw FleetError(
                .invalidRequest, "nobody may register a certificate as \(self.status.rawValue)")
        }
        guard view.certificate(id) == nil else {
            throw FleetError(
                .alreadyExists, "The certificate is already registered.", resource: id.rawValue)
        }
        var preconditions: [Precondition] = [.absent(.certificate(id))]
        if let authority {
            let found = view.authority(authority)
            if self.isJustInTime, found?.registration.isAutomatic != true {
                throw FleetError(
                    .certificateState,
                    "CA certificate \(authority) does not register certificates by itself: its "
                        + "automatic registration is disabled", resource: authority.rawValue)
            }
            guard found?.status == .active else {
                throw FleetError(
                    .certificateState,
                    "CA certificate \(authority) is INACTIVE; activate it before certificates "
                        + "of it are registered", resource: authority.rawValue)
            }
            preconditions.append(view.asSeen(.authority(authority)))
        }
        preconditions += try KeyReuse.check(
            self.inspected.publicKey, as: .certificateValidation, in: view)
        let record = self.record(by: actor, now)
        var changes: [Change] = [.putCertificate(record)]
        if self.status == .revoked {
            changes.append(.putRevocation(Revocation(of: record, .unspecified, at: now)))
        }
        return ChangeSet(
            action: self.authority == nil || self.isOwn
                ? "RegisterCertificateWithoutCA" : "RegisterCertificate",
            preconditions: preconditions, changes: changes)
    }

    private func record(by actor: Actor, _ now: UnixTime) -> Certificate {
        self.inspected.record(
            kind: .device, authority: self.authority, mode: self.mode, status: self.status,
            clientID: self.clientID ?? actor.identity, by: actor, at: now)
    }
}

extension InspectedCertificate {
    /// The record of a certificate that is brought in.
    /// - Parameter clientID: who brings it: a device, or an operator.
    func record(
        kind: Certificate.Kind, authority: CertificateID?, mode: Certificate.Mode,
        status: Certificate.Status, clientID: String, by actor: Actor, at now: UnixTime
    ) -> Certificate {
        Certificate(
            id: self.id, kind: kind, serialNumber: self.serialNumber, issuerID: authority,
            issuer: self.issuer, subject: self.subject, publicKey: self.publicKey,
            notBefore: self.notBefore, notAfter: self.notAfter, pem: self.pem, createdAt: now,
            status: status, statusChangedAt: now, statusReason: nil,
            provenance: Provenance(
                origin: Provenance.Origin(
                    flow: .operatorMade, claim: nil, clientID: clientID,
                    sourceAddress: actor.sourceAddress, requestedAt: now)),
            firstSeenAt: nil, mode: mode)
    }
}
