import Dispatch
import Fleet
import Synchronization

/// A key pair pool's shared state: what is ready, who waits, what is in the making; and what its
/// threads do.
final class KeyPairWorkshop: Sendable {
    typealias Answer = Result<KeyPair, FleetError>

    private struct Waiter {
        let ticket: Int
        let continuation: CheckedContinuation<Answer, Never>
    }

    private struct State {
        var ready: [KeyPair] = []
        var waiters: [Waiter] = []
        var cancelled: Set<Int> = []
        var making = 0
        /// Of these, by the threads that serve.
        var serving = 0
        /// Threads that make pairs ahead of need and sleep, since there are enough. One that is
        /// woken is none of them any more.
        var dozing = 0
        /// The same of those that wait for idle time.
        var resting = 0
        /// How long a serving thread took for a pair of late; zero before the first.
        var makingTime = Duration.zero
        var counts = KeyPairPool.Counts()
        var lastTicket = 0
        var isStopped = false
    }

    /// What a thread that makes pairs ahead of need finds to do.
    private enum Need {
        case stock, waiter, stop
    }

    /// How long nothing is made ahead of need after that has failed.
    private static let restAfterFailure = Duration.seconds(1)

    private let settings: KeyPairPool.Settings
    private let clocks: @Sendable () -> RefillPace.Reading
    private let make: @Sendable () throws(FleetError) -> KeyPair
    private let state = Mutex(State())
    /// Raised for a dozing thread.
    private let wake = DispatchSemaphore(value: 0)
    /// Raised for a resting thread.
    private let hurry = DispatchSemaphore(value: 0)
    /// Raised for a thread that serves, once for each who waits.
    private let wakeServing = DispatchSemaphore(value: 0)

    init(
        _ settings: KeyPairPool.Settings,
        clocks: @escaping @Sendable () -> RefillPace.Reading,
        make: @escaping @Sendable () throws(FleetError) -> KeyPair
    ) {
        self.settings = settings
        self.clocks = clocks
        self.make = make
    }

    var readyCount: Int { self.state.withLock { $0.ready.count } }
    var waitingCount: Int { self.state.withLock { $0.waiters.count } }

    var counts: KeyPairPool.Counts { self.state.withLock { $0.counts } }

    // MARK: Who takes

    func ticket() -> Int {
        self.state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
    }

    func take(_ ticket: Int, _ continuation: CheckedContinuation<Answer, Never>) {
        let answer: Answer? = self.state.withLock { state in
            if state.isStopped { return .failure(Self.stopped) }
            if state.cancelled.remove(ticket) != nil { return .failure(Self.cancelled) }
            if !state.ready.isEmpty {
                state.counts.taken += 1
                self.rouse(&state)
                return .success(state.ready.removeFirst())
            }
            let round = state.waiters.count / max(1, self.settings.servingThreads) + 1
            let isTooLong = state.makingTime * round > self.settings.waitMax
            guard state.waiters.count < self.settings.waitersMax, !isTooLong else {
                state.counts.refused += 1
                return .failure(
                    FleetError(
                        .tooManyRequests,
                        "\(state.waiters.count) already wait for a key pair: try again later, or "
                            + "send a certificate signing request"))
            }
            state.counts.missed += 1
            state.waiters.append(Waiter(ticket: ticket, continuation: continuation))
            self.rouse(&state)
            if self.isWaitedFor(state) { self.hasten(&state) }
            return nil
        }
        if let answer {
            continuation.resume(returning: answer)
        } else {
            self.wakeServing.signal()
        }
    }

    /// A cancellation may come before the wait it cancels; then its ticket is remembered.
    func cancel(_ ticket: Int) {
        let waiter: Waiter? = self.state.withLock { state in
            if let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) {
                return state.waiters.remove(at: index)
            }
            if !state.isStopped { state.cancelled.insert(ticket) }
            return nil
        }
        waiter?.continuation.resume(returning: .failure(Self.cancelled))
    }

    /// The wait is over, and a cancellation that came too late with it.
    func forget(_ ticket: Int) { _ = self.state.withLock { $0.cancelled.remove(ticket) } }

    func stop(threads: Int) {
        let waiters = self.state.withLock { state in
            state.isStopped = true
            state.ready = []
            while state.dozing > 0 { self.rouse(&state) }
            while state.resting > 0 { self.hasten(&state) }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.stopped)) }
        for _ in 0..<threads { self.wakeServing.signal() }
    }

    // MARK: Whoever waits

    /// The life of a thread that makes pairs for whoever waits, and none ahead of need.
    func serve() {
        while true {
            self.wakeServing.wait()
            while self.beginOne(serves: true) {
                let start = ContinuousClock.now
                let answer = self.makeOne()
                self.note(ContinuousClock.now - start)
                if !self.finishOne(answer, serves: true) { break }
            }
            if self.state.withLock({ $0.isStopped }) { return }
        }
    }

    /// A quarter of it is the newest: a busy machine is noticed in a few pairs, and so is its end.
    private func note(_ time: Duration) {
        self.state.withLock { state in
            state.makingTime =
                state.makingTime == .zero ? time : (state.makingTime * 3 + time) / 4
        }
    }

    // MARK: Ahead of need

    /// The life of a thread that makes pairs until the store is full, each when its time has come.
    func stock() {
        var pace = RefillPace(processors: self.settings.processors)
        while true {
            let need = self.awaitNeed()
            if need == .stop { return }
            if case .rest(let time) = pace.next(self.clocks(), isWaitedFor: need == .waiter) {
                self.rest(time)
                continue
            }
            guard self.beginOne(serves: false) else { continue }
            let before = ProcessorClocks.threadTime()
            let answer = self.makeOne()
            pace.made(
                cost: ProcessorClocks.threadTime() - before, at: self.clocks().elapsed)
            if !self.finishOne(answer, serves: false) { self.rest(Self.restAfterFailure) }
        }
    }

    /// Blocks while there are enough.
    private func awaitNeed() -> Need {
        while true {
            let need: Need? = self.state.withLock { state in
                if state.isStopped { return .stop }
                if self.isWaitedFor(state) { return .waiter }
                if self.isNeeded(state, serves: false) { return .stock }
                state.dozing += 1
                return nil
            }
            if let need { return need }
            self.wake.wait()
        }
    }

    /// Somebody waits, and no thread is there that serves.
    private func isWaitedFor(_ state: State) -> Bool {
        self.settings.servingThreads == 0 && state.making < state.waiters.count
    }

    /// Sleeps for so long, or until somebody waits.
    private func rest(_ time: Duration) {
        let mayRest = self.state.withLock { state in
            guard !state.isStopped, !self.isWaitedFor(state) else { return false }
            state.resting += 1
            return true
        }
        guard mayRest else { return }
        let (seconds, attoseconds) = time.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        guard self.hurry.wait(timeout: .now() + .nanoseconds(nanoseconds)) == .timedOut else {
            return
        }
        let isRaised = self.state.withLock { state in
            guard state.resting > 0 else { return true }
            state.resting -= 1
            return false
        }
        // In the same moment; it must not cut short another rest.
        if isRaised { self.hurry.wait() }
    }

    private func rouse(_ state: inout State) {
        guard state.dozing > 0 else { return }
        state.dozing -= 1
        self.wake.signal()
    }

    private func hasten(_ state: inout State) {
        guard state.resting > 0 else { return }
        state.resting -= 1
        self.hurry.signal()
    }

    // MARK: One pair

    private func makeOne() -> Answer {
        do throws(FleetError) { return .success(try self.make()) } catch { return .failure(error) }
    }

    /// What the idle threads have in the making may be long in coming, so that it does not count
    /// for whoever waits.
    private func isNeeded(_ state: State, serves: Bool) -> Bool {
        serves
            ? state.serving < state.waiters.count
            : state.ready.count + state.making < self.settings.depth + state.waiters.count
    }

    private func beginOne(serves: Bool) -> Bool {
        self.state.withLock { state in
            guard !state.isStopped, self.isNeeded(state, serves: serves) else { return false }
            state.making += 1
            if serves { state.serving += 1 }
            return true
        }
    }

    /// - Returns: false where making failed and nobody heard of it: rather than fail again at
    ///   once, the thread sleeps for a while.
    private func finishOne(_ answer: Answer, serves: Bool) -> Bool {
        let (waiter, goesOn): (Waiter?, Bool) = self.state.withLock { state in
            state.making -= 1
            if serves { state.serving -= 1 }
            if !state.waiters.isEmpty {
                if case .success = answer { state.counts.taken += 1 }
                return (state.waiters.removeFirst(), true)
            }
            guard case .success(let pair) = answer, !state.isStopped else { return (nil, false) }
            if state.ready.count < self.settings.depth { state.ready.append(pair) }
            return (nil, true)
        }
        waiter?.continuation.resume(returning: answer)
        return goesOn
    }

    private static let stopped = FleetError(
        .serviceUnavailable, "the service is stopping and makes no more key pairs")
    private static let cancelled = FleetError(
        .serviceUnavailable, "the wait for a key pair was given up")
}
