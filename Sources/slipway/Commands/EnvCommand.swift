import ArgumentParser
import Fleet
import Foundation
import JSON

struct EnvCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env",
        abstract: "Print what makes aws and boto3 use this service.",
        discussion: """
            For a shell: eval "$(slipway env)". It names the credential that 'slipway init' made; \
            another is used by its own AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, set after.
            """)

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: SettingOptions

    func run() async throws {
        do throws(FleetError) {
            let environment = ClientEnvironment(try await self.settings.resolve())
            if let problem = environment.problem { Terminal.complain("slipway: \(problem)") }
            guard !self.json else { return Terminal.say(environment.json) }
            for line in environment.lines { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }
}

/// The environment variables that AWS's tools and SDKs read.
struct ClientEnvironment {
    private let variables: [(name: String, value: String)]
    /// What keeps them from being of use.
    let problem: String?

    /// Variables that would be believed before the profile.
    private static let overriding = [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    ]

    init(_ settings: ResolvedSettings) {
        let installation = Installation(settings)
        let isTLS = settings.flag("api.tls")
        let region = settings.text("realm.region")
        let place = "\(Self.host(settings.text("api.host"))):\(settings.integer("api.port"))"
        var variables = [
            (name: "AWS_SHARED_CREDENTIALS_FILE", value: installation.awsCredentials),
            (name: "AWS_PROFILE", value: CredentialsFile.profile),
            (name: "AWS_REGION", value: region), (name: "AWS_DEFAULT_REGION", value: region),
            (name: "AWS_ENDPOINT_URL_IOT", value: "\(isTLS ? "https" : "http")://\(place)"),
        ]
        if isTLS { variables.append(("AWS_CA_BUNDLE", installation.rootCertificate)) }
        self.variables = variables
        if !PrivateFile.exists(installation.awsCredentials) {
            self.problem =
                "there is no '\(installation.awsCredentials)': make it with 'slipway init', or put "
                + "a credential of 'slipway access create' there"
        } else if settings.integer("api.port") == 0 {
            self.problem =
                "api.port is 0: put the port in its place that the service tells when it starts"
        } else {
            self.problem = nil
        }
    }

    /// Where one that listens everywhere is reached from here; in brackets where it is IPv6.
    private static func host(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }

    var json: JSONValue {
        .object(JSONObject(self.variables.map { ($0.name, .string($0.value)) }))
    }

    /// For a POSIX shell.
    var lines: [String] {
        ["unset \(Self.overriding.joined(separator: " "))"]
            + self.variables.map { variable in
                let quoted = variable.value.replacingOccurrences(of: "'", with: #"'\''"#)
                return "export \(variable.name)='\(quoted)'"
            }
    }
}
