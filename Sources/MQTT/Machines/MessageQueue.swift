/// Messages in the order they came, with what they weigh. The session sets the bounds.
struct MessageQueue {
    struct Entry {
        let message: Publish
        let since: MonotonicMilliseconds
    }

    /// Taken entries stay as nil until they outnumber the rest; so taking is amortized O(1).
    private var entries: [Entry?] = []
    private var head = 0
    private(set) var bytes = 0

    var count: Int { self.entries.count - self.head }
    var isEmpty: Bool { self.count == 0 }

    /// What a waiting message is charged: its variable parts, and a floor for the rest, so that
    /// empty messages are not free.
    static func cost(of message: Publish) -> Int {
        var counter = ByteCounter()
        counter.put(message, version: .v5)
        return counter.count + Self.fixedCost
    }

    private static let fixedCost = 64

    mutating func append(_ message: Publish, at now: MonotonicMilliseconds) {
        self.entries.append(Entry(message: message, since: now))
        self.bytes += Self.cost(of: message)
    }

    mutating func popFirst() -> Entry? {
        guard self.head < self.entries.count, let entry = self.entries[self.head] else {
            return nil
        }
        self.entries[self.head] = nil
        self.head += 1
        self.bytes -= Self.cost(of: entry.message)
        if self.head * 2 >= self.entries.count {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
        return entry
    }
}

/// The messages in flight, by identifier and in the order they were first sent. One that is not to
/// be kept is there by its identifier alone.
struct InFlightList {
    private var byID: [PacketID: (order: UInt64, message: Publish?)] = [:]
    private var sent: UInt64 = 0

    var count: Int { self.byID.count }

    var messages: [(packetID: PacketID, message: Publish)] {
        self.byID.sorted { $0.value.order < $1.value.order }.compactMap { packetID, entry in
            entry.message.map { (packetID, $0) }
        }
    }

    func contains(_ id: PacketID) -> Bool { self.byID[id] != nil }

    mutating func append(_ message: Publish?, _ id: PacketID) {
        self.byID[id] = (self.sent, message)
        self.sent += 1
    }

    mutating func remove(_ id: PacketID) -> Publish? {
        self.byID.removeValue(forKey: id)?.message
    }
}
