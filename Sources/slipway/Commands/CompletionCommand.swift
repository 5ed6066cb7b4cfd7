import ArgumentParser
import Fleet
import JSON

struct CompletionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print what makes a shell complete slipway's commands, options and names.",
        discussion: """
            bash, for every shell to come:
              slipway completion bash > ~/.local/share/bash-completion/completions/slipway
            zsh, into a folder of $fpath, before compinit:
              slipway completion zsh > ~/.zfunc/_slipway
            fish:
              slipway completion fish > ~/.config/fish/completions/slipway.fish

            In the shell at hand: source <(slipway completion bash). Names of things, types, \
            groups and policies are asked of the service that runs here.
            """)

    @Argument(help: "bash, zsh or fish", completion: .list(["bash", "zsh", "fish"]))
    var shell: Shell

    enum Shell: String, ExpressibleByArgument { case bash, zsh, fish }

    func run() async throws {
        let shell: CompletionShell =
            switch self.shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        let script = Slipway.completionScript(for: shell)
        guard self.shell == .zsh else { return Terminal.say(script) }
        let names = "slipway complete-names "
        Terminal.say(script.replacing(names, with: names + "--described "))
    }
}

/// How the names of what there is are completed. The shell asks a second process, so that
/// completing costs nothing where no name is wanted.
enum Names {
    static let things = CompletionKind.shellCommand("slipway complete-names things 2>/dev/null")
    static let types = CompletionKind.shellCommand("slipway complete-names types 2>/dev/null")
    static let groups = CompletionKind.shellCommand("slipway complete-names groups 2>/dev/null")
    static let policies = CompletionKind.shellCommand(
        "slipway complete-names policies 2>/dev/null")
}

/// `slipway complete-names`: the first names of a kind, one a line, for a shell.
struct NamesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "complete-names", abstract: "The first names of a kind, one a line.",
        shouldDisplay: false)

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case things, types, groups, policies
    }

    @Argument(help: "things, types, groups or policies") var kind: Kind
    @Flag(help: "Write a colon as \\:, since zsh takes a plain one for the end of the name")
    var described = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let (operation, items, name) =
                switch self.kind {
                case .things: ("ListThings", "things", "thingName")
                case .types: ("ListThingTypes", "thingTypes", "thingTypeName")
                case .groups: ("ListThingGroups", "thingGroups", "groupName")
                case .policies: ("ListPolicies", "policies", "policyName")
                }
            let access = try await ControlAccess.openRunning(self.settings)
            let page = try await access.perform(operation)
            for item in page[items]?.arrayValue ?? [] {
                guard let text = item[name]?.stringValue else { continue }
                Terminal.say(self.described ? text.replacing(":", with: "\\:") : text)
            }
        } catch { throw Failure.exit(error) }
    }
}
