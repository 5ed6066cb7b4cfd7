import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import Logging

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve devices until Ctrl-C.",
        discussion: """
            Needs what 'slipway init' makes. Prints one line when devices are served; everything \
            else is logged to standard error.
            """)

    @OptionGroup(title: "Settings") var settings: SettingOptions

    func run() async throws {
        do throws(FleetError) {
            let settings = try await self.settings.resolve()
            ServiceProcess.prepare(logLevel: settings.text("log.level"))
            try Self.refuseUninitialized(Installation(settings))
            let composition = try await Self.compose(settings)
            try await ServiceRun(composition: composition).run { addresses in
                Terminal.say("slipway: serving mqtts://\(addresses.gateway)")
                Terminal.say("slipway: serving the AWS IoT API at \(addresses.api)")
            }
        } catch { throw Failure.exit(error) }
    }

    /// The passphrase's life: it is wiped when this returns, with the keys open.
    private static func compose(
        _ settings: ResolvedSettings
    ) async throws(FleetError) -> Composition {
        let installation = Installation(settings)
        let passphrase = try PassphraseSource(settings, installation).read()
        return try await Composition(
            settings, logger: ServiceProcess.logger(), passphrase: passphrase,
            pin: try TokenParts.pin(settings, installation))
    }

    /// Before any file is asked for: a folder where nothing was made has one remedy.
    private static func refuseUninitialized(_ installation: Installation) throws(FleetError) {
        guard !PrivateFile.exists(installation.authorities) else { return }
        throw FleetError(
            .notFound,
            "there is no list of authorities in '\(installation.pki)': run 'slipway init' first, "
                + "or name the folder with --directory")
    }
}

/// What a process that holds keys does to itself before it reads the first.
enum ServiceProcess {
    static func prepare(logLevel: String) {
        signal(SIGPIPE, SIG_IGN)
        CoreFiles.forbid()
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }

    static func logger() -> Logger { Logger(label: "slipway") }
}
