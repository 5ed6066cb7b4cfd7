import Crypto
package import Fleet

/// Issues device certificates: the port that provisioning knows, over one issuing authority.
///
/// It runs on the caller's executor. A request costs about 100 microseconds, most of it in
/// verifying the request's own signature, and needs no lock: libcrypto signs with one key from many
/// threads, and everything else here is a constant.
package final class Issuer: CertificateIssuer {
    private let authority: SigningAuthority
    private let profile: CertificateProfile
    private let rules: KeyRules
    private let authorityKeys: Set<PublicKeyFingerprint>
    private let entropy: any Entropy

    /// - Parameter authorityKeys: keys of every authority this service knows; a request that
    ///   presents one of them is refused.
    package init(
        authority: consuming SigningAuthority, profile: CertificateProfile = .device,
        rules: KeyRules = KeyRules(), authorityKeys: Set<PublicKeyFingerprint> = [],
        entropy: any Entropy
    ) throws(FleetError) {
        guard authority.role == .issuing, profile.role.signer == .issuing else {
            throw FleetError(
                .certificateValidation,
                "\(authority.certificate.subject.clipped) is no issuing authority (its "
                    + "certificate must have path length 0), or the profile is not a leaf's")
        }
        self.profile = profile
        self.rules = rules
        self.authorityKeys = authorityKeys.union([authority.certificate.publicKey])
        self.entropy = entropy
        self.authority = authority
    }

    package var certificate: CertificateFacts { self.authority.certificate }

    package func issue(
        csr pem: String, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        let request = try SigningRequest(pem: pem, rules: self.rules)
        return try self.issue(key: request.key, subject: request.subject, at: now)
    }

    package func issue(
        publicKey: [UInt8], at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.issue(
            key: SubjectKey(der: publicKey, rules: self.rules), subject: nil, at: now)
    }

    package func issueClaim(
        publicKey: [UInt8], validitySeconds: Int64, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        var profile = try CertificateProfile(
            role: .claim, validitySeconds: validitySeconds,
            backdateSeconds: self.profile.backdateSeconds,
            subject: CertificateProfile.claim.subject)
        profile.publication = self.profile.publication
        return try self.authority.sign(
            self.authority.prepare(
                profile, subject: nil, key: SubjectKey(der: publicKey, rules: self.rules), at: now,
                entropy: self.entropy))
    }

    private func issue(
        key: SubjectKey, subject: SubjectName?, at now: UnixTime
    ) throws(FleetError) -> IssuedCertificate {
        guard !self.authorityKeys.contains(key.fingerprint) else {
            throw SubjectKey.refusal("it is a certificate authority's")
        }
        return try self.authority.sign(
            self.authority.prepare(
                self.profile, subject: subject, key: key, at: now, entropy: self.entropy))
    }
}
