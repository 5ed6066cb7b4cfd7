import Glibc

/// The kernel's own account of who took how much of the processors (clock_gettime(2)).
enum ProcessorClocks {
    /// For the thread that asks.
    static func reading() -> RefillPace.Reading {
        RefillPace.Reading(
            elapsed: Self.time(CLOCK_MONOTONIC),
            worked: Self.time(CLOCK_PROCESS_CPUTIME_ID) - Self.threadTime())
    }

    /// Processor time that the calling thread has taken in its life.
    static func threadTime() -> Duration { Self.time(CLOCK_THREAD_CPUTIME_ID) }

    private static func time(_ clock: clockid_t) -> Duration {
        var time = timespec()
        // It fails for a clock that is not there; all three are POSIX's and Linux's.
        guard clock_gettime(clock, &time) == 0 else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
