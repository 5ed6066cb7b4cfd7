/// The time of day, from outside: tests turn it by hand.
package protocol WallClock: Sendable {
    var now: UnixTime { get }
}

/// Unpredictable bytes, from outside.
package protocol Entropy: Sendable {
    func bytes(count: Int) -> [UInt8]
}
