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

    var failed: Int { self.results.count { !$0.failures.isEmpty } }
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

/// The outcome of all test files, in each of the forms that somebody reads.
struct HookTestReport {
    let runs: [HookTestRun]

    private var cases: Int { self.runs.reduce(0) { $0 + $1.results.count } }
    var failed: Int { self.runs.reduce(0) { $0 + $1.failed } }
    /// The least that any hook is covered, in percent.
    var percent: Int { self.runs.map(\.percent).min() ?? 100 }

    func lines(_ format: HookTestFormat) -> [String] {
        switch format {
        case .human: self.human
        case .json:
            [
                JSONPrinter.print(
                    [
                        "cases": .int(self.cases), "failed": .int(self.failed),
                        "files": .array(self.runs.map(\.json)),
                    ], style: .pretty)
            ]
        case .junit: self.junit
        }
    }

    private var human: [String] {
        var lines: [String] = []
        for run in self.runs {
            lines.append(run.file)
            for result in run.results {
                lines.append("  \(result.failures.isEmpty ? "ok    " : "FAILED") \(result.name)")
                lines += result.failures.map { "           \($0)" }
            }
            let covered = run.executable.count - run.missed.count
            lines.append("  coverage \(covered) of \(run.executable.count) (\(run.percent)%)")
            if !run.missed.isEmpty {
                let missed = run.missed.map(String.init).joined(separator: ", ")
                lines.append("    never run: line \(missed)")
            }
        }
        lines.append("\(self.cases) cases, \(self.failed) failed")
        return lines
    }

    /// The form of JUnit's Ant task, which every build server reads.
    private var junit: [String] {
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuites tests=\"\(self.cases)\" failures=\"\(self.failed)\">",
        ]
        for run in self.runs {
            lines.append(
                "  <testsuite name=\"\(run.file.xml)\" tests=\"\(run.results.count)\" "
                    + "failures=\"\(run.failed)\" errors=\"0\" skipped=\"0\">")
            for result in run.results {
                let milliseconds = (result.cost?.microseconds ?? 0) / 1000
                let fraction = String(1000 + milliseconds % 1000).dropFirst()
                let head =
                    "    <testcase classname=\"\(run.file.xml)\" name=\"\(result.name.xml)\" "
                    + "time=\"\(milliseconds / 1000).\(fraction)\""
                guard let first = result.failures.first else {
                    lines.append(head + "/>")
                    continue
                }
                lines.append(head + ">")
                lines.append(
                    "      <failure message=\"\(first.xml)\">"
                        + result.failures.map(\.xml).joined(separator: "\n") + "</failure>")
                lines.append("    </testcase>")
            }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines
    }
}
