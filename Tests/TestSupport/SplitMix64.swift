internal import Fleet
internal import Synchronization

/// A small, fast, seeded generator (Steele, Lea and Flood 2014): the same seed gives the same run
/// on every machine, so a failing property test can be repeated from its printed seed.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { self.state = seed }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Entropy that repeats itself, for tests alone.
package final class SeededEntropy: Entropy {
    private let generator: Mutex<SplitMix64>

    package init(seed: UInt64 = 1) { self.generator = Mutex(SplitMix64(seed: seed)) }

    package func bytes(count: Int) -> [UInt8] {
        self.generator.withLock { generator in
            (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        }
    }
}
