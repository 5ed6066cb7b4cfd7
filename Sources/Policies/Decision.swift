package import Fleet

/// Which statement decided: enough to find it in the registry.
package struct StatementID: Hashable, Sendable, CustomStringConvertible {
    package let policy: PolicyName
    package let version: Int
    /// Counts from 0, as the document's JSON pointer does.
    package let index: Int
    package let sid: String?

    package init(policy: PolicyName, version: Int, index: Int, sid: String?) {
        self.policy = policy
        self.version = version
        self.index = index
        self.sid = sid
    }

    package var description: String {
        let place = "policy \(self.policy) version \(self.version) statement \(self.index)"
        return self.sid.map { "\(place) '\($0.clipped)'" } ?? place
    }
}

/// AWS: the three words of TestAuthorization.
package enum Decision: Hashable, Sendable {
    case allowed(by: StatementID)
    /// No statement allows it.
    case implicitlyDenied
    /// A Deny, which no Allow outweighs.
    case explicitlyDenied(by: StatementID)

    package var isAllowed: Bool {
        switch self {
        case .allowed: true
        case .implicitlyDenied, .explicitlyDenied: false
        }
    }
}
