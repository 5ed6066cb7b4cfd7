import Configuration
import Fleet
import Foundation
import JSON

/// Every setting with its value and where the value came from: flag over environment over file
/// over default.
struct ResolvedSettings: Sendable {
    struct Value: Sendable {
        let setting: Setting
        let text: String
        /// "default", "environment SLIPWAY_LISTEN_PORT", "file slipway.json", "flag --listen-port".
        let origin: String
    }

    let values: [Value]

    /// - Throws: `FleetError.invalidRequest` that names the setting, where its value came from and
    ///   what it may be. A configuration that cannot be read whole is not used in part.
    init(
        flags: [String: String], environment: [String: String], configurationFile: String?
    ) async throws(FleetError) {
        let file = try configurationFile.map { path throws(FleetError) in
            try ConfigurationFile(path: path)
        }
        try Self.refuseUnknown(environment)
        let sources: [(name: (Setting) -> String, provider: any ConfigProvider)] = [
            ({ "flag --\($0.flagName)" }, Self.inMemory(flags)),
            (
                { "environment \($0.environmentName)" },
                EnvironmentVariablesProvider(environmentVariables: environment)
            ),
            (
                { _ in "file \(configurationFile ?? "")" },
                Self.inMemory(file?.values ?? [:])
            ),
        ]
        var values: [Value] = []
        for setting in Settings.all {
            var resolved = Value(setting: setting, text: setting.defaultText, origin: "default")
            for source in sources.reversed() {
                guard let text = try Self.look(up: setting, in: source.provider) else { continue }
                resolved = Value(setting: setting, text: text, origin: source.name(setting))
                if let problem = setting.problem(with: text) {
                    throw FleetError(
                        .invalidRequest,
                        "\(setting.key) \(problem), not '\(text.clipped)' (\(resolved.origin))")
                }
            }
            values.append(resolved)
        }
        self.values = values
    }

    /// A misspelt variable would otherwise be a setting that silently stays what it was.
    private static func refuseUnknown(_ environment: [String: String]) throws(FleetError) {
        let known = Set(Settings.all.map(\.environmentName) + Self.otherEnvironmentNames)
        for name in environment.keys.sorted() where name.hasPrefix("SLIPWAY_") {
            guard known.contains(name) else {
                throw FleetError(
                    .invalidRequest,
                    "the environment variable \(name) is no setting; see 'slipway config show'")
            }
        }
    }

    /// Read elsewhere: the passphrase and the PIN themselves are no settings, so that nothing ever
    /// prints them, and crash points belong to tests.
    private static let otherEnvironmentNames = [
        PassphraseSource.environmentName, PassphraseSource.pinEnvironmentName, "SLIPWAY_CONFIG",
        "SLIPWAY_CRASH_AT", "SLIPWAY_CRASH_AFTER",
    ]

    private static func inMemory(_ values: [String: String]) -> InMemoryProvider {
        var converted: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, text) in values {
            converted[Self.absolute(key)] = ConfigValue(.string(text), isSecret: false)
        }
        return InMemoryProvider(values: converted)
    }

    private static func absolute(_ key: String) -> AbsoluteConfigKey {
        AbsoluteConfigKey(key.split(separator: ".").map(String.init))
    }

    private static func look(
        up setting: Setting, in provider: any ConfigProvider
    ) throws(FleetError) -> String? {
        // The environment knows its variables by a prefix that the other sources do not have.
        let key =
            provider is EnvironmentVariablesProvider ? "slipway.\(setting.key)" : setting.key
        do {
            let result = try provider.value(forKey: Self.absolute(key), type: .string)
            guard case .string(let text)? = result.value?.content else { return nil }
            return text
        } catch {
            throw FleetError(.invalidRequest, "\(setting.key) cannot be read: \(error)")
        }
    }

    func text(_ key: String) -> String {
        guard let value = self.values.first(where: { $0.setting.key == key }) else {
            preconditionFailure("\(key) is not in Settings.all")
        }
        return value.text
    }

    func integer(_ key: String) -> Int {
        guard let value = Int(self.text(key)) else {
            preconditionFailure("\(key) is not declared as an integer in Settings.all")
        }
        return value
    }

    func flag(_ key: String) -> Bool { self.text(key) == "true" }

    func list(_ key: String) -> [String] {
        self.text(key).split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty }
    }
}

/// A configuration file: JSON, each setting at its place, nothing else.
struct ConfigurationFile {
    static let bytesMax = 256 * 1024
    let values: [String: String]

    init(path: String) throws(FleetError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FleetError(
                .invalidRequest, "the configuration file '\(path)' cannot be read")
        }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONParser.parse(
                [UInt8](data), limits: JSONLimits(bytesMax: Self.bytesMax))
        } catch {
            throw FleetError(.invalidRequest, "\(path), \(error)")
        }
        guard case .object(let root) = document else {
            throw FleetError(
                .invalidRequest, "\(path): expected an object, found \(document.kindName)")
        }
        var values: [String: String] = [:]
        try Self.flatten(root, at: .root, path: path, into: &values)
        self.values = values
    }

    private static func flatten(
        _ object: JSONObject, at pointer: JSONPointer, path: String,
        into values: inout [String: String]
    ) throws(FleetError) {
        for (name, value) in object.members {
            let place = pointer.appending(name)
            let key = place.tokens.joined(separator: ".")
            if Settings.setting(key) != nil {
                values[key] = try Self.text(value, at: place, path: path)
            } else if case .object(let inner) = value,
                Settings.all.contains(where: { $0.key.hasPrefix(key + ".") })
            {
                try Self.flatten(inner, at: place, path: path, into: &values)
            } else {
                throw FleetError(
                    .invalidRequest,
                    "\(path), \(place): there is no such setting; see 'slipway config show'")
            }
        }
    }

    private static func text(
        _ value: JSONValue, at place: JSONPointer, path: String
    ) throws(FleetError) -> String {
        switch value {
        case .string(let text): return text
        case .number(let number): return number.text
        case .bool(let flag): return flag ? "true" : "false"
        case .array(let elements):
            var texts: [String] = []
            for (index, element) in elements.enumerated() {
                texts.append(
                    try Self.text(element, at: place.appending(index), path: path))
            }
            return texts.joined(separator: ",")
        case .null, .object:
            throw FleetError(
                .invalidRequest, "\(path), \(place): expected a value, found \(value.kindName)")
        }
    }
}
