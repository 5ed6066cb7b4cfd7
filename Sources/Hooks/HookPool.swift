package import Fleet
import Glibc
import Synchronization

/// The `PreProvisioningHook` port on killable child processes: one call at a time in each, a
/// bounded queue before them, a deadline on every call.
///
/// Each worker has a thread here that waits for it, since waiting for a process blocks and the
/// pool of Swift's tasks must not.
package final class HookPool: PreProvisioningHook {
    /// What to start as a worker.
    package struct Program: Hashable, Sendable {
        package let path: String
        package let arguments: [String]

        package init(path: String, arguments: [String] = ["hook-worker"]) {
            self.path = path
            self.arguments = arguments
        }

        /// The executable this process runs, whatever stands at its path by now: between fork and
        /// exec the child's own link still leads to it.
        package static let thisExecutable = Program(path: "/proc/self/exe")
    }

    private let settings: HookSettings
    private let calls: HookCalls
    private let lookup: any AllowlistLookup

    /// Starts the threads and their workers.
    package init(
        settings: HookSettings, program: Program = .thisExecutable, lookup: any AllowlistLookup
    ) {
        self.settings = settings
        self.lookup = lookup
        self.calls = HookCalls(settings.rota)
        for index in 0..<settings.workers + settings.spares {
            let thread = HookThread(
                index: index, calls: self.calls, settings: settings, program: program)
            if !Self.start(thread) { self.calls.threadEnded() }
        }
    }

    deinit { self.calls.close() }

    package func run(_ script: HookScript, request: HookRequest) async -> HookOutcome {
        await self.enqueue(script, request, self.lookup, nil)
    }

    /// Runs the script against another world than the service's, as tests of hooks do.
    /// - Returns: the outcome, and the lines that were run.
    package func trace(
        _ script: HookScript, request: HookRequest, in world: any AllowlistLookup
    ) async -> (outcome: HookOutcome, lines: [Int]) {
        let lines = Mutex<[Int]>([])
        let outcome = await self.enqueue(script, request, world) { run in
            lines.withLock { $0 = run }
        }
        return (outcome, lines.withLock { $0 })
    }

    /// Loads the script in a worker without calling it.
    /// - Returns: what is wrong with it, nil where nothing is.
    package func check(_ script: HookScript) async -> String? {
        switch await self.enqueue(script, nil, self.lookup, nil).verdict {
        case .allowed: nil
        case .denied: "the script was not loaded"
        case .timedOut: "loading the script took longer than the deadline"
        case .busy: "no worker was free to load the script"
        case .failed(let cause): cause
        }
    }

    /// Kills and reaps every worker. Calls that run or wait are refused. Returns when all are gone.
    package func shutdown() async {
        self.calls.close()
        await self.calls.ended()
    }

    /// The workers that live, for the log and for tests.
    package var processIDs: [Int32] { self.calls.processes }

    /// What each living worker has given up, in no order.
    package var containments: [WorkerContainment] { self.calls.containments }

    private func enqueue(
        _ script: HookScript, _ request: HookRequest?, _ lookup: any AllowlistLookup,
        _ lines: (@Sendable ([Int]) -> Void)?
    ) async -> HookOutcome {
        guard script.source.utf8.count <= Limits.hookSourceBytesMax else {
            return .failed("the script has more than \(Limits.hookSourceBytesMax) bytes")
        }
        return await withCheckedContinuation { continuation in
            let call = HookCall(
                script: script, request: request, lookup: lookup, lines: lines,
                waitsUntil: .now + .milliseconds(self.settings.waitMillisecondsMax),
                answer: continuation)
            if let refusal = self.calls.add(call) {
                continuation.resume(returning: refusal)
            }
        }
    }

    /// Carries a thread's state through C.
    private final class ThreadBox {
        var thread: HookThread
        init(_ thread: consuming HookThread) { self.thread = thread }
    }

    private static func start(_ thread: consuming HookThread) -> Bool {
        let box = Unmanaged.passRetained(ThreadBox(thread))
        var handle = pthread_t()
        let error = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ThreadBox>.fromOpaque(context).takeRetainedValue().thread.run()
                return nil
            }, box.toOpaque())
        if error == 0 { pthread_detach(handle) } else { box.release() }
        return error == 0
    }
}
