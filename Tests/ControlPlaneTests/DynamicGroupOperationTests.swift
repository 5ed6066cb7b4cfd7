import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct DynamicGroupOperationTests {
    private let services: ControlPlaneServices

    init() async throws {
        let store = InMemoryFleetStore()
        self.services = ControlPlaneServices(
            store: store, drafts: store, clock: ManualClock(), entropy: SeededEntropy(),
            realm: .standard)
        for number in 1...5 {
            _ = try await self.perform(
                "CreateThing",
                [
                    "attributePayload": ["attributes": ["temp": .string("\(number * 10)")]]
                ], labels: ["thingName": "room-\(number)"])
        }
    }

    private func perform(
        _ name: String, _ body: JSONValue = .null, labels: [String: String] = [:],
        query: [String: String] = [:]
    ) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation(name))
        return try await operation.perform(
            OperationRequest(
                actor: .service("test"), labels: labels, query: query, body: body),
            self.services)
    }

    private func create(_ name: String, _ query: String) async throws -> JSONValue {
        try await self.perform(
            "CreateDynamicThingGroup",
            [
                "queryString": .string(query),
                "thingGroupProperties": ["thingGroupDescription": "warm rooms"],
            ], labels: ["thingGroupName": name])
    }

    private func members(_ name: String) async throws -> [String] {
        let answer = try await self.perform(
            "ListThingsInThingGroup", labels: ["thingGroupName": name])
        return (answer["things"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    private func groups(_ thing: String) async throws -> [String] {
        let answer = try await self.perform(
            "ListThingGroupsForThing", labels: ["thingName": thing])
        return (answer["thingGroups"]?.arrayValue ?? []).compactMap {
            $0["groupName"]?.stringValue
        }
    }

    @Test func whatTheQueryFindsIsInTheGroupAtOnce() async throws {
        let made = try await self.create("warm", "attributes.temp>30")
        #expect(made["indexName"] == "AWS_Things")
        #expect(made["queryVersion"] == "2017-09-30")
        #expect(made["queryString"] == "attributes.temp>30")
        #expect(try await self.members("warm") == ["room-4", "room-5"])
        let group = try await self.perform(
            "DescribeThingGroup", labels: ["thingGroupName": "warm"])
        #expect(group["status"] == "ACTIVE")
        #expect(group["queryString"] == "attributes.temp>30")

        _ = try await self.perform(
            "UpdateThing", ["attributePayload": ["attributes": ["temp": "99"]]],
            labels: ["thingName": "room-1"])
        #expect(try await self.members("warm") == ["room-1", "room-4", "room-5"])
        _ = try await self.perform("DeleteThing", labels: ["thingName": "room-4"])
        #expect(try await self.members("warm") == ["room-1", "room-5"])
    }

    @Test func aThingIsToldOfBothKindsOfItsGroups() async throws {
        _ = try await self.create("warm", "attributes.temp>30")
        _ = try await self.create("site-members", "thingGroupNames:site")
        _ = try await self.perform("CreateThingGroup", labels: ["thingGroupName": "site"])
        _ = try await self.perform(
            "AddThingToThingGroup", ["thingGroupName": "site", "thingName": "room-5"])
        #expect(try await self.groups("room-5") == ["site", "site-members", "warm"])
        #expect(try await self.groups("room-1") == [])
        let first = try await self.perform(
            "ListThingGroupsForThing", labels: ["thingName": "room-5"],
            query: ["maxResults": "2"])
        let token = try #require(first["nextToken"]?.stringValue)
        let second = try await self.perform(
            "ListThingGroupsForThing", labels: ["thingName": "room-5"],
            query: ["maxResults": "2", "nextToken": token])
        #expect(second["thingGroups"]?.arrayValue?.map { $0["groupName"] } == ["warm"])
        #expect(second["nextToken"] == nil)

        let found = try await self.perform(
            "SearchIndex", ["queryString": "thingGroupNames:warm -thingGroupNames:site"])
        #expect(found["things"]?.arrayValue?.map { $0["thingName"] } == ["room-4"])
        #expect(found["things"]?.arrayValue?.first?["thingGroupNames"] == ["warm"])
    }

    @Test func anotherQueryIsAnotherVersionAndFindsAnew() async throws {
        _ = try await self.create("warm", "attributes.temp>30")
        let updated = try await self.perform(
            "UpdateDynamicThingGroup",
            [
                "thingGroupProperties": ["thingGroupDescription": "hot rooms"],
                "queryString": "attributes.temp>40", "expectedVersion": 1,
            ], labels: ["thingGroupName": "warm"])
        #expect(updated == ["version": 2])
        #expect(try await self.members("warm") == ["room-5"])
        let same = try await self.perform(
            "UpdateDynamicThingGroup",
            ["thingGroupProperties": [:], "queryVersion": "2017-09-30"],
            labels: ["thingGroupName": "warm"])
        #expect(same == ["version": 2])
        let stale = await #expect(throws: FleetError.self) {
            try await self.perform(
                "UpdateDynamicThingGroup",
                ["thingGroupProperties": [:], "expectedVersion": 1, "queryString": "*"],
                labels: ["thingGroupName": "warm"])
        }
        #expect(stale?.code == .versionConflict)
    }

    @Test func aGroupThatIsDeletedTakesNoThingAlong() async throws {
        _ = try await self.create("warm", "attributes.temp>30")
        _ = try await self.perform(
            "DeleteDynamicThingGroup", labels: ["thingGroupName": "warm"])
        await #expect(throws: FleetError.self) { try await self.members("warm") }
        #expect(try await self.groups("room-5") == [])
        // It is gone already.
        _ = try await self.perform(
            "DeleteDynamicThingGroup", labels: ["thingGroupName": "warm"])
    }

    @Test(arguments: [
        ("attributes.temp>", FleetError.Code.invalidQuery), ("shadow.x:1", .invalidQuery),
        ("", .invalidRequest),
    ])
    func aQueryThatIsNotUnderstoodMakesNoGroup(
        query: String, code: FleetError.Code
    ) async throws {
        let error = await #expect(throws: FleetError.self) { try await self.create("g", query) }
        #expect(error?.code == code)
    }

    @Test func whatIsForStaticGroupsIsRefused() async throws {
        _ = try await self.create("warm", "attributes.temp>30")
        for (name, body, labels) in [
            (
                "AddThingToThingGroup", ["thingGroupName": "warm", "thingName": "room-1"], [:]
            ),
            (
                "UpdateThingGroup", ["thingGroupProperties": [:]], ["thingGroupName": "warm"]
            ),
            (
                "CreateThingGroup", ["parentGroupName": "warm"], ["thingGroupName": "child"]
            ),
            ("DeleteThingGroup", .null, ["thingGroupName": "warm"]),
        ] as [(String, JSONValue, [String: String])] {
            let error = await #expect(throws: FleetError.self, "\(name)") {
                try await self.perform(name, body, labels: labels)
            }
            #expect(error?.code == .invalidRequest, "\(name)")
        }
    }
}
