/// A public key that the fleet has seen. It stays known when its certificate is gone: a key that
/// was copied, or whose certificate was revoked, is no better for somebody having tidied up.
package struct KnownKey: Hashable, Sendable {
    /// What it was first seen in.
    package enum Use: String, Sendable, CaseIterable {
        case device, claim, authority

        package init(_ kind: Certificate.Kind) {
            self =
                switch kind {
                case .device, .canary, .gateway: .device
                case .claim, .temporaryClaim: .claim
                }
        }
    }

    package let fingerprint: PublicKeyFingerprint
    package let use: Use
    /// The first thing that a certificate of it spoke for.
    package var thing: ThingName?
    /// Whether a certificate of it was ever revoked for good.
    package var isRevoked: Bool
    /// What an audit of all keys found; nil where none found anything.
    package var weakness: KeyWeakness?

    package init(
        fingerprint: PublicKeyFingerprint, use: Use, thing: ThingName? = nil,
        isRevoked: Bool = false, weakness: KeyWeakness? = nil
    ) {
        self.fingerprint = fingerprint
        self.use = use
        self.thing = thing
        self.isRevoked = isRevoked
        self.weakness = weakness
    }
}

/// What may be wrong with a key that is used already.
package enum KeyWeakness: String, Sendable, CaseIterable {
    /// CVE-2017-15361.
    case roca
    /// An RSA modulus that shares a prime with another one of the fleet.
    case sharedFactor = "shared-factor"
    /// CVE-2022-26320.
    case closePrimes = "close-primes"
    case smallExponent = "small-exponent"
    case shortModulus = "short-modulus"
    case smallFactor = "small-factor"
    /// Anything else that no certificate would be issued for.
    case unsound

    /// - Throws: `FleetError.invalidRequest` naming every weakness there is.
    package init(named text: String) throws(FleetError) {
        guard let weakness = Self(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no weakness of a key: give one of "
                    + Self.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = weakness
    }
}
