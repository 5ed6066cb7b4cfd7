package import JSON

/// Who asked for a change, and from where.
package struct Actor: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// A device speaking with its own or a claim certificate; the identity is the certificate.
        case principal
        /// A person at the command line; the identity is the user name.
        case `operator`
        /// A person or a machine over the network; the identity is the user name and the id of
        /// the access key that signed, `alice/AKIA…`.
        case user
        /// The service itself; the identity names its part.
        case service
    }
    package let kind: Kind
    package let identity: String
    package let sourceAddress: String?

    package init(kind: Kind, identity: String, sourceAddress: String? = nil) {
        self.kind = kind
        self.identity = identity
        self.sourceAddress = sourceAddress
    }

    /// Who this is where two must be two people: a user, whichever of his keys he signed with.
    /// Whoever works on the service's own machine, at its socket or in its folders, is one and the
    /// same, since nothing there tells him from another.
    package var person: String {
        switch self.kind {
        case .user: String(self.identity.prefix { $0 != "/" })
        // Parentheses are in no user's name.
        case .operator, .service: "(local)"
        case .principal: "(device)"
        }
    }

    package static func service(_ part: String) -> Actor { Actor(kind: .service, identity: part) }
    package static func principal(_ id: CertificateID, from address: String?) -> Actor {
        Actor(kind: .principal, identity: id.rawValue, sourceAddress: address)
    }
}

/// What became true, with its place in the order of all commits.
package struct Commit: Hashable, Sendable {
    /// Counts from 1 without gaps.
    package typealias Sequence = Int64

    package enum Outcome: Hashable, Sendable {
        case committed
        /// Nothing changed; the refusal itself is what is recorded.
        case refused(code: String, message: String)
    }

    package let sequence: Sequence
    package let time: UnixTime
    package let actor: Actor
    package let action: String
    package let outcome: Outcome
    package let changes: [Change]
    package let detail: JSONObject

    package init(
        sequence: Sequence, time: UnixTime, actor: Actor, action: String, outcome: Outcome,
        changes: [Change], detail: JSONObject
    ) {
        self.sequence = sequence
        self.time = time
        self.actor = actor
        self.action = action
        self.outcome = outcome
        self.changes = changes
        self.detail = detail
    }

    /// The digest of the plan that this is a part of: what many commits were decided by at once.
    package var decision: String? { self.detail["decision"]?.stringValue }
}

/// A refusal worth remembering: audited like a commit, changing nothing.
package struct Refusal: Hashable, Sendable {
    package let action: String
    package let error: FleetError
    package let detail: JSONObject

    package init(action: String, error: FleetError, detail: JSONObject) {
        self.action = action
        self.error = error
        self.detail = detail
    }
}
