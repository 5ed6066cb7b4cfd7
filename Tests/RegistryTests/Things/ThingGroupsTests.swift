import Fleet
import Registry
import TestSupport
import Testing

@Suite struct ThingGroupsTests {
    let fixture = RegistryFixture()

    private func delete(_ name: String, version: Int? = nil) async throws -> ChangeSet {
        let name = ThingGroupName(checked: name)
        return try await self.fixture.apply(ThingGroups.keysToDelete(name)) {
            try ThingGroups.delete(name, expectedVersion: version, in: $0)
        }
    }

    private func update(_ update: ThingGroupUpdate) async throws -> ChangeSet {
        try await self.fixture.apply(update.keys) { try ThingGroups.update(update, in: $0) }
    }

    @Test func aGroupKnowsItsAncestors() async throws {
        try await self.fixture.createGroup("plant")
        try await self.fixture.createGroup("hall", under: "plant")
        try await self.fixture.createGroup("line", under: "hall", tags: ["a": "b"])
        #expect(self.fixture.group("line")?.ancestors.map(\.rawValue) == ["plant", "hall"])
        #expect(self.fixture.group("line")?.root.rawValue == "plant")
        #expect(self.fixture.group("line")?.depth == 3)
    }

    @Test func anIdenticalCreationChangesNothingAndAnotherIsRefused() async throws {
        try await self.fixture.createGroup("plant", ["a": "b"])
        try await self.fixture.createGroup("other")
        #expect(try await self.fixture.createGroup("plant", ["a": "b"]).changesNothing)
        #expect(await refusal { try await self.fixture.createGroup("plant") } == .alreadyExists)
        #expect(
            await refusal {
                try await self.fixture.createGroup("plant", under: "other", ["a": "b"])
            } == .alreadyExists)
    }

    @Test func aTreeHasSevenLevelsAtMost() async throws {
        try await self.fixture.createGroup("g1")
        for level in 2...7 {
            try await self.fixture.createGroup("g\(level)", under: "g\(level - 1)")
        }
        let error = await #expect(throws: FleetError.self) {
            try await self.fixture.createGroup("g8", under: "g7")
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("7 levels") == true)
    }

    @Test func aGroupHasAHundredChildrenAtMost() async throws {
        try await self.fixture.createGroup("plant")
        for number in 1...99 {
            try await self.fixture.createGroup("hall-\(number)", under: "plant")
        }
        // Two that would both be the hundredth.
        let definition = ThingGroupDefinition(
            name: ThingGroupName(checked: "late"), parent: ThingGroupName(checked: "plant"))
        let late = try await self.fixture.decide(definition.keys) {
            try ThingGroups.create(definition, id: Samples.resourceID(0), in: $0, at: Samples.time)
        }
        try await self.fixture.createGroup("hall-100", under: "plant")
        await self.fixture.losesRace(late)
        #expect(
            await refusal { try await self.fixture.createGroup("late", under: "plant") }
                == .invalidRequest)
    }

    @Test func aParentMustExistAndBeStatic() async throws {
        #expect(
            await refusal { try await self.fixture.createGroup("hall", under: "plant") }
                == .invalidRequest)
        try await self.fixture.put(.putThingGroup(Samples.dynamicGroup(1)))
        #expect(
            await refusal { try await self.fixture.createGroup("hall", under: "group-1") }
                == .invalidRequest)
    }

    @Test func anUpdateMergesAndCountsTheVersion() async throws {
        try await self.fixture.createGroup("plant", ["a": "1"])
        let name = ThingGroupName(checked: "plant")
        _ = try await self.update(
            ThingGroupUpdate(
                name: name, summary: "big",
                attributes: ThingAttributes.Update(["b": "2"], merges: true), expectedVersion: 1))
        #expect(self.fixture.group("plant")?.attributes == ["a": "1", "b": "2"])
        #expect(self.fixture.group("plant")?.summary == "big")
        #expect(self.fixture.group("plant")?.version == 2)
        _ = try await self.update(
            ThingGroupUpdate(name: name, attributes: ThingAttributes.Update(["c": "3"])))
        #expect(self.fixture.group("plant")?.attributes == ["c": "3"])
        #expect(self.fixture.group("plant")?.summary == "big")
        #expect(try await self.update(ThingGroupUpdate(name: name)).changesNothing)
        #expect(
            await refusal {
                _ = try await self.update(ThingGroupUpdate(name: name, expectedVersion: 1))
            } == .versionConflict)
    }

    @Test func aGroupWithChildrenStaysAndOneWithMembersGoes() async throws {
        try await self.fixture.createGroup("plant")
        try await self.fixture.createGroup("hall", under: "plant")
        try await self.fixture.create("pump-1")
        try await self.fixture.add("pump-1", to: "hall")
        let error = await #expect(throws: FleetError.self) { _ = try await self.delete("plant") }
        #expect(error?.code == .invalidRequest)
        #expect(
            error?.message.hasSuffix("when there are still child groups attached to it") == true)
        #expect(await refusal { _ = try await self.delete("hall", version: 7) } == .versionConflict)
        _ = try await self.delete("hall", version: 1)
        #expect(self.fixture.groups(of: "pump-1") == [])
        _ = try await self.delete("plant")
        #expect(try await self.delete("plant").changesNothing)
    }

    @Test func aChildThatComesMeanwhileKeepsItsParent() async throws {
        try await self.fixture.createGroup("plant")
        let plant = ThingGroupName(checked: "plant")
        let late = try await self.fixture.decide(ThingGroups.keysToDelete(plant)) {
            try ThingGroups.delete(plant, in: $0)
        }
        try await self.fixture.createGroup("hall", under: "plant")
        await self.fixture.losesRace(late)
    }

    @Test func aParentThatGoesMeanwhileTakesNoChild() async throws {
        try await self.fixture.createGroup("plant")
        let definition = ThingGroupDefinition(
            name: ThingGroupName(checked: "hall"), parent: ThingGroupName(checked: "plant"))
        let late = try await self.fixture.decide(definition.keys) {
            try ThingGroups.create(definition, id: Samples.resourceID(0), in: $0, at: Samples.time)
        }
        _ = try await self.delete("plant")
        await self.fixture.losesRace(late)
    }
}

@Suite struct DynamicThingGroupsTests {
    let fixture = RegistryFixture()
    let name = ThingGroupName(checked: "hot")

    private func create(
        _ name: String = "hot", _ query: DynamicThingGroups.Query, parent: String? = nil
    ) async throws -> ChangeSet {
        let definition = ThingGroupDefinition(
            name: ThingGroupName(checked: name), parent: parent.map { ThingGroupName(checked: $0) })
        let (id, now) = (self.fixture.id(), self.fixture.clock.now)
        return try await self.fixture.apply(DynamicThingGroups.keysToCreate(definition)) {
            try DynamicThingGroups.create((definition, query), id: id, in: $0, at: now)
        }
    }

    @Test func aDynamicGroupIsCompleteFromTheStart() async throws {
        let query = DynamicThingGroups.Query(queryString: "attributes.temp>50")
        _ = try await self.create("hot", query)
        #expect(try await self.create("hot", query).changesNothing)
        let group = self.fixture.group("hot")
        #expect(group?.query?.status == .active)
        #expect(group?.query?.indexName == "AWS_Things")
        #expect(group?.query?.queryVersion == "2017-09-30")
        let update = ThingGroupUpdate(name: self.name)
        try await self.fixture.apply(update.keys) {
            try DynamicThingGroups.update(
                update, query: DynamicThingGroups.Query(queryString: "attributes.temp>60"), in: $0)
        }
        #expect(self.fixture.group("hot")?.query?.status == .active)
        #expect(self.fixture.group("hot")?.version == 2)
    }

    @Test(arguments: [
        DynamicThingGroups.Query(queryString: ""),
        DynamicThingGroups.Query(queryString: "attributes.a:b", indexName: "Things"),
        DynamicThingGroups.Query(queryString: "attributes.a:b", queryVersion: "2020-01-01"),
    ])
    func aQueryNamesTheIndexAndTheVersionThereAre(
        _ query: DynamicThingGroups.Query
    ) async throws {
        #expect(await refusal { _ = try await self.create("hot", query) } == .invalidRequest)
    }

    @Test(arguments: ["attributes.a:", "shadow.reported.a:1", "a:b"])
    func aQueryThatIsNotUnderstoodIsRefused(text: String) async throws {
        let query = DynamicThingGroups.Query(queryString: text)
        #expect(await refusal { _ = try await self.create("hot", query) } == .invalidQuery)
    }

    @Test func aDynamicGroupHasNoParentAndThereAreAHundredAtMost() async throws {
        let query = DynamicThingGroups.Query(queryString: "attributes.a:b")
        #expect(
            await refusal { _ = try await self.create("hot", query, parent: "plant") }
                == .invalidRequest)
        for number in 1...100 { _ = try await self.create("g\(number)", query) }
        #expect(await refusal { _ = try await self.create("hot", query) } == .limitExceeded)
    }

    @Test func eachKindHasItsOwnOperations() async throws {
        _ = try await self.create("hot", DynamicThingGroups.Query(queryString: "attributes.a:b"))
        try await self.fixture.createGroup("plant")
        let (hot, plant) = (self.name, ThingGroupName(checked: "plant"))
        let attempts: [(Set<RecordKey>, (RegistryView) throws -> ChangeSet)] = [
            (ThingGroups.keysToDelete(hot), { try ThingGroups.delete(hot, in: $0) }),
            (ThingGroups.keysToDelete(plant), { try DynamicThingGroups.delete(plant, in: $0) }),
            ([.thingGroup(hot)], { try ThingGroups.update(ThingGroupUpdate(name: hot), in: $0) }),
            (
                [.thingGroup(plant)],
                { try DynamicThingGroups.update(ThingGroupUpdate(name: plant), in: $0) }
            ),
        ]
        for (keys, decide) in attempts {
            #expect(
                await refusal { try await self.fixture.apply(keys, decide) } == .invalidRequest)
        }
        try await self.fixture.apply(ThingGroups.keysToDelete(hot)) {
            try DynamicThingGroups.delete(hot, in: $0)
        }
        #expect(self.fixture.group("hot") == nil)
    }
}
