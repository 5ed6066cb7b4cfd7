import Fleet
import JSON
import Synchronization

/// What has come of a task's lines since its last checkpoint. Lines finish in any order and are
/// entered in the file's: the reports of a task are the same however its lines raced.
final class TaskLedger: Sendable {
    /// What a checkpoint makes durable.
    struct Batch: Sendable {
        var results: [UInt8] = []
        var errors: [UInt8] = []
        /// As it is once the two above are written.
        var progress: RegistrationTask.Progress
        var lines = 0
    }

    private struct Finished: Sendable {
        let line: InputLine
        let report: RegistrationReport
        let text: [UInt8]
    }

    private struct State {
        var batch: Batch
        var nextOrdinal = 0
        /// Lines that finished before one that comes before them.
        var early: [Int: Finished] = [:]
    }

    private let state: Mutex<State>
    private let window: FairGate

    /// - Parameter window: how many lines may be read and not yet entered; each that is entered
    ///   leaves it.
    init(from progress: RegistrationTask.Progress, window: FairGate) {
        self.state = Mutex(State(batch: Batch(progress: progress)))
        self.window = window
    }

    func enter(_ line: InputLine, _ device: RegisteredDevice) {
        self.enter(
            Finished(
                line: line, report: .results,
                text: Self.text(line, [("Response", .object(device.answer))])))
    }

    func enter(_ line: InputLine, _ error: FleetError) {
        self.enter(
            Finished(
                line: line, report: .errors,
                text: Self.text(
                    line,
                    [
                        ("ErrorCode", .string(error.code.rawValue)),
                        ("ErrorMessage", .string(error.message)),
                    ])))
    }

    private func enter(_ finished: Finished) {
        let entered = self.state.withLock { state in
            state.early[finished.line.ordinal] = finished
            var entered = 0
            while let next = state.early.removeValue(forKey: state.nextOrdinal) {
                state.nextOrdinal += 1
                entered += 1
                state.batch.lines += 1
                state.batch.progress.lines = next.line.number
                state.batch.progress.bytes = next.line.end
                switch next.report {
                case .results:
                    state.batch.results += next.text
                    state.batch.progress.successes += 1
                case .errors:
                    state.batch.errors += next.text
                    state.batch.progress.failures += 1
                }
            }
            return entered
        }
        for _ in 0..<entered { self.window.leave() }
    }

    /// Lines entered since the last batch was taken.
    var linesWaiting: Int { self.state.withLock { $0.batch.lines } }

    /// Takes all that was entered; the sizes in its progress hold once it is written.
    func takeBatch() -> Batch {
        self.state.withLock { state in
            var batch = state.batch
            batch.progress.resultsBytes += Int64(batch.results.count)
            batch.progress.errorsBytes += Int64(batch.errors.count)
            state.batch = Batch(progress: batch.progress)
            return batch
        }
    }

    /// That nothing but blank lines followed the last line that was entered.
    func reachEnd(bytes: Int64, lines: Int) {
        self.state.withLock { state in
            state.batch.progress.bytes = bytes
            state.batch.progress.lines = lines
        }
    }

    var progress: RegistrationTask.Progress { self.state.withLock { $0.batch.progress } }

    /// A line of a report.
    private static func text(
        _ line: InputLine, _ members: [(String, JSONValue)]
    ) -> [UInt8] {
        var object: JSONObject = [
            "LineNumber": .int(line.number), "Offset": .int(Int(line.offset)),
        ]
        for (name, value) in members { object[name] = value }
        return JSONPrinter.bytes(.object(object)) + [UInt8(ascii: "\n")]
    }
}
