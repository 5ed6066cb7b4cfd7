import ArgumentParser
import Fleet
import JSON

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "What became of a device's attempt, step by step.",
        discussion: """
            Reads the service's own record of the dialogue; a running service is not disturbed. \
            With a correlation id (a refusal's correlationId) or a serial number, it shows that \
            attempt and the others of the same certificate. Exit code 1 where there is none.

            Examples:
              slipway trace 4f1c02b9aa60d1e7
              slipway trace --serial SN-000042 --json
            """)

    @Argument(help: "The correlation id of one request") var id: String?
    @Option(help: "The serial number, as the device sent it") var serial: String?
    @Flag(help: "Print one JSON object a line") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func validate() throws {
        guard (self.id == nil) != (self.serial == nil) else {
            throw ValidationError("name a correlation id, or a serial number with --serial")
        }
    }

    func run() async throws {
        do throws(FleetError) {
            let installation = Installation(try await self.settings.resolve())
            let found = AttemptArchive(path: installation.attemptLog).story(
                id: self.id, serial: self.serial)
            guard !found.isEmpty else {
                let what = self.id.map { "with the id \($0)" } ?? "of \(self.serial ?? "")"
                throw FleetError(
                    .notFound,
                    "there is no attempt \(what) in '\(installation.attemptLog)': is it of "
                        + "another installation (--directory), or so old that it has gone?")
            }
            for attempt in found {
                guard !self.json else {
                    Terminal.say(JSONPrinter.print(.object(attempt)))
                    continue
                }
                for line in Self.lines(attempt) { Terminal.say(line) }
            }
        } catch { throw Failure.exit(error) }
    }

    private static func lines(_ attempt: JSONObject) -> [String] {
        func text(_ key: String) -> String {
            attempt[key].map { $0.stringValue ?? $0.description } ?? "-"
        }
        var lines = [
            "\(text("at"))  \(text("operation"))  \(text("outcome"))  id \(text("id"))  "
                + "serial \(text("serial"))  \(text("tookMs")) ms"
        ]
        for case .object(let step) in attempt["steps"]?.arrayValue ?? [] {
            let facts = step.members.filter { $0.key != "step" && $0.key != "atMs" }
                .map { "\($0.key)=\($0.value.stringValue ?? $0.value.description)" }
            let at = step["atMs"]?.description ?? ""
            let name = step["step"]?.stringValue ?? ""
            lines.append(
                "  \(at.leftPadded(to: 6)) ms  \(name.rightPadded(to: 12))"
                    + facts.joined(separator: "  "))
        }
        if attempt["reasonCode"] != nil {
            lines.append(
                "  refused at \(text("step")): \(text("reasonCode")) \(text("reason")), "
                    + "\(text("statusCode")) \(text("errorCode")): \(text("errorMessage"))")
            if attempt["cause"] != nil { lines.append("  not told: \(text("cause"))") }
        }
        return lines
    }
}

extension String {
    fileprivate func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - self.count)) + self
    }

    fileprivate func rightPadded(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - self.count))
    }
}

struct ReasonsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reasons",
        abstract: "The numbered reasons that a device can be refused for, and what to do.",
        discussion: """
            Examples:
              slipway reasons
              slipway reasons 3004
              slipway reasons --markdown > Documentation/reason-codes.md
            """)

    @Argument(help: "One number") var code: Int?
    @Flag(help: "Print JSON") var json = false
    @Flag(help: "Print Documentation/reason-codes.md") var markdown = false

    func run() throws {
        guard !self.markdown else { return Terminal.say(RefusalReason.markdown()) }
        let reasons = RefusalReason.allCases.filter { self.code == nil || $0.rawValue == self.code }
        guard !reasons.isEmpty else {
            throw Failure.exit(
                FleetError(
                    .notFound,
                    "there is no reason \(self.code ?? 0); 'slipway reasons' lists them all"))
        }
        if self.json { return Terminal.say(.array(reasons.map(Self.json))) }
        let rows = reasons.map { reason in
            [
                String(reason.rawValue), reason.name, reason.explanation.step.rawValue,
                reason.explanation.meaning, reason.explanation.action,
            ]
        }
        for line in Terminal.table([["CODE", "REASON", "STEP", "MEANING", "WHAT TO DO"]] + rows) {
            Terminal.say(line)
        }
    }

    private static func json(_ reason: RefusalReason) -> JSONValue {
        let told = reason.explanation
        var object: JSONObject = [
            "reasonCode": .int(reason.rawValue), "reason": .string(reason.name),
            "step": .string(told.step.rawValue), "retryable": .bool(told.isRetryable),
            "meaning": .string(told.meaning), "action": .string(told.action),
        ]
        object["retryAfterSeconds"] = told.retryAfterSeconds.map { .int($0) }
        return .object(object)
    }
}
