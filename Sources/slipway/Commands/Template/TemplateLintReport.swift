import ControlPlane
import Fleet
import JSON
import Policies
import Provisioning

/// The findings of some templates, as people and as machines read them.
struct TemplateLintReport {
    private var files: [(path: String, report: TemplateLint.Report, text: String)] = []

    /// - Parameter text: the file's, where SARIF is wanted.
    mutating func add(_ path: String, _ report: TemplateLint.Report, text: String) {
        self.files.append((path, report, text))
    }

    private var findings: [(path: String, finding: TemplateFinding)] {
        self.files.flatMap { file in file.report.findings.map { (file.path, $0) } }
    }

    var exitCode: Int32 {
        switch self.files.compactMap(\.report.worst).max() {
        case .error?: 2
        case .warning?: 1
        case .note?, nil: 0
        }
    }

    // MARK: People

    func lines(ignored: Bool) -> [String] {
        var lines = self.findings.map { Self.line($0.path, $0.finding) }
        for file in self.files where ignored {
            lines += file.report.ignored.map {
                Self.line(file.path, $0.finding) + " (ignored: \($0.reason.clipped))"
            }
        }
        return lines
    }

    private static func line(_ path: String, _ finding: TemplateFinding) -> String {
        let place = finding.position.map { ":\($0.line):\($0.column)" } ?? ""
        let pointer =
            finding.pointer == .root
            ? "" : finding.pointer.tokens.map { "/" + $0.clipped }.joined() + ": "
        let hint = finding.nearest.map { "; did you mean '\($0)'?" } ?? ""
        return "\(path)\(place): \(finding.rule.severity.rawValue): \(pointer)"
            + "\(finding.message)\(hint) [\(finding.rule.id)]"
    }

    var summary: String {
        func count(_ severity: PolicyFinding.Severity) -> String {
            let count = self.findings.filter { $0.finding.rule.severity == severity }.count
            return "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }
        let ignored = self.files.reduce(0) { $0 + $1.report.ignored.count }
        return "\(count(.error)), \(count(.warning)), \(count(.note)), \(ignored) ignored"
    }

    // MARK: Machines

    func json(ignored: Bool) -> JSONValue {
        var all = self.findings.map { JSONValue.object(Self.json($0.path, $0.finding)) }
        for file in self.files where ignored {
            for (finding, reason) in file.report.ignored {
                var object = Self.json(file.path, finding)
                object["ignored"] = .string(reason)
                all.append(.object(object))
            }
        }
        return .array(all)
    }

    private static func json(_ path: String, _ finding: TemplateFinding) -> JSONObject {
        var object = finding.json
        object["file"] = .string(path)
        return object
    }

    /// SARIF 2.1.0 (OASIS): one run, every rule that was broken, and suppressions.
    var sarif: JSONValue {
        var results: [JSONValue] = []
        for file in self.files {
            let all = file.report.findings + file.report.ignored.map(\.finding)
            // A file that is no text has no columns but its bytes.
            let columns: [JSONSourceMap.Position: Int] =
                file.text.isEmpty
                ? [:]
                : JSONSourceMap.Position.utf16Columns(
                    of: all.compactMap(\.position), in: file.text)
            for finding in file.report.findings {
                results.append(.object(Self.result(file.path, finding, columns)))
            }
            for (finding, reason) in file.report.ignored {
                var result = Self.result(file.path, finding, columns)
                result["suppressions"] = [
                    ["kind": "inSource", "justification": .string(reason)]
                ]
                results.append(.object(result))
            }
        }
        let rules = TemplateRule.all.map { rule -> JSONValue in
            [
                "id": .string(rule.id), "shortDescription": ["text": .string(rule.summary)],
                "defaultConfiguration": ["level": .string(rule.severity.rawValue)],
            ]
        }
        return [
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
            "runs": [
                [
                    "tool": ["driver": ["name": "slipway", "rules": .array(rules)]],
                    "columnKind": "utf16CodeUnits", "results": .array(results),
                ]
            ],
        ]
    }

    /// A relative reference (SARIF 2.1.0 section 3.4.3, RFC 3986 section 4.2).
    private static func uri(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map(\.percentEncoded)
            .joined(separator: "/")
    }

    /// - Parameter columns: SARIF counts them in UTF-16 code units (section 3.14.17), and not in
    ///   bytes.
    private static func result(
        _ path: String, _ finding: TemplateFinding, _ columns: [JSONSourceMap.Position: Int]
    ) -> JSONObject {
        let place = finding.position ?? .start
        let hint = finding.nearest.map { "; did you mean '\($0)'?" } ?? ""
        return [
            "ruleId": .string(finding.rule.id), "level": .string(finding.rule.severity.rawValue),
            "message": ["text": .string(finding.message + hint)],
            "locations": [
                [
                    "physicalLocation": [
                        "artifactLocation": ["uri": .string(Self.uri(path))],
                        "region": [
                            "startLine": .int(place.line),
                            "startColumn": .int(columns[place] ?? place.column),
                        ],
                    ],
                    "logicalLocations": [
                        ["fullyQualifiedName": .string(finding.pointer.description)]
                    ],
                ]
            ],
        ]
    }
}
