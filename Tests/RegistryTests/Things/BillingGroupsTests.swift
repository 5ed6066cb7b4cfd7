import Fleet
import Registry
import TestSupport
import Testing

@Suite struct BillingGroupsTests {
    let fixture = RegistryFixture()
    let name = BillingGroupName(checked: "north")

    private var group: BillingGroup? {
        self.fixture.store.view([.billingGroup(self.name)]).billingGroup(self.name)
    }

    private func create(
        _ name: String = "north", summary: String? = nil, tags: [String: String] = [:]
    ) async throws -> ChangeSet {
        let definition = BillingGroupDefinition(
            name: BillingGroupName(checked: name), summary: summary, tags: tags)
        let (id, now) = (self.fixture.id(), self.fixture.clock.now)
        return try await self.fixture.apply(definition.keys) {
            try BillingGroups.create(definition, id: id, in: $0, at: now)
        }
    }

    private func move(_ thing: String, to group: String) async throws -> ChangeSet {
        let (thing, group) = (ThingName(checked: thing), BillingGroupName(checked: group))
        return try await self.fixture.apply(BillingGroups.keys(thing, group)) {
            try BillingGroups.add(thing, to: group, in: $0)
        }
    }

    private func remove(_ thing: String, from group: String) async throws -> ChangeSet {
        let (thing, group) = (ThingName(checked: thing), BillingGroupName(checked: group))
        return try await self.fixture.apply(BillingGroups.keys(thing, group)) {
            try BillingGroups.remove(thing, from: group, in: $0)
        }
    }

    @Test func aGroupIsCreatedOnceChangedByVersionAndDeleted() async throws {
        _ = try await self.create(summary: "cold", tags: ["a": "b"])
        #expect(try await self.create(summary: "cold").changesNothing)
        #expect(await refusal { _ = try await self.create() } == .alreadyExists)
        let update: (String?, Int?) async throws -> ChangeSet = { summary, version in
            try await self.fixture.apply([.billingGroup(self.name)]) {
                try BillingGroups.update(
                    self.name, summary: summary, expectedVersion: version, in: $0)
            }
        }
        _ = try await update("warm", 1)
        #expect(self.group?.summary == "warm")
        #expect(self.group?.version == 2)
        #expect(try await update(nil, nil).changesNothing)
        #expect(await refusal { _ = try await update("hot", 1) } == .versionConflict)
        let delete: (Int?) async throws -> ChangeSet = { version in
            try await self.fixture.apply([.billingGroup(self.name)]) {
                try BillingGroups.delete(self.name, expectedVersion: version, in: $0)
            }
        }
        #expect(await refusal { _ = try await delete(1) } == .versionConflict)
        _ = try await delete(2)
        #expect(self.group == nil)
        #expect(try await delete(nil).changesNothing)
    }

    @Test func aThingIsInOneAtMostAndItsVersionStays() async throws {
        try await self.fixture.create("pump-1")
        for name in ["north", "south"] { _ = try await self.create(name) }
        _ = try await self.move("pump-1", to: "north")
        #expect(try await self.move("pump-1", to: "north").changesNothing)
        _ = try await self.move("pump-1", to: "south")
        #expect(self.fixture.thing("pump-1")?.billingGroup?.rawValue == "south")
        #expect(self.fixture.thing("pump-1")?.version == 1)
        #expect(try await self.remove("pump-1", from: "north").changesNothing)
        _ = try await self.remove("pump-1", from: "south")
        #expect(self.fixture.thing("pump-1")?.billingGroup == nil)
        #expect(await refusal { _ = try await self.move("pump-1", to: "west") } == .notFound)
        #expect(await refusal { _ = try await self.move("pump-2", to: "south") } == .notFound)
    }

    @Test func aDeletedGroupHasNoThings() async throws {
        _ = try await self.create()
        try await self.fixture.create("pump-1", billingGroup: "north")
        let late = try await self.fixture.decide(
            ThingDefinition(name: ThingName(checked: "pump-2"), billingGroup: self.name).keys
        ) {
            try Things.create(
                ThingDefinition(name: ThingName(checked: "pump-2"), billingGroup: self.name),
                id: Samples.resourceID(7), in: $0, at: Samples.time)
        }
        try await self.fixture.apply([.billingGroup(self.name)]) {
            try BillingGroups.delete(self.name, in: $0)
        }
        #expect(self.fixture.thing("pump-1")?.billingGroup == nil)
        await self.fixture.losesRace(late)
    }
}
