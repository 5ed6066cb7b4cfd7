package import Fleet
import Registry

/// A device's next certificate. It is committed already.
package struct RenewedCertificate: Sendable {
    package let certificate: CertificateID
    package let pem: String
    package let notAfter: UnixTime
    package let predecessor: CertificateID
    /// When the old certificate retires, if nobody has seen the new one until then.
    package let overlapEndsAt: UnixTime
    /// The same key asked before; nothing was changed.
    package let isReplay: Bool

    init(_ certificate: Certificate, _ renewal: Renewal) {
        self.certificate = certificate.id
        self.pem = certificate.pem
        self.notAfter = certificate.notAfter
        self.predecessor = renewal.predecessor
        self.overlapEndsAt = renewal.overlapEndsAt
        self.isReplay = true
    }

    init(_ issued: IssuedCertificate, of predecessor: CertificateID, until overlapEnd: UnixTime) {
        self.certificate = issued.id
        self.pem = issued.pem
        self.notAfter = issued.notAfter
        self.predecessor = predecessor
        self.overlapEndsAt = overlapEnd
        self.isReplay = false
    }
}

extension Provisioner {
    /// A new certificate for a device that speaks with its own: the same things, the same policies,
    /// the same origin. No claim is asked and no budget spent.
    ///
    /// Idempotent: a device whose reply was lost asks for the same key again, and gets the same
    /// certificate.
    package func renewCertificate(
        for key: RenewalKey, by publisher: Publisher
    ) async throws(FleetError) -> RenewedCertificate {
        try await self.perform(.renewCertificate, for: publisher) {
            () async throws(FleetError) -> RenewedCertificate in
            let now = try self.issuingTime()
            var issued: IssuedCertificate?
            let renewed = try await self.settle {
                () async throws(FleetError) -> RenewedCertificate in
                do throws(FleetError) {
                    return try await self.attempt(key, by: publisher, at: now, issued: &issued)
                } catch {
                    if case .request = key { throw error.ofSigningRequest }
                    throw error
                }
            }
            Attempt.current?.renewed(renewed)
            self.announce(.certificateRenewed(renewed, publisher))
            return renewed
        }
    }

    /// - Parameter issued: what was signed by an attempt that lost a race: one request is signed
    ///   once.
    private func attempt(
        _ key: RenewalKey, by publisher: Publisher, at now: UnixTime,
        issued memo: inout IssuedCertificate?
    ) async throws(FleetError) -> RenewedCertificate {
        let old = publisher.principal
        let view = try await self.ports.store.load(CertificateRenewal.keys(of: old)) {
            RenewalLink.further($0, of: old)
        }
        try Speaker.check(old, in: view)
        guard let predecessor = view.certificate(old) else {
            throw FleetError(.internalFailure, "an active certificate is not there")
        }
        let fingerprint: PublicKeyFingerprint? =
            switch key {
            case .same: predecessor.publicKey
            case .request(let pem): try self.ports.issuer.publicKey(ofCSR: pem)
            case .made: nil
            }
        let judgement = try RenewalJudgement.judge(
            predecessor, for: fingerprint, in: view, settings: self.settings.renewal, at: now)
        if case .answered(let successor, let renewal) = judgement {
            return RenewedCertificate(successor, renewal)
        }
        let issued: IssuedCertificate
        if let memo {
            issued = memo
        } else {
            issued = try await self.ports.issuer.renew(
                predecessor.pem, for: key, profile: predecessor.provenance?.origin.profile,
                at: now)
            memo = issued
            CrashPoint.reached(.afterSign)
        }
        let renewal = CertificateRenewal(
            predecessor: predecessor, issued: issued,
            isSameKey: issued.publicKey == predecessor.publicKey, publisher: publisher,
            settings: self.settings.renewal, at: now)
        try await self.commit(renewal, by: publisher)
        return RenewedCertificate(
            issued, of: old,
            until: now.advanced(bySeconds: self.settings.renewal.overlapSeconds))
    }

    private func commit(
        _ renewal: CertificateRenewal, by publisher: Publisher
    ) async throws(FleetError) {
        let old = renewal.predecessor.id
        let key = renewal.issued.publicKey
        let view = try await self.ports.store.load(renewal.keys) { view in
            CertificateRenewal.further(view, key: key)
                .union(RenewalLink.further(view, of: old))
        }
        // What was judged is what is renewed.
        guard view.certificate(old) == renewal.predecessor else {
            throw FleetError(.conflict, "certificate \(old) has changed meanwhile")
        }
        let set = try renewal.changeSet(in: view)
        CrashPoint.reached(.beforeRenewCommit)
        _ = try await self.ports.store.commit(
            set, by: .principal(publisher.principal, from: publisher.sourceAddress))
        CrashPoint.reached(.afterRenewCommit)
    }
}
