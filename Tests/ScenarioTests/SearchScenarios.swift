import Foundation
import JSON
import Testing

/// `slipway search` over a fleet that provisioned itself, with and without a service running.
@Suite struct SearchScenarios {
    private func things(_ result: Program.Result) throws -> [String] {
        #expect(result.status == 0, "\(result.errors)")
        return (try JSONParser.parse(result.output).arrayValue ?? []).compactMap {
            $0["thingName"]?.stringValue
        }
    }

    @Test func aFleetIsFoundByWhatIsKnownOfIt() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        let simulated = try await Program.run(
            "simulate", "--devices", "5", "--serials", "SN-{n:06}", "--template", "demo-sensor",
            "--endpoint", "localhost:\(service.port)", "--claim-cert",
            "\(workshop.path)/pki/claim-demo.pem",
            "--claim-key", "\(workshop.path)/pki/claim-demo.key", "--ca",
            "\(workshop.path)/pki/root-ca.pem")
        #expect(simulated.status == 0, "\(simulated.errors)")

        let names = (1...5).map { "sensor-SN-00000\($0)" }
        let all = try await workshop.slipway(
            "search", "attributes.site:LAB", "--json", "--limit", "2", "--page-all")
        #expect(try self.things(all) == names)
        let first = try await workshop.slipway("search", "attributes.site:lab", "--limit", "2")
        #expect(first.output.contains(names[1]) && !first.output.contains(names[2]))
        #expect(first.errors.contains("--page-all"))
        let range = try await workshop.slipway(
            "search", "attributes.serialNumber:[SN-000002 TO SN-000003] -thingName:*3", "--json")
        #expect(try self.things(range) == [names[1]])
        let counts = try await workshop.slipway("search", "*", "--count", "attributes.site")
        #expect(counts.output.contains("5      lab"), "\(counts.output)")

        #expect(await service.stop() == 0)
        // Whoever was connected had left before the service ended, and that was written down.
        let gone = try await workshop.slipway(
            "search", "connectivity.connected:false AND thingName:sensor-*", "--json")
        #expect(try self.things(gone) == names)
        let connected = try await workshop.slipway("search", "connectivity.connected:true")
        #expect(connected.output.isEmpty && connected.errors.contains("nothing was found"))
    }

    @Test func aQueryThatIsNotUnderstoodIsRefusedWithItsColumn() async throws {
        let workshop = try await Workshop().initialized()
        let result = try await workshop.slipway("search", "thingName:a AND OR b")
        #expect(result.status == 1)
        #expect(result.errors.contains("column 17: expected a term, found OR"), "\(result.errors)")
        let shadow = try await workshop.slipway("search", "shadow.reported.t>5")
        #expect(shadow.errors.contains("shadows are not indexed yet"))
    }

    @Test func theHelpListsFieldsAndExamples() async throws {
        let help = try await Program.run("search", "--help")
        #expect(help.status == 0)
        for word in ["connectivity.disconnectReason", "parentGroupNames", "thingTypeName:Pump"] {
            #expect(help.output.contains(word))
        }
    }
}
