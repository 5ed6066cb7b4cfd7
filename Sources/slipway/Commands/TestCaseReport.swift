import JSON

/// What the test files of templates and of hooks came to, in each of the forms that somebody reads.
struct TestCaseReport {
    struct Case {
        let name: String
        let failures: [String]
        let milliseconds: Int
    }

    struct Suite {
        let file: String
        /// Why none of its cases could be run; nil where they were.
        var error: String?
        let cases: [Case]
        /// What follows the cases where a person reads them.
        let coverage: [String]
        let json: JSONValue

        var failed: Int { self.cases.count { !$0.failures.isEmpty } }

        /// A file that cannot be run.
        static func broken(_ file: String, _ error: String) -> Suite {
            Suite(
                file: file, error: error, cases: [], coverage: [],
                json: ["file": .string(file), "error": .string(error)])
        }
    }

    let suites: [Suite]

    private var cases: Int { self.suites.reduce(0) { $0 + $1.cases.count } }
    private var broken: Int { self.suites.count { $0.error != nil } }
    private var failedCases: Int { self.suites.reduce(0) { $0 + $1.failed } }
    /// Cases, and files that could not be run.
    var failed: Int { self.failedCases + self.broken }

    var json: String {
        JSONPrinter.print(
            [
                "cases": .int(self.cases), "failed": .int(self.failedCases),
                "broken": .int(self.broken),
                "files": .array(self.suites.map(\.json)),
            ], style: .pretty)
    }

    var human: [String] {
        var lines: [String] = []
        for suite in self.suites {
            lines.append(suite.file)
            if let error = suite.error { lines.append("  BROKEN \(Terminal.line(error))") }
            for one in suite.cases {
                let word = one.failures.isEmpty ? "ok    " : "FAILED"
                lines.append("  \(word) \(Terminal.line(one.name))")
                lines += one.failures.map { "           \(Terminal.line($0))" }
            }
            lines += suite.coverage
        }
        let broken = self.broken == 0 ? "" : ", \(self.broken) files cannot be run"
        lines.append("\(self.cases) cases, \(self.failedCases) failed\(broken)")
        return lines
    }

    /// TAP version 14.
    var tap: [String] {
        var lines = ["TAP version 14", "1..\(self.cases + self.broken)"]
        var number = 0
        for suite in self.suites {
            if let error = suite.error {
                number += 1
                lines += Self.tap("cannot be run", [error], number, of: suite.file)
            }
            for one in suite.cases {
                number += 1
                lines += Self.tap(one.name, one.failures, number, of: suite.file)
            }
        }
        return lines
    }

    private static func tap(
        _ name: String, _ failures: [String], _ number: Int, of file: String
    ) -> [String] {
        let text = Terminal.line("\(file): \(name)")
            .replacing("\\", with: "\\\\").replacing("#", with: "\\#")
        let line = "\(failures.isEmpty ? "ok" : "not ok") \(number) - \(text)"
        guard !failures.isEmpty else { return [line] }
        return [line, "  ---", "  failures:"]
            + failures.map { "    - \(JSONPrinter.print(.string($0)))" } + ["  ..."]
    }

    /// The form of JUnit's Ant task, which every build server reads.
    var junit: [String] {
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuites tests=\"\(self.cases + self.broken)\" failures=\"\(self.failedCases)\""
                + (self.broken == 0 ? ">" : " errors=\"\(self.broken)\">"),
        ]
        for suite in self.suites {
            // A file that cannot be run is a case of its own here, which is counted like others.
            let errors = suite.error == nil ? 0 : 1
            lines.append(
                "  <testsuite name=\"\(suite.file.xml)\" tests=\"\(suite.cases.count + errors)\" "
                    + "failures=\"\(suite.failed)\" errors=\"\(errors)\" "
                    + "skipped=\"0\">")
            if let error = suite.error {
                lines.append(
                    "    <testcase classname=\"\(suite.file.xml)\" name=\"cannot be run\">"
                        + "<error message=\"\(error.xml)\"/></testcase>")
            }
            for one in suite.cases { lines += Self.junit(one, of: suite.file) }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines
    }

    private static func junit(_ one: Case, of file: String) -> [String] {
        let fraction = String(1000 + one.milliseconds % 1000).dropFirst()
        let head =
            "    <testcase classname=\"\(file.xml)\" name=\"\(one.name.xml)\" "
            + "time=\"\(one.milliseconds / 1000).\(fraction)\""
        guard let first = one.failures.first else { return [head + "/>"] }
        return [
            head + ">",
            "      <failure message=\"\(first.xml)\">"
                + one.failures.map(\.xml).joined(separator: "\n") + "</failure>",
            "    </testcase>",
        ]
    }
}

extension String {
    /// For an attribute or text; what XML 1.0 cannot hold is a question mark.
    fileprivate var xml: String {
        var text = ""
        for scalar in self.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\n", "\t": text += " "
            case "\u{FFFE}", "\u{FFFF}": text += "?"
            case _ where scalar.value < 0x20: text += "?"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
