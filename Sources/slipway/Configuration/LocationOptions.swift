import ArgumentParser
import Fleet
import Foundation

/// Where the fleet is: all that a command beside the service needs to be told. Every other
/// setting it takes as the service does, from the environment and the configuration file.
struct LocationOptions: ParsableArguments {
    @Option(help: "A JSON file with settings (also SLIPWAY_CONFIG)")
    var config: String?
    @Option(help: "The folder that holds pki/, var/, Templates/ and Hooks/")
    var directory: String?
    @Option(help: "Database, socket and run-time files")
    var dataDirectory: String?

    func resolve() async throws(FleetError) -> ResolvedSettings {
        let environment = ProcessInfo.processInfo.environment
        let given: [String: String?] = [
            "directory": self.directory, "data.directory": self.dataDirectory,
        ]
        return try await ResolvedSettings(
            flags: given.compactMapValues { $0 }, environment: environment,
            configurationFile: self.config ?? environment["SLIPWAY_CONFIG"])
    }
}
