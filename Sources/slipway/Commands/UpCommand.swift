import ArgumentParser
import Fleet
import Foundation
import JSON
import MQTTBroker

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Make what is missing, serve, and provision demo devices over the wire.",
        discussion: "The first thing to run: 'slipway init' where needed, then 'slipway serve'.")

    @Option(help: "Demo devices to provision, half by CSR and half by server-made keys")
    var devices = 25
    @OptionGroup(title: "Settings") var settings: SettingOptions

    func validate() throws {
        guard (0...DemoLine.serialsCount).contains(self.devices) else {
            throw ValidationError("--devices takes 0 to \(DemoLine.serialsCount)")
        }
    }

    func run() async throws {
        do throws(FleetError) {
            let settings = try await self.settings.resolve()
            // What every start logs would drown what this command has to show.
            let level = settings.text("log.level")
            ServiceProcess.prepare(logLevel: level == "info" ? "warning" : level)
            let composition = try await Self.compose(settings)
            let devices = self.devices
            try await ServiceRun(composition: composition).run { addresses in
                Terminal.say("slipway: serving mqtts://\(addresses.gateway)")
                Terminal.say("slipway: serving the AWS IoT API at \(addresses.api)")
                await DemoRun(composition: composition, address: addresses.gateway)
                    .provision(devices)
                Terminal.say("serving until Ctrl-C")
            }
        } catch { throw Failure.exit(error) }
    }

    /// The passphrase's life: it is wiped when this returns, with the keys open.
    private static func compose(
        _ settings: ResolvedSettings
    ) async throws(FleetError) -> Composition {
        let initialization = try Initialization(settings)
        // Read once: it is taken out of the environment, and a descriptor has one reading.
        let passphrase = try initialization.passphrase()
        let pin = try TokenParts.pin(settings, initialization.installation)
        try await initialization.run(passphrase: passphrase, pin: pin).tell()
        return try await Composition(
            settings, logger: ServiceProcess.logger(), passphrase: passphrase, pin: pin)
    }
}
