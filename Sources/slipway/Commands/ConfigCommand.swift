import ArgumentParser
import Fleet
import JSON

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Settings: what they are and where they come from.",
        subcommands: [Show.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every setting with its value and where the value came from.",
            discussion: """
                A flag wins over the environment, the environment over the file, the file over \
                the default. The setting listen.port is --listen-port, SLIPWAY_LISTEN_PORT, and \
                {"listen": {"port": 8883}} in the file.
                """)

        @OptionGroup(title: "Settings") var settings: SettingOptions
        @Flag(help: "Print JSON") var json = false

        func run() async throws {
            do throws(FleetError) {
                let resolved = try await self.settings.resolve()
                if self.json {
                    Terminal.say(Self.json(resolved))
                } else {
                    let header = ["SETTING", "VALUE", "FROM", "MAY BE", "MEANING"]
                    let rows = resolved.values.map { value in
                        [
                            value.setting.key, value.text.isEmpty ? "-" : value.text,
                            value.origin, value.setting.kind.description, value.setting.meaning,
                        ]
                    }
                    for line in Terminal.table([header] + rows) { Terminal.say(line) }
                }
            } catch { throw Failure.exit(error) }
        }

        private static func json(_ resolved: ResolvedSettings) -> JSONValue {
            .array(
                resolved.values.map { value in
                    [
                        "key": .string(value.setting.key), "value": .string(value.text),
                        "from": .string(value.origin),
                        "default": .string(value.setting.defaultText),
                        "environment": .string(value.setting.environmentName),
                        "flag": .string("--\(value.setting.flagName)"),
                        "mayBe": .string(value.setting.kind.description),
                        "meaning": .string(value.setting.meaning),
                    ]
                })
        }
    }
}
