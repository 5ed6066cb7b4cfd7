import Fleet
import Registry
import TestSupport
import Testing

@Suite struct GroupMembershipTests {
    let fixture = RegistryFixture()
    let thing = ThingName(checked: "pump-1")

    private func update(
        add added: [String] = [], remove removed: [String] = [], overriding: Bool = false
    ) async throws -> ChangeSet {
        let request = GroupMembership.Request(
            thing: self.thing, added: added.map { ThingGroupName(checked: $0) },
            removed: removed.map { ThingGroupName(checked: $0) },
            overridesDynamicGroups: overriding)
        return try await self.fixture.apply(request.keys) {
            try GroupMembership.update(request, in: $0)
        }
    }

    @Test func aThingJoinsOnceAndLeavesOnce() async throws {
        try await self.fixture.create("pump-1")
        try await self.fixture.createGroup("a")
        #expect(!(try await self.fixture.add("pump-1", to: "a")).changesNothing)
        #expect(try await self.fixture.add("pump-1", to: "a").changesNothing)
        #expect(self.fixture.groups(of: "pump-1") == ["a"])
        let group = ThingGroupName(checked: "a")
        let keys = GroupMembership.Request(thing: self.thing, removed: [group]).keys
        for isFirst in [true, false] {
            let set = try await self.fixture.apply(keys) {
                try GroupMembership.remove(self.thing, from: group, in: $0)
            }
            #expect(set.changesNothing != isFirst)
        }
        #expect(await refusal { try await self.fixture.add("no", to: "a") } == .notFound)
        #expect(await refusal { try await self.fixture.add("pump-1", to: "no") } == .notFound)
    }

    @Test func aThingIsInOneGroupOfATreeOnly() async throws {
        try await self.fixture.create("pump-1")
        try await self.fixture.createGroup("plant")
        try await self.fixture.createGroup("hall-1", under: "plant")
        try await self.fixture.createGroup("hall-2", under: "plant")
        try await self.fixture.createGroup("elsewhere")
        try await self.fixture.add("pump-1", to: "hall-1")
        for other in ["plant", "hall-2"] {
            #expect(
                await refusal { try await self.fixture.add("pump-1", to: other) }
                    == .invalidRequest)
        }
        try await self.fixture.add("pump-1", to: "elsewhere")
        // Leaving one makes room in its tree, in one request.
        _ = try await self.update(add: ["hall-2"], remove: ["hall-1"])
        #expect(self.fixture.groups(of: "pump-1") == ["elsewhere", "hall-2"])
    }

    @Test func tenGroupsAreTheMostAlsoForTwoAtOnce() async throws {
        try await self.fixture.create("pump-1")
        for number in 0...11 { try await self.fixture.createGroup("g\(number)") }
        for number in 0..<9 { try await self.fixture.add("pump-1", to: "g\(number)") }
        let request = GroupMembership.Request(
            thing: self.thing, added: [ThingGroupName(checked: "g9")])
        let late = try await self.fixture.decide(request.keys) {
            try GroupMembership.update(request, in: $0)
        }
        try await self.fixture.add("pump-1", to: "g10")
        await self.fixture.losesRace(late)
        #expect(
            await refusal { try await self.fixture.add("pump-1", to: "g11") } == .invalidRequest)
        _ = try await self.update(add: ["g11"], remove: ["g0"])
        #expect(self.fixture.groups(of: "pump-1").count == 10)
    }

    @Test func aFullThingLeavesItsYoungestDynamicGroupWhereItIsTold() async throws {
        try await self.fixture.create("pump-1")
        for number in 0..<9 {
            try await self.fixture.createGroup("g\(number)")
            if number > 0 { try await self.fixture.add("pump-1", to: "g\(number)") }
        }
        for number in [1, 2] {
            let group = ThingGroup(
                name: ThingGroupName(checked: "hot-\(number)"), id: Samples.resourceID(number),
                createdAt: Samples.time.advanced(bySeconds: Int64(number)),
                query: Samples.dynamicGroup(1).query)
            try await self.fixture.put(
                .putThingGroup(group), .addThingToGroup(self.thing, group.name))
        }
        #expect(
            await refusal { try await self.fixture.add("pump-1", to: "g0") } == .invalidRequest)
        try await self.fixture.add("pump-1", to: "g0", overriding: true)
        let groups = self.fixture.groups(of: "pump-1")
        #expect(groups.count == 10)
        #expect(groups.contains("g0") && groups.contains("hot-1") && !groups.contains("hot-2"))
    }

    @Test func nobodyPutsAThingIntoADynamicGroup() async throws {
        try await self.fixture.create("pump-1")
        try await self.fixture.put(.putThingGroup(Samples.dynamicGroup(1)))
        #expect(
            await refusal { try await self.fixture.add("pump-1", to: "group-1") }
                == .invalidRequest)
        #expect(
            await refusal { _ = try await self.update(remove: ["group-1"]) } == .invalidRequest)
    }

    @Test func aRequestIsBoundedAndDoesNotContradictItself() async throws {
        try await self.fixture.create("pump-1")
        for number in 0...10 { try await self.fixture.createGroup("g\(number)") }
        #expect(
            await refusal { _ = try await self.update(add: (0...10).map { "g\($0)" }) }
                == .invalidRequest)
        #expect(
            await refusal { _ = try await self.update(add: ["g0"], remove: ["g0"]) }
                == .invalidRequest)
    }

    @Test func aGroupThatGoesMeanwhileTakesNoThing() async throws {
        try await self.fixture.create("pump-1")
        try await self.fixture.createGroup("a")
        let request = GroupMembership.Request(
            thing: self.thing, added: [ThingGroupName(checked: "a")])
        let late = try await self.fixture.decide(request.keys) {
            try GroupMembership.update(request, in: $0)
        }
        try await self.fixture.put(.deleteThingGroup(ThingGroupName(checked: "a")))
        await self.fixture.losesRace(late)
    }
}
