import ArgumentParser
import ControlPlane
import Fleet
import Foundation
import JSON

struct HookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook",
        abstract: "Pre-provisioning hooks: who wrote them, and who has approved them.",
        discussion: """
            With rights.fourEyes a hook judges devices only once somebody other than its author \
            has approved that very text. Whoever works on the service's own machine, at its \
            socket or in the Hooks folder, counts as one person.
            """,
        subcommands: [List.self, Show.self, Put.self, Approve.self])
}

extension HookCommand {
    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every hook.")

        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) -> Listing {
            Listing(
                ControlCall("ListHooks"), "hooks", .after(sized: false),
                [
                    .init("HOOK", "name"), .init("AUTHOR", "author"),
                    .init("APPROVED BY", "approver"), .init("DIGEST", "digest"),
                ])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A hook's text.")

        @Argument(help: "The hook's name") var name: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "DescribeHook", path: try HookCommand.path(self.name))
                guard !self.json else { return Terminal.say(answer) }
                Terminal.say(answer["source"]?.stringValue ?? "")
            } catch { throw Failure.exit(error) }
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store a hook's text in a running service, which tries it first.",
            discussion: """
                A file of that name in the Hooks folder is loaded over it at the next start.
                """)

        @Argument(help: "The hook's name") var name: String
        @Argument(help: "The Lua file; - is standard input") var file: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let source = try await TextFile.read(self.file)
                let access = try await ControlAccess.openRunning(self.settings)
                let answer = try await access.perform(
                    "PutHook", path: try HookCommand.path(self.name),
                    body: ["source": .string(source)])
                guard !self.json else { return Terminal.say(answer) }
                Terminal.say("\(self.name) has digest \(answer["digest"]?.stringValue ?? "")")
            } catch { throw Failure.exit(error) }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Vouch for a hook that somebody else wrote.")

        @Argument(help: "The hook's name") var name: String
        @Argument(help: "The digest of the text you have read") var digest: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let answer = try await access.perform(
                    "ApproveHook", path: try HookCommand.path(self.name),
                    body: ["digest": .string(self.digest)])
                guard !self.json else { return Terminal.say(answer) }
                Terminal.say(
                    "\(self.name) is approved by \(answer["approver"]?.stringValue ?? "")")
            } catch { throw Failure.exit(error) }
        }
    }

    private static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["hookName": try HookName(name).rawValue]
    }
}
