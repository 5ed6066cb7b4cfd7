import Crypto
package import Fleet

/// An authority that can sign: its certificate and its key, shown to belong together.
///
/// A root signs issuing authorities only, an issuing authority everything else: the role of the
/// profile says which it needs.
package struct SigningAuthority: ~Copyable, Sendable {
    package let certificate: CertificateFacts
    package let role: Authority.Role
    let identity: IssuerIdentity
    let key: SigningKey

    /// - Throws: `FleetError.certificateValidation` unless `certificate` is an authority's, `key`
    ///   is its key, and it can state a key identifier.
    package init(
        certificate: CertificateFacts, key: consuming SigningKey
    ) throws(FleetError) {
        guard certificate.publicKey == key.publicKey.fingerprint else {
            throw FleetError(
                .certificateValidation,
                "the key is not the one of the certificate \(certificate.subject.clipped)")
        }
        self.identity = try IssuerIdentity(certificate)
        self.certificate = certificate
        self.role = certificate.pathLength == 0 ? .issuing : .root
        self.key = key
    }

    /// Another handle on the same authority.
    package init(sharing other: borrowing SigningAuthority) {
        self.certificate = other.certificate
        self.role = other.role
        self.identity = other.identity
        self.key = SigningKey(sharing: other.key)
    }

    /// Makes a root: an authority that vouches for itself.
    package init(
        founding profile: CertificateProfile, key: consuming SigningKey, at now: UnixTime,
        entropy: any Entropy
    ) throws(FleetError) {
        guard profile.role.signer == nil else {
            throw FleetError(.internalFailure, "only a root authority signs itself")
        }
        let notBefore = try CivilTime.moment(now, plus: -profile.backdateSeconds)
        let notAfter =
            profile.hasNoEnd
            ? CivilTime.latest : try CivilTime.moment(now, plus: profile.validitySeconds)
        let identity = IssuerIdentity(
            id: nil, name: try profile.subject.der(), text: profile.subject.description,
            keyIdentifier: key.publicKey.keyIdentifier, publicKey: key.publicKey.fingerprint,
            scheme: key.scheme, notBefore: notBefore, notAfter: notAfter)
        let prepared = try ProfileLint.approve(
            CertificateBody(
                serial: CertificateSerial(from: entropy), issuer: identity, notBefore: notBefore,
                notAfter: notAfter, subject: profile.subject, key: key.publicKey,
                role: profile.role))
        let der = try key.sign(prepared)
        try self.init(certificate: CertificateFacts(der: der), key: key)
    }

    /// Decides a whole certificate and has it linted; signs nothing.
    /// - Throws: `FleetError.invalidCSR` where `key` or the subject is this authority's own;
    ///   `.internalFailure` where the authority may not sign for the profile's role, or is not
    ///   valid now.
    package func prepare(
        _ profile: CertificateProfile, subject: SubjectName?, key: SubjectKey, at now: UnixTime,
        entropy: any Entropy
    ) throws(FleetError) -> PreparedCertificate {
        guard profile.role.signer == self.role else {
            throw FleetError(
                .internalFailure,
                "\(self.identity.text.clipped) is a \(self.role.rawValue) authority and does not "
                    + "sign certificates of this role")
        }
        return try self.identity.prepare(
            profile, subject: subject, key: key, at: now, entropy: entropy)
    }

    /// Signs what was prepared by this authority. Blocks where its key is on a token.
    package func sign(
        _ prepared: consuming PreparedCertificate
    ) throws(FleetError) -> IssuedCertificate {
        let draft = self.draft(prepared)
        return draft.issued(try self.key.sign(prepared))
    }

    /// The same, without a thread that waits where the key is on a token.
    package func signSuspending(
        _ prepared: consuming PreparedCertificate
    ) async throws(FleetError) -> IssuedCertificate {
        let draft = self.draft(prepared)
        return draft.issued(try await self.key.signSuspending(prepared))
    }

    /// What is known of a certificate before it is signed.
    private struct Draft: Sendable {
        let issuerID: CertificateID
        let issuer: String
        let serialNumber: String
        let subject: String
        let publicKey: PublicKeyFingerprint
        let notBefore: UnixTime
        let notAfter: UnixTime

        func issued(_ der: [UInt8]) -> IssuedCertificate {
            IssuedCertificate(
                id: CertificateID(sha256: SHA256.hash(data: der)),
                pem: PEMBlock(label: "CERTIFICATE", bytes: der).text,
                serialNumber: self.serialNumber, issuerID: self.issuerID, issuer: self.issuer,
                subject: self.subject, publicKey: self.publicKey, notBefore: self.notBefore,
                notAfter: self.notAfter)
        }
    }

    private func draft(_ prepared: borrowing PreparedCertificate) -> Draft {
        Draft(
            issuerID: self.certificate.id, issuer: self.identity.text,
            serialNumber: prepared.serial.text, subject: prepared.subject,
            publicKey: prepared.publicKey, notBefore: prepared.notBefore,
            notAfter: prepared.notAfter)
    }

    /// The authority's record for the store.
    package func record(at now: UnixTime) -> Authority {
        self.certificate.authority(role: self.role, at: now)
    }
}
