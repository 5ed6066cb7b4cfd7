import Fleet

/// Finds the registered authority that signed a certificate.
struct AuthoritySearch {
    let store: any FleetStore
    let inspector: any CertificateInspector

    /// - Parameter pem: the authority's certificate, where the caller says which it is. AWS wants
    ///   it where several authorities share a name; here the signature tells them apart.
    /// - Throws: `FleetError.certificateValidation` where no active authority of ours signed it.
    func authority(
        of certificate: InspectedCertificate, named pem: String?, at now: UnixTime
    ) async throws(FleetError) -> Authority {
        let authority =
            if let pem { try await self.named(pem, for: certificate) } else {
                try await self.found(for: certificate)
            }
        guard authority.status == .active else {
            throw FleetError(
                .certificateValidation,
                "its authority '\(authority.subject.clipped)' is not active",
                resource: authority.id.rawValue)
        }
        guard now < authority.notAfter else {
            throw FleetError(
                .certificateValidation,
                "its authority '\(authority.subject.clipped)' expired at \(authority.notAfter)",
                resource: authority.id.rawValue)
        }
        return authority
    }

    private func named(
        _ pem: String, for certificate: InspectedCertificate
    ) async throws(FleetError) -> Authority {
        let id = try self.inspector.inspect(pem).id
        guard let authority = try await self.store.load([.authority(id)]).authority(id) else {
            throw FleetError(
                .certificateValidation, "the authority of CACertificatePem is not registered",
                resource: id.rawValue)
        }
        try self.inspector.verify(certificate.pem, issuedBy: authority.pem)
        return authority
    }

    private func found(
        for certificate: InspectedCertificate
    ) async throws(FleetError) -> Authority {
        let key = RecordKey.authoritiesWithSubject(certificate.issuer)
        let ids = try await self.store.load([key]).authoritiesWithSubject(certificate.issuer)
        let view = try await self.store.load(Set(ids.map { .authority($0) }))
        var refusal: FleetError?
        for authority in ids.compactMap(view.authority) {
            do throws(FleetError) {
                try self.inspector.verify(certificate.pem, issuedBy: authority.pem)
                return authority
            } catch {
                refusal = error
            }
        }
        throw refusal
            ?? FleetError(
                .certificateValidation,
                "its issuer '\(certificate.issuer.clipped)' is not a registered authority",
                resource: certificate.id.rawValue)
    }
}
