import ArgumentParser
import JSON
import Provisioning

/// How the outcome of tests is told.
enum TemplateTestFormat: String, ExpressibleByArgument, CaseIterable {
    case human, json, junit, tap
}

/// The outcome of all test files, in each of the forms that somebody reads.
struct TemplateTestReport {
    let runs: [TemplateTestRun]

    private var cases: Int { self.runs.reduce(0) { $0 + $1.outcomes.count } }
    var failed: Int { self.runs.reduce(0) { $0 + $1.failed } }
    /// The least that any template is covered, in percent.
    var percent: Int { self.runs.map(\.coverage.percent).min() ?? 100 }

    func lines(_ format: TemplateTestFormat) -> [String] {
        switch format {
        case .human: self.human
        case .json: [JSONPrinter.print(self.json, style: .pretty)]
        case .junit: self.junit
        case .tap: self.tap
        }
    }

    private var json: JSONValue {
        [
            "cases": .int(self.cases), "failed": .int(self.failed),
            "files": .array(self.runs.map(\.json)),
        ]
    }

    private var human: [String] {
        var lines: [String] = []
        for run in self.runs {
            lines.append(run.file)
            for outcome in run.outcomes {
                lines.append("  \(outcome.failures.isEmpty ? "ok    " : "FAILED") \(outcome.name)")
                lines += outcome.failures.map { "           \($0)" }
            }
            let coverage = run.coverage
            lines.append(
                "  coverage \(coverage.covered) of \(coverage.total) (\(coverage.percent)%)")
            lines += coverage.missed.map { "    never: \($0.kind) \($0.name)" }
        }
        lines.append("\(self.cases) cases, \(self.failed) failed")
        return lines
    }

    /// TAP version 14.
    private var tap: [String] {
        var lines = ["TAP version 14", "1..\(self.cases)"]
        var number = 0
        for run in self.runs {
            for outcome in run.outcomes {
                number += 1
                let word = outcome.failures.isEmpty ? "ok" : "not ok"
                let name = "\(run.file): \(outcome.name)"
                    .replacing("\\", with: "\\\\").replacing("#", with: "\\#")
                lines.append("\(word) \(number) - \(name.oneLine)")
                guard !outcome.failures.isEmpty else { continue }
                lines.append("  ---")
                lines.append("  failures:")
                lines += outcome.failures.map {
                    "    - \(JSONPrinter.print(.string($0)))"
                }
                lines.append("  ...")
            }
        }
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
                "  <testsuite name=\"\(run.file.xml)\" tests=\"\(run.outcomes.count)\" "
                    + "failures=\"\(run.failed)\" errors=\"0\" skipped=\"0\">")
            for outcome in run.outcomes {
                let milliseconds = Int(outcome.seconds * 1000)
                let fraction = String(1000 + milliseconds % 1000).dropFirst()
                let head =
                    "    <testcase classname=\"\(run.file.xml)\" name=\"\(outcome.name.xml)\" "
                    + "time=\"\(milliseconds / 1000).\(fraction)\""
                guard let first = outcome.failures.first else {
                    lines.append(head + "/>")
                    continue
                }
                lines.append(head + ">")
                lines.append(
                    "      <failure message=\"\(first.xml)\">"
                        + outcome.failures.map(\.xml).joined(separator: "\n") + "</failure>")
                lines.append("    </testcase>")
            }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines
    }
}

extension String {
    fileprivate var oneLine: String { self.replacing("\n", with: " ").replacing("\r", with: " ") }

    /// For an attribute or text; what XML 1.0 cannot hold is a question mark.
    var xml: String {
        var text = ""
        for scalar in self.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\n", "\t": text += " "
            case _ where scalar.value < 0x20: text += "?"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
