package import Fleet
import Synchronization

/// Carries out bulk registration tasks: any number at once, their lines taking turns at a bounded
/// number of places. AWS runs one task of an account at a time.
///
/// Exactly once, whatever happens to the process: a line's own commit says that it is done, its
/// report is on disk before the task's progress says so, and what lies between the two after a
/// crash is recognised by the first.
package final class RegistrationTaskRunner: Sendable {
    package struct Ports: Sendable {
        package let store: any FleetStore
        package let files: any RegistrationFiles
        package let inputs: any RegistrationInputs
        package let registration: DirectRegistration
        package let clock: any WallClock
        /// Waits before the attempt of that number, counting from 1.
        package let pause: @Sendable (_ attempt: Int) async -> Void

        package init(
            store: any FleetStore, files: any RegistrationFiles, inputs: any RegistrationInputs,
            registration: DirectRegistration, clock: any WallClock,
            pause: @escaping @Sendable (_ attempt: Int) async -> Void
        ) {
            self.store = store
            self.files = files
            self.inputs = inputs
            self.registration = registration
            self.clock = clock
            self.pause = pause
        }
    }

    package enum Event: Sendable {
        case began(RegistrationTask)
        case ended(RegistrationTaskID, RegistrationTask.Status)
        /// Something of the service's own went wrong; the task goes on from its last checkpoint.
        case interrupted(RegistrationTaskID, FleetError)
    }

    /// Attempts without any progress between them, after which a task fails.
    static let attemptsMax = 10

    let ports: Ports
    /// The places that lines of all tasks take turns at.
    let gate: FairGate
    let observe: @Sendable (Event) -> Void
    private let submitted: AsyncStream<RegistrationTaskID>
    private let submission: AsyncStream<RegistrationTaskID>.Continuation
    private let signals = Mutex(Signals())

    private struct Signals {
        var isStopping = false
        var underWay: Set<RegistrationTaskID> = []
        var cancelled: Set<RegistrationTaskID> = []
    }

    /// - Parameter lineWorkers: lines at work at once, of all tasks together.
    package init(
        ports: Ports, lineWorkers: Int, observe: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.ports = ports
        self.gate = FairGate(places: lineWorkers)
        self.observe = observe
        (self.submitted, self.submission) = AsyncStream.makeStream()
    }

    // MARK: From outside

    /// Has a task that is in the store carried out.
    package func submit(_ id: RegistrationTaskID) { self.submission.yield(id) }

    /// Has a task look at its record at once, as that says that the task was stopped.
    package func notice(stopOf id: RegistrationTaskID) {
        self.signals.withLock { signals in
            if signals.underWay.contains(id) { signals.cancelled.insert(id) }
        }
    }

    /// Carries out what is unfinished and what is submitted. Returns after `stop`, once every task
    /// has come to its next checkpoint.
    /// - Throws: where the store cannot be read.
    package func run() async throws(FleetError) {
        let unfinished = try await self.unfinished()
        await withDiscardingTaskGroup { group in
            for id in unfinished { group.addTask { await self.carryOut(id) } }
            for await id in self.submitted { group.addTask { await self.carryOut(id) } }
        }
    }

    package func stop() {
        self.signals.withLock { $0.isStopping = true }
        self.submission.finish()
    }

    var isStopping: Bool { self.signals.withLock { $0.isStopping } }

    func isCancelled(_ id: RegistrationTaskID) -> Bool {
        self.signals.withLock { $0.cancelled.contains(id) }
    }

    // MARK: One task

    private func unfinished() async throws(FleetError) -> [RegistrationTaskID] {
        var found: [RegistrationTaskID] = []
        for status in RegistrationTask.Status.allCases where !status.isEnded {
            var after: String?
            repeat {
                let page = try await self.ports.store.page(
                    ListQuery(.registrationTasks(status), after: after))
                for case .registrationTask(let task) in page.records { found.append(task.id) }
                after = page.next
            } while after != nil
        }
        return found
    }

    private func carryOut(_ id: RegistrationTaskID) async {
        let isFirst = self.signals.withLock { $0.underWay.insert(id).inserted }
        guard isFirst else { return }
        defer {
            self.signals.withLock { signals in
                signals.underWay.remove(id)
                signals.cancelled.remove(id)
            }
        }
        var attempt = 0
        var lines = -1
        while !self.isStopping {
            do {
                let run = RegistrationTaskRun(id: id, runner: self)
                switch try await run.run() {
                case .ended, .paused: return
                }
            } catch {
                self.observe(.interrupted(id, error))
                // What a task works on is gone, and does not come back by waiting.
                if error.code == .notFound, await self.giveUp(id, error) { return }
                let reached = (try? await self.linesDone(of: id)) ?? lines
                attempt = reached > lines ? 1 : attempt + 1
                lines = reached
                if attempt >= Self.attemptsMax, await self.giveUp(id, error) { return }
                await self.ports.pause(min(attempt, Self.attemptsMax))
            }
        }
    }

    private func linesDone(of id: RegistrationTaskID) async throws(FleetError) -> Int {
        try await self.ports.store.load([.registrationTask(id)]).registrationTask(id)?
            .state.progress.lines ?? 0
    }

    private func giveUp(_ id: RegistrationTaskID, _ error: FleetError) async -> Bool {
        (try? await RegistrationTaskRun(id: id, runner: self).end(.failed(error.message))) != nil
    }
}
