package import Fleet

/// A certificate that this service has signed because an operator asked for it.
///
/// AWS: CreateKeysAndCertificate and CreateCertificateFromCsr over REST. No token, no claim: the
/// caller's rights are what lets it in.
package struct CertificateIssuance: Hashable, Sendable {
    package let action: String
    package let certificate: Certificate

    /// - Parameters:
    ///   - action: the operation's name.
    ///   - isActive: AWS `setAsActive`.
    package init(
        _ action: String, _ issued: IssuedCertificate, isActive: Bool,
        flow: Provenance.Origin.Flow, by actor: Actor, at now: UnixTime
    ) {
        self.action = action
        self.certificate = Certificate(
            issued: issued, kind: .device, status: isActive ? .active : .inactive, reason: nil,
            at: now,
            provenance: Provenance(
                origin: Provenance.Origin(
                    flow: flow, claim: nil, clientID: actor.identity,
                    sourceAddress: actor.sourceAddress, requestedAt: now,
                    profile: issued.profile)))
    }

    package var keys: Set<RecordKey> {
        KeyReuse.keys(of: self.certificate.publicKey).union([.certificate(self.certificate.id)])
    }

    package func changeSet(in view: RegistryView) throws(FleetError) -> ChangeSet {
        let others = try KeyReuse.check(
            self.certificate.publicKey, as: .invalidRequest, in: view)
        return ChangeSet(
            action: self.action,
            preconditions: [.absent(.certificate(self.certificate.id))] + others,
            changes: [.putCertificate(self.certificate)])
    }
}
