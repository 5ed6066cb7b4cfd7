/// The SHA-256 of an ownership token, hex. The token itself is the device's alone.
package struct OwnershipTokenHash: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { self.rawValue }
}

/// What the store knows of a token: whom it was given to, until when, and what became of it.
package struct OwnershipToken: Hashable, Sendable {
    /// The one registration a token has paid for. The same request again gets `answer` again.
    package struct Redemption: Hashable, Sendable {
        package let template: TemplateName
        package let templateVersion: Int
        /// SHA-256 over the request's parameters in canonical JSON, hex.
        package let parametersDigest: String
        /// The accepted reply, as compact JSON.
        package let answer: String
        package let redeemedAt: UnixTime

        package init(
            template: TemplateName, templateVersion: Int, parametersDigest: String,
            answer: String, redeemedAt: UnixTime
        ) {
            self.template = template
            self.templateVersion = templateVersion
            self.parametersDigest = parametersDigest
            self.answer = answer
            self.redeemedAt = redeemedAt
        }
    }

    package let hash: OwnershipTokenHash
    package let certificate: CertificateID
    /// The claim principal it was given to; nobody else may use it.
    package let claim: CertificateID
    package let issuedAt: UnixTime
    package let expiresAt: UnixTime
    package var redemption: Redemption?

    package init(
        hash: OwnershipTokenHash, certificate: CertificateID, claim: CertificateID,
        issuedAt: UnixTime, expiresAt: UnixTime, redemption: Redemption? = nil
    ) {
        self.hash = hash
        self.certificate = certificate
        self.claim = claim
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.redemption = redemption
    }
}
