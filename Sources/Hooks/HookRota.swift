import Fleet

/// Which of the calls that wait is served next. A value: it knows no threads and asks no clock.
///
/// First come, first served, but no hook may stand in another's way:
///
/// - One hook has all workers but one at most, and seven eighths of the queue.
/// - A call that lasts longer than a slice gives its place back. Spare workers take it over, so
///   that hooks that loop delay an honest one by a slice, and not by their deadline.
/// - A hook whose call lasted that long is slow until a call of it is quick again. Calls of slow
///   hooks have the spare workers only: those that are known to loop delay nobody.
struct HookRota {
    /// A text under a name. One that is tried before it is stored has the name and none of the
    /// blame of the one that judges devices.
    struct Hook: Hashable {
        let name: HookName
        let digest: String
    }

    struct Limits: Hashable {
        let workers: Int
        let spares: Int
        let waitingMax: Int
        let slice: Duration

        /// Calls of one hook that run at once.
        var runningOfHookMax: Int { max(1, self.workers - 1) }
        /// Calls of one hook that wait.
        var waitingOfHookMax: Int { max(1, self.waitingMax - self.waitingMax / 8) }
    }

    private struct Waiting {
        let ticket: Int
        let hook: Hook
        let until: ContinuousClock.Instant
    }

    private struct Running {
        let hook: Hook
        var since: ContinuousClock.Instant
        /// Whether the hook was known to be slow when the call began.
        let isSlow: Bool
    }

    /// Hooks that are remembered as slow.
    private static let slowMax = 1024

    private let limits: Limits
    private var waiting: [Waiting] = []
    private var waitingOfHook: [Hook: Int] = [:]
    private var running: [Int: Running] = [:]
    private var slow: Set<Hook> = []
    private var tickets = 0

    init(_ limits: Limits) { self.limits = limits }

    var isEmpty: Bool { self.waiting.isEmpty }

    /// Lets a call wait; nil where there is no room for it.
    mutating func add(_ hook: Hook, until: ContinuousClock.Instant) -> Int? {
        guard self.waiting.count < self.limits.waitingMax,
            self.waitingOfHook[hook, default: 0] < self.limits.waitingOfHookMax
        else { return nil }
        self.tickets += 1
        self.waiting.append(Waiting(ticket: self.tickets, hook: hook, until: until))
        self.waitingOfHook[hook, default: 0] += 1
        return self.tickets
    }

    /// The call that a free worker has to serve now; nil where none may be served yet.
    mutating func next(at now: ContinuousClock.Instant) -> Int? {
        guard !self.waiting.isEmpty else { return nil }
        let quick = self.running.values.count { self.isInSlice($0, now) }
        let lasting = self.running.count - quick
        var judged: [Hook: Bool] = [:]
        let index = self.waiting.firstIndex { call in
            if let known = judged[call.hook] { return known }
            let ofHook = self.running.values.count { $0.hook == call.hook }
            let hasRoom =
                self.isSlow(call.hook, now)
                ? lasting < self.limits.spares : quick < self.limits.workers
            judged[call.hook] = hasRoom && ofHook < self.limits.runningOfHookMax
            return judged[call.hook] == true
        }
        guard let index else { return nil }
        let call = self.remove(at: index)
        self.running[call.ticket] = Running(
            hook: call.hook, since: now, isSlow: self.isSlow(call.hook, now))
        return call.ticket
    }

    /// The calls whose time to wait is over. They wait no longer.
    mutating func expire(at now: ContinuousClock.Instant) -> [Int] {
        // All wait for equally long, so that those whose time is over came first.
        var expired: [Int] = []
        while let first = self.waiting.first, first.until <= now {
            expired.append(self.remove(at: 0).ticket)
        }
        return expired
    }

    /// When time alone may change what `next` and `expire` answer; nil where nobody waits.
    func nextLook(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard let first = self.waiting.first else { return nil }
        let slices = self.running.values.filter { self.isInSlice($0, now) }.map {
            $0.since + self.limits.slice
        }
        return min(first.until, slices.min() ?? first.until)
    }

    /// The worker is ready for the call; what it took to start one is no fault of the hook.
    mutating func began(_ ticket: Int, at now: ContinuousClock.Instant) {
        self.running[ticket]?.since = now
    }

    mutating func ended(_ ticket: Int, at now: ContinuousClock.Instant) {
        guard let call = self.running.removeValue(forKey: ticket) else { return }
        if now - call.since < self.limits.slice {
            self.slow.remove(call.hook)
        } else if self.slow.count < Self.slowMax {
            self.slow.insert(call.hook)
        }
    }

    /// The call was not served, which tells nothing of its hook.
    mutating func dropped(_ ticket: Int) { self.running[ticket] = nil }

    private func isInSlice(_ call: Running, _ now: ContinuousClock.Instant) -> Bool {
        !call.isSlow && now - call.since < self.limits.slice
    }

    private func isSlow(_ hook: Hook, _ now: ContinuousClock.Instant) -> Bool {
        self.slow.contains(hook)
            || self.running.values.contains {
                $0.hook == hook && now - $0.since >= self.limits.slice
            }
    }

    private mutating func remove(at index: Int) -> Waiting {
        let call = self.waiting.remove(at: index)
        let left = self.waitingOfHook[call.hook, default: 1] - 1
        self.waitingOfHook[call.hook] = left > 0 ? left : nil
        return call
    }
}
