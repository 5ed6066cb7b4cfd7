import Foundation
import JSON
import Testing

/// Settings as an operator meets them.
@Suite struct ConfigurationScenarios {
    @Test func everySettingSaysWhereItsValueCameFrom() async throws {
        let workshop = try Workshop()
        let file = try workshop.write(
            "slipway.json",
            #"{"listen": {"port": 1, "host": "127.0.0.2"}, "realm": {"region": "r1"}}"#)
        let result = try await Program.run(
            "config", "show", "--json", "--config", file, "--listen-port", "3",
            environment: ["SLIPWAY_LISTEN_PORT": "2", "SLIPWAY_LISTEN_HOST": "127.0.0.3"])
        #expect(result.status == 0, "\(result.errors)")
        let shown = try JSONParser.parse(result.output).arrayValue ?? []
        func setting(_ key: String) -> JSONValue? { shown.first { $0["key"] == .string(key) } }
        #expect(setting("listen.port")?["value"] == "3")
        #expect(setting("listen.port")?["from"] == "flag --listen-port")
        #expect(setting("listen.host")?["value"] == "127.0.0.3")
        #expect(setting("listen.host")?["from"] == "environment SLIPWAY_LISTEN_HOST")
        #expect(setting("realm.region")?["value"] == "r1")
        #expect(setting("realm.region")?["from"] == .string("file \(file)"))
        #expect(setting("realm.account")?["from"] == "default")
    }

    @Test(arguments: [
        (#"{"listen": {"port": 8883,}}"#, "line 1"),
        (#"{"listen": {"prot": 8883}}"#, "/listen/prot"),
        (#"{"listen": {"port": "many"}}"#, "listen.port must be a whole number"),
        (#"{"listen": 8883}"#, "/listen"),
        (#"[]"#, "expected an object"),
        ("", "the document ends"),
        (#"{"listen": {"port": 1}, "listen": {}}"#, "appears twice"),
    ])
    func aBadFileIsRefusedWholeAndNamesThePlace(text: String, names: String) async throws {
        let workshop = try Workshop()
        let file = try workshop.write("slipway.json", text)
        let result = try await Program.run("config", "show", "--config", file)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(names), "\(result.errors)")
    }

    @Test func aMisspeltVariableIsRefused() async throws {
        let result = try await Program.run(
            "config", "show", environment: ["SLIPWAY_LISTEN_PROT": "1"])
        #expect(result.status == 1)
        #expect(result.errors.contains("SLIPWAY_LISTEN_PROT"))
    }

    /// Every setting can be turned by each of the three, so that no row of the table is dead.
    @Test func everySettingHasItsFlagAndItsVariable() async throws {
        let table = try await Program.run("config", "show", "--json")
        for row in try JSONParser.parse(table.output).arrayValue ?? [] {
            let key = try #require(row["key"]?.stringValue)
            let flag = try #require(row["flag"]?.stringValue)
            let variable = try #require(row["environment"]?.stringValue)
            let value = try #require(row["value"]?.stringValue)
            let byFlag = try await Program.run("config", "show", "--json", flag, value)
            #expect(Self.origin(of: key, in: byFlag) == "flag \(flag)", "\(byFlag.errors)")
            guard !value.isEmpty else { continue }
            let byVariable = try await Program.run(
                "config", "show", "--json", environment: [variable: value])
            #expect(
                Self.origin(of: key, in: byVariable) == "environment \(variable)",
                "\(byVariable.errors)")
        }
    }

    private static func origin(of key: String, in result: Program.Result) -> String? {
        let rows = (try? JSONParser.parse(result.output))?.arrayValue ?? []
        return rows.first { $0["key"] == .string(key) }?["from"]?.stringValue
    }
}
