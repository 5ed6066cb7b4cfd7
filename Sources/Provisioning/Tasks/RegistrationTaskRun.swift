import Fleet
import JSON
import Synchronization

/// One attempt at one task, from its last checkpoint to its end.
struct RegistrationTaskRun {
    enum Outcome {
        case ended
        /// The service is stopping; the task goes on when it starts again.
        case paused
    }

    /// Lines of one task that may be read and not yet reported: what a slow line can hold up.
    static let windowLines = 256
    /// A checkpoint is due after this many lines, or this long after the last.
    static let checkpointLines = 512
    static let checkpointMilliseconds: Int64 = 1000
    /// How often a line is tried that the service had no room for.
    static let lineAttemptsMax = 6

    let id: RegistrationTaskID
    let runner: RegistrationTaskRunner

    private var ports: RegistrationTaskRunner.Ports { self.runner.ports }

    /// - Throws: whatever is not the task's own fault: the next attempt begins at the last
    ///   checkpoint.
    func run() async throws(FleetError) -> Outcome {
        guard var task = try await self.load(), !task.state.status.isEnded else { return .ended }
        self.runner.observe(.began(task))
        let template: RegistrationOrder.Template
        do throws(FleetError) {
            template = try RegistrationOrder.Template(body: task.templateBody)
        } catch {
            return try await self.end(.failed(error.message))
        }
        if task.state.status == .inProgress,
            let reason = try await self.withdrawal(of: task, by: template)
        {
            return try await self.end(.failed(reason))
        }
        if task.state.status == .inProgress, task.state.progress.inputBytes == nil {
            guard let bytes = try await self.copyInput(of: task) else { return .ended }
            task.state.progress.inputBytes = bytes
            guard try await self.advance(to: task.state.progress) != nil else { return .ended }
        }
        return try await self.carryOut(task, by: template)
    }

    // MARK: Input

    /// A task works on a copy: what becomes of the source afterwards is no matter, and a crash
    /// finds the same bytes at the same places.
    ///
    /// - Returns: nil where there is nothing to copy, and the task has ended.
    private func copyInput(of task: RegistrationTask) async throws(FleetError) -> Int64? {
        let files = self.ports.files
        let size = Mutex<Int64>(0)
        do throws(FleetError) {
            try self.ports.inputs.check(task.input)
            try await files.beginInput(of: self.id)
            try await self.ports.inputs.read(task.input) {
                [id = self.id, runner = self.runner] piece async throws(FleetError) in
                let total = size.withLock { size in
                    size += Int64(piece.count)
                    return size
                }
                guard total <= Limits.registrationInputBytesMax else {
                    throw FleetError(
                        .invalidRequest,
                        "it has more than \(Limits.registrationInputBytesMax) bytes")
                }
                guard !runner.isStopping, !runner.isCancelled(id) else {
                    throw FleetError(.serviceUnavailable, "stopped")
                }
                try await files.appendInput(piece, of: id)
            }
            return try await files.finishInput(of: self.id)
        } catch {
            if self.runner.isCancelled(self.id) {
                _ = try await self.end(.stopped)
                return nil
            }
            guard error.code == .invalidRequest || error.code == .notFound else { throw error }
            _ = try await self.end(
                .failed("the input '\(task.input)' cannot be read: \(error.message)"))
            return nil
        }
    }

    // MARK: Lines

    private func carryOut(
        _ task: RegistrationTask, by template: RegistrationOrder.Template
    ) async throws(FleetError) -> Outcome {
        let window = FairGate(places: Self.windowLines)
        let ledger = TaskLedger(from: task.state.progress, window: window)
        let interruption = Mutex<FleetError?>(nil)
        let workers = LineWorkers(
            task: task, template: template, ports: self.ports, gate: self.runner.gate,
            window: window, ledger: ledger,
            interrupt: { error in interruption.withLock { $0 = $0 ?? error } })
        var reader = RegistrationLineReader(
            files: self.ports.files, task: self.id, from: task.state.progress)
        var standing: RegistrationTask.Status? = task.state.status
        var lastCheckpoint = self.ports.clock.now
        var withdrawal: String?
        var failure: FleetError?
        await withDiscardingTaskGroup { group in
            do throws(FleetError) {
                while standing == .inProgress, withdrawal == nil, !self.runner.isStopping,
                    interruption.withLock({ $0 == nil })
                {
                    guard let line = try await workers.next(from: &reader) else { break }
                    group.addTask { await workers.perform(line) }
                    guard self.isDue(ledger, since: lastCheckpoint) else { continue }
                    standing = try await self.checkpoint(ledger)
                    withdrawal = try await self.withdrawal(of: task, by: template)
                    lastCheckpoint = self.ports.clock.now
                }
            } catch { failure = error }
        }
        // Every line that was begun has been entered by now, or has interrupted the run.
        if let error = failure { throw error }
        if let error = interruption.withLock({ $0 }) {
            _ = try await self.checkpoint(ledger)
            throw error
        }
        let isAtEnd = reader.position == task.state.progress.inputBytes
        if isAtEnd { ledger.reachEnd(bytes: reader.position, lines: reader.lines) }
        switch try await self.checkpoint(ledger) {
        case nil, .completed?, .failed?, .cancelled?: return .ended
        case .cancelling?: return try await self.end(.stopped)
        case .inProgress? where isAtEnd:
            return try await self.end(.finished(failures: ledger.progress.failures))
        case .inProgress? where self.runner.isStopping: return .paused
        case .inProgress?:
            return try await self.end(
                .failed(
                    withdrawal ?? "the copy of the input '\(task.input)' is shorter than it was"))
        }
    }

    /// Why whoever started the task may not have it go on; nil where he may.
    private func withdrawal(
        of task: RegistrationTask, by template: RegistrationOrder.Template
    ) async throws(FleetError) -> String? {
        let rights = template.neededRights(
            createsMissing: task.createsMissing, in: self.ports.registration.realm)
        return try await TaskStarter(task)?.withdrawal(
            of: [.startingTask] + rights, in: self.ports.store, at: self.ports.clock.now)
    }

    private func isDue(_ ledger: TaskLedger, since last: UnixTime) -> Bool {
        ledger.linesWaiting >= Self.checkpointLines || self.runner.isCancelled(self.id)
            || self.ports.clock.now.milliseconds
                >= last.milliseconds + Self.checkpointMilliseconds
    }

    // MARK: Checkpoints

    /// Makes what was entered durable: first the reports, then the progress that counts on them.
    ///
    /// - Returns: what the task's record says by then; nil where it is gone or has ended.
    private func checkpoint(
        _ ledger: TaskLedger
    ) async throws(FleetError) -> RegistrationTask.Status? {
        let batch = ledger.takeBatch()
        let progress = batch.progress
        if !batch.results.isEmpty {
            try await self.ports.files.write(
                batch.results, to: .results, of: self.id,
                at: progress.resultsBytes - Int64(batch.results.count))
        }
        if !batch.errors.isEmpty {
            try await self.ports.files.write(
                batch.errors, to: .errors, of: self.id,
                at: progress.errorsBytes - Int64(batch.errors.count))
        }
        CrashPoint.reached(.afterTaskReport)
        let status = try await self.advance(to: progress)
        CrashPoint.reached(.afterTaskCheckpoint)
        return status
    }

    /// - Returns: the task's status; nil where it is gone or has ended.
    private func advance(
        to progress: RegistrationTask.Progress
    ) async throws(FleetError) -> RegistrationTask.Status? {
        try await self.settle { view, now in
            guard let task = view.registrationTask(self.id), !task.state.status.isEnded
            else { return nil }
            return (
                RegistrationTasks.advance(self.id, to: progress, in: view, at: now),
                task.state.status
            )
        }
    }

    @discardableResult
    func end(_ ending: RegistrationTasks.Ending) async throws(FleetError) -> Outcome {
        let status: RegistrationTask.Status? = try await self.settle { view, now in
            guard let set = RegistrationTasks.end(self.id, as: ending, in: view, at: now)
            else { return nil }
            for case .setRegistrationTaskState(_, let state) in set.changes {
                return (set, state.status)
            }
            return nil
        }
        // The copy has served; a failure to remove it is mended by the sweep.
        try? await self.ports.files.removeInput(of: self.id)
        if let status { self.runner.observe(.ended(self.id, status)) }
        return .ended
    }

    /// Decides about the task's record and commits, afresh where somebody stopped the task
    /// meanwhile.
    private func settle<Result>(
        _ decide: (RegistryView, UnixTime) -> (ChangeSet?, Result)?
    ) async throws(FleetError) -> Result? {
        while true {
            let view = try await self.ports.store.load([.registrationTask(self.id)])
            guard let (set, result) = decide(view, self.ports.clock.now) else { return nil }
            guard let set else { return result }
            do throws(FleetError) {
                _ = try await self.ports.store.commit(set, by: .service("registration-tasks"))
                return result
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
    }

    private func load() async throws(FleetError) -> RegistrationTask? {
        try await self.ports.store.load([.registrationTask(self.id)]).registrationTask(self.id)
    }
}

/// Reads a task's lines when there is a place for them, and carries each out.
struct LineWorkers: Sendable {
    let task: RegistrationTask
    let template: RegistrationOrder.Template
    let ports: RegistrationTaskRunner.Ports
    let gate: FairGate
    let window: FairGate
    let ledger: TaskLedger
    /// Told what is not a line's own fault: such a line is neither done nor failed.
    let interrupt: @Sendable (FleetError) -> Void

    /// Waits for a place before a line is read, so that lines of many tasks do not fill memory.
    func next(
        from reader: inout RegistrationLineReader
    ) async throws(FleetError) -> InputLine? {
        await self.window.enter()
        await self.gate.enter()
        do throws(FleetError) {
            if let line = try await reader.next() { return line }
        } catch {
            self.leave()
            throw error
        }
        self.leave()
        return nil
    }

    private func leave() {
        self.gate.leave()
        self.window.leave()
    }

    func perform(_ line: InputLine) async {
        defer { self.gate.leave() }
        do throws(FleetError) {
            let order = RegistrationOrder(
                template: self.template, parameters: try LineParameters.read(line.content),
                line: RegistrationLine(task: self.task.id, number: line.number),
                createsMissing: self.task.createsMissing)
            self.ledger.enter(line, try await self.register(order))
        } catch {
            guard Self.isOfTheLine(error) else {
                self.interrupt(error)
                // The reader may be waiting for room, and has to see that there is no more to do.
                self.window.leave()
                return
            }
            self.ledger.enter(line, error)
        }
    }

    private func register(
        _ order: RegistrationOrder
    ) async throws(FleetError) -> RegisteredDevice {
        var attempt = 1
        while true {
            do throws(FleetError) {
                return try await self.ports.registration.register(
                    order, by: Actor(kind: .operator, identity: self.task.startedBy))
            } catch {
                let isBusy = error.code == .throttled || error.code == .tooManyRequests
                guard isBusy, attempt < RegistrationTaskRun.lineAttemptsMax else { throw error }
                await self.ports.pause(attempt)
                attempt += 1
            }
        }
    }

    /// Whether trying again later would end the same.
    private static func isOfTheLine(_ error: FleetError) -> Bool {
        let ours: Set<FleetError.Code> = [
            .throttled, .tooManyRequests, .serviceUnavailable, .internalFailure,
        ]
        return !ours.contains(error.code)
    }
}
