import ArgumentParser
import Fleet
import Foundation
import JSON

struct EnvCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env",
        abstract: "Print what makes aws and boto3 use this service.",
        discussion: """
            For a shell: eval "$(slipway env)". A service that runs here is asked where it is; \
            where none does, the settings tell. It names the credential that 'slipway init' made; \
            another is used by its own AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, set after.
            """)

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: SettingOptions

    func run() async throws {
        do throws(FleetError) {
            let settings = try await self.settings.resolve()
            let environment = ClientEnvironment(
                settings, running: await ServiceFacts.find(Installation(settings)))
            if let problem = environment.problem { Terminal.complain("slipway: \(problem)") }
            guard !self.json else { return Terminal.say(environment.json) }
            for line in environment.lines { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }
}

/// What the service that runs here says of itself, whatever it was started with.
struct ServiceFacts {
    let region: String
    let account: String
    /// The AWS IoT API.
    let api: String

    /// nil where none runs, or it is not ready yet.
    static func find(_ installation: Installation) async -> ServiceFacts? {
        guard let client = await ControlClient.connect(socket: installation.controlSocket),
            let status = try? await ControlAccess.service(client).perform("DescribeService"),
            let region = status["region"]?.stringValue,
            let account = status["account"]?.stringValue,
            let api = status["api"]?.stringValue, !api.isEmpty
        else { return nil }
        return ServiceFacts(region: region, account: account, api: api)
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

    /// - Parameter running: nil where only the settings tell.
    init(_ settings: ResolvedSettings, running: ServiceFacts?) {
        let installation = Installation(settings)
        let region = running?.region ?? settings.text("realm.region")
        let url = running.map { Self.reachable($0.api) } ?? Self.url(settings)
        var variables = [
            (name: "AWS_SHARED_CREDENTIALS_FILE", value: installation.awsCredentials),
            (name: "AWS_PROFILE", value: CredentialsFile.profile),
            (name: "AWS_REGION", value: region), (name: "AWS_DEFAULT_REGION", value: region),
            (name: "AWS_ACCOUNT_ID", value: running?.account ?? settings.text("realm.account")),
            (name: "AWS_ENDPOINT_URL_IOT", value: url),
        ]
        if url.hasPrefix("https:") {
            variables.append(("AWS_CA_BUNDLE", installation.rootCertificate))
        }
        self.variables = variables
        if !PrivateFile.exists(installation.awsCredentials) {
            self.problem =
                "there is no '\(installation.awsCredentials)': make it with 'slipway init', or put "
                + "a credential of 'slipway access create' there"
        } else if running == nil, settings.integer("api.port") == 0 {
            self.problem =
                "api.port is 0: put the port in its place that the service tells when it starts"
        } else {
            self.problem = nil
        }
    }

    private static func url(_ settings: ResolvedSettings) -> String {
        let scheme = settings.flag("api.tls") ? "https" : "http"
        let host = Self.host(settings.text("api.host"))
        return "\(scheme)://\(host):\(settings.integer("api.port"))"
    }

    /// The URL of a service that may listen everywhere, as it is reached from here.
    private static func reachable(_ url: String) -> String {
        url.replacingOccurrences(of: "//0.0.0.0:", with: "//127.0.0.1:")
            .replacingOccurrences(of: "//[::]:", with: "//[::1]:")
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
