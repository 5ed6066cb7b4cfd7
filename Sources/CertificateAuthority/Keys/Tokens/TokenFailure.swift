package import Fleet

/// Why a token gave no signature. It is always the service's affair, and may pass.
package struct TokenFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// There is no such module, token or key.
        case absent
        /// The token refused the PIN; it is not offered again.
        case pin
        case failed
        /// The deadline passed, and the process was killed.
        case late
        /// The process has ended, or speaks nonsense.
        case lost
        /// The key at that URI is not the certificate's.
        case stranger
        /// More signatures are waited for than can be given in time.
        case busy
        /// The service is stopping.
        case closed
    }

    package let kind: Kind
    private let detail: String

    init(_ kind: Kind, _ detail: String = "") {
        self.kind = kind
        self.detail = detail
    }

    package var description: String {
        let sentence =
            switch self.kind {
            case .absent: "there is no such module, token or key"
            case .pin: "the token refused the PIN, which is not offered to it again"
            case .failed: "the token did not sign"
            case .late: "the token did not answer in time"
            case .lost: "the process that speaks with the token ended"
            case .stranger: "the key at this URI is not the certificate's"
            case .busy: "too many signatures are waited for"
            case .closed: "the service is stopping"
            }
        return self.detail.isEmpty ? sentence : "\(sentence) (\(self.detail))"
    }

    package var asFleetError: FleetError {
        FleetError(.internalFailure, "the CA's key is not to be had: \(self)")
            .because(.authorityKeyUnavailable)
    }
}

/// How a token was found when it was last asked.
package enum TokenCondition: Hashable, Sendable {
    case untried
    case answers
    case fails(TokenFailure)
}
