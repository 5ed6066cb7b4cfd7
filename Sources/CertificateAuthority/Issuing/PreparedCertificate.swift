import Fleet

/// A certificate that has passed the linter and waits to be signed, once.
///
/// Only `ProfileLint.approve` makes one, over the bytes it examined and the twin that they made,
/// and only
/// `SigningKey.sign(_:)` takes one, consuming it and signing those bytes: nothing unlinted reaches
/// the key, and nothing can change between the two.
package struct PreparedCertificate: ~Copyable, Sendable {
    /// TBSCertificate, DER.
    let tbs: [UInt8]
    let serial: CertificateSerial
    let issuer: IssuerIdentity
    let subject: String
    let publicKey: PublicKeyFingerprint
    let notBefore: UnixTime
    let notAfter: UnixTime

    fileprivate init(_ body: CertificateBody, tbs: [UInt8]) {
        self.tbs = tbs
        self.serial = body.serial
        self.issuer = body.issuer
        self.subject = body.subject.description
        self.publicKey = body.key.fingerprint
        self.notBefore = body.notBefore
        self.notAfter = body.notAfter
    }
}

extension ProfileLint {
    /// Encodes `body`, examines the bytes and hands them back as fit to be signed.
    /// - Throws: `FleetError.internalFailure` with every finding: a certificate that fails here is
    ///   this service's mistake, never the device's.
    static func approve(_ body: CertificateBody) throws(FleetError) -> PreparedCertificate {
        let tbs = try body.der()
        var lint = ProfileLint(
            role: body.role, issuer: body.issuer, key: body.key, publication: body.publication,
            serial: body.serial)
        lint.alternativeNames = body.alternativeNames
        lint.nameConstraints = try body.nameConstraints?.der()
        lint.additions = body.additions
        var findings = lint.findings(in: tbs).map(\.description)
        if let complaint = body.issuer.nameConstraints?.complaint(
            subject: body.subject, alternativeNames: body.allAlternativeNames)
        {
            findings.append("\(Rule.outsideConstraints.rawValue): \(complaint)")
        }
        // Only what is sound as bytes is worth a twin.
        if findings.isEmpty {
            findings = try CertificateTwin.findings(in: tbs, body.issuer.scheme)
        }
        guard findings.isEmpty else {
            throw FleetError(
                .internalFailure,
                "the certificate was not signed: "
                    + findings.joined(separator: "; "))
        }
        return PreparedCertificate(body, tbs: tbs)
    }
}
