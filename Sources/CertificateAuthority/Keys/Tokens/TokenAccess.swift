import Fleet
import Synchronization

/// How tokens are reached, the same for every key on them.
package struct TokenAccess: Sendable {
    /// What to start as the process that speaks with a token.
    package struct Program: Hashable, Sendable {
        package let path: String
        package let arguments: [String]

        package init(path: String, arguments: [String] = ["token-signer"]) {
            self.path = path
            self.arguments = arguments
        }

        /// The executable this process runs, whatever stands at its path by now.
        package static let thisExecutable = Program(path: "/proc/self/exe")
    }

    package var program = Program.thisExecutable
    /// The PKCS#11 module; empty: as OpenSSL's engine or provider is configured.
    package var module = ""
    /// Providers of OpenSSL, separated by commas; empty: `pkcs11:` is for the engine.
    package var providers = ""
    /// All that the process finds in its environment, each as `NAME=VALUE`.
    package var environment: [String] = []
    /// For one signature, and for the opening before the first.
    package var deadline = Duration.seconds(5)
    /// For how long a token that failed is left alone.
    package var pause = Duration.seconds(1)

    package init() {}
}

/// The PIN of the tokens. It is kept for as long as the service runs, since a process that was
/// killed has to be followed by one that can log in. One that a token refused is not offered to any
/// other either: tokens lock themselves after a few.
final class TokenPIN: Sendable {
    private struct State {
        var secret: Secret<WipedBytes>?
        /// Counts the PINs that were given.
        var number = 0
        /// The last that a token refused.
        var refused: Int?
    }

    private let state: Mutex<State>

    init(_ secret: Secret<WipedBytes>?) { self.state = Mutex(State(secret: secret)) }

    /// The PIN, and which one it is.
    var present: (secret: Secret<WipedBytes>?, number: Int) {
        self.state.withLock { ($0.secret, $0.number) }
    }
    var isRefused: Bool { self.state.withLock { $0.refused == $0.number } }

    /// A token's answer may come when another PIN has been given: that one is still to be tried.
    func wasRefused(_ number: Int) {
        self.state.withLock { $0.refused = max(number, $0.refused ?? number) }
    }

    /// Another from now on; whatever is given is tried.
    func use(_ secret: Secret<WipedBytes>?) {
        self.state.withLock { state in
            state.secret = secret
            state.number += 1
        }
    }
}
