/// A set of shards in one machine word.
struct ShardSet: Hashable, Sendable {
    static let shardsMax = 64

    private(set) var bits: UInt64 = 0

    var isEmpty: Bool { self.bits == 0 }

    mutating func insert(_ shard: Int) { self.bits |= Self.bit(shard) }
    mutating func remove(_ shard: Int) { self.bits &= ~Self.bit(shard) }
    func contains(_ shard: Int) -> Bool { self.bits & Self.bit(shard) != 0 }

    private static func bit(_ shard: Int) -> UInt64 {
        precondition((0..<Self.shardsMax).contains(shard), "The server makes 64 shards at most.")
        return 1 << UInt64(shard)
    }
}
