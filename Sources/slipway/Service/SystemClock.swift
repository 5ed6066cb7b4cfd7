import Fleet
import Foundation

/// The machine's own clock.
struct SystemClock: WallClock {
    var now: UnixTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(
            milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

/// The kernel's own randomness.
struct SystemEntropy: Entropy {
    /// getentropy(3).
    private static let drawnBytesMax = 256

    func bytes(count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { bytes in
            for start in stride(from: 0, to: count, by: Self.drawnBytesMax) {
                let piece = bytes[start..<min(count, start + Self.drawnBytesMax)]
                let failure = getentropy(
                    UnsafeMutableRawBufferPointer(rebasing: piece).baseAddress, piece.count)
                // It waits until there is some: what is left is a kernel without it.
                precondition(failure == 0, "The kernel gives no random bytes.")
            }
        }
        return bytes
    }
}
