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

/// What the pool and its threads share: the calls that wait, and the processes that live.
///
/// The threads sleep on a semaphore that counts waiting calls, and each of them once more when the
/// pool closes.
final class HookCalls: Sendable {
    private struct State {
        var waiting: [HookCall] = []
        /// Calls of each hook that workers are at.
        var running: [HookName: Int] = [:]
        /// Times that a thread woke for a call whose hook has its share of the workers already.
        var passedOver = 0
        var closed = false
        /// Each thread's living process. Present means: not reaped, so the id is still its own.
        var processes: [Int: pid_t] = [:]
        var containments: [Int: WorkerContainment] = [:]
        var threads: Int
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>
    private let available = DispatchSemaphore(value: 0)
    private let waitingMax: Int
    /// Workers that one hook may keep busy: all but one, which is left to the devices of others.
    private let shareMax: Int

    init(threads: Int, waitingMax: Int) {
        self.shareMax = max(1, threads - 1)
        self.state = Mutex(State(threads: threads))
        self.waitingMax = waitingMax
    }

    /// Queues the call; where it cannot, returns why, and the caller answers it.
    func add(_ call: HookCall) -> HookOutcome? {
        let refusal: HookOutcome? = self.state.withLock { state in
            guard !state.closed else { return .failed("the service is stopping") }
            guard state.waiting.count < self.waitingMax else { return .busy }
            state.waiting.append(call)
            return nil
        }
        if refusal == nil { self.available.signal() }
        return refusal
    }

    /// Blocks the calling thread until there is a call; nil once the pool is closed. The first that
    /// came is the first that is served, among the hooks that have not their share already.
    func next() -> HookCall? {
        while true {
            self.available.wait()
            let (call, isOver): (HookCall?, Bool) = self.state.withLock { state in
                guard !state.closed, !state.waiting.isEmpty else { return (nil, true) }
                let index = state.waiting.firstIndex {
                    state.running[$0.script.name, default: 0] < self.shareMax
                }
                guard let index else {
                    state.passedOver += 1
                    return (nil, false)
                }
                let call = state.waiting.remove(at: index)
                state.running[call.script.name, default: 0] += 1
                return (call, false)
            }
            if isOver { return nil }
            if let call { return call }
        }
    }

    /// A call that `next` gave is answered.
    func finished(_ call: HookCall) {
        let mustWake = self.state.withLock { state in
            let left = state.running[call.script.name, default: 1] - 1
            state.running[call.script.name] = left > 0 ? left : nil
            guard state.passedOver > 0 else { return false }
            state.passedOver -= 1
            return true
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
            defer { state.waiting = [] }
            return (state.waiting, state.threads)
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
