import CertificateAuthority

/// `slipway token-signer`: the child process that speaks with the token of a CA key. The service
/// starts it; nobody else has a reason to.
enum TokenSignerCommand {
    static let name = "token-signer"
    static func run() -> Never { TokenServant.run() }
}
