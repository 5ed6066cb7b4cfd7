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
            attempt and the others of the same certificate, with what the gateway refused of it: \
            handshakes, CONNECTs, publishes and subscriptions. --refused shows the newest \
            \(AttemptArchive.refusedShownMax) of those, whoever they were. Exit code 1 where there \
            is nothing.

            Examples:
              slipway trace 4f1c02b9aa60d1e7
              slipway trace --serial SN-000042 --json
              slipway trace --client-id line-4-nest-2
              slipway trace --refused
            """)

    @Argument(help: "The correlation id of one request") var id: String?
    @Option(help: "The serial number, as the device sent it") var serial: String?
    @Option(help: "The id of the certificate that was asked for, or refused") var certificate:
        String?
    @Option(help: "The client identifier of a connection that was refused") var clientID: String?
    @Flag(help: "The newest connections and packets that the gateway refused") var refused = false
    @Flag(help: "Print one JSON object a line") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    /// What a client asked for in the dialogue is no refused connection.
    private static let whereAttemptsAre =
        " --client-id finds what the gateway refused; attempts are found by --serial or "
        + "--certificate"

    private var questions: [AttemptArchive.Question] {
        [
            self.id.map { .id($0) }, self.serial.map { .serial($0) },
            self.certificate.map { .certificate($0.lowercased()) },
            self.clientID.map { .clientID($0) }, self.refused ? .refusedConnections : nil,
        ].compactMap { $0 }
    }

    func validate() throws {
        guard self.questions.count == 1 else {
            throw ValidationError(
                "name one thing: a correlation id, --serial, --certificate, --client-id or "
                    + "--refused")
        }
    }

    func run() async throws {
        do throws(FleetError) {
            let installation = Installation(try await self.settings.resolve())
            let archive = AttemptArchive(installation: installation)
            let found = self.questions.flatMap { archive.story($0) }
            guard !found.isEmpty else {
                throw FleetError(
                    .notFound,
                    "there is nothing of it in '\(installation.attemptLog)' and "
                        + "'\(installation.connectionLog)': is it of another installation "
                        + "(--directory), or so old that it has gone?"
                        + (self.clientID == nil ? "" : Self.whereAttemptsAre))
            }
            for attempt in found {
                guard !self.json else {
                    Terminal.say(Terminal.json(.object(attempt)))
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
        var head = "\(text("at"))  \(text("operation"))  \(text("outcome"))  id \(text("id"))"
        for (key, word) in [
            ("serial", "serial"), ("registeredSerial", "registered as"), ("clientId", "client"),
            ("source", "from"),
        ] where attempt[key] != nil { head += "  \(word) \(text(key))" }
        if attempt["tookMs"] != nil { head += "  \(text("tookMs")) ms" }
        var lines = [head]
        for case .object(let step) in attempt["steps"]?.arrayValue ?? [] {
            let facts = step.members.filter { $0.key != "step" && $0.key != "atMs" }
                .map { "\($0.key)=\($0.value.stringValue ?? $0.value.description)" }
            let at = step["atMs"]?.description ?? "0"
            let name = step["step"]?.stringValue ?? ""
            lines.append(
                "  \(at.leftPadded(to: 6)) ms  \(name.rightPadded(to: 12))"
                    + facts.joined(separator: "  "))
        }
        if attempt["reasonCode"] != nil {
            lines.append(
                "  refused at \(text("step")): \(text("reasonCode")) \(text("reason"))"
                    + (attempt["statusCode"] == nil
                        ? "" : ", \(text("statusCode")) \(text("errorCode"))")
                    + ": \(text("errorMessage"))")
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
