import ArgumentParser
import ControlPlane
import Fleet
import JSON

struct EnableHook: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Put a hook, or one of its earlier versions, in force.",
        discussion: """
            slipway hook enable serial-allowlist
            slipway hook enable serial-allowlist 2
            slipway hook enable serial-allowlist 4f0c2a9e
            """)

    @Argument(help: "The hook's name") var name: String
    @Argument(help: "A version's number or the beginning of its digest") var version: String?
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        ControlCall(
            "EnableHook", path: try HookCommand.path(self.name),
            body: self.version.map { ["digest": .string($0)] } ?? [:])
    }

    func tell(_ answer: JSONValue) {
        Terminal.say(
            "\(self.name) is enabled with version \(answer["version"]?.intValue ?? 0), "
                + "digest \(answer["digest"]?.stringValue ?? "")")
    }
}

struct DisableHook: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Let a hook refuse every device until it is enabled again.",
        discussion: """
            slipway hook disable serial-allowlist

            Templates that name the hook register nobody meanwhile: what guards the door does \
            not open it by going away. To do without a hook, take it from the template.
            """)

    @Argument(help: "The hook's name") var name: String
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        ControlCall("DisableHook", path: try HookCommand.path(self.name))
    }

    func tell(_ answer: JSONValue) {
        Terminal.say("\(self.name) is disabled: templates that name it refuse every device")
    }
}

struct DiffHook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "What differs between two versions of a hook, line by line.",
        discussion: """
            slipway hook diff serial-allowlist 1 2
            slipway hook diff serial-allowlist 1
            slipway hook diff serial-allowlist --file Hooks/serial-allowlist.lua

            What is not named is the version in force.

            Exit code: 0 no difference, 2 some, 1 where it cannot be told.
            """)

    @Argument(help: "The hook's name") var name: String
    @Argument(help: "The version on the left: its number or the beginning of its digest")
    var from: String?
    @Argument(help: "The version on the right") var to: String?
    @Option(help: "A file on the right, in place of a version") var file: String?
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func validate() throws {
        guard self.file == nil || self.to == nil else {
            throw ValidationError("compare with a file or with a version, not both")
        }
    }

    func run() async throws {
        do {
            let access = try await ControlAccess.open(self.settings)
            let left = try await self.text(self.from, access)
            let right: String
            if let file = self.file {
                right = try await TextFile.read(file)
            } else {
                right = try await self.text(self.to, access)
            }
            let lines = LineDifference.lines(left, right)
            if self.json {
                Terminal.say([
                    "hook": .string(self.name),
                    "lines": .array(lines.map { .string($0) }),
                ])
            } else {
                for line in lines { Terminal.say(line) }
                if lines.isEmpty { Terminal.say("no difference") }
            }
            guard lines.isEmpty else { throw ExitCode(2) }
        } catch let error as FleetError { throw Failure.exit(error) }
    }

    private func text(
        _ version: String?, _ access: ControlAccess
    ) async throws(FleetError) -> String {
        try await access.perform(HookCommand.text(self.name, version))["source"]?.stringValue ?? ""
    }
}

/// The lines that two texts do not share, in order: "- " for the left, "+ " for the right, each
/// with the number it has there.
enum LineDifference {
    static func lines(_ left: String, _ right: String) -> [String] {
        let left = left.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let right = right.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var removed: [Int: String] = [:]
        var added: [Int: String] = [:]
        for change in right.difference(from: left) {
            switch change {
            case .remove(let offset, let line, _): removed[offset] = line
            case .insert(let offset, let line, _): added[offset] = line
            }
        }
        var output: [String] = []
        var (l, r) = (0, 0)
        while l < left.count || r < right.count {
            if let line = removed[l] {
                output.append("-\(l + 1): \(line)")
                l += 1
            } else if let line = added[r] {
                output.append("+\(r + 1): \(line)")
                r += 1
            } else {
                l += 1
                r += 1
            }
        }
        return output
    }
}
