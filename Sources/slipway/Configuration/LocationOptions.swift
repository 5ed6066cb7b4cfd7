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
    @Option(
        name: .customLong("endpoint-url"),
        help: """
            Speak to a service over HTTP, at http://HOST:PORT, with an access key: that of \
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or of AWS_PROFILE
            """)
    var endpointURL: String?

    /// The service that is to be spoken to over HTTP; nil where none was named, and the one of
    /// this machine is meant.
    func endpoint() async throws(FleetError) -> ControlEndpoint? {
        guard let url = self.endpointURL else { return nil }
        let environment = ProcessInfo.processInfo.environment
        let profile = try await ClientProfile.read(named: nil, environment: environment)
        return try ControlEndpoint(
            url, signer: profile.signer, authority: environment["AWS_CA_BUNDLE"])
    }

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
