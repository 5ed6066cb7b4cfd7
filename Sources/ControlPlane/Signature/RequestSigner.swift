import Crypto
package import Fleet

/// Signs requests as AWS's clients do (AWS: Signature Version 4, in the `Authorization` header), so
/// that a command may steer a service over HTTP, this one or AWS IoT's own.
package struct RequestSigner: Sendable {
    package let keyID: String
    package let region: String
    private let secret: Secret<WipedBytes>
    private let sessionToken: String?
    private let service: SigningService

    /// - Parameters:
    ///   - keyID: a credential's id. Any text: another service's ids may be shaped otherwise.
    ///   - sessionToken: what a temporary credential has besides.
    package init(
        keyID: String, secret: Secret<WipedBytes>, sessionToken: String? = nil, region: String,
        service: SigningService = SigningService(name: "iot")
    ) {
        self.keyID = keyID
        self.secret = secret
        self.sessionToken = sessionToken
        self.region = region
        self.service = service
    }

    /// The headers that make `request` a signed one: `x-amz-date`, `authorization` and, with a
    /// temporary credential, `x-amz-security-token`.
    /// - Parameter request: with its `host`. Every header in it is signed; a body that is
    ///   streamed is declared unsigned, and the header that says so is among the answer.
    package func headers(
        signing request: SignedRequest, at now: UnixTime
    ) -> [(name: String, value: String)] {
        let time = SignatureTime(now)
        var added = [(name: "x-amz-date", value: time.text)]
        if let token = self.sessionToken { added.append(("x-amz-security-token", token)) }
        if request.bodySHA256 == nil {
            added.append(("x-amz-content-sha256", SignedRequest.unsignedBody))
        }
        let whole = SignedRequest(
            method: request.method, path: request.path, query: request.query,
            headers: request.headers + added, body: request.body)
        let names = Set(whole.headers.map(\.name)).sorted()
        let scope = SignatureParameters.Scope(
            day: String(time.day), region: self.region, service: self.service.name,
            terminator: SignatureParameters.terminator)
        let canonical = CanonicalRequest(
            request: whole, query: CanonicalQuery(whole.query), signedHeaders: names,
            leavingOut: [], bodyHash: whole.bodySHA256 ?? SignedRequest.unsignedBody)
        let signature = HMAC<SHA256>.authenticationCode(
            for: canonical.stringToSign(at: time, scope),
            using: SigningKeys.derive(self.secret, scope))
        let authorization =
            "\(SignatureParameters.algorithm) Credential=\(self.keyID)/\(scope.text), "
            + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature.hex)"
        return added + [("authorization", authorization)]
    }
}
