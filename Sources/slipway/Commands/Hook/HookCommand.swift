import ArgumentParser
import ControlPlane
import Fleet
import Foundation
import Hooks
import JSON

struct HookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook",
        abstract: "Pre-provisioning hooks: written, tried, tested, kept by version.",
        discussion: """
            slipway hook check Hooks/serial-allowlist.lua
            slipway hook run Hooks/serial-allowlist.lua --request request.json --world world.json
            slipway hook test Hooks/
            slipway hook put serial-allowlist Hooks/serial-allowlist.lua -m "Ask for the lot too"
            slipway hook diff serial-allowlist 1 2
            slipway hook enable serial-allowlist 1

            With rights.fourEyes a hook judges devices only once somebody other than its author \
            has approved that very text. Whoever works on the service's own machine, at its \
            socket or in the Hooks folder, counts as one person.
            """,
        subcommands: [
            CheckHook.self, RunHook.self, TestHooks.self, List.self, Show.self, Put.self,
            DiffHook.self, EnableHook.self, DisableHook.self, Approve.self,
        ])
}

extension HookCommand {
    struct List: ListingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every hook, or every version of one.")

        @Argument(help: "A hook's name, for its versions") var name: String?
        @OptionGroup var rows: RowOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            let filter = try RowFilter(self.rows.filter)
            guard let name = self.name else {
                return Listing(
                    ControlCall("ListHooks"), "hooks", .after(sized: false),
                    [
                        .init("HOOK", "name"), .init("VERSION", "version"),
                        .init("ENABLED", "enabled"), .init("AUTHOR", "author"),
                        .init("APPROVED BY", "approver"), .init("DIGEST", "digest"),
                    ], where: filter)
            }
            return Listing(
                ControlCall("ListHookVersions", path: try HookCommand.path(name)), "versions",
                .after(sized: false),
                [
                    .init("VERSION", "version"), .init("IN FORCE", "inForce"),
                    .init("AUTHOR", "author"), .init("CREATED", "createdAt"),
                    .init("MESSAGE", "message"), .init("DIGEST", "digest"),
                ], where: filter)
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "A hook's text.",
            discussion: """
                slipway hook show serial-allowlist
                slipway hook show serial-allowlist --version 2 > serial-allowlist.lua
                """)

        @Argument(help: "The hook's name") var name: String
        @Option(help: "A version's number, or the beginning of its digest; else the one in force")
        var version: String?
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            try HookCommand.text(self.name, self.version)
        }

        func tell(_ answer: JSONValue) { Terminal.hand(answer["source"]?.stringValue ?? "") }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store a hook's text as a new version; its tests run first.",
            discussion: """
                slipway hook put line-3 Hooks/line-3.lua -m "Only hardware B from today"

                The service loads the text and runs the tests that lie beside the file \
                (line-3.test.json); a text that fails one is not stored. What 'slipway hook check' \
                finds in it is told on the way. The new version is in force at once; \
                'slipway hook enable NAME VERSION' goes back to an earlier one.

                Exit code: 0 stored, 1 refused.
                """)

        @Argument(help: "The hook's name") var name: String
        @Argument(help: "The Lua file; - is standard input") var file: String
        @Option(name: .shortAndLong, help: "Why, for whoever reads the list of versions")
        var message: String?
        @Option(help: "The tests; else NAME.test.json beside the file, where there is one")
        var tests: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let source = try await TextFile.read(self.file)
                // Said and not refused: what a check finds may be meant, and the tests decide.
                for finding in HookFiles.findings(self.file, source) {
                    Terminal.complain("slipway: \(self.file):\(finding.text)")
                }
                var body: JSONObject = ["source": .string(source)]
                body["message"] = self.message.map { .string($0) }
                if let tests = self.tests ?? HookFiles.tests(beside: self.file) {
                    body["tests"] = try await TemplateInput.json(tests)
                }
                let access = try await ControlAccess.openRunning(self.settings)
                let answer = try await access.perform(
                    "PutHook", path: try HookCommand.path(self.name), body: .object(body))
                guard !self.json else { return Terminal.say(answer) }
                let cases = answer["casesPassed"]?.intValue ?? 0
                let tested = cases == 0 ? "no tests" : "\(cases) tests passed"
                let isDisabled = answer["enabled"]?.boolValue == false
                Terminal.say(
                    "\(self.name) version \(answer["version"]?.intValue ?? 0) has digest "
                        + "\(answer["digest"]?.stringValue ?? ""); \(tested)"
                        + (isDisabled ? "; the hook is disabled" : ""))
            } catch { throw Failure.exit(error) }
        }
    }

    struct Approve: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Vouch for a hook that somebody else wrote.")

        @Argument(help: "The hook's name") var name: String
        @Argument(help: "The digest of the text you have read") var digest: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
            ControlCall(
                "ApproveHook", path: try HookCommand.path(self.name),
                body: ["digest": .string(self.digest)])
        }

        func tell(_ answer: JSONValue) {
            Terminal.say("\(self.name) is approved by \(answer["approver"]?.stringValue ?? "")")
        }
    }

    /// A hook's text in force, or a version's.
    static func text(_ name: String, _ version: String?) throws(FleetError) -> ControlCall {
        var path = try Self.path(name)
        guard let version else { return ControlCall("DescribeHook", path: path) }
        path["digest"] = version
        return ControlCall("DescribeHookVersion", path: path)
    }

    static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["hookName": try HookName(name).rawValue]
    }
}
