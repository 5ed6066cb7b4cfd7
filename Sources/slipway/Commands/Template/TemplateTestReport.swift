import ArgumentParser
import Fleet
import Provisioning

/// How the outcome of tests of templates is told.
enum TemplateTestFormat: String, ExpressibleByArgument, CaseIterable {
    case human, json, junit, tap
}

/// The outcome of all test files.
struct TemplateTestReport {
    private let report: TestCaseReport
    /// The least that any template is covered, in percent.
    let percent: Int

    /// - Parameter broken: files that could not be run, and why.
    init(runs: [TemplateTestRun], broken: [(file: String, error: FleetError)]) {
        self.report = TestCaseReport(
            suites: runs.map(\.suite) + broken.map { .broken($0.file, $0.error.message) })
        self.percent = runs.map(\.coverage.percent).min() ?? 100
    }

    var failed: Int { self.report.failed }

    func lines(_ format: TemplateTestFormat) -> [String] {
        switch format {
        case .human: self.report.human
        case .json: [self.report.json]
        case .junit: self.report.junit
        case .tap: self.report.tap
        }
    }
}

extension TemplateTestRun {
    fileprivate var suite: TestCaseReport.Suite {
        let coverage = self.coverage
        let missed = coverage.missed.map { "    never: \($0.kind) \($0.name)" }
        return TestCaseReport.Suite(
            file: self.file,
            cases: self.outcomes.map {
                .init(
                    name: $0.name, failures: $0.failures,
                    milliseconds: Int($0.seconds * 1000))
            },
            coverage: [
                "  coverage \(coverage.covered) of \(coverage.total) (\(coverage.percent)%)"
            ] + missed, json: self.json)
    }
}
