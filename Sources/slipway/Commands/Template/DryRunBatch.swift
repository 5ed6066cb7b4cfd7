import Fleet
import Foundation
import JSON

/// What would happen to each device of a file.
struct DryRunBatch {
    struct Row {
        let line: Int
        let thing: String?
        /// `created`, `updated`, `unchanged`, `repeated` or `refused`.
        let outcome: String
        let code: String?
        /// `slipway reasons` explains it.
        let reasonCode: Int?
        let message: String?

        var json: JSONValue {
            var object: JSONObject = ["line": .int(self.line), "outcome": .string(self.outcome)]
            object["thing"] = self.thing.map { .string($0) }
            object["errorCode"] = self.code.map { .string($0) }
            object["reasonCode"] = self.reasonCode.map { .int($0) }
            object["message"] = self.message.map { .string($0) }
            return .object(object)
        }
    }

    private static let outcomes = ["created", "updated", "unchanged", "repeated", "refused"]

    private var rows: [Row] = []
    private var counts: [String: Int] = [:]

    var refused: Int { self.counts["refused"] ?? 0 }

    static func run(
        _ file: DryRunFile, _ request: JSONObject, _ desk: DryRunDesk
    ) async throws(FleetError) -> DryRunBatch {
        var batch = DryRunBatch()
        var seen: Set<String> = []
        var bar = StepBar(total: file.lines.count)
        let shared = request["parameters"]?.objectValue ?? JSONObject()
        for line in file.lines {
            var request = request
            var parameters = shared
            for (name, text) in line.parameters.sorted(by: { $0.key < $1.key }) {
                parameters[name] = .string(text)
            }
            request["parameters"] = .object(parameters)
            let report = try await desk.run(request)
            batch.add(Self.row(line.number, report, &seen))
            bar.step()
        }
        bar.clear()
        return batch
    }

    /// The second line that makes the same thing would meet it as the first left it.
    private static func row(_ line: Int, _ report: JSONValue, _ seen: inout Set<String>) -> Row {
        let thing = report["plan"]?["thing"]
        let name = thing?["name"]?.stringValue
        guard report["accepted"]?.boolValue == true, let name else {
            let refusal = report["refusal"]
            return Row(
                line: line, thing: name, outcome: "refused",
                code: refusal?["errorCode"]?.stringValue,
                reasonCode: refusal?["reasonCode"]?.intValue,
                message: refusal?["message"]?.stringValue)
        }
        let isNew = seen.insert(name).inserted
        return Row(
            line: line, thing: name,
            outcome: isNew ? thing?["outcome"]?.stringValue ?? "unchanged" : "repeated",
            code: nil, reasonCode: nil, message: nil)
    }

    private mutating func add(_ row: Row) {
        self.rows.append(row)
        self.counts[row.outcome, default: 0] += 1
    }

    var json: JSONValue {
        [
            "wrote": false, "devices": .int(self.rows.count),
            "summary": .object(
                JSONObject(Self.outcomes.map { ($0, .int(self.counts[$0] ?? 0)) })),
            "lines": .array(self.rows.map(\.json)),
        ]
    }

    func tell() {
        let table = self.rows.map { row in
            [
                "line \(row.line)", row.outcome, row.thing ?? "-",
                Terminal.line([row.code, row.message].compactMap { $0 }.joined(separator: ": ")),
            ]
        }
        for line in Terminal.table(table) { Terminal.say(line) }
        Terminal.say("")
        let counts = Self.outcomes.map { "\(self.counts[$0] ?? 0) \($0)" }
        Terminal.say("\(self.rows.count) devices: " + counts.joined(separator: ", "))
        Terminal.say("This was a dry run: nothing was written, and nothing was spent.")
    }
}

/// Steps done of a known number, on one line of standard error; nothing where that is no terminal.
struct StepBar {
    private static let width = 24
    private let total: Int
    private var done = 0
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(total: Int) { self.total = max(total, 1) }

    mutating func step() {
        self.done += 1
        guard self.isTerminal, self.done * 100 / self.total != (self.done - 1) * 100 / self.total
        else { return }
        let filled = self.done * Self.width / self.total
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.width - filled)
        self.draw("\r[\(bar)] \(self.done) of \(self.total)\u{1B}[K")
    }

    func clear() {
        if self.isTerminal { self.draw("\r\u{1B}[K") }
    }

    private func draw(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
