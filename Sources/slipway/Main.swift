import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import Hooks
import JSON

@main
struct Main {
    /// The hook worker and the process that speaks with a token are this same program, but they
    /// must start with as little as they can and never print usage, so they are told apart before
    /// any argument is parsed.
    static func main() async {
        if CommandLine.arguments.dropFirst().first == HookWorkerCommand.name {
            HookWorkerCommand.run()
        }
        if CommandLine.arguments.dropFirst().first == TokenSignerCommand.name {
            TokenSignerCommand.run()
        }
        Libcrypto.outliveExit()
        await Slipway.main()
        // Whoever reads a file that the disk had no room for must not take it for all there is.
        if let defect = Terminal.defect {
            Terminal.complain("slipway: standard output took not all of it: \(defect)")
            exit(1)
        }
    }
}

/// `slipway`, and the list of what it can do.
struct Slipway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slipway",
        abstract: "Fleet provisioning: turns boxes of unknown devices into a fleet of known ones.",
        discussion: """
            Exit codes: 0 done, 1 refused or failed (the last line says what to do), 2 done in \
            part, 64 the command was not understood.
            """,
        version: Slipway.versionText,
        subcommands: [
            UpCommand.self, InitCommand.self, ServeCommand.self, SimulateCommand.self,
            ThingCommand.self, TypeCommand.self, GroupCommand.self, TagCommand.self,
            CompletionCommand.self, NamesCommand.self, ExportCommand.self, ApplyCommand.self,
            ImportCommand.self,
            AllowlistCommand.self, CertCommand.self, SearchCommand.self, PolicyCommand.self,
            StatusCommand.self, AuditCommand.self, AccessCommand.self, HookCommand.self,
            RegisterThingsCommand.self,
            TemplateCommand.self,
            ClaimCommand.self,
            CACommand.self, KeysCommand.self,
            ConfigCommand.self, OperationsCommand.self, EnvCommand.self,
            TraceCommand.self, ReasonsCommand.self, EnrolmentCommand.self,
        ])

    static let versionText = "0.1.0"
}

/// How a command ends when it cannot do what it was asked: one line, and an exit code.
enum Failure {
    static func exit(_ error: FleetError) -> ExitCode {
        let advice = Advice.about(error).map { "; \($0)" } ?? ""
        Terminal.complain(
            CommandLine.arguments.contains("--json")
                ? Terminal.json(Self.json(error)) : "slipway: \(error.message)\(advice)")
        return ExitCode(1)
    }

    /// As a service's answer has it, with the code that is a header there.
    private static func json(_ error: FleetError) -> JSONValue {
        var object: JSONObject = [
            "code": .string(error.code.rawValue), "message": .string(error.message),
        ]
        object["resource"] = error.resource.map { .string($0) }
        return .object(object)
    }
}
