import Synchronization

/// Who holds which client identifier, over all shards. A second connection with the same
/// identifier takes it over, and the first is told (AWS: DUPLICATE_CLIENTID).
final class SessionDirectory: Sendable {
    /// Where a session lives.
    struct Holder: Hashable, Sendable {
        let shard: Int
        let connection: ConnectionNumber
    }

    /// One lock each; an identifier always meets the same one.
    private final class Stripe: Sendable {
        let holders = Mutex<[String: Holder]>([:])
    }

    private static let stripeCount = 16
    private let stripes = (0..<SessionDirectory.stripeCount).map { _ in Stripe() }

    private func stripe(_ clientID: String) -> Stripe {
        self.stripes[Int(UInt(bitPattern: clientID.hashValue) % UInt(Self.stripeCount))]
    }

    /// - Returns: the holder that has just lost `clientID`, to be closed by its shard.
    func claim(_ clientID: String, for holder: Holder) -> Holder? {
        self.stripe(clientID).holders.withLock { $0.updateValue(holder, forKey: clientID) }
    }

    /// Gives `clientID` back, unless somebody else has taken it since.
    func release(_ clientID: String, by holder: Holder) {
        self.stripe(clientID).holders.withLock { holders in
            if holders[clientID] == holder { holders[clientID] = nil }
        }
    }
}
