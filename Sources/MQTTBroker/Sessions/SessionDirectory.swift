import Synchronization

/// Counts the sessions that the process has begun: a client's next one has a greater number.
typealias SessionNumber = Int64

/// Who holds which client identifier, over all shards. A second connection with the same
/// identifier takes it over, and the first is told (AWS: DUPLICATE_CLIENTID).
final class SessionDirectory: Sendable {
    /// Where a session lives.
    struct Holder: Hashable, Sendable {
        let shard: Int
        let connection: ConnectionNumber
    }

    /// What a claim came to.
    struct Claim: Hashable, Sendable {
        /// The holder that has just lost the identifier, to be closed by its shard.
        let loser: Holder?
        let session: SessionNumber
    }

    /// An identifier as the bytes it came in (no normalization, as for topics): Swift's own
    /// equality would take KELVIN SIGN for K, and let one device take over another's session.
    private struct ClientID: Hashable {
        let text: String

        static func == (left: ClientID, right: ClientID) -> Bool {
            left.text.utf8.elementsEqual(right.text.utf8)
        }

        func hash(into hasher: inout Hasher) {
            for byte in self.text.utf8 { hasher.combine(byte) }
        }
    }

    /// One lock each; an identifier always meets the same one.
    private final class Stripe: Sendable {
        let holders = Mutex<[ClientID: Holder]>([:])
    }

    private static let stripeCount = 16
    private let sessionsMade = Atomic<SessionNumber>(0)
    private let stripes = (0..<SessionDirectory.stripeCount).map { _ in Stripe() }

    private func stripe(_ clientID: ClientID) -> Stripe {
        self.stripes[Int(UInt(bitPattern: clientID.hashValue) % UInt(Self.stripeCount))]
    }

    func claim(_ clientID: String, for holder: Holder) -> Claim {
        let clientID = ClientID(text: clientID)
        return self.stripe(clientID).holders.withLock { holders in
            // Under the lock, so that of two claims of one identifier the later has the greater.
            let session = self.sessionsMade.wrappingAdd(1, ordering: .relaxed).newValue
            return Claim(
                loser: holders.updateValue(holder, forKey: clientID), session: session)
        }
    }

    /// Gives `clientID` back, unless somebody else has taken it since.
    func release(_ clientID: String, by holder: Holder) {
        let clientID = ClientID(text: clientID)
        self.stripe(clientID).holders.withLock { holders in
            if holders[clientID] == holder { holders[clientID] = nil }
        }
    }
}
