package import Fleet

/// Makes the authorities and identities that a deployment starts with. Nothing is written here:
/// the caller puts the texts where they belong, keys with mode 0600.
package enum AuthorityCeremony {
    /// A new authority, its key only in encrypted form.
    package struct MadeAuthority: Sendable {
        package let certificate: CertificateFacts
        /// For the store.
        package let record: Authority
        package var certificatePEM: String { self.certificate.pem }
        /// PKCS#8, AES-256: `openssl pkey -in FILE -passin …` opens it.
        package let encryptedKeyPEM: String
    }

    /// A new end entity: a gateway's or a claim's certificate with its private key.
    package struct MadeIdentity: Sendable {
        package let certificate: IssuedCertificate
        package let privateKeyPEM: Secret<WipedBytes>
    }

    /// When, and out of what randomness.
    package struct Circumstances: Sendable {
        package let now: UnixTime
        package let entropy: any Entropy

        package init(now: UnixTime, entropy: any Entropy) {
            self.now = now
            self.entropy = entropy
        }
    }

    /// A self-signed root with a new key.
    package static func root(
        _ profile: CertificateProfile = .rootAuthority, key kind: AuthorityKeyKind = .p256,
        passphrase: borrowing Secret<WipedBytes>, _ circumstances: Circumstances
    ) throws(FleetError) -> MadeAuthority {
        let key = try Self.makeKey(kind)
        let encryptedKeyPEM = try Self.encrypted(key, passphrase)
        let authority = try SigningAuthority(
            founding: profile, key: key, at: circumstances.now, entropy: circumstances.entropy)
        return MadeAuthority(
            certificate: authority.certificate, record: authority.record(at: circumstances.now),
            encryptedKeyPEM: encryptedKeyPEM)
    }

    /// An issuing authority with a new key, signed by `root`.
    package static func issuingAuthority(
        under root: borrowing SigningAuthority, _ profile: CertificateProfile = .issuingAuthority,
        key kind: AuthorityKeyKind = .p256, passphrase: borrowing Secret<WipedBytes>,
        _ circumstances: Circumstances
    ) throws(FleetError) -> MadeAuthority {
        let key = try Self.makeKey(kind)
        let encryptedKeyPEM = try Self.encrypted(key, passphrase)
        let certificate = try Self.signed(
            by: root, profile, subject: nil, key: key.publicKey, circumstances)
        return MadeAuthority(
            certificate: certificate,
            record: certificate.authority(role: .issuing, at: circumstances.now),
            encryptedKeyPEM: encryptedKeyPEM)
    }

    /// A self-signed root with a key that is on a token.
    package static func root(
        _ profile: CertificateProfile, signing key: consuming SigningKey,
        _ circumstances: Circumstances
    ) throws(FleetError) -> CertificateFacts {
        let authority = try SigningAuthority(
            founding: profile, key: key, at: circumstances.now, entropy: circumstances.entropy)
        return authority.certificate
    }

    /// An issuing authority's certificate for a key that is on a token, signed by `root`.
    package static func issuingAuthority(
        under root: borrowing SigningAuthority, _ profile: CertificateProfile,
        for key: borrowing SigningKey, _ circumstances: Circumstances
    ) throws(FleetError) -> CertificateFacts {
        try Self.signed(by: root, profile, subject: nil, key: key.publicKey, circumstances)
    }

    /// An issuing authority's certificate for a request that was carried here.
    /// - Parameter subject: instead of the request's.
    /// - Throws: `FleetError.invalidCSR` where the request is no sound one.
    package static func issuingAuthority(
        under root: borrowing SigningAuthority, _ profile: CertificateProfile,
        request pem: String, _ circumstances: Circumstances
    ) throws(FleetError) -> CertificateFacts {
        let request = try SigningRequest(pem: pem, rules: KeyRules(allowsEd25519: true))
        guard let subject = request.subject else {
            throw FleetError(.invalidCSR, "the request names no subject")
        }
        return try Self.signed(
            by: root, profile, subject: subject, key: request.key, circumstances)
    }

    private static func signed(
        by root: borrowing SigningAuthority, _ profile: CertificateProfile,
        subject: SubjectName?, key: SubjectKey, _ circumstances: Circumstances
    ) throws(FleetError) -> CertificateFacts {
        guard profile.role == .issuingAuthority else {
            throw FleetError(.internalFailure, "the profile is not an issuing authority's")
        }
        let issued = try root.sign(
            root.prepare(
                profile, subject: subject, key: key, at: circumstances.now,
                entropy: circumstances.entropy))
        return try CertificateFacts(pem: issued.pem)
    }

    /// A new key, encrypted, and the request to have an authority's certificate made for it where
    /// the root is.
    package static func request(
        subject: SubjectName, key kind: AuthorityKeyKind,
        passphrase: borrowing Secret<WipedBytes>
    ) throws(FleetError) -> (requestPEM: String, encryptedKeyPEM: String) {
        let key = try Self.makeKey(kind)
        return (
            try AuthorityRequest.pem(subject: subject, key: key),
            try Self.encrypted(key, passphrase)
        )
    }

    /// A gateway's or a claim's certificate with a new P-256 key, signed by `authority`.
    package static func identity(
        under authority: borrowing SigningAuthority, _ profile: CertificateProfile,
        _ circumstances: Circumstances
    ) throws(FleetError) -> MadeIdentity {
        let pair = try KeyPairMaker.make(.p256)
        let issued = try authority.sign(
            authority.prepare(
                profile, subject: nil, key: SubjectKey(der: pair.publicKey, rules: KeyRules()),
                at: circumstances.now, entropy: circumstances.entropy))
        return MadeIdentity(certificate: issued, privateKeyPEM: pair.privateKeyPEM)
    }

    /// The same for a service, which has no thread to wait for a token with.
    package static func identity(
        under authority: IssuingAuthority, _ profile: CertificateProfile,
        _ circumstances: Circumstances
    ) async throws(FleetError) -> MadeIdentity {
        let pair = try KeyPairMaker.make(.p256)
        let signer = SigningAuthority(sharing: authority.authority)
        let prepared = try signer.prepare(
            profile, subject: nil, key: SubjectKey(der: pair.publicKey, rules: KeyRules()),
            at: circumstances.now, entropy: circumstances.entropy)
        let issued = try await signer.signSuspending(prepared)
        return MadeIdentity(certificate: issued, privateKeyPEM: pair.privateKeyPEM)
    }

    /// An authority whose key is on a token, which need not be there yet.
    package static func open(
        certificatePEM: String, token: TokenSigner
    ) throws(FleetError) -> SigningAuthority {
        let certificate = try CertificateFacts(pem: certificatePEM)
        let publicKey: SubjectKey
        do throws(FleetError) {
            publicKey = try SubjectKey(
                der: certificate.publicKeyDER, rules: KeyRules(allowsEd25519: true))
        } catch {
            throw FleetError(.certificateValidation, error.message)
        }
        return try SigningAuthority(
            certificate: certificate, key: SigningKey(on: token, publicKey: publicKey))
    }

    /// Opens an authority from what `root` or `issuingAuthority` made, or an operator brought.
    /// - Throws: `SigningKeyError` for the key, `FleetError` for the certificate.
    package static func open(
        certificatePEM: String, encryptedKeyPEM: String, passphrase: borrowing Secret<WipedBytes>
    ) throws -> SigningAuthority {
        let certificate = try CertificateFacts(pem: certificatePEM)
        let key = try SigningKey(encryptedPEM: encryptedKeyPEM, passphrase: passphrase)
        return try SigningAuthority(certificate: certificate, key: key)
    }

    private static func makeKey(_ kind: AuthorityKeyKind) throws(FleetError) -> SigningKey {
        do {
            return try SigningKey(kind)
        } catch {
            throw error.asFleetError
        }
    }

    private static func encrypted(
        _ key: borrowing SigningKey, _ passphrase: borrowing Secret<WipedBytes>
    ) throws(FleetError) -> String {
        do {
            return try key.encryptedPEM(passphrase: passphrase)
        } catch {
            throw error.asFleetError
        }
    }
}
