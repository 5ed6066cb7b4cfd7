import Dispatch
import Fleet
import Glibc
import JSON
import Synchronization

/// What one thread of the pool does all its life: keep one worker process, give it one call after
/// the other, and replace it when it is late, lost or worn.
struct HookThread: ~Copyable {
    private let index: Int
    /// A standing worker has a process from the start and always; a spare one once it is needed.
    private let crew: HookCalls.Crew
    private let calls: HookCalls
    private let settings: HookSettings
    private let executable: String
    private let arguments: [String]
    private var pace = RespawnPace(now: .now)
    private var process: WorkerProcess?
    private var callsServed = 0
    private var microsecondsUsed = 0

    init(
        index: Int, calls: HookCalls, settings: HookSettings, program: HookPool.Program
    ) {
        self.index = index
        self.crew = index < settings.workers ? .standing : .spare
        self.calls = calls
        self.settings = settings
        self.executable = program.path
        self.arguments = program.arguments
    }

    mutating func run() {
        if self.crew == .standing { _ = self.start() }
        while let taken = self.calls.next(self.crew) {
            taken.call.answer.resume(returning: self.serve(taken))
            self.calls.finished(taken, self.crew)
            // The next device should not wait for the process that this one used up.
            if self.crew == .standing, self.process == nil, !self.calls.isClosed {
                _ = self.start()
            }
        }
        self.stop()
        self.calls.threadEnded()
    }

    private mutating func serve(_ taken: TakenCall) -> HookOutcome {
        guard ContinuousClock.now < taken.call.waitsUntil else {
            return .busy
        }
        if self.process == nil, let cause = self.start() {
            return Self.notStarted(cause, taken.call)
        }
        self.calls.began(taken)
        let outcome = self.ask(taken.call)
        self.callsServed += 1
        self.microsecondsUsed += max(0, min(outcome.cost?.microseconds ?? 0, 1_000_000_000))
        if self.callsServed >= HookLimits.workerCallsMax
            || self.microsecondsUsed >= HookLimits.workerSecondsMax * 1_000_000
        {
            self.stop()
        }
        return outcome
    }

    /// Asks the script, and once more where the process ended under it: something else may have
    /// killed that, idle or not, and a hook only reads. The script has one deadline for both.
    private mutating func ask(_ call: HookCall) -> HookOutcome {
        let whole = Duration.milliseconds(self.settings.deadlineMilliseconds)
        let begun = ContinuousClock.now
        let first = self.converse(call, until: begun + whole)
        guard first.isLost else { return first.outcome }
        let spent = ContinuousClock.now - begun
        if let cause = self.start() {
            return self.calls.isClosed ? first.outcome : Self.notStarted(cause, call)
        }
        return self.converse(call, until: .now + max(.zero, whole - spent)).outcome
    }

    /// That there is no process is no script's fault, and no device's: it may come again.
    private static func notStarted(_ cause: String, _ call: HookCall) -> HookOutcome {
        call.request == nil
            ? .failed(cause) : HookOutcome(verdict: .busy, reads: [], log: [cause])
    }

    /// Starts a process, at the pace that is allowed; returns why it could not.
    private mutating func start() -> String? {
        guard self.calls.pause(self.pace.take(at: .now)) else { return "the service is stopping" }
        do throws(WorkerProcess.Failure) {
            let process = try WorkerProcess(
                executable: self.executable, arguments: self.arguments)
            self.calls.started(process.pid, thread: self.index)
            self.process = consume process
            self.callsServed = 0
            self.microsecondsUsed = 0
            let deadline = ContinuousClock.now + .milliseconds(HookLimits.startMillisecondsMax)
            guard let frame = try self.process?.receive(before: deadline),
                case .ready(let containment)? = WorkerReport(frame), containment.process
            else { throw .lost }
            self.calls.ready(containment, thread: self.index)
            return nil
        } catch {
            self.stop()
            switch error {
            case .notStarted(let code):
                return "the hook worker could not be started: \(String(cString: strerror(code)))"
            case .timedOut, .lost: return "the hook worker did not get ready"
            }
        }
    }

    private mutating func stop() {
        self.calls.end(thread: self.index)
        self.process = nil
    }

    /// What came of a call, and whether the process ended before its script did.
    private typealias Conversation = (outcome: HookOutcome, isLost: Bool)

    /// One call, from the request to its end, with the look-ups between.
    private mutating func converse(
        _ call: HookCall, until deadline: ContinuousClock.Instant
    ) -> Conversation {
        var reads: [HookRead] = []
        var unanswered: String?
        let frame = WorkerCall(
            script: call.script, request: call.request, settings: self.settings,
            traced: call.lines != nil
        ).frame
        guard let bytes = frame.encoded() else {
            return (
                .failed("the request is larger than \(HookLimits.frameBytesMax) bytes"), false
            )
        }
        do throws(WorkerProcess.Failure) {
            try self.process?.send(bytes, before: deadline)
            while let frame = try self.process?.receive(before: deadline) {
                switch WorkerReport(frame) {
                case .question(let question)?:
                    guard reads.count < HookLimits.lookupsMax else { throw .lost }
                    let answer = try Self.answer(question, from: call.lookup, before: deadline)
                    switch answer {
                    case .success(let read): reads.append(read)
                    case .failure(let error):
                        unanswered = "\(question.subject) could not be asked: \(error.message)"
                    }
                    try self.process?.send(
                        WorkerAnswer((try? answer.get())?.answer).frame, before: deadline)
                case .ended(let result)?:
                    call.lines?(result.lines)
                    let outcome = Self.outcome(
                        result, isCheck: call.request == nil, reads: reads, unanswered: unanswered)
                    return (outcome, false)
                case .ready?, nil: throw .lost
                }
            }
            throw .lost
        } catch {
            self.stop()
            let verdict: HookOutcome.Verdict =
                error == .timedOut
                ? .timedOut : .failed(cause: "the hook worker ended during the call")
            let outcome = HookOutcome(
                verdict: verdict, reads: reads.compactMap(\.allowlist), log: [], questions: reads)
            return (outcome, error == .lost)
        }
    }

    /// Asks the store. The thread waits, as the script does; the deadline goes on running.
    private static func answer(
        _ question: HookQuestion, from lookup: any AllowlistLookup,
        before deadline: ContinuousClock.Instant
    ) throws(WorkerProcess.Failure) -> Result<HookRead, FleetError> {
        let answer = LookupAnswer()
        // Urgent: a worker and its device's deadline wait for it, whatever else is queued.
        Task(priority: .high) {
            do throws(FleetError) {
                let read = try await lookup.answer(question)
                answer.set(.success(read))
            } catch { answer.set(.failure(error)) }
        }
        guard let result = answer.wait(until: deadline) else { throw .timedOut }
        return result
    }

    private static func outcome(
        _ result: SandboxResult, isCheck: Bool, reads: [HookRead], unanswered: String?
    ) -> HookOutcome {
        let said: HookContract.Answer
        if let unanswered {
            // Whatever the script made of it: its answer rests on something nobody knew.
            said = .failed(unanswered)
        } else if result.status != .returned {
            said = .failed(
                String(decoding: result.text, as: UTF8.self)
                    .oneLine(scalarsMax: HookLimits.causeBytesMax))
        } else if isCheck {
            said = HookContract.Answer(.allowed(parameterOverrides: [:]))
        } else {
            do throws(JSONError) {
                said = HookContract.answer(try JSONParser.parse(result.text))
            } catch {
                said = .failed("the hook's answer is not JSON: \(error)")
            }
        }
        let log = result.log.map { $0.oneLine(scalarsMax: HookLimits.logBytesMax) }
        return HookOutcome(
            verdict: said.verdict, reads: reads.compactMap(\.allowlist), log: log,
            cost: result.cost, questions: reads, reasonCode: said.reasonCode,
            attributes: said.attributes)
    }
}

extension HookQuestion {
    /// Whom it is for, as an error says it.
    fileprivate var subject: String {
        switch self {
        case .allowlistContains, .allowlistGet: "the allowlist"
        case .registryThing, .registryCount: "the registry"
        }
    }
}

/// Hands one answer from a task to the thread that waits for it.
private final class LookupAnswer: Sendable {
    private typealias Answer = Result<HookRead, FleetError>
    private let value = Mutex<Answer?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    func set(_ answer: Result<HookRead, FleetError>) {
        self.value.withLock { $0 = answer }
        self.arrived.signal()
    }

    /// nil where nothing has come by then.
    func wait(
        until deadline: ContinuousClock.Instant
    ) -> Result<HookRead, FleetError>? {
        let left = deadline - ContinuousClock.now
        let microseconds = max(0, Int(left / .microseconds(1)))
        _ = self.arrived.wait(timeout: .now() + .microseconds(microseconds))
        return self.value.withLock { $0 }
    }
}
