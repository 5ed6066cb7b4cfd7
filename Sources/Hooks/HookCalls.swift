import Dispatch
import Fleet
import Glibc
import Synchronization

/// A call that waits for a worker.
struct HookCall: Sendable {
    let script: HookScript
    /// nil where the script is only to be looked at.
    let request: HookRequest?
    /// Who answers the script's questions.
    let lookup: any AllowlistLookup
    /// Receives the lines that were run; nil where nobody wants to know.
    let lines: (@Sendable ([Int]) -> Void)?
    let waitsUntil: ContinuousClock.Instant
    let answer: CheckedContinuation<HookOutcome, Never>
}

/// A call that a worker has, and the number it goes by.
struct TakenCall: Sendable {
    let ticket: Int
    let call: HookCall
}

/// What the pool and its threads share: the calls that wait, and the processes that live.
///
/// The threads sleep, those of standing workers on one semaphore and those of spare ones on
/// another, so that a spare is woken only where no standing worker is free. Whatever may let a
/// waiting call be served wakes a thread; it looks, and wakes the next where it took a call and
/// left others. One that could not take any looks again when time alone may have changed that.
final class HookCalls: Sendable {
    enum Crew: Sendable {
        /// Threads whose workers live from the start.
        case standing
        /// Threads whose workers start when they are needed.
        case spare
    }

    /// The threads of a crew that serve no call: that sleep, start a process, or are about to look.
    private struct Free {
        var count: Int
        /// Whether one has been woken that has not looked yet.
        var isWaking = false

        init(_ count: Int) { self.count = count }
    }

    private struct State {
        var rota: HookRota
        /// Those that wait, by ticket.
        var waiting: [Int: HookCall] = [:]
        /// Tickets of calls that workers are at.
        var begun: Set<Int> = []
        var standing: Free
        var spare: Free
        var closed = false
        /// Each thread's living process. Present means: not reaped, so the id is still its own.
        var processes: [Int: pid_t] = [:]
        var containments: [Int: WorkerContainment] = [:]
        var threads: Int
        var closing: [CheckedContinuation<Void, Never>] = []

        init(_ limits: HookRota.Limits) {
            self.rota = HookRota(limits)
            self.standing = Free(limits.workers)
            self.spare = Free(limits.spares)
            self.threads = limits.workers + limits.spares
        }

        subscript(crew: Crew) -> Free {
            get {
                switch crew {
                case .standing: self.standing
                case .spare: self.spare
                }
            }
            set {
                switch crew {
                case .standing: self.standing = newValue
                case .spare: self.spare = newValue
                }
            }
        }

        /// The crew of which a thread has to be woken, which is then the caller's to do. One that
        /// does not sleep looks before it does.
        mutating func crewToWake() -> Crew? {
            guard !self.waiting.isEmpty else { return nil }
            let crew = self.standing.count > 0 ? Crew.standing : .spare
            guard self[crew].count > 0, !self[crew].isWaking else { return nil }
            self[crew].isWaking = true
            return crew
        }

        mutating func takeExpired(at now: ContinuousClock.Instant) -> [HookCall] {
            self.rota.expire(at: now).compactMap { self.waiting.removeValue(forKey: $0) }
        }

        mutating func take(_ crew: Crew, at now: ContinuousClock.Instant) -> TakenCall? {
            guard crew == .standing || self.standing.count == 0,
                let ticket = self.rota.next(at: now),
                let call = self.waiting.removeValue(forKey: ticket)
            else { return nil }
            self[crew].count -= 1
            return TakenCall(ticket: ticket, call: call)
        }
    }

    /// What a thread found, and what it has to do before it goes on.
    private struct Look {
        enum Found {
            case over
            case call(TakenCall)
            case nothing(until: ContinuousClock.Instant?)
        }

        let found: Found
        var expired: [HookCall] = []
        var toWake: Crew?
    }

    private let state: Mutex<State>
    private let standingWoken = DispatchSemaphore(value: 0)
    private let spareWoken = DispatchSemaphore(value: 0)
    private let limits: HookRota.Limits

    init(_ limits: HookRota.Limits) {
        self.limits = limits
        self.state = Mutex(State(limits))
    }

    private func semaphore(_ crew: Crew) -> DispatchSemaphore {
        switch crew {
        case .standing: self.standingWoken
        case .spare: self.spareWoken
        }
    }

    private func wake(_ crew: Crew?) {
        if let crew { self.semaphore(crew).signal() }
    }

    /// Queues the call; where it cannot, returns why, and the caller answers it.
    func add(_ call: HookCall) -> HookOutcome? {
        let now = ContinuousClock.now
        let (refusal, expired, toWake): (HookOutcome?, [HookCall], Crew?) =
            self.state.withLock { state in
                guard !state.closed else {
                    return (.failed("the service is stopping"), [], nil)
                }
                let expired = state.takeExpired(at: now)
                let hook = HookRota.Hook(name: call.script.name, digest: call.script.digest)
                guard let ticket = state.rota.add(hook, until: call.waitsUntil)
                else { return (.busy, expired, nil) }
                state.waiting[ticket] = call
                return (nil, expired, state.crewToWake())
            }
        for late in expired { late.answer.resume(returning: .busy) }
        self.wake(toWake)
        return refusal
    }

    /// Blocks the calling thread until there is a call for it; nil once the pool is closed.
    func next(_ crew: Crew) -> TakenCall? {
        var hasWoken = false
        while true {
            let now = ContinuousClock.now
            let look = self.look(crew, hasWoken: hasWoken, at: now)
            for late in look.expired { late.answer.resume(returning: .busy) }
            self.wake(look.toWake)
            switch look.found {
            case .over: return nil
            case .call(let taken): return taken
            case .nothing(let until):
                hasWoken =
                    self.semaphore(crew).wait(timeout: Self.deadline(until, now)) == .success
            }
        }
    }

    private func look(
        _ crew: Crew, hasWoken: Bool, at now: ContinuousClock.Instant
    ) -> Look {
        self.state.withLock { state in
            if hasWoken { state[crew].isWaking = false }
            guard !state.closed else { return Look(found: .over) }
            let expired = state.takeExpired(at: now)
            if let taken = state.take(crew, at: now) {
                return Look(found: .call(taken), expired: expired, toWake: state.crewToWake())
            }
            // A spare leaves the call to the standing worker that is free.
            let isLeft = crew == .spare && state.standing.count > 0
            return Look(
                found: .nothing(until: isLeft ? nil : state.rota.nextLook(after: now)),
                expired: expired, toWake: isLeft ? state.crewToWake() : nil)
        }
    }

    /// Rounded up: a look that comes early has to come again.
    private static func deadline(
        _ until: ContinuousClock.Instant?, _ now: ContinuousClock.Instant
    ) -> DispatchTime {
        guard let until else { return .distantFuture }
        return .now() + .microseconds(max(0, Int((until - now) / .microseconds(1))) + 1)
    }

    /// The worker is ready for a call that `next` gave.
    func began(_ taken: TakenCall) {
        self.state.withLock { state in
            state.begun.insert(taken.ticket)
            state.rota.began(taken.ticket, at: .now)
        }
    }

    /// A call that `next` gave the thread is answered.
    func finished(_ taken: TakenCall, _ crew: Crew) {
        let toWake = self.state.withLock { state in
            // One that had no worker in time says nothing of its hook.
            if state.begun.remove(taken.ticket) != nil {
                state.rota.ended(taken.ticket, at: .now)
            } else {
                state.rota.dropped(taken.ticket)
            }
            state[crew].count += 1
            return state.crewToWake()
        }
        self.wake(toWake)
    }

    /// Blocks the calling thread for `pause`, or until the pool is closed. False once it is.
    func pause(_ pause: Duration) -> Bool {
        var left = pause
        while left > .zero, !self.isClosed {
            let slice = min(left, .milliseconds(20))
            // Nothing to poll: a wait, cut short enough that closing the pool is soon noticed.
            _ = poll(nil, 0, Int32(slice / .milliseconds(1)))
            left -= slice
        }
        return !self.isClosed
    }

    var isClosed: Bool { self.state.withLock { $0.closed } }

    var processes: [pid_t] { self.state.withLock { Array($0.processes.values) } }
    var containments: [WorkerContainment] { self.state.withLock { Array($0.containments.values) } }

    /// Makes a process known, so that closing the pool can kill it. It is killed at once where the
    /// pool closed meanwhile.
    func started(_ pid: pid_t, thread: Int) {
        self.state.withLock { state in
            state.processes[thread] = pid
            if state.closed { kill(pid, SIGKILL) }
        }
    }

    func ready(_ containment: WorkerContainment, thread: Int) {
        self.state.withLock { $0.containments[thread] = containment }
    }

    /// Kills the thread's process and reaps it. Forgotten first, so that nobody else signals an id
    /// that may then be another's.
    func end(thread: Int) {
        let pid: pid_t? = self.state.withLock { state in
            guard let pid = state.processes.removeValue(forKey: thread) else { return nil }
            state.containments[thread] = nil
            kill(pid, SIGKILL)
            return pid
        }
        guard let pid else { return }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    /// Refuses the calls that wait, kills every process and lets the threads end.
    func close() {
        let (waiting, threads): ([HookCall], Int) = self.state.withLock { state in
            guard !state.closed else { return ([], 0) }
            state.closed = true
            for pid in state.processes.values { kill(pid, SIGKILL) }
            defer { state.waiting = [:] }
            return (Array(state.waiting.values), state.threads)
        }
        for call in waiting {
            call.answer.resume(returning: .failed("the service is stopping"))
        }
        guard threads > 0 else { return }
        for _ in 0..<self.limits.workers { self.standingWoken.signal() }
        for _ in 0..<self.limits.spares { self.spareWoken.signal() }
    }

    func threadEnded() {
        let closing: [CheckedContinuation<Void, Never>] = self.state.withLock { state in
            state.threads -= 1
            guard state.threads == 0 else { return [] }
            defer { state.closing = [] }
            return state.closing
        }
        for waiter in closing { waiter.resume() }
    }

    /// Returns once the last thread has ended.
    func ended() async {
        await withCheckedContinuation { continuation in
            let already = self.state.withLock { state in
                guard state.threads > 0 else { return true }
                state.closing.append(continuation)
                return false
            }
            if already { continuation.resume() }
        }
    }
}

extension HookOutcome {
    /// No worker will be free in time.
    static let busy = HookOutcome(verdict: .busy, reads: [], log: [])

    /// A failure before the script could do anything.
    static func failed(_ cause: String) -> HookOutcome {
        HookOutcome(verdict: .failed(cause: cause), reads: [], log: [])
    }
}
