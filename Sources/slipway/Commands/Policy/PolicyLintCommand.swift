import ArgumentParser
import Fleet
import JSON
import Policies

extension PolicyCommand {
    struct Lint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find what is wrong with policy documents, and what is probably not meant.",
            discussion: """
                slipway policy lint pump.json
                slipway policy lint --json policies/*.json
                slipway policy lint --region eu-west-1 --account 111122223333 pump.json

                Each finding is a line FILE:LINE:COLUMN: SEVERITY: what it is [RULE]. Exit code: \
                2 where a document would be refused (error), 1 where it does something else than \
                it seems to (warning), 0 where there is nothing but notes.
                """)

        @Argument(help: "Policy documents; - is standard input") var files: [String]
        @Flag(help: "Print the findings as JSON") var json = false
        @Option(help: "The service's region: an ARN with another is a warning") var region: String?
        @Option(help: "The service's account: an ARN with another is a warning")
        var account: String?
        @OptionGroup var dialect: PolicyDialectOptions

        func run() async throws {
            do {
                let realm = try self.realm()
                var all: [(path: String, finding: PolicyFinding)] = []
                for path in self.files {
                    let file = try await PolicyFile(path: path)
                    let findings = PolicyLint.findings(
                        of: file.text, dialect: self.dialect.dialect, realm: realm)
                    all += findings.map { (path, $0) }
                }
                if self.json {
                    Terminal.say(.array(all.map { Self.json($0.path, $0.finding) }))
                } else {
                    for (path, finding) in all { Terminal.say(Self.line(path, finding)) }
                    Terminal.complain(Self.summary(all.map(\.finding)))
                }
                switch all.map(\.finding.rule.severity).max() {
                case .error?: throw ExitCode(2)
                case .warning?: throw ExitCode(1)
                case .note?, nil: break
                }
            } catch let error as FleetError { throw Self.unreadable(error) }
        }

        private func realm() throws(FleetError) -> Realm? {
            guard self.region != nil || self.account != nil else { return nil }
            return try Realm(
                region: self.region ?? Realm.standard.region,
                account: self.account ?? Realm.standard.account)
        }

        private static func unreadable(_ error: FleetError) -> ExitCode {
            Terminal.complain("slipway: \(error.message)")
            return ExitCode(2)
        }

        private static func line(_ path: String, _ finding: PolicyFinding) -> String {
            let place = finding.position.map { ":\($0.line):\($0.column)" } ?? ""
            return "\(path)\(place): \(finding.rule.severity.rawValue): \(finding.message) "
                + "[\(finding.rule.rawValue)]"
        }

        private static func summary(_ findings: [PolicyFinding]) -> String {
            func count(_ severity: PolicyFinding.Severity) -> String {
                let count = findings.filter { $0.rule.severity == severity }.count
                return "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
            }
            return "\(count(.error)), \(count(.warning)), \(count(.note))"
        }

        private static func json(_ path: String, _ finding: PolicyFinding) -> JSONValue {
            [
                "file": .string(path), "line": .int(finding.position?.line ?? 1),
                "column": .int(finding.position?.column ?? 1),
                "pointer": .string(finding.place.description),
                "severity": .string(finding.rule.severity.rawValue),
                "rule": .string(finding.rule.rawValue), "message": .string(finding.message),
            ]
        }
    }
}
