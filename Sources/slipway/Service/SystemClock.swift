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

/// The kernel's own randomness: `SystemRandomNumberGenerator` is getrandom(2) here.
struct SystemEntropy: Entropy {
    func bytes(count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        // Each draw is a system call, so all eight bytes of it are used.
        while bytes.count < count {
            withUnsafeBytes(of: generator.next()) {
                bytes.append(contentsOf: $0.prefix(count - bytes.count))
            }
        }
        return bytes
    }
}
