import Fleet
import JSON
import Registry
import TestSupport
import Testing

@Suite struct RegistryEventsTests {
    let fixture = RegistryFixture()
    let events = RegistryEvents(realm: .standard)

    /// The events of the newest commit, each on a topic that somebody may subscribe to.
    private func latest(
        _ enabled: Set<EventConfigurations.EventType> = Set(
            EventConfigurations.EventType.allCases)
    ) async throws -> [RegistryEvent] {
        let commit = try #require(self.fixture.store.commits.last)
        let keys = self.events.keys(of: commit, enabled: enabled)
        let found = self.events.events(
            of: commit, enabled: enabled, in: try await self.fixture.store.load(keys))
        for event in found {
            let family = event.path.prefix { $0 != "/" }
            #expect(AnnouncedTopics.families.contains(String(family)))
        }
        return found
    }

    private func update(_ update: ThingUpdate) async throws {
        try await self.fixture.apply(update.keys) { try Things.update(update, in: $0) }
    }

    @Test func aThingsLifeIsTold() async throws {
        try await self.fixture.create("pump-1", ["site": "a"])
        let commit = try #require(self.fixture.store.commits.last)
        let thing = try #require(self.fixture.thing("pump-1"))
        let created = try #require(try await self.latest().first)
        #expect(created.topic == "$aws/events/thing/pump-1/created")
        var expected: JSONObject = [
            "eventType": "THING_EVENT", "eventId": created.payload["eventId"] ?? .null,
            "timestamp": .int(Int(commit.time.milliseconds)), "operation": "CREATED",
            "accountId": "000000000000", "thingId": .string(thing.id.rawValue),
            "thingName": "pump-1", "versionNumber": 1, "thingTypeName": .null,
            "attributes": ["site": "a"],
        ]
        #expect(created.payload == expected)
        try await self.update(
            ThingUpdate(
                name: thing.name, attributes: ThingAttributes.Update(["site": "b"])))
        let updated = try #require(try await self.latest().first)
        #expect(updated.path == "thing/pump-1/updated")
        #expect(updated.payload["versionNumber"] == 2)
        #expect(updated.payload["eventId"] != created.payload["eventId"])
        try await self.fixture.apply(Things.keysToDelete(thing.name)) {
            try Things.delete(thing.name, in: $0)
        }
        let deleted = try #require(try await self.latest().first)
        #expect(deleted.path == "thing/pump-1/deleted")
        for key in ["eventId", "timestamp"] { expected[key] = deleted.payload[key] }
        expected["operation"] = "DELETED"
        expected["versionNumber"] = 2
        expected["attributes"] = ["site": "b"]
        #expect(deleted.payload == expected)
    }

    /// What tells of groups is not looked up where nobody wants to hear of groups.
    @Test func aGroupThatGoesIsNoEventWhereOnlyThingsAreTold() async throws {
        _ = try await self.fixture.createGroup("root")
        _ = try await self.fixture.createGroup("leaf", under: "root")
        let leaf = ThingGroupName(checked: "leaf")
        try await self.fixture.apply(ThingGroups.keysToDelete(leaf)) {
            try ThingGroups.delete(leaf, in: $0)
        }
        #expect(try await self.latest([.thing]).isEmpty)
    }

    @Test func theSameEventIsTheSameWhenItIsMadeAgain() async throws {
        try await self.fixture.create("pump-1")
        #expect(try await self.latest() == (try await self.latest()))
    }

    @Test func aChangeOfTypeIsToldFromBothSides() async throws {
        for type in ["pump", "fan"] { try await self.fixture.createType(type) }
        try await self.fixture.create("t", type: "pump")
        let only: Set<EventConfigurations.EventType> = [.thingTypeAssociation]
        #expect(
            try await self.latest(only).map(\.path)
                == ["thingTypeAssociation/thing/t/thingType/pump/added"])
        try await self.update(
            ThingUpdate(
                name: ThingName(checked: "t"), type: .replaced(ThingTypeName(checked: "fan"))))
        #expect(
            try await self.latest(only).map(\.path) == [
                "thingTypeAssociation/thing/t/thingType/pump/removed",
                "thingTypeAssociation/thing/t/thingType/fan/added",
            ])
        try await self.update(ThingUpdate(name: ThingName(checked: "t"), type: .removed))
        #expect(
            try await self.latest(only).map(\.path)
                == ["thingTypeAssociation/thing/t/thingType/fan/removed"])
        try await self.update(
            ThingUpdate(
                name: ThingName(checked: "t"), attributes: ThingAttributes.Update(["a": "b"])))
        #expect(try await self.latest(only).isEmpty)
    }

    @Test func aTypesLifeIsTold() async throws {
        let name = ThingTypeName(checked: "pump")
        try await self.fixture.createType(
            "pump", ThingTypeProperties(summary: "moves water", searchableAttributes: ["site"]))
        let created = try #require(try await self.latest().first)
        #expect(created.path == "thingType/pump/created")
        #expect(created.payload["description"] == "moves water")
        #expect(created.payload["isDeprecated"] == false)
        #expect(created.payload["searchableAttributes"] == ["site"])
        try await self.fixture.apply([.thingType(name)]) {
            try ThingTypes.deprecate(name, in: $0, at: self.fixture.clock.now)
        }
        let updated = try #require(try await self.latest().first)
        #expect(updated.path == "thingType/pump/updated")
        #expect(updated.payload["isDeprecated"] == true)
        self.fixture.clock.advance(bySeconds: 300)
        try await self.fixture.apply(ThingTypes.keysToDelete(name)) {
            try ThingTypes.delete(name, in: $0, at: self.fixture.clock.now)
        }
        let deleted = try #require(try await self.latest().first)
        #expect(deleted.path == "thingType/pump/deleted")
        #expect(deleted.payload["thingTypeId"] == created.payload["thingTypeId"])
    }

    @Test func aGroupsLifeAndPlaceAreTold() async throws {
        try await self.fixture.createGroup("plant")
        #expect(try await self.latest().map(\.path) == ["thingGroup/plant/created"])
        try await self.fixture.createGroup("hall", under: "plant")
        try await self.fixture.createGroup("line", under: "hall")
        let told = try await self.latest()
        #expect(
            told.map(\.path) == [
                "thingGroup/line/created",
                "thingGroupHierarchy/thingGroup/hall/childThingGroup/line/added",
            ])
        let ids = ["plant", "hall", "line"].map {
            JSONValue.string(self.fixture.group($0)?.id.rawValue ?? "")
        }
        let group = told[0].payload
        #expect(group["parentGroupName"] == "hall")
        #expect(group["parentGroupId"] == ids[1])
        #expect(
            group["rootToParentThingGroups"] == [
                [
                    "groupArn": "arn:aws:iot:local:000000000000:thinggroup/plant",
                    "groupId": ids[0],
                ],
                ["groupArn": "arn:aws:iot:local:000000000000:thinggroup/hall", "groupId": ids[1]],
            ])
        #expect(group["ancestors"] == nil)
        #expect(told[1].payload["thingGroupId"] == ids[1])
        #expect(told[1].payload["childGroupId"] == ids[2])
        let line = ThingGroupName(checked: "line")
        try await self.fixture.apply(ThingGroups.keysToDelete(line)) {
            try ThingGroups.delete(line, in: $0)
        }
        let gone = try await self.latest()
        #expect(
            gone.map(\.path) == [
                "thingGroup/line/deleted",
                "thingGroupHierarchy/thingGroup/hall/childThingGroup/line/removed",
            ])
        #expect(gone[0].payload["thingGroupId"] == ids[2])
        #expect(gone[0].payload["parentGroupId"] == ids[1])
        #expect(gone[1].payload["childGroupId"] == ids[2])
    }

    @Test func aMembershipIsToldWithBothIDs() async throws {
        try await self.fixture.create("t")
        try await self.fixture.createGroup("g")
        try await self.fixture.add("t", to: "g")
        let added = try #require(try await self.latest().first)
        #expect(added.path == "thingGroupMembership/thingGroup/g/thing/t/added")
        #expect(added.payload["operation"] == "ADDED")
        #expect(
            added.payload["thingId"] == .string(self.fixture.thing("t")?.id.rawValue ?? ""))
        #expect(
            added.payload["groupId"] == .string(self.fixture.group("g")?.id.rawValue ?? ""))
        #expect(
            added.payload["thingArn"] == "arn:aws:iot:local:000000000000:thing/t")
        let request = GroupMembership.Request(
            thing: ThingName(checked: "t"), removed: [ThingGroupName(checked: "g")])
        try await self.fixture.apply(request.keys) { try GroupMembership.update(request, in: $0) }
        let removed = try #require(try await self.latest().first)
        #expect(removed.path == "thingGroupMembership/thingGroup/g/thing/t/removed")
        #expect(removed.payload["membershipId"] == added.payload["membershipId"])
    }

    @Test func whatIsNotSwitchedOnIsNotTold() async throws {
        try await self.fixture.createType("pump")
        try await self.fixture.create("t", type: "pump")
        #expect(try await self.latest([]).isEmpty)
        #expect(try await self.latest([.thingGroup]).isEmpty)
        #expect(try await self.latest([.thing]).map(\.path) == ["thing/t/created"])
    }

    @Test func aBillingGroupIsNoNewsOfTheThing() async throws {
        try await self.fixture.create("t")
        let group = BillingGroupName(checked: "b")
        try await self.fixture.put(
            .putBillingGroup(
                BillingGroup(name: group, id: Samples.resourceID(1), createdAt: Samples.time)))
        try await self.fixture.apply(BillingGroups.keys(ThingName(checked: "t"), group)) {
            try BillingGroups.add(ThingName(checked: "t"), to: group, in: $0)
        }
        #expect(try await self.latest().isEmpty)
    }
}
