import Fleet
import Foundation
import JSON
import Provisioning

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
        /// What was asked of the device, and whether it may.
        var answers: [(question: String, isAllowed: Bool)] = []
        /// What could not be looked at.
        var unknown: [String] = []

        var json: JSONValue {
            var object: JSONObject = ["line": .int(self.line), "outcome": .string(self.outcome)]
            object["thing"] = self.thing.map { .string($0) }
            object["errorCode"] = self.code.map { .string($0) }
            object["reasonCode"] = self.reasonCode.map { .int($0) }
            object["message"] = self.message.map { .string($0) }
            if !self.answers.isEmpty {
                object["answers"] = .array(
                    self.answers.map {
                        ["question": .string($0.question), "allowed": .bool($0.isAllowed)]
                    })
            }
            if !self.unknown.isEmpty {
                object["unknown"] = .array(self.unknown.map { .string($0) })
            }
            return .object(object)
        }
    }

    private static let outcomes = ["created", "updated", "unchanged", "repeated", "refused"]

    /// Devices in one request, and bytes of their parameters: enough that what all of them have in
    /// common costs little, and few enough for the bar to move.
    private static let devicesMax = 100
    private static let bytesMax = 128 << 10

    private var rows: [Row] = []
    private var counts: [String: Int] = [:]
    /// The lines that were let in, by the thing that each makes or changes.
    private var seen: [String: [DryRunFile.Line]] = [:]
    /// Things that the budget had no room for.
    private var unpaid: Set<String> = []
    /// Units of the claim's budget that the lines before would have spent.
    private var spent = 0
    private let questions: [String]
    /// What could not be looked at of any of them.
    private var unknown: [String] = []

    var refused: Int { self.counts["refused"] ?? 0 }
    /// Whether each device is let in and may do all that was asked.
    var isWhole: Bool {
        self.refused == 0 && self.rows.allSatisfy { $0.answers.allSatisfy(\.isAllowed) }
    }

    static func run(
        _ file: DryRunFile, _ request: JSONObject, _ desk: DryRunDesk
    ) async throws(FleetError) -> DryRunBatch {
        let questions = (request["questions"]?.arrayValue ?? []).compactMap(\.stringValue)
        var batch = DryRunBatch(questions: questions)
        var bar = StepBar(total: file.lines.count)
        var rest = file.lines[...]
        while !rest.isEmpty {
            let lines = Self.next(&rest)
            var request = request
            request["devices"] = Self.devices(lines)
            let answer = try await desk.run(request)
            let reports = answer["devices"]?.arrayValue ?? []
            guard reports.count == lines.count else {
                throw FleetError(
                    .internalFailure,
                    "\(lines.count) devices were asked about, and \(reports.count) answered")
            }
            batch.unknown = Self.texts(answer["unknown"])
            let earlier = batch.seen
            for (line, report) in zip(lines, reports) {
                var report = report
                // The service knows the lines of one request, and of those before it none.
                if let name = report["plan"]?["thing"]?["name"]?.stringValue,
                    earlier[name] != nil, let others = batch.seen[name]
                {
                    report = try await Self.report(line, after: others, request, desk)
                }
                let row = batch.row(line, report)
                batch.add(row)
                bar.step()
            }
        }
        bar.clear()
        return batch
    }

    private init(questions: [String]) { self.questions = questions }

    private static func texts(_ value: JSONValue?) -> [String] {
        (value?.arrayValue ?? []).compactMap(\.stringValue)
    }

    private static func devices(_ lines: [DryRunFile.Line]) -> JSONValue {
        .array(
            lines.map { line in
                .object(
                    JSONObject(
                        line.parameters.sorted { $0.key < $1.key }.map {
                            ($0.key, .string($0.value))
                        }))
            })
    }

    /// What becomes of a line after others for the same thing.
    private static func report(
        _ line: DryRunFile.Line, after others: [DryRunFile.Line], _ request: JSONObject,
        _ desk: DryRunDesk
    ) async throws(FleetError) -> JSONValue {
        var rest = ([line] + others.reversed())[...]
        var request = request
        request["devices"] = Self.devices(Self.next(&rest).reversed())
        guard let report = try await desk.run(request)["devices"]?.arrayValue?.last else {
            throw FleetError(.internalFailure, "one device was asked about, and none answered")
        }
        return report
    }

    /// Takes the lines of one request off `rest`.
    private static func next(_ rest: inout ArraySlice<DryRunFile.Line>) -> [DryRunFile.Line] {
        var lines: [DryRunFile.Line] = []
        var bytes = 0
        while let line = rest.first, lines.count < Self.devicesMax {
            bytes += line.parameters.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            guard lines.isEmpty || bytes <= Self.bytesMax else { break }
            lines.append(line)
            rest.removeFirst()
        }
        return lines
    }

    /// What a line before would spend is not there for this one.
    private mutating func row(_ device: DryRunFile.Line, _ report: JSONValue) -> Row {
        let line = device.number
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
        if let refusal = self.spend(report["claim"], on: name) {
            return Row(
                line: line, thing: name, outcome: "refused", code: refusal.errorCode,
                reasonCode: refusal.reason.rawValue, message: refusal.errorMessage)
        }
        let isNew = self.seen[name] == nil
        self.seen[name, default: []].append(device)
        var answers: [(question: String, isAllowed: Bool)] = []
        for answer in report["answers"]?.arrayValue ?? [] {
            let question = answer["question"]?.stringValue ?? ""
            answers.append((question, answer["allowed"]?.boolValue == true))
        }
        return Row(
            line: line, thing: name,
            outcome: isNew ? thing?["outcome"]?.stringValue ?? "unchanged" : "repeated",
            code: nil, reasonCode: nil, message: nil, answers: answers,
            unknown: Self.texts(report["unknown"]))
    }

    /// - Returns: the refusal where the lines before have spent what was left.
    private mutating func spend(_ claim: JSONValue?, on thing: String) -> Rejection? {
        guard let claim, self.seen[thing] == nil,
            claim["spends"]?.intValue == 1 || self.unpaid.contains(thing)
        else { return nil }
        if let budget = claim["budget"]?.intValue, let spent = claim["spent"]?.intValue,
            spent + self.spent >= budget
        {
            let name = claim["name"]?.stringValue ?? ""
            self.unpaid.insert(thing)
            return Rejection(
                FleetError(
                    .claimRefused,
                    "claim '\(name)' has spent its budget of \(budget)"))
        }
        self.spent += 1
        return nil
    }

    private mutating func add(_ row: Row) {
        self.rows.append(row)
        self.counts[row.outcome, default: 0] += 1
    }

    var json: JSONValue {
        var object: JSONObject = [
            "wrote": false, "devices": .int(self.rows.count),
            "summary": .object(
                JSONObject(Self.outcomes.map { ($0, .int(self.counts[$0] ?? 0)) })),
        ]
        if !self.questions.isEmpty {
            object["answers"] = .array(
                self.tallies.map { question, may, mayNot in
                    [
                        "question": .string(question), "allowed": .int(may),
                        "denied": .int(mayNot),
                    ]
                })
        }
        if !self.unknown.isEmpty {
            object["unknown"] = .array(self.unknown.map { .string($0) })
        }
        object["lines"] = .array(self.rows.map(\.json))
        return .object(object)
    }

    /// How many of those that are let in may do what was asked.
    private var tallies: [(question: String, may: Int, mayNot: Int)] {
        self.questions.map { question in
            let answers = self.rows.flatMap(\.answers).filter { $0.question == question }
            let may = answers.count(where: \.isAllowed)
            return (question, may, answers.count - may)
        }
    }

    func tell() {
        let table = self.rows.map { row in
            let denied = row.answers.filter { !$0.isAllowed }.map { "may not \($0.question)" }
            let refusal = [row.code, row.message].compactMap { $0 }.joined(separator: ": ")
            let unknown = row.unknown.map { "not looked at: \($0)" }
            return [
                "line \(row.line)", row.outcome, row.thing ?? "-",
                Terminal.line(refusal + (denied + unknown).joined(separator: "; ")),
            ]
        }
        for line in Terminal.table(table) { Terminal.say(line) }
        Terminal.say("")
        let counts = Self.outcomes.map { "\(self.counts[$0] ?? 0) \($0)" }
        Terminal.say("\(self.rows.count) devices: " + counts.joined(separator: ", "))
        for tally in self.tallies {
            Terminal.say(
                "\(Terminal.line(tally.question)): \(tally.may) may, \(tally.mayNot) may not")
        }
        for text in self.unknown { Terminal.say("Not looked at: \(Terminal.line(text))") }
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
