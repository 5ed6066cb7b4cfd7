import Fleet

/// What a certificate says of who signed it, and what decides whether it may be: all of an
/// authority but its key.
struct IssuerIdentity: Hashable, Sendable {
    /// nil while a root is being made: its id is the digest of what is not yet signed.
    let id: CertificateID?
    /// The issuer's subject, byte for byte (RFC 5280 4.1.2.4: chaining compares names).
    let name: [UInt8]
    /// RFC 4514.
    let text: String
    let keyIdentifier: [UInt8]
    let publicKey: PublicKeyFingerprint
    let scheme: SignatureScheme
    /// No certificate is valid outside its issuer's validity.
    let notBefore: UnixTime
    let notAfter: UnixTime
    /// What names it may give.
    var nameConstraints: NameConstraints?
}

extension IssuerIdentity {
    /// - Throws: `FleetError.certificateValidation` unless it is an authority's, with a key
    ///   identifier, a key and name constraints that are understood here.
    init(_ certificate: CertificateFacts) throws(FleetError) {
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
        let key: SubjectKey
        do throws(FleetError) {
            key = try SubjectKey(
                der: certificate.publicKeyDER, rules: KeyRules(allowsEd25519: true))
        } catch {
            throw FleetError(
                .certificateValidation,
                "the key of \(certificate.subject.clipped): \(error.message)")
        }
        self.init(
            id: certificate.id, name: certificate.subjectName, text: certificate.subject,
            keyIdentifier: keyIdentifier, publicKey: certificate.publicKey,
            scheme: SignatureScheme(key.kind), notBefore: certificate.notBefore,
            notAfter: certificate.notAfter, nameConstraints: constraints)
    }

    /// Decides a whole certificate and has it linted. It needs no key of the authority's, so that
    /// a dry run that has none decides the same.
    /// - Throws: `FleetError.invalidCSR` where `key` or the subject is the authority's own or its
    ///   name constraints forbid the subject; `.internalFailure` where it is not valid now.
    func prepare(
        _ profile: CertificateProfile, subject: SubjectName?, key: SubjectKey, at now: UnixTime,
        entropy: any Entropy
    ) throws(FleetError) -> PreparedCertificate {
        guard key.fingerprint != self.publicKey else {
            throw SubjectKey.refusal("it is the certificate authority's own")
        }
        let rendered = try profile.rendered(for: subject, key: key)
        let subject = rendered.subject
        // RFC 5280 3.2: a certificate whose issuer and subject are the same is self-issued, which a
        // leaf is not; path building would take it for the authority's own.
        guard try subject.der() != self.name else {
            throw FleetError(
                .invalidCSR,
                "subject: \(subject.description.clipped) is the authority's own name")
        }
        let period = try profile.period(at: now, under: self)
        let names = profile.role.alternativeNames + rendered.alternativeNames
        if let complaint = self.nameConstraints?.complaint(
            subject: subject, alternativeNames: names)
        {
            throw FleetError(
                .invalidCSR,
                "subject: the name constraints of \(self.text.clipped) forbid it: " + complaint)
        }
        var body = CertificateBody(
            serial: try CertificateSerial(from: entropy), issuer: self,
            notBefore: period.notBefore, notAfter: period.notAfter, subject: subject, key: key,
            role: profile.role, publication: profile.publication)
        body.alternativeNames = rendered.alternativeNames
        body.additions = rendered.additions
        body.nameConstraints = profile.nameConstraints
        return try ProfileLint.approve(body)
    }
}
