package import Fleet

/// What a template asks of the certificate of a device that registers by it
/// (`Slipway.Certificate`).
///
/// In AWS's dialogue a certificate is signed before its device names a template. Where the claim is
/// for one template, or for several that ask for the same, it is known all the same, and the
/// certificate is made so, but for what hangs on the device's parameters (`CertificateChoice`). An
/// operator's registration knows everything. All of it is looked at when the thing is registered,
/// and a certificate that does not meet it is not activated.
package struct CertificateDemands: Hashable, Sendable {
    /// The issuing authority: its subject (RFC 4514) or its certificate id.
    package var issuer: String?
    /// The certificate profile that it was made by.
    package var profile: String?
    /// The most days from `notBefore` to `notAfter`.
    package var validityDaysMax: Int?
    /// The keys that are taken; empty takes any.
    package var keyTypes: [CertificateKeyType] = []
    /// Attributes of the subject, each with the value that it must have.
    package var subject: [TemplateDocument.Attribute] = []
    /// Alternative names that must be there: DNS names, addresses, URIs or mail addresses.
    package var alternativeNames: [TemplateExpression] = []

    package init() {}

    /// What of it can be done when the certificate is made: all that is known by then.
    /// - Parameter text: of a value; nil where that is not known yet.
    package func choice(_ text: (TemplateExpression) -> String?) -> CertificateChoice {
        var choice = CertificateChoice(issuer: self.issuer, profile: self.profile)
        choice.validityDaysMax = self.validityDaysMax
        choice.keyTypes = self.keyTypes.map(\.rawValue)
        choice.subject = self.subject.compactMap { wanted in
            text(wanted.value).map { CertificateChoice.SubjectValue(wanted.name, $0) }
        }
        choice.alternativeNames = self.alternativeNames.compactMap(text)
        return choice
    }

    package var expressions: [TemplateExpression] {
        self.subject.map(\.value) + self.alternativeNames
    }
}

/// A key as a certificate holds it (RFC 5480, RFC 8017, RFC 8410).
package enum CertificateKeyType: String, Hashable, Sendable, CaseIterable {
    case rsa2048 = "RSA-2048"
    case rsa3072 = "RSA-3072"
    case rsa4096 = "RSA-4096"
    case p256 = "EC-P256"
    case p384 = "EC-P384"
    case p521 = "EC-P521"
    case ed25519 = "Ed25519"
}

/// A finding that the author knows of and means: `Slipway.Lint.Ignore`.
package struct LintException: Hashable, Sendable {
    /// The rule's id.
    package let rule: String
    /// The place, with all that is in it; nil for the whole template.
    package let at: String?
    /// For whoever reads the template.
    package let reason: String
    /// Where the template says so.
    package let index: Int
}
