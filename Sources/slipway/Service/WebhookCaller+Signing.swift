import Fleet
import Hooks
import JSON

/// A webhook as an operator's own signer (AWS: certificate provider). The JSON is AWS's, and so is
/// the time that it has.
extension WebhookCaller: CertificateSigner {
    /// AWS: a certificate provider's function answers within five seconds.
    private static let signingMillisecondsMax = 5000

    func sign(_ question: SigningQuestion, by script: HookScript) async -> SigningOutcome {
        let body: JSONObject = [
            "certificateSigningRequest": .string(question.csr),
            "principalId": .string(question.principal.rawValue),
            "clientId": .string(question.clientID),
        ]
        let reply = await self.ask(
            script, JSONPrinter.bytes(.object(body)), at: question.time,
            millisecondsMax: Self.signingMillisecondsMax)
        switch reply {
        case .answered(let json):
            guard let pem = json["certificatePem"]?.stringValue else {
                return .failed(cause: "its answer has no certificatePem")
            }
            return .answered(pem: pem)
        case .timedOut: return .timedOut
        case .busy: return .busy
        case .failed(let cause): return .failed(cause: cause)
        }
    }
}
