import ArgumentParser
import Fleet
import Foundation
import Hooks
import JSON

/// How the outcome of tests of hooks is told.
enum HookTestFormat: String, ExpressibleByArgument, CaseIterable {
    case human, json, junit
}

/// The cases of one test file, carried out.
struct HookTestRun: Sendable {
    let file: String
    let results: [HookTestFile.Result]
    /// Lines on which something can run, and those of them that no case ran.
    let executable: [Int]
    let missed: [Int]

    /// Rounded down: whole only where everything ran.
    var percent: Int {
        guard !self.executable.isEmpty else { return 100 }
        return (self.executable.count - self.missed.count) * 100 / self.executable.count
    }

    /// - Throws: where the test itself is wrong: no hook, a case that nobody understands.
    static func carryOut(
        _ path: String, in pool: HookPool
    ) async throws(FleetError) -> HookTestRun {
        guard path.hasSuffix(HookFiles.testSuffix) else {
            throw FleetError(.invalidRequest, "'\(path)' is no *\(HookFiles.testSuffix)")
        }
        let hook = String(path.dropLast(HookFiles.testSuffix.count)) + ".lua"
        let source = try await TextFile.read(hook)
        let test: HookTestFile
        do throws(FleetError) {
            test = try HookTestFile(json: try await TemplateInput.json(path))
        } catch { throw FleetError(error.code, "'\(path)': \(error.message)") }
        let results = await test.run(try HookFiles.script(hook, source), in: pool)
        let executable = HookLint.executableLines(name: HookFiles.name(hook), source: source)
        let ran = Set(results.flatMap(\.lines))
        return HookTestRun(
            file: path, results: results, executable: executable,
            missed: executable.filter { !ran.contains($0) })
    }

    var json: JSONValue {
        [
            "file": .string(self.file),
            "cases": .array(
                self.results.map { result in
                    var object: JSONObject = [
                        "name": .string(result.name), "passed": .bool(result.failures.isEmpty),
                        "failures": .array(result.failures.map { .string($0) }),
                    ]
                    object["cost"] = result.cost?.json
                    return .object(object)
                }),
            "coverage": [
                "lines": .int(self.executable.count), "percent": .int(self.percent),
                "missed": .array(self.missed.map { .int($0) }),
            ],
        ]
    }
}

/// The outcome of all test files.
struct HookTestReport {
    private let report: TestCaseReport
    /// The least that any hook is covered, in percent.
    let percent: Int

    /// - Parameter broken: files that could not be run, and why.
    init(runs: [HookTestRun], broken: [(file: String, error: FleetError)]) {
        self.report = TestCaseReport(
            suites: runs.map(\.suite) + broken.map { .broken($0.file, $0.error.message) })
        self.percent = runs.map(\.percent).min() ?? 100
    }

    var failed: Int { self.report.failed }

    func lines(_ format: HookTestFormat) -> [String] {
        switch format {
        case .human: self.report.human
        case .json: [self.report.json]
        case .junit: self.report.junit
        }
    }
}

extension HookTestRun {
    fileprivate var suite: TestCaseReport.Suite {
        let covered = self.executable.count - self.missed.count
        var coverage = ["  coverage \(covered) of \(self.executable.count) (\(self.percent)%)"]
        if !self.missed.isEmpty {
            let missed = self.missed.map(String.init).joined(separator: ", ")
            coverage.append("    never run: line \(missed)")
        }
        return TestCaseReport.Suite(
            file: self.file,
            cases: self.results.map {
                .init(
                    name: $0.name, failures: $0.failures,
                    milliseconds: ($0.cost?.microseconds ?? 0) / 1000)
            }, coverage: coverage, json: self.json)
    }
}
