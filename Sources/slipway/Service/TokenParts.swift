import CertificateAuthority
import Fleet
import Foundation
import JSON
import Logging
import ServiceLifecycle
import Synchronization

/// The tokens that hold CA keys, as the settings have them.
enum TokenParts {
    /// Of this program's own variables none is for a module of somebody else's.
    private static let ownPrefix = "SLIPWAY_"

    /// Read once: it is taken out of the environment, and a descriptor has one reading.
    static func pin(
        _ settings: ResolvedSettings, _ installation: Installation
    ) throws(FleetError) -> Secret<WipedBytes>? {
        guard let source = PassphraseSource(pinOf: settings, installation) else { return nil }
        return try source.read()
    }

    static func tokens(
        _ settings: ResolvedSettings, _ installation: Installation, pin: Secret<WipedBytes>?,
        observe: @escaping @Sendable (KeyURI, TokenCondition) -> Void = { _, _ in }
    ) throws(FleetError) -> Tokens {
        var access = TokenAccess()
        let module = settings.text("pki.tokenModule")
        // A bare name is looked for where the system's libraries lie (dlopen(3)).
        access.module =
            module.contains("/") ? Installation.absolute(module, in: installation.root) : module
        access.providers = settings.list("pki.tokenProviders").joined(separator: ",")
        access.deadline = .milliseconds(settings.integer("pki.tokenDeadlineMilliseconds"))
        let names = settings.list("pki.tokenEnvironment")
        guard !names.contains(where: { $0.hasPrefix(Self.ownPrefix) }) else {
            throw FleetError(
                .invalidRequest,
                "pki.tokenEnvironment: no variable of slipway's own is handed to a token's module")
        }
        let environment = ProcessInfo.processInfo.environment
        access.environment = names.compactMap { name in
            environment[name].map { "\(name)=\($0)" }
        }
        return Tokens(access, pin: pin, observe: observe)
    }
}

/// The tokens of a running service, and since when each is as it is.
struct WatchedTokens: Sendable {
    let tokens: Tokens
    private let record: TokenRecord

    init(
        _ settings: ResolvedSettings, _ installation: Installation, pin: Secret<WipedBytes>?,
        logger: Logger
    ) throws(FleetError) {
        let record = TokenRecord(logger: logger)
        self.record = record
        self.tokens = try TokenParts.tokens(settings, installation, pin: pin) { uri, condition in
            record.note(uri, condition)
        }
    }

    /// One for each key on a token: where it is, whose it is, and how the token was found.
    func json(_ authorities: IssuingAuthorities) -> JSONValue {
        .array(
            self.tokens.all.map { signer in
                let names = authorities.all.filter { $0.keyURI == signer.uri }.map(\.name)
                var object: JSONObject = [
                    "key": .string(signer.uri.text),
                    "authorities": .array(names.map { .string($0) }),
                ]
                switch signer.condition {
                case .untried: object["state"] = "untried"
                case .answers: object["state"] = "answers"
                case .fails(let failure):
                    object["state"] = "fails"
                    object["why"] = .string(failure.description)
                }
                if let since = self.record.since(signer.uri) {
                    object["since"] = .string(since.description)
                }
                return .object(object)
            })
    }
}

/// What the log says of tokens: each change of how one is found.
private final class TokenRecord: Sendable {
    private let logger: Logger
    private let times = Mutex<[KeyURI: UnixTime]>([:])

    init(logger: Logger) { self.logger = logger }

    func since(_ uri: KeyURI) -> UnixTime? { self.times.withLock { $0[uri] } }

    func note(_ uri: KeyURI, _ condition: TokenCondition) {
        let now = SystemClock().now
        self.times.withLock { $0[uri] = now }
        switch condition {
        case .untried: break
        case .answers:
            self.logger.notice("the token of a CA key answers", metadata: ["key": "\(uri)"])
        case .fails(let failure):
            self.logger.critical(
                "the token of a CA key does not sign; nothing is issued and no CRL signed with it",
                metadata: ["key": "\(uri)", "why": "\(failure)"])
        }
    }
}

/// Looks for tokens that do not answer until they are back, so that their CAs issue again without
/// anybody's doing.
struct TokenKeeping: Service {
    private static let intervalSeconds: Int64 = 5

    let tokens: WatchedTokens

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.tokens.tokens.probe()
                // Only a stop cuts the sleep short, and ends the loop with it.
                try? await Task.sleep(for: .seconds(Self.intervalSeconds))
            }
        }
    }
}
