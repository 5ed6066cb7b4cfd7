/// What an operator's own signer is told (AWS: certificate provider).
package struct SigningQuestion: Hashable, Sendable {
    /// PEM; found in order already.
    package let csr: String
    /// Whose connection asks.
    package let principal: CertificateID
    package let clientID: String
    package let time: UnixTime

    package init(csr: String, principal: CertificateID, clientID: String, time: UnixTime) {
        self.csr = csr
        self.principal = principal
        self.clientID = clientID
        self.time = time
    }
}

/// What came of asking. A certificate is only what somebody says is one: whoever asked judges it.
package enum SigningOutcome: Hashable, Sendable {
    case answered(pem: String)
    /// There was no answer in time, or nobody there.
    case timedOut
    /// It failed too often to be asked now.
    case busy
    /// The cause is for the log.
    case failed(cause: String)
}

/// Asks a webhook for a certificate. As with hooks, it has no way to fail but to say so.
package protocol CertificateSigner: Sendable {
    func sign(_ question: SigningQuestion, by script: HookScript) async -> SigningOutcome
}

extension HookScript {
    package var isWebhook: Bool { Self.isWebhook(source: self.source) }

    /// Whether a text describes somebody's own service: JSON, and no Lua text begins with a brace.
    package static func isWebhook(source: String) -> Bool {
        source.first { !$0.isWhitespace } == "{"
    }
}
