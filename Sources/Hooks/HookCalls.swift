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
/// The threads sleep on a semaphore. Whatever may let a waiting call be served wakes one of them; it
/// looks, and wakes the next where it took a call and left others. One that could not take any looks
/// again when time alone may have changed that.
final class HookCalls: Sendable {
    private struct State {
        var rota: HookRota
        /// Those that wait, by ticket.
        var waiting: [Int: HookCall] = [:]
        /// Whether the semaphore is up, or a thread has woken that has not looked yet.
        var isWaking = false
        var closed = false
        /// Each thread's living process. Present means: not reaped, so the id is still its own.
        var processes: [Int: pid_t] = [:]
        var containments: [Int: WorkerContainment] = [:]
        var threads: Int
        var closing: [CheckedContinuation<Void, Never>] = []

        /// Whether a thread has to be woken, which is then the caller's to do.
        mutating func mustWake() -> Bool {
            guard !self.isWaking, !self.waiting.isEmpty else { return false }
            self.isWaking = true
            return true
        }

        mutating func takeExpired(at now: ContinuousClock.Instant) -> [HookCall] {
            self.rota.expire(at: now).compactMap { self.waiting.removeValue(forKey: $0) }
        }
    }

    private enum Look {
        case over
        case taken(TakenCall)
        case nothing(until: ContinuousClock.Instant?)
    }

    private let state: Mutex<State>
    private let available = DispatchSemaphore(value: 0)

    init(_ limits: HookRota.Limits) {
        self.state = Mutex(
            State(rota: HookRota(limits), threads: limits.workers + limits.spares))
    }

    /// Queues the call; where it cannot, returns why, and the caller answers it.
    func add(_ call: HookCall, at now: ContinuousClock.Instant = .now) -> HookOutcome? {
        let (refusal, expired, mustWake): (HookOutcome?, [HookCall], Bool) =
            self.state.withLock { state in
                guard !state.closed else {
                    return (.failed("the service is stopping"), [], false)
                }
                let expired = state.takeExpired(at: now)
                guard
                    let ticket = state.rota.add(call.script.name, until: call.waitsUntil)
                else { return (.busy, expired, false) }
                state.waiting[ticket] = call
                return (nil, expired, state.mustWake())
            }
        for late in expired { late.answer.resume(returning: .busy) }
        if mustWake { self.available.signal() }
        return refusal
    }

    /// Blocks the calling thread until there is a call for it; nil once the pool is closed.
    func next() -> TakenCall? {
        var deadline = DispatchTime.distantFuture
        while true {
            let hasWoken = self.available.wait(timeout: deadline) == .success
            let now = ContinuousClock.now
            let (look, expired, mustWake): (Look, [HookCall], Bool) = self.state.withLock { state in
                if hasWoken { state.isWaking = false }
                guard !state.closed else { return (.over, [], false) }
                let expired = state.takeExpired(at: now)
                guard let ticket = state.rota.next(at: now),
                    let call = state.waiting.removeValue(forKey: ticket)
                else { return (.nothing(until: state.rota.nextLook(after: now)), expired, false) }
                return (.taken(TakenCall(ticket: ticket, call: call)), expired, state.mustWake())
            }
            for late in expired { late.answer.resume(returning: .busy) }
            if mustWake { self.available.signal() }
            switch look {
            case .over: return nil
            case .taken(let taken): return taken
            case .nothing(until: nil): deadline = .distantFuture
            case .nothing(until: let until?):
                // Rounded up: a look that comes early has to come again.
                let microseconds = max(0, Int((until - now) / .microseconds(1))) + 1
                deadline = .now() + .microseconds(microseconds)
            }
        }
    }

    /// The worker is ready for a call that `next` gave.
    func began(_ taken: TakenCall) {
        self.state.withLock { $0.rota.began(taken.ticket, at: .now) }
    }

    /// A call that `next` gave is answered.
    func finished(_ taken: TakenCall) {
        let mustWake = self.state.withLock { state in
            state.rota.ended(taken.ticket, at: .now)
            return state.mustWake()
        }
        if mustWake { self.available.signal() }
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
        for _ in 0..<threads { self.available.signal() }
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
