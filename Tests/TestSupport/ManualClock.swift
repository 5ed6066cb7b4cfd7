package import Fleet
internal import Synchronization

/// A clock that moves when it is told to.
package final class ManualClock: WallClock {
    /// 2026-11-24T12:00:00Z, a moment like any other.
    package static let start = UnixTime(seconds: 1_795_521_600)

    private let time: Mutex<UnixTime>

    package init(_ start: UnixTime = ManualClock.start) { self.time = Mutex(start) }

    package var now: UnixTime { self.time.withLock { $0 } }

    package func set(_ time: UnixTime) { self.time.withLock { $0 = time } }

    package func advance(bySeconds seconds: Int64) {
        self.time.withLock { $0 = $0.advanced(bySeconds: seconds) }
    }
}
