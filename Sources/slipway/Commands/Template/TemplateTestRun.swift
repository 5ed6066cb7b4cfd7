import Fleet
import Foundation
import Hooks
import JSON
import Provisioning

/// The cases of one test file, carried out.
struct TemplateTestRun: Sendable {
    struct Outcome: Sendable {
        let name: String
        let failures: [String]
        let seconds: Double

        var json: JSONValue {
            [
                "name": .string(self.name), "passed": .bool(self.failures.isEmpty),
                "failures": .array(self.failures.map { .string($0) }),
            ]
        }
    }

    let file: String
    private(set) var outcomes: [Outcome] = []
    private(set) var coverage = TemplateCoverage()
    /// What each case came to, for a golden file.
    private(set) var results = JSONObject()

    var json: JSONValue {
        [
            "file": .string(self.file), "cases": .array(self.outcomes.map(\.json)),
            "coverage": self.coverage.json,
        ]
    }

    /// - Throws: where the test itself is wrong: no template, a case that nobody understands.
    static func carryOut(
        _ path: String, ignoringGolden: Bool, _ settings: ResolvedSettings
    ) async throws(FleetError) -> TemplateTestRun {
        var run = TemplateTestRun(file: path)
        let test: TemplateTestFile
        do throws(FleetError) {
            test = try TemplateTestFile(json: try await TemplateInput.json(path))
        } catch { throw FleetError(error.code, "'\(path)': \(error.message)") }
        let stem = String(path.dropLast(TemplateTestFiles.suffix.count))
        let folder = (path as NSString).deletingLastPathComponent
        func beside(_ name: String) -> String {
            folder.isEmpty || name.hasPrefix("/") ? name : "\(folder)/\(name)"
        }
        let body = try await TextFile.read(test.template.map(beside) ?? "\(stem).json")
        var golden: JSONValue?
        if !ignoringGolden, FileManager.default.fileExists(atPath: "\(stem).golden.json") {
            golden = try await TemplateInput.json("\(stem).golden.json")
        }
        for item in test.cases {
            let started = ContinuousClock.now
            var hookSource: String?
            if let name = item.hookFile { hookSource = try await TextFile.read(beside(name)) }
            let report: DryRunReport
            do throws(FleetError) {
                report = try await Self.report(item, body, hookSource, settings)
            } catch { throw FleetError(error.code, "'\(path)', \(item.name): \(error.message)") }
            run.coverage.add(report)
            let result = TemplateTestJudge.golden(report)
            run.results[item.name] = result
            // What is about to be written is what somebody is going to look at.
            let expected = ignoringGolden ? result : golden?[item.name]
            var failures = TemplateTestJudge.failures(
                of: report, expecting: item.expectation, golden: expected)
            if golden != nil, expected == nil {
                failures = [
                    "the golden file does not know this case: look at it, and write it again"
                ]
            }
            let elapsed = ContinuousClock.now - started
            run.outcomes.append(
                Outcome(name: item.name, failures: failures, seconds: elapsed / .seconds(1)))
        }
        run.outcomes += Self.left(in: golden, of: test)
        return run
    }

    /// What the golden file has and no case comes to: one that was taken away, or renamed.
    private static func left(
        in golden: JSONValue?, of test: TemplateTestFile
    ) -> [Outcome] {
        let names = Set(test.cases.map(\.name))
        return (golden?.objectValue?.keys ?? []).filter { !names.contains($0) }.map {
            Outcome(
                name: $0,
                failures: ["the golden file has this case, and the test has not: write it again"],
                seconds: 0)
        }
    }

    private static func report(
        _ item: TemplateTestFile.Case, _ body: String, _ hookSource: String?,
        _ settings: ResolvedSettings
    ) async throws(FleetError) -> DryRunReport {
        let registry = item.registry
        let hooks = hookSource.map { _ in
            HookPool(settings: .standard(cores: 1), lookup: registry)
        }
        var askHook: DryRun.AskHook?
        if let hooks { askHook = { await hooks.run($0, request: $1) } }
        let foresight = CertificateForesight(withoutAuthorities: settings)
        let trial = DryRun(
            load: { keys async throws(FleetError) in registry.view(keys) },
            askHook: askHook,
            foresee: { enquiry throws(FleetError) in try foresight.certificate(enquiry) },
            clock: SystemClock(), realm: (try? Installation(settings).realm) ?? .standard,
            templateLimits: settings.templateLimits)
        do throws(FleetError) {
            let report = try await trial.run(try item.request(of: body, hookSource: hookSource))
            await hooks?.shutdown()
            return report
        } catch {
            await hooks?.shutdown()
            throw error
        }
    }
}

/// Where tests lie.
enum TemplateTestFiles {
    static let suffix = ".test.json"

    /// A test file, the one beside a template, or all of a folder in the order of their names.
    static func below(_ path: String) throws(FleetError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw FleetError(.notFound, "there is no '\(path)'")
        }
        if !isFolder.boolValue {
            if path.hasSuffix(Self.suffix) { return [path] }
            let test = (path.hasSuffix(".json") ? String(path.dropLast(5)) : path) + Self.suffix
            guard FileManager.default.fileExists(atPath: test) else {
                throw FleetError(.notFound, "'\(path)' has no test: write '\(test)'")
            }
            return [test]
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        var folder = path[...]
        while folder.count > 1, folder.last == "/" { folder = folder.dropLast() }
        let tests = names.filter { $0.hasSuffix(Self.suffix) }.sorted().map { "\(folder)/\($0)" }
        guard !tests.isEmpty else {
            throw FleetError(.notFound, "there is no file *\(Self.suffix) in '\(path)'")
        }
        return tests
    }
}
