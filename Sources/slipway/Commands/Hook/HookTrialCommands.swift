import ArgumentParser
import Fleet
import Foundation
import Hooks
import JSON
import Registry

struct CheckHook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look through hooks without running them.",
        discussion: """
            slipway hook check Hooks/serial-allowlist.lua
            slipway hook check Hooks/ --json

            Finds what is no Lua, names that hooks do without, globals declared nowhere or \
            assigned, and ways through the hook that end without an answer, each with its line; \
            and in the description of a webhook (NAME.webhook.json) members that are unknown, \
            missing or wrong. It needs no service.

            Exit code: 0 nothing found, 2 something found, 1 a file cannot be read.
            """)

    @Argument(help: "Lua files and webhooks, or folders of them; - is standard input")
    var paths: [String]
    @Flag(help: "Print JSON") var json = false

    func run() async throws {
        do {
            var files: [String] = []
            for path in self.paths {
                files += try HookFiles.below(path, ending: ".lua", HookFiles.webhookSuffix)
            }
            var count = 0
            var found: [JSONValue] = []
            for file in files {
                let source = try await TextFile.read(file)
                for finding in HookFiles.findings(file, source) {
                    count += 1
                    var object: JSONObject = ["file": .string(file)]
                    for (key, value) in finding.json.objectValue?.members ?? [] {
                        object[key] = value
                    }
                    found.append(.object(object))
                    if !self.json {
                        Terminal.say("\(file):\(finding.text)")
                    }
                }
            }
            if self.json {
                Terminal.say(["files": .int(files.count), "findings": .array(found)])
            } else if count == 0 {
                Terminal.say("\(files.count) checked, nothing found")
            }
            guard count == 0 else { throw ExitCode(2) }
        } catch let error as FleetError { throw Failure.exit(error) }
    }
}

struct RunHook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Ask a hook about one request, in the sandbox, and say all there is to say.",
        discussion: """
            slipway hook run Hooks/serial-allowlist.lua --request request.json --world world.json
            slipway hook run hook.lua --request request.json --json > trace.json
            slipway hook run hook.lua --request request.json --world trace.json

            A request has the fields a hook is given, "parameters" at least, and "time" and \
            "claim" beside them. A world has allowlists, things and counts \
            (Documentation/hooks.md); a trace that was printed with --json is one too, and gives \
            the same answer again.

            Exit code: 0 the hook allows, 2 it denies, 1 it failed.
            """)

    @Argument(help: "The Lua file; - is standard input") var file: String
    @Option(help: "A JSON file with the request") var request: String
    @Option(help: "A JSON file with what the hook finds when it asks; else nothing")
    var world: String?
    @Option(help: "Milliseconds until the hook is killed") var deadline = 5000
    @Flag(help: "Print JSON") var json = false

    private static let deadlines = 1...3_600_000

    func validate() throws {
        guard Self.deadlines.contains(self.deadline) else {
            throw ValidationError(
                "--deadline is from \(Self.deadlines.lowerBound) to \(Self.deadlines.upperBound)")
        }
    }

    func run() async throws {
        do {
            let source = try await TextFile.read(self.file)
            let request = try HookRequestFile.request(
                try await TemplateInput.json(self.request))
            var world = HookSketch()
            if let path = self.world {
                let json = try await TemplateInput.json(path)
                world = try HookSketch(json: json["verdict"] == nil ? json : Self.reads(json))
            }
            let script = try HookFiles.script(self.file, source)
            let pool = HookPool(
                settings: HookSettings(workers: 1, deadlineMilliseconds: self.deadline),
                lookup: world)
            let (outcome, _) = await pool.trace(script, request: request, in: world)
            await pool.shutdown()
            let trace = HookTrace(script: script, request: request, outcome: outcome)
            if self.json { Terminal.say(trace.json) } else { self.tell(outcome) }
            switch outcome.verdict {
            case .allowed: return
            case .denied: throw ExitCode(2)
            case .timedOut, .busy, .failed: throw ExitCode(1)
            }
        } catch let error as FleetError { throw Failure.exit(error) }
    }

    private static func reads(_ trace: JSONValue) -> JSONValue {
        ["reads": trace["reads"] ?? []]
    }

    private func tell(_ outcome: HookOutcome) {
        let said = outcome.json
        for member in [
            "verdict", "denyReason", "reasonCode", "cause", "parameterOverrides", "attributes",
        ] {
            guard let value = said[member] else { continue }
            Terminal.say("\(member): \(value.stringValue ?? JSONPrinter.print(value))")
        }
        for read in outcome.questions {
            let arguments = read.question.arguments.map { JSONPrinter.print($0) }
            Terminal.say(
                "read: \(read.question.function)(\(arguments.joined(separator: ", "))) = "
                    + JSONPrinter.print(read.answer))
        }
        for line in outcome.log { Terminal.say("log: \(line)") }
        guard let cost = outcome.cost else { return }
        Terminal.say(
            "cost: \(cost.instructions) instructions, \(cost.bytes) bytes, "
                + "\(cost.microseconds) microseconds")
    }
}

struct TestHooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests that lie beside hooks.",
        discussion: """
            slipway hook test Hooks/
            slipway hook test Hooks/serial-allowlist.lua --format junit > hooks.xml
            slipway hook test Hooks/ --fail-under 100

            A test, NAME.test.json beside NAME.lua, gives cases: a request, the world the hook \
            asks, and what it must say (Documentation/hooks.md). Each case runs in the sandbox; \
            it needs no service. Coverage counts the lines on which something can run.

            Exit code: 0 all passed, 1 some failed or cannot be run, 2 all passed and a hook is \
            covered less than --fail-under says.
            """)

    @Argument(help: "Hooks, test files, or folders of them") var paths: [String]
    @Option(help: "human, json or junit") var format: HookTestFormat = .human
    @Flag(help: "Print JSON; the same as --format json") var json = false
    @Option(help: "Least coverage of each hook, in percent") var failUnder: Int?

    func validate() throws {
        guard (0...100).contains(self.failUnder ?? 0) else {
            throw ValidationError("--fail-under is from 0 to 100 percent")
        }
    }

    func run() async throws {
        do {
            var files: [String] = []
            for path in self.paths { files += try HookFiles.testsBelow(path) }
            let pool = HookPool(settings: .standard(cores: 1), lookup: HookSketch())
            var bar = StepBar(total: files.count)
            var runs: [HookTestRun] = []
            var broken: [(file: String, error: FleetError)] = []
            for file in files {
                do throws(FleetError) {
                    runs.append(try await HookTestRun.carryOut(file, in: pool))
                } catch { broken.append((file, error)) }
                bar.step()
            }
            await pool.shutdown()
            bar.clear()
            let report = HookTestReport(runs: runs, broken: broken)
            for line in report.lines(self.json ? .json : self.format) { Terminal.say(line) }
            guard report.failed == 0 else { throw ExitCode(1) }
            if let least = self.failUnder, report.percent < least {
                Terminal.complain("slipway: coverage \(report.percent)%; wanted \(least)%")
                throw ExitCode(2)
            }
        } catch let error as FleetError { throw Failure.exit(error) }
    }
}

/// Where hooks and their tests lie.
enum HookFiles {
    static let testSuffix = ".test.json"
    static let webhookSuffix = ".webhook.json"

    /// A hook's name as its file gives it.
    static func name(_ path: String) -> String {
        let file = (path as NSString).lastPathComponent
        let suffix = [".lua", Self.webhookSuffix].first { file.hasSuffix($0) }
        return String(file.dropLast(suffix?.count ?? 0))
    }

    /// What is wrong with the text of a file, without running it.
    static func findings(_ path: String, _ source: String) -> [HookFinding] {
        path.hasSuffix(Self.webhookSuffix) || Webhook.describes(source: source)
            ? WebhookLint.findings(source: source)
            : HookLint.findings(name: Self.name(path), source: source)
    }

    /// The script in a file. A name that cannot be a hook's is only that of a trial.
    static func script(_ path: String, _ source: String) throws(FleetError) -> HookScript {
        guard !Webhook.describes(source: source) else {
            throw FleetError(
                .invalidRequest,
                "'\(path)' describes a webhook, which only a running service asks: look through "
                    + "it with 'slipway hook check', and try it with 'slipway template dry-run'")
        }
        return HookScript(
            name: (try? HookName(Self.name(path))) ?? HookName(checked: "hook"), source: source,
            digest: ContentDigest.sha256(of: source), createdAt: UnixTime(milliseconds: 0))
    }

    /// The test beside a hook's file, where there is one.
    static func tests(beside path: String) -> String? {
        guard path.hasSuffix(".lua") else { return nil }
        let test = String(path.dropLast(4)) + Self.testSuffix
        return FileManager.default.fileExists(atPath: test) ? test : nil
    }

    /// A file, or all of a folder that end so, in the order of their names.
    static func below(_ path: String, ending suffixes: String...) throws(FleetError) -> [String] {
        var isFolder: ObjCBool = false
        guard path != "-" else { return [path] }
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw FleetError(.notFound, "there is no '\(path)'")
        }
        guard isFolder.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        let files = names.filter { name in suffixes.contains { name.hasSuffix($0) } }.sorted()
            .map { "\(folder)/\($0)" }
        guard !files.isEmpty else {
            let wanted = suffixes.map { "*\($0)" }.joined(separator: " or ")
            throw FleetError(.notFound, "there is no file \(wanted) in '\(path)'")
        }
        return files
    }

    static func testsBelow(_ path: String) throws(FleetError) -> [String] {
        guard path.hasSuffix(".lua") else { return try Self.below(path, ending: Self.testSuffix) }
        guard let test = Self.tests(beside: path) else {
            throw FleetError(
                .notFound,
                "'\(path)' has no test: write '\(path.dropLast(4))\(Self.testSuffix)'")
        }
        return [test]
    }
}
