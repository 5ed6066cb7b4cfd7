import ArgumentParser
import Fleet
import Foundation
import JSON

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Make a service have what files declare: a plan first, then the changes.",
        discussion: """
            slipway apply my-fleet --plan
            slipway apply my-fleet --yes

            The folder is one of 'slipway export', or written by hand. What is as declared \
            already is left alone, so that a second time changes nothing; what is not declared \
            stays. Where a file is wrong, or refers to what is neither there nor declared, each \
            such place is named and nothing is done at all, unless --keep-going: then the rest is.

            Exit codes: 0 done, 1 nothing was done, 2 done in part.
            """)

    @Argument(help: "The folder", completion: .directory) var folder: String
    @Flag(help: "Do what can be done, though some declarations are wrong") var keepGoing = false
    @OptionGroup var options: PlanOptions
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        var code: Int32 = 0
        do throws(FleetError) {
            let folder = DeclaredFolder(path: self.folder)
            try folder.requireDeclarations()
            let access = try await ControlAccess.open(self.settings)
            code = try await FleetApplication(
                access: access, options: self.options, keepsGoing: self.keepGoing
            ).run(folder)
        } catch { throw Failure.exit(error) }
        guard code == 0 else { throw ExitCode(code) }
    }
}

/// What a command that plans first is told.
struct PlanOptions: ParsableArguments {
    @Flag(help: "Say what would be done, and do nothing") var plan = false
    @Flag(help: "Do it without asking") var yes = false
    @Flag(help: "Print JSON; needs --plan or --yes") var json = false

    func validate() throws {
        guard !self.json || self.plan || self.yes else {
            throw ValidationError("--json answers no question: give --plan or --yes too")
        }
    }
}

/// Plans, asks, and does.
struct FleetApplication {
    /// Lines of a plan that are printed; a whole one is in --json.
    private static let linesMax = 100

    let access: ControlAccess
    let options: PlanOptions
    /// Whether what can be done is done where something cannot be.
    let keepsGoing: Bool

    /// - Returns: the exit code.
    func run(_ folder: DeclaredFolder) async throws(FleetError) -> Int32 {
        let (plan, realms) = try await self.plan(folder)
        if !self.options.json { self.tell(plan) }
        for note in await realms.notes(beside: self.access) { Terminal.complain(note) }
        guard self.keepsGoing || plan.failures.isEmpty else {
            if self.options.json {
                self.tellJSON(plan, done: 0, failures: plan.failures)
            } else {
                Terminal.complain(
                    "slipway: nothing was changed: mend what is named, or give --keep-going")
            }
            return 1
        }
        guard !self.options.plan, !plan.changes.isEmpty else {
            if self.options.json { self.tellJSON(plan, done: 0, failures: plan.failures) }
            guard !plan.failures.isEmpty else { return 0 }
            return plan.unchanged + plan.changes.count > 0 ? 2 : 1
        }
        guard try self.isAgreed() else {
            Terminal.say("nothing was changed")
            return 1
        }
        let meter = CountMeter("applying")
        let outcome = await plan.run(self.access) { meter.show($0, of: plan.changes.count) }
        meter.clear()
        let failures = plan.failures + outcome.failures
        if self.options.json {
            self.tellJSON(plan, done: outcome.done, failures: failures)
        } else {
            for failure in outcome.failures { Terminal.complain("slipway: \(failure.message)") }
            Terminal.say("\(outcome.done) of \(plan.changes.count) changes are done")
        }
        guard !failures.isEmpty else { return 0 }
        return outcome.done + plan.unchanged > 0 ? 2 : 1
    }

    private func plan(
        _ folder: DeclaredFolder
    ) async throws(FleetError) -> (FleetPlan, ForeignRealms) {
        var plan = FleetPlan()
        var realms = ForeignRealms()
        let meter = CountMeter("planning")
        for kind in DeclaredKind.allCases {
            let read = try await folder.read(kind)
            for case .success(let resource) in read { realms.add(resource) }
            try await plan.add(read, self.access) { count in
                meter.show(count, of: read.count, kind.place)
            }
        }
        try await plan.settle(self.access)
        meter.clear()
        return (plan, realms)
    }

    private func tell(_ plan: FleetPlan) {
        for change in plan.changes.prefix(Self.linesMax) { Terminal.say(change.line) }
        if plan.changes.count > Self.linesMax {
            Terminal.say("… and \(plan.changes.count - Self.linesMax) more")
        }
        for failure in plan.failures { Terminal.complain("slipway: \(failure.message)") }
        Terminal.say(plan.summary)
    }

    private func tellJSON(_ plan: FleetPlan, done: Int, failures: [FleetError]) {
        Terminal.say([
            "changes": .array(plan.changes.map(\.json)), "unchanged": .int(plan.unchanged),
            "done": .int(done),
            "failures": .array(
                failures.map {
                    ["code": .string($0.code.rawValue), "message": .string($0.message)]
                }),
        ])
    }

    private func isAgreed() throws(FleetError) -> Bool {
        if self.options.yes { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            throw FleetError(
                .invalidRequest, "there is nobody to ask: give --yes to do it, --plan to look")
        }
        Terminal.say("Do it? [y/N]")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
