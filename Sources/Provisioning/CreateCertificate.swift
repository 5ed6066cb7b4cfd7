package import Fleet
import JSON
import Registry

/// A certificate on its way to the device that asked for it. It is committed already.
package struct CreatedCertificate: Sendable {
    package let certificate: CertificateID
    package let pem: String
    /// Only where the service made the key pair. Wiped with the last reference to it.
    package let privateKeyPEM: Secret<WipedBytes>?
    /// Proof for RegisterThing; the store keeps its hash alone.
    package let ownershipToken: Secret<String>
}

extension Provisioner {
    /// AWS: CreateKeysAndCertificate.
    package func createKeysAndCertificate(
        for publisher: Publisher
    ) async throws(FleetError) -> CreatedCertificate {
        try await self.perform(.createKeysAndCertificate, for: publisher) {
            () async throws(FleetError) -> CreatedCertificate in
            let (standing, seen) = try await self.admit(publisher)
            let now = try self.issuingTime()
            let choice = try await self.certificateChoice(under: standing)
            let pair = try await self.keyPair(for: choice)
            CrashPoint.reached(.afterKeyPair)
            let issued = try await self.ports.issuer.issue(
                publicKey: pair.publicKey, as: choice, at: now)
            CrashPoint.reached(.afterSign)
            let token = try await self.register(
                .issued(issued), by: .createKeysAndCertificate, for: publisher, at: now,
                seen: seen)
            return CreatedCertificate(
                certificate: issued.id, pem: issued.pem, privateKeyPEM: pair.privateKeyPEM,
                ownershipToken: token)
        }
    }

    /// AWS: CreateCertificateFromCsr. The same request again makes another certificate.
    /// - Parameter isOurs: whether this service signs, whatever provider the account has.
    package func createCertificate(
        csr: String, for publisher: Publisher, token form: OwnershipTokenMint.Form = .random,
        signedByUs isOurs: Bool = false
    ) async throws(FleetError) -> CreatedCertificate {
        try await self.perform(.createCertificateFromCSR, for: publisher) {
            () async throws(FleetError) -> CreatedCertificate in
            let (standing, seen) = try await self.admit(publisher)
            let now = try self.issuingTime()
            let choice = try await self.certificateChoice(under: standing)
            let signed: NewCertificate
            if isOurs {
                signed = .issued(try await self.ports.issuer.issue(csr: csr, as: choice, at: now))
            } else {
                signed = try await self.sign(
                    csr: csr, as: choice, for: publisher, at: now, in: seen)
            }
            CrashPoint.reached(.afterSign)
            let token = try await self.register(
                signed, by: .createCertificateFromCSR, for: publisher, at: now, token: form,
                seen: seen)
            return CreatedCertificate(
                certificate: signed.id, pem: signed.pem, privateKeyPEM: nil,
                ownershipToken: token)
        }
    }

    /// Commits the certificate, pending, together with its token. Until then the certificate is
    /// bytes in this process and has never been anywhere else.
    /// - Parameter seen: what the claim was admitted by. The commit holds it to be so still, and
    ///   whoever lost that race reads it anew.
    private func register(
        _ signed: NewCertificate, by operation: ProvisioningOperation,
        for publisher: Publisher, at now: UnixTime, token form: OwnershipTokenMint.Form = .random,
        seen: RegistryView
    ) async throws(FleetError) -> Secret<String> {
        let minted = self.mint.mint(
            certificate: signed.id, claim: publisher.principal, at: now, as: form)
        let creation = CertificateCreation(
            signed: signed, operation: operation, publisher: publisher, token: minted.hash,
            at: now)
        var admitted: RegistryView? = seen
        try await self.settle { () async throws(FleetError) in
            let keys = admitted == nil ? creation.keys : creation.keysBesideItsClaim
            let view = try await self.ports.store.load(keys) { view in
                KeyReuse.keys(ofOthers: view.certificatesWithKey(signed.publicKey))
            }
            let whole = admitted?.joined(with: view) ?? view
            admitted = nil
            let set = try creation.changeSet(in: whole)
            CrashPoint.reached(.beforeCreateCommit)
            _ = try await self.ports.store.commit(
                set, by: .principal(publisher.principal, from: publisher.sourceAddress))
        }
        CrashPoint.reached(.afterCreateCommit)
        Attempt.current?.created(
            signed.record(from: creation.origin, at: now), by: creation.provided?.provider)
        self.announce(.certificateCreated(signed.id, creation.origin))
        return Secret(minted.text)
    }
}

/// Whether a certificate that has just been signed may come to be.
struct CertificateCreation {
    let signed: NewCertificate
    let operation: ProvisioningOperation
    let publisher: Publisher
    let token: OwnershipTokenHash
    let at: UnixTime

    var keys: Set<RecordKey> {
        self.keysBesideItsClaim.union(ClaimStanding.keysToCreate(self.publisher.principal))
    }

    /// Without those by which the claim was admitted.
    var keysBesideItsClaim: Set<RecordKey> {
        KeyReuse.keys(of: self.signed.publicKey).union(self.signed.keys)
    }

    /// What somebody else signed; nil where this service did.
    var provided: ProvidedCertificate? {
        if case .provided(let provided) = self.signed { provided } else { nil }
    }

    var origin: Provenance.Origin {
        Provenance.Origin(
            flow: self.operation == .createCertificateFromCSR ? .csr : .serverKeys,
            claim: self.publisher.principal, clientID: self.publisher.clientID,
            sourceAddress: self.publisher.sourceAddress, requestedAt: self.at)
    }

    /// - Parameter view: holds the certificates that have the key already as well.
    func changeSet(in view: RegistryView) throws(FleetError) -> ChangeSet {
        try Speaker.check(self.publisher.principal, in: view)
        let standing = ClaimStanding(self.publisher, in: view, creating: true)
        try standing.checkCreation(at: self.at)
        var origin = self.origin
        origin.station = standing.station
        origin.lot = standing.lot
        let sharers: [Precondition]
        do throws(FleetError) {
            sharers = try KeyReuse.check(self.signed.publicKey, as: .invalidCSR, in: view)
        } catch { throw error.because(.keyNotFree) }
        if let authority = self.provided?.authority,
            view.authority(authority.id)?.status != .active
        {
            throw FleetError(
                .internalFailure, "the authority of the certificate is not active any more",
                resource: authority.id.rawValue
            ).because(.signerFailed)
        }
        let certificate = self.signed.record(from: origin, at: self.at)
        let token = OwnershipToken(
            hash: self.token, certificate: certificate.id, claim: self.publisher.principal,
            issuedAt: self.at,
            expiresAt: self.at.advanced(bySeconds: Limits.ownershipTokenSeconds))
        var detail: JSONObject = ["clientId": .string(self.publisher.clientID)]
        for (name, value) in self.provided?.detail.members ?? [] { detail[name] = value }
        return ChangeSet(
            action: self.operation.rawValue,
            preconditions: [
                view.asSeen(.certificate(self.publisher.principal)),
                .absent(.certificate(certificate.id)), .absent(.ownershipToken(self.token)),
            ] + self.signed.keys.map { view.asSeen($0) } + sharers
                + standing.preconditionsOfCreation,
            changes: [.putCertificate(certificate), .putOwnershipToken(token)], detail: detail)
    }
}

/// Whoever asks must still be somebody: the broker judged the certificate when the connection
/// began, and a revocation may be a moment older than its disconnect.
enum Speaker {
    static func check(_ principal: CertificateID, in view: RegistryView) throws(FleetError) {
        guard view.certificate(principal)?.status == .active else {
            throw FleetError(
                .accessDenied, "the certificate of this connection is not active",
                resource: principal.rawValue
            ).because(.claimNotActive)
        }
    }
}
