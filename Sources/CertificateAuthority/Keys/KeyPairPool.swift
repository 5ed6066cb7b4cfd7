package import Fleet
import Glibc
import Synchronization

/// Keeps key pairs ready, made ahead of need on threads of their own, at low priority and in time
/// that the service leaves idle (`RefillPace`): a pair costs more processor time than twenty
/// provisionings by request. Once somebody waits for one, threads of ordinary priority make it,
/// lest idle time be waited for on a machine that has none.
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
        /// Processors that the service has; a part of them in use is what makes it busy.
        package var processors = 1

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

    private let workshop: KeyPairWorkshop
    private let threads: Mutex<[pthread_t]>

    /// Starts making pairs at once.
    /// - Throws: `FleetError.internalFailure` where the system gives no thread.
    package convenience init(_ settings: Settings) throws(FleetError) {
        let kind = settings.kind
        try self.init(settings) { () throws(FleetError) in try KeyPairMaker.make(kind) }
    }

    /// - Parameters:
    ///   - clocks: what the clocks show to the thread that asks.
    ///   - make: makes one pair; called on the pool's threads.
    init(
        _ settings: Settings,
        clocks: @escaping @Sendable () -> RefillPace.Reading = ProcessorClocks.reading,
        make: @escaping @Sendable () throws(FleetError) -> KeyPair
    ) throws(FleetError) {
        self.workshop = KeyPairWorkshop(settings, clocks: clocks, make: make)
        self.threads = Mutex([])
        for number in 0..<settings.threads + settings.servingThreads {
            let bench = Bench(self.workshop, serves: number >= settings.threads)
            guard let thread = Self.start(bench) else {
                self.shutdown()
                throw FleetError(.internalFailure, "no thread for making key pairs")
            }
            self.threads.withLock { $0.append(thread) }
        }
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
        let workshop: KeyPairWorkshop
        let serves: Bool

        init(_ workshop: KeyPairWorkshop, serves: Bool) {
            self.workshop = workshop
            self.serves = serves
        }
    }

    /// How far below the rest the threads stand that make pairs ahead of need (setpriority(2)),
    /// for the pair that was begun in idle time and ends in a storm. No further: a stop waits for
    /// the pair that is in the making, and devices for whatever lock its thread was stopped with.
    private static let niceness: Int32 = 10

    private static func start(_ bench: Bench) -> pthread_t? {
        let context = Unmanaged.passRetained(bench)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let bench = Unmanaged<Bench>.fromOpaque(context).takeRetainedValue()
                if bench.serves {
                    bench.workshop.serve()
                } else {
                    // On Linux, process 0 with PRIO_PROCESS is the calling thread alone.
                    setpriority(
                        __priority_which_t(PRIO_PROCESS.rawValue), 0, KeyPairPool.niceness)
                    bench.workshop.stock()
                }
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            return nil
        }
        return thread
    }
}
