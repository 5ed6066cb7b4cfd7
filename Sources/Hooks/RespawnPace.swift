/// How fast workers may be replaced: a few at once, then at a steady rate. A script that kills its
/// worker each time must not turn the service into a machine that starts processes.
struct RespawnPace {
    private let interval: Duration
    private let atOnceMax: Int
    /// When the allowance is, or was, whole again.
    private var wholeAt: ContinuousClock.Instant

    init(
        atOnceMax: Int = HookLimits.respawnsAtOnceMax,
        perSecondMax: Int = HookLimits.respawnsPerSecondMax, now: ContinuousClock.Instant
    ) {
        self.interval = .seconds(1) / perSecondMax
        self.atOnceMax = atOnceMax
        self.wholeAt = now
    }

    /// Takes one from the allowance and says how long to wait before using it.
    mutating func take(at now: ContinuousClock.Instant) -> Duration {
        self.wholeAt = max(self.wholeAt, now) + self.interval
        let excess = (self.wholeAt - now) - self.interval * self.atOnceMax
        return max(.zero, excess)
    }
}
