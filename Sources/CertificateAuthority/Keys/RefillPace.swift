/// When the next pair is made that nobody waits for: in time that the rest of the service leaves
/// idle, and slowly where it leaves none.
///
/// Low priority alone is not enough. The kernel gives a thread of low priority its small share of a
/// core that everybody wants, and for a share smaller still (SCHED_IDLE) the thread would be off
/// its core for a second at a time with a lock in its hands that devices wait for. So what the
/// service is busy with is measured, and the thread sleeps, holding nothing.
///
/// Busy is what takes processor time, not what asks for something: a line of four devices a second
/// never falls silent and leaves nearly all of a machine idle.
struct RefillPace {
    /// What the clocks show at a moment; only differences count.
    struct Reading: Hashable, Sendable {
        /// Time that has gone by.
        var elapsed: Duration
        /// Processor time that the process has taken, without the thread that asks.
        var worked: Duration
    }

    enum Step: Hashable, Sendable {
        case make
        /// Look again after this long, or once somebody waits.
        case rest(Duration)
    }

    /// The service is busy when it takes a quarter of the processors: beyond that, a device that
    /// comes might find all of them taken.
    static let busyPart = 4
    /// Shorter than this says nothing: one TLS handshake fills a millisecond.
    static let windowMin = Duration.milliseconds(100)
    /// Longer than this says nothing about now.
    static let windowMax = Duration.seconds(1)
    /// Of a service that is never idle, pairs ahead of need take one fiftieth of one core: half a
    /// device in a hundred by RSA, and a stock that has been used up comes back at all.
    static let busyRestFactor = 49

    private let processors: Int
    private var window: Reading?
    private var wasIdle = true
    private var lastCost = Duration.zero
    /// While the service is busy, no pair is begun before this.
    private var nextWhenBusy = Duration.zero

    init(processors: Int) { self.processors = max(1, processors) }

    /// - Parameter isWaitedFor: somebody waits, and nobody else makes the pair.
    mutating func next(_ now: Reading, isWaitedFor: Bool = false) -> Step {
        if isWaitedFor { return .make }
        guard let begin = self.window, now.elapsed - begin.elapsed <= Self.windowMax else {
            self.window = now
            return .rest(Self.windowMin)
        }
        let span = now.elapsed - begin.elapsed
        if span >= Self.windowMin {
            let isIdle = (now.worked - begin.worked) * Self.busyPart < span * self.processors
            self.window = now
            self.note(isIdle: isIdle, at: now.elapsed)
        }
        if self.wasIdle || now.elapsed >= self.nextWhenBusy { return .make }
        return .rest(min(Self.windowMin, self.nextWhenBusy - now.elapsed))
    }

    private mutating func note(isIdle: Bool, at elapsed: Duration) {
        // A burst that is over before the slow pace's first pair is due pays for none.
        if self.wasIdle, !isIdle {
            self.nextWhenBusy = elapsed + self.lastCost * Self.busyRestFactor
        }
        self.wasIdle = isIdle
    }

    /// - Parameter cost: the processor time that a pair took which was made for the stock.
    mutating func made(cost: Duration, at elapsed: Duration) {
        self.lastCost = cost
        self.nextWhenBusy = elapsed + cost * Self.busyRestFactor
    }
}
