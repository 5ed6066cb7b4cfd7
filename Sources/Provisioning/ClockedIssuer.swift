package import Fleet

/// The issuer of whoever issues beside the dialogue (operators, files of devices): it makes no
/// certificate while the clock is behind what it has shown, just as the dialogue makes none.
package struct ClockedIssuer: CertificateIssuer {
    private let issuer: any CertificateIssuer
    private let provisioner: Provisioner

    /// - Parameter provisioner: whose clock it is, and who raises the alarm.
    package init(_ issuer: any CertificateIssuer, clockOf provisioner: Provisioner) {
        self.issuer = issuer
        self.provisioner = provisioner
    }

    /// - Throws: `FleetError.serviceUnavailable`, as an operator is told what a device is not.
    private func checkClock() throws(FleetError) {
        do throws(FleetError) { _ = try self.provisioner.issuingTime() } catch {
            throw FleetError(.serviceUnavailable, error.message).because(.clockWentBack)
        }
    }

    package func issue(
        csr pem: String, as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.checkClock()
        return try await self.issuer.issue(csr: pem, as: choice, at: now)
    }

    package func issue(
        publicKey: [UInt8], as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.checkClock()
        return try await self.issuer.issue(publicKey: publicKey, as: choice, at: now)
    }

    package func renew(
        _ predecessor: String, for key: RenewalKey, profile: String?, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.checkClock()
        return try await self.issuer.renew(predecessor, for: key, profile: profile, at: now)
    }

    package func issueClaim(
        publicKey: [UInt8], validitySeconds: Int64, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.checkClock()
        return try await self.issuer.issueClaim(
            publicKey: publicKey, validitySeconds: validitySeconds, at: now)
    }

    package var deviceProfiles: [String] { self.issuer.deviceProfiles }

    package func keyTypes(as choice: CertificateChoice) throws(FleetError) -> [String] {
        try self.issuer.keyTypes(as: choice)
    }

    package func publicKey(ofCSR pem: String) throws(FleetError) -> PublicKeyFingerprint {
        try self.issuer.publicKey(ofCSR: pem)
    }

    package func identity(ofCSR pem: String) throws(FleetError) -> RequestedIdentity {
        try self.issuer.identity(ofCSR: pem)
    }
}
