package import Fleet
import Synchronization

/// The keys on tokens that are in use, each once: its process logs in once, however many speak by
/// it.
package final class Tokens: Sendable {
    private let access: TokenAccess
    private let pin: TokenPIN
    private let observe: @Sendable (KeyURI, TokenCondition) -> Void
    private let signers = Mutex<[KeyURI: TokenSigner]>([:])

    /// - Parameter observe: is told whenever a token is found otherwise than before; called on its
    ///   thread.
    package init(
        _ access: TokenAccess, pin: Secret<WipedBytes>?,
        observe: @escaping @Sendable (KeyURI, TokenCondition) -> Void = { _, _ in }
    ) {
        self.access = access
        self.pin = TokenPIN(pin)
        self.observe = observe
    }

    /// Asks nothing of the token yet.
    package func signer(for uri: KeyURI) throws(FleetError) -> TokenSigner {
        if let known = self.signers.withLock({ $0[uri] }) { return known }
        let made = try TokenSigner(
            uri, access: self.access, pin: self.pin, observe: self.observe)
        return self.signers.withLock { signers in
            // Another may have been faster; then this one's thread ends with it.
            if let known = signers[uri] { return known }
            signers[uri] = made
            return made
        }
    }

    package var all: [TokenSigner] {
        self.signers.withLock { Array($0.values) }.sorted { $0.uri.text < $1.uri.text }
    }

    /// Offers another PIN from now on, or the same again where it was put right on the token.
    package func use(pin: Secret<WipedBytes>) { self.pin.use(pin) }

    /// One after the other, so that a wrong PIN is offered once and not by each.
    package func probe() async {
        for signer in self.all where !signer.answers { await signer.probe() }
    }

    package func close() { for signer in self.all { signer.close() } }
}

extension TokenSigner {
    fileprivate var answers: Bool { self.condition == .answers }
}
