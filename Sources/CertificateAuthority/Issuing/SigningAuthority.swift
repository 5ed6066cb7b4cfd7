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
        guard certificate.isAuthority else {
            throw FleetError(
                .certificateValidation,
                "\(certificate.subject.clipped) is no authority's certificate")
        }
        guard let keyIdentifier = certificate.subjectKeyIdentifier, !keyIdentifier.isEmpty else {
            throw FleetError(
                .certificateValidation,
                "the certificate of \(certificate.subject.clipped) has no subjectKeyIdentifier")
        }
        let constraints: NameConstraints?
        switch certificate.nameConstraints {
        case nil: constraints = nil
        case .understood(let found): constraints = found
        case .notUnderstood:
            throw FleetError(
                .certificateValidation,
                "the certificate of \(certificate.subject.clipped) has name constraints of a form "
                    + "that is not understood here: dNSName, iPAddress and directoryName are")
        }
        self.certificate = certificate
        self.role = certificate.pathLength == 0 ? .issuing : .root
        self.identity = IssuerIdentity(
            id: certificate.id, name: certificate.subjectName, text: certificate.subject,
            keyIdentifier: keyIdentifier, publicKey: certificate.publicKey, scheme: key.scheme,
            notBefore: certificate.notBefore, notAfter: certificate.notAfter,
            nameConstraints: constraints)
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
        guard key.fingerprint != self.identity.publicKey else {
            throw SubjectKey.refusal("it is the certificate authority's own")
        }
        let rendered = try profile.rendered(for: subject, key: key)
        let subject = rendered.subject
        // RFC 5280 3.2: a certificate whose issuer and subject are the same is self-issued, which a
        // leaf is not; path building would take it for the authority's own.
        guard try subject.der() != self.identity.name else {
            throw FleetError(
                .invalidCSR,
                "subject: \(subject.description.clipped) is the authority's own name")
        }
        let period = try profile.period(
            at: now,
            under: IssuerPeriod(
                subject: self.identity.text, notBefore: self.identity.notBefore,
                notAfter: self.identity.notAfter))
        let names = profile.role.alternativeNames + rendered.alternativeNames
        if let complaint = self.identity.nameConstraints?.complaint(
            subject: subject, alternativeNames: names)
        {
            throw FleetError(
                .invalidCSR,
                "subject: the name constraints of \(self.identity.text.clipped) forbid it: "
                    + complaint)
        }
        var body = CertificateBody(
            serial: try CertificateSerial(from: entropy), issuer: self.identity,
            notBefore: period.notBefore, notAfter: period.notAfter, subject: subject, key: key,
            role: profile.role,
            publication: profile.publication)
        body.alternativeNames = rendered.alternativeNames
        body.additions = rendered.additions
        body.nameConstraints = profile.nameConstraints
        return try ProfileLint.approve(body)
    }

    /// Signs what was prepared by this authority.
    package func sign(
        _ prepared: consuming PreparedCertificate
    ) throws(FleetError) -> IssuedCertificate {
        let serialNumber = prepared.serial.text
        let subject = prepared.subject
        let publicKey = prepared.publicKey
        let (notBefore, notAfter) = (prepared.notBefore, prepared.notAfter)
        let der = try self.key.sign(prepared)
        return IssuedCertificate(
            id: CertificateID(sha256: SHA256.hash(data: der)),
            pem: PEMBlock(label: "CERTIFICATE", bytes: der).text, serialNumber: serialNumber,
            issuerID: self.certificate.id, issuer: self.identity.text, subject: subject,
            publicKey: publicKey, notBefore: notBefore, notAfter: notAfter)
    }

    /// The authority's record for the store.
    package func record(at now: UnixTime) -> Authority {
        self.certificate.authority(role: self.role, at: now)
    }
}
