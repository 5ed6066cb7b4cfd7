import Dispatch
package import Fleet
import Glibc
import Synchronization

/// Keeps key pairs ready, made ahead of need on threads of its own at low priority: a pair costs
/// more processor time than a hundred provisionings by request. Once somebody waits for one,
/// threads of ordinary priority make it, lest idle time be waited for on a machine that has none.
///
/// What is ready is in memory and nowhere else. A file of keys would outlive the process, and with
/// it the promise that a device's key exists only until its reply has gone.
///
/// A flood is served in order as pairs are made, and bounded: who would be the `waitersMax + 1`st
/// to wait is told to come back later.
package final class KeyPairPool: Sendable {
    /// How the pool is set up.
    package struct Settings: Sendable {
        package var kind: KeyPairKind
        /// Pairs kept ready.
        package var depth: Int
        /// Those that make pairs ahead of need.
        package var threads: Int
        /// Those that make pairs for whoever waits, beside the others.
        package var servingThreads: Int
        package var waitersMax: Int
        /// Nobody waits for whom this would be too short, as far as the making time foretells.
        package var waitMax = Duration.seconds(5)

        package init(
            kind: KeyPairKind = .rsa2048, depth: Int = 16, threads: Int = 1,
            servingThreads: Int = 0, waitersMax: Int = 64
        ) {
            self.kind = kind
            self.depth = max(0, depth)
            self.threads = max(1, threads)
            self.servingThreads = max(0, servingThreads)
            self.waitersMax = max(1, waitersMax)
        }
    }

    private let workshop: Workshop
    private let threads: Mutex<[pthread_t]>

    /// Starts making pairs at once.
    /// - Throws: `FleetError.internalFailure` where the system gives no thread.
    package convenience init(_ settings: Settings) throws(FleetError) {
        let kind = settings.kind
        try self.init(settings) { () throws(FleetError) in try KeyPairMaker.make(kind) }
    }

    /// - Parameter make: makes one pair; called on the pool's threads.
    init(
        _ settings: Settings, make: @escaping @Sendable () throws(FleetError) -> KeyPair
    ) throws(FleetError) {
        self.workshop = Workshop(settings, make: make)
        self.threads = Mutex([])
        for number in 0..<settings.threads + settings.servingThreads {
            let bench = Bench(self.workshop, serves: number >= settings.threads)
            guard let thread = Self.start(bench) else {
                self.shutdown()
                throw FleetError(.internalFailure, "no thread for making key pairs")
            }
            self.threads.withLock { $0.append(thread) }
        }
        self.workshop.begin()
    }

    deinit { self.shutdown() }

    /// Pairs ready now, for a gauge.
    package var readyCount: Int { self.workshop.readyCount }
    /// Requests waiting for a pair now, for a gauge.
    package var waitingCount: Int { self.workshop.waitingCount }

    /// What became of those who asked, since the start.
    package struct Counts: Hashable, Sendable {
        /// Pairs handed out, each once.
        package var taken = 0
        /// Of those who asked, how many found nothing ready and had to wait.
        package var missed = 0
        /// How many were turned away, since too many waited already.
        package var refused = 0
    }

    package var counts: Counts { self.workshop.counts }

    package func next() async throws(FleetError) -> KeyPair {
        let ticket = self.workshop.ticket()
        defer { self.workshop.forget(ticket) }
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { self.workshop.take(ticket, $0) }
        } onCancel: {
            self.workshop.cancel(ticket)
        }.get()
    }

    /// Refuses whoever waits and ends the threads. Blocks until the pairs now in the making are
    /// made and dropped, well under a second as a rule. May be called again.
    package func shutdown() {
        let threads = self.threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        self.workshop.stop(threads: threads.count)
        for thread in threads { pthread_join(thread, nil) }
    }

    /// Where a thread works, and for whom.
    private final class Bench: Sendable {
        let workshop: Workshop
        let serves: Bool

        init(_ workshop: Workshop, serves: Bool) {
            self.workshop = workshop
            self.serves = serves
        }
    }

    /// How far below the rest the threads stand that make pairs ahead of need (setpriority(2)). No
    /// further: a stop waits for the pair that is in the making.
    private static let niceness: Int32 = 10

    private static func start(_ bench: Bench) -> pthread_t? {
        let context = Unmanaged.passRetained(bench)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let bench = Unmanaged<Bench>.fromOpaque(context).takeRetainedValue()
                if !bench.serves {
                    // On Linux, process 0 with PRIO_PROCESS is the calling thread alone.
                    setpriority(
                        __priority_which_t(PRIO_PROCESS.rawValue), 0, KeyPairPool.niceness)
                }
                bench.workshop.work(serves: bench.serves)
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            return nil
        }
        return thread
    }
}

/// The pool's shared state: what is ready, who waits, what is in the making.
private final class Workshop: Sendable {
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
        /// How long a serving thread took for a pair of late; zero before the first.
        var makingTime = Duration.zero
        var counts = KeyPairPool.Counts()
        var lastTicket = 0
        var isStopped = false
    }

    private let settings: KeyPairPool.Settings
    private let make: @Sendable () throws(FleetError) -> KeyPair
    private let state = Mutex(State())
    /// Raised whenever there may be something to make; a thread that finds nothing sleeps again.
    private let wake = DispatchSemaphore(value: 0)
    /// The same for the threads that serve whoever waits.
    private let wakeServing = DispatchSemaphore(value: 0)

    init(
        _ settings: KeyPairPool.Settings,
        make: @escaping @Sendable () throws(FleetError) -> KeyPair
    ) {
        self.settings = settings
        self.make = make
    }

    var readyCount: Int { self.state.withLock { $0.ready.count } }
    var waitingCount: Int { self.state.withLock { $0.waiters.count } }

    var counts: KeyPairPool.Counts { self.state.withLock { $0.counts } }

    func begin() {
        for _ in 0..<self.settings.threads { self.wake.signal() }
    }

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
            return nil
        }
        self.wake.signal()
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
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.stopped)) }
        for _ in 0..<threads {
            self.wake.signal()
            self.wakeServing.signal()
        }
    }

    /// A thread's life: woken, it makes pairs until nobody waits and the store is full.
    /// - Parameter serves: it makes pairs for whoever waits, and none ahead of need.
    func work(serves: Bool) {
        while true {
            (serves ? self.wakeServing : self.wake).wait()
            while self.beginOne(serves: serves) {
                let answer: Answer
                let start = ContinuousClock.now
                do {
                    answer = .success(try self.make())
                } catch {
                    answer = .failure(error)
                }
                if serves { self.note(ContinuousClock.now - start) }
                if !self.finishOne(answer, serves: serves) { break }
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

    /// What the idle threads have in the making may be long in coming, so that it does not count
    /// for whoever waits.
    private func beginOne(serves: Bool) -> Bool {
        self.state.withLock { state in
            guard !state.isStopped else { return false }
            let isNeeded =
                serves
                ? state.serving < state.waiters.count
                : state.ready.count + state.making < self.settings.depth + state.waiters.count
            guard isNeeded else { return false }
            state.making += 1
            if serves { state.serving += 1 }
            return true
        }
    }

    /// - Returns: false where making failed and nobody heard of it: rather than fail again at
    ///   once, the thread sleeps until somebody asks.
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
