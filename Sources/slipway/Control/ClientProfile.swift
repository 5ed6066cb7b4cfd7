import ControlPlane
import Fleet
import Foundation

/// A credential as AWS's tools find theirs: in the environment, or in a profile of the shared
/// credentials and configuration files.
struct ClientProfile: Sendable {
    /// Where nothing names one. This service takes any.
    static let regionDefault = "us-east-1"

    let signer: RequestSigner

    /// - Parameters:
    ///   - name: a profile, which is then believed before the environment's key; nil for
    ///     the environment's key, or the profile that AWS_PROFILE names.
    ///   - wanted: the region; nil for the profile's, or the environment's.
    /// - Throws: `FleetError.missingAuthenticationToken` where there is no credential, saying
    ///   where it was looked for.
    static func read(
        named name: String?, region wanted: String? = nil, environment: [String: String]
    ) async throws(FleetError) -> ClientProfile {
        let profile = name ?? environment["AWS_PROFILE"] ?? "default"
        let home = environment["HOME"] ?? "."
        let credentials = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "\(home)/.aws/credentials"
        let configuration = environment["AWS_CONFIG_FILE"] ?? "\(home)/.aws/config"
        let sections = [
            try await Self.section(profile, of: credentials),
            try await Self.section(
                profile == "default" ? profile : "profile \(profile)", of: configuration),
        ]
        func kept(_ member: String) -> String? { sections.lazy.compactMap { $0[member] }.first }
        let region =
            wanted ?? (name == nil ? nil : kept("region")) ?? environment["AWS_REGION"]
            ?? environment["AWS_DEFAULT_REGION"] ?? kept("region") ?? Self.regionDefault
        if name == nil, let id = environment["AWS_ACCESS_KEY_ID"],
            let secret = environment["AWS_SECRET_ACCESS_KEY"]
        {
            return ClientProfile(id, secret, environment["AWS_SESSION_TOKEN"], region)
        }
        guard let id = kept("aws_access_key_id"), let secret = kept("aws_secret_access_key") else {
            if let source = Self.sources.first(where: { kept($0) != nil }) {
                throw FleetError(
                    .missingAuthenticationToken,
                    "the profile '\(profile.clipped)' has no access key but '\(source)', which "
                        + "AWS's own tool makes one of: eval \"$(aws configure export-credentials "
                        + "--profile \(profile.clipped) --format env)\", and then without the "
                        + "profile; the region is that of --region or AWS_REGION")
            }
            throw FleetError(
                .missingAuthenticationToken,
                "there is no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
                    + "the profile '\(profile.clipped)' into '\(credentials)' (for this machine's "
                    + "own service: eval \"$(slipway env)\")")
        }
        return ClientProfile(id, secret, kept("aws_session_token"), region)
    }

    /// What a profile has in place of an access key, and what asking for one begins with.
    private static let sources = [
        "sso_session", "sso_start_url", "role_arn", "credential_process",
        "web_identity_token_file",
    ]

    private init(_ id: String, _ secret: String, _ token: String?, _ region: String) {
        self.signer = RequestSigner(
            keyID: id, secret: Secret(WipedBytes(Array(secret.utf8))), sessionToken: token,
            region: region)
    }

    /// The members below `[name]`; none where there is no such file or section.
    private static func section(
        _ name: String, of file: String
    ) async throws(FleetError) -> [String: String] {
        guard FileManager.default.fileExists(atPath: file) else { return [:] }
        let text = try await TextFile.read(file)
        var members: [String: String] = [:]
        var isInside = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                let title = line[line.index(after: line.startIndex)..<end]
                isInside = title.trimmingCharacters(in: .whitespaces) == name
            } else if isInside, !line.hasPrefix("#"), !line.hasPrefix(";"),
                let equals = line.firstIndex(of: "=")
            {
                let key = line[..<equals].trimmingCharacters(in: .whitespaces)
                members[key] = line[line.index(after: equals)...]
                    .trimmingCharacters(in: .whitespaces)
            }
        }
        return members
    }
}
