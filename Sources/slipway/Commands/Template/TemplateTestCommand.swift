import ArgumentParser
import Fleet
import Foundation
import JSON
import Provisioning

struct TestTemplates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests that lie beside templates.",
        discussion: """
            slipway template test Templates/
            slipway template test Templates/pump.test.json --format junit > pump.xml
            slipway template test Templates/ --fail-under 100
            slipway template test Templates/pump.json --golden

            A test, NAME.test.json beside NAME.json, gives cases: parameters, what the hook says, \
            what is in the registry before, and what must come of it \
            (Documentation/template-authoring.md). It needs no service. --golden writes what \
            every case comes to into NAME.golden.json, for somebody to read; from then on a case \
            must come to that. Where a case fails by what the test itself expects, nothing of its \
            file is written.

            A file that cannot be run is told beside the others. Exit code: 0 all passed, 1 some \
            failed or cannot be run, 2 all passed and a template \
            is covered less than --fail-under says.
            """)

    @Argument(help: "Test files, templates, or folders of tests") var paths: [String]
    @Option(help: "human, json, junit or tap") var format: TemplateTestFormat = .human
    @Flag(help: "Print JSON; the same as --format json") var json = false
    @Flag(help: "Write what each case comes to beside the test, for review") var golden = false
    @Option(help: "Least coverage of each template, in percent") var failUnder: Int?
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do {
            try self.requireOneMeaning()
            let settings = try await self.settings.resolve()
            var files: [String] = []
            // A file that is named beside its folder is one file.
            var seen: Set<String> = []
            for path in self.paths {
                for file in try TemplateTestFiles.below(path)
                where seen.insert(URL(fileURLWithPath: file).standardized.path).inserted {
                    files.append(file)
                }
            }
            var bar = StepBar(total: files.count)
            var runs: [TemplateTestRun] = []
            var broken: [(file: String, error: FleetError)] = []
            for file in files {
                do throws(FleetError) {
                    runs.append(
                        try await TemplateTestRun.carryOut(
                            file, ignoringGolden: self.golden, settings))
                } catch { broken.append((file, error)) }
                bar.step()
            }
            bar.clear()
            if self.golden {
                if let first = broken.first { throw first.error }
                return try self.writeGolden(runs)
            }
            let report = TemplateTestReport(runs: runs, broken: broken)
            for line in report.lines(self.json ? .json : self.format) { Terminal.say(line) }
            guard report.failed == 0 else { throw ExitCode(1) }
            if let least = self.failUnder, report.percent < least {
                Terminal.complain("slipway: coverage \(report.percent)%; wanted \(least)%")
                throw ExitCode(2)
            }
        } catch let error as FleetError {
            throw Failure.exit(error)
        }
    }

    private func requireOneMeaning() throws(FleetError) {
        guard !self.json || self.format == .human || self.format == .json else {
            throw FleetError(
                .invalidRequest, "--json and --format \(self.format) are two forms: say one")
        }
        guard let least = self.failUnder, !(0...100).contains(least) else { return }
        throw FleetError(.invalidRequest, "--fail-under is a percentage, 0 to 100, not \(least)")
    }

    /// What a file's cases come to is not written where one of them fails by its own words.
    private func writeGolden(_ runs: [TemplateTestRun]) throws {
        let failing = runs.filter { !$0.outcomes.allSatisfy(\.failures.isEmpty) }
        for run in runs where run.outcomes.allSatisfy(\.failures.isEmpty) {
            let path =
                String(run.file.dropLast(TemplateTestFiles.suffix.count)) + ".golden.json"
            let text = JSONPrinter.print(.object(run.results), style: .pretty) + "\n"
            do {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            } catch {
                throw FleetError(.invalidRequest, "'\(path)' cannot be written: \(error)")
            }
            Terminal.say("\(path): \(run.outcomes.count) results to read")
        }
        guard !failing.isEmpty else { return }
        for line in TemplateTestReport(runs: failing, broken: []).lines(.human) {
            Terminal.say(line)
        }
        Terminal.complain("slipway: no results are written of a test with a case that fails")
        throw ExitCode(1)
    }
}
