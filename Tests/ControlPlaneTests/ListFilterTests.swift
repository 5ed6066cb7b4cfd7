import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

/// What a listing is narrowed by is held against the same grammar as what it looks for.
@Suite struct ListFilterTests {
    private static let tooLong = String(repeating: "a", count: 129)

    @Test(arguments: [
        ("ListThingGroups", ["namePrefixFilter": Self.tooLong]),
        ("ListThingGroups", ["namePrefixFilter": "no name"]),
        ("ListThingGroups", ["namePrefixFilter": ""]),
        ("ListBillingGroups", ["namePrefixFilter": Self.tooLong]),
        ("ListThings", ["attributeName": Self.tooLong, "attributeValue": "a"]),
        ("ListThings", ["attributeName": "no name", "attributeValue": "a"]),
        ("ListThings", ["attributeName": "a", "attributeValue": "no value"]),
        ("ListThingTypes", ["thingTypeName": "pump", "maxResults": "0"]),
        ("ListThingTypes", ["thingTypeName": "pump", "maxResults": "ten"]),
        ("ListThingTypes", ["thingTypeName": "pump", "nextToken": "%%%"]),
    ])
    func whatCanBeNoneIsRefused(name: String, query: [String: String]) async throws {
        let store = InMemoryFleetStore()
        let services = ControlPlaneServices(
            store: store, drafts: store, clock: ManualClock(), entropy: SeededEntropy(),
            realm: .standard)
        let operation = try #require(OperationTable.operation(name))
        let error = await #expect(throws: FleetError.self) {
            _ = try await operation.perform(
                OperationRequest(actor: .service("test"), query: query), services)
        }
        #expect(error?.code == .invalidRequest)
    }
}
