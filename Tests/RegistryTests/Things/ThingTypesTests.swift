import Fleet
import Registry
import TestSupport
import Testing

@Suite struct ThingTypesTests {
    let fixture = RegistryFixture()
    let name = ThingTypeName(checked: "pump")

    private var type: ThingType? {
        self.fixture.store.view([.thingType(self.name)]).thingType(self.name)
    }

    private func deprecate(undo: Bool = false) async throws -> ChangeSet {
        try await self.fixture.apply([.thingType(self.name)]) {
            try ThingTypes.deprecate(self.name, undo: undo, in: $0, at: self.fixture.clock.now)
        }
    }

    private func delete() async throws -> ChangeSet {
        try await self.fixture.apply(ThingTypes.keysToDelete(self.name)) {
            try ThingTypes.delete(self.name, in: $0, at: self.fixture.clock.now)
        }
    }

    private static let properties = ThingTypeProperties(
        summary: "moves water", searchableAttributes: ["site"],
        propagatingAttributes: [
            PropagatingAttribute(userPropertyKey: "site", source: .thingAttribute("site"))
        ])

    @Test func anIdenticalCreationChangesNothingAndAnotherIsRefused() async throws {
        try await self.fixture.createType("pump", Self.properties, tags: ["team": "water"])
        #expect(
            try await self.fixture.createType("pump", Self.properties).changesNothing)
        #expect(await refusal { try await self.fixture.createType("pump") } == .alreadyExists)
        let view = self.fixture.store.view([.tags(.thingType(self.name))])
        #expect(view.tags(of: .thingType(self.name)) == ["team": "water"])
    }

    @Test func anUpdateKeepsWhatItDoesNotMention() async throws {
        try await self.fixture.createType("pump", Self.properties)
        let update = ThingTypeProperties(searchableAttributes: [])
        try await self.fixture.apply([.thingType(self.name)]) {
            try ThingTypes.update(self.name, update, in: $0)
        }
        #expect(self.type?.summary == "moves water")
        #expect(self.type?.searchableAttributes == [])
        #expect(self.type?.propagatingAttributes.count == 1)
        let code = await refusal {
            try await self.fixture.apply([.thingType(ThingTypeName(checked: "no"))]) {
                try ThingTypes.update(ThingTypeName(checked: "no"), update, in: $0)
            }
        }
        #expect(code == .notFound)
    }

    @Test(arguments: [
        ThingTypeProperties(summary: String(repeating: "x", count: 2029)),
        ThingTypeProperties(summary: "two\nlines"),
        ThingTypeProperties(searchableAttributes: ["a", "b", "c", "d"]),
        ThingTypeProperties(searchableAttributes: ["a", "a"]),
        ThingTypeProperties(searchableAttributes: ["no name"]),
        ThingTypeProperties(propagatingAttributes: [
            PropagatingAttribute(userPropertyKey: "a b", source: .thingAttribute("a"))
        ]),
        ThingTypeProperties(propagatingAttributes: [
            PropagatingAttribute(userPropertyKey: "a", source: .connectionAttribute("iot:Nothing"))
        ]),
        ThingTypeProperties(
            propagatingAttributes: (0...20).map {
                PropagatingAttribute(userPropertyKey: "k\($0)", source: .thingAttribute("a"))
            }),
    ])
    func propertiesObeyTheirLimits(_ properties: ThingTypeProperties) async throws {
        #expect(
            await refusal { try await self.fixture.createType("pump", properties) }
                == .invalidRequest)
    }

    @Test func deprecationKeepsItsFirstMomentAndCanBeUndone() async throws {
        try await self.fixture.createType("pump")
        let first = self.fixture.clock.now
        _ = try await self.deprecate()
        self.fixture.clock.advance(bySeconds: 60)
        #expect(try await self.deprecate().changesNothing)
        #expect(self.type?.deprecatedAt == first)
        _ = try await self.deprecate(undo: true)
        #expect(self.type?.deprecatedAt == nil)
        #expect(try await self.deprecate(undo: true).changesNothing)
    }

    @Test func deletionNeedsDeprecationAWhileAndNoThings() async throws {
        #expect(await refusal { _ = try await self.delete() } == .notFound)
        try await self.fixture.createType("pump", tags: ["a": "b"])
        try await self.fixture.create("pump-1", type: "pump")
        #expect(await refusal { _ = try await self.delete() } == .invalidRequest)
        _ = try await self.deprecate()
        self.fixture.clock.advance(bySeconds: 299)
        let early = await #expect(throws: FleetError.self) { _ = try await self.delete() }
        #expect(early?.code == .invalidRequest)
        // What Terraform's provider looks for.
        #expect(
            early?.message.contains("Please wait for 5 minutes after deprecation and then retry")
                == true)
        self.fixture.clock.advance(bySeconds: 1)
        let error = await #expect(throws: FleetError.self) { _ = try await self.delete() }
        #expect(error?.message.contains("'pump-1'") == true)
        try await self.fixture.put(.deleteThing(ThingName(checked: "pump-1")))
        _ = try await self.delete()
        #expect(self.type == nil)
        let view = self.fixture.store.view([.tags(.thingType(self.name))])
        #expect(view.tags(of: .thingType(self.name)).isEmpty)
    }

    @Test func aTypeThatIsDeprecatedMeanwhileTakesNoThing() async throws {
        try await self.fixture.createType("pump")
        let definition = ThingDefinition(
            name: ThingName(checked: "pump-1"), typeName: self.name)
        let late = try await self.fixture.decide(definition.keys) {
            try Things.create(definition, id: Samples.resourceID(9), in: $0, at: Samples.time)
        }
        _ = try await self.deprecate()
        await self.fixture.losesRace(late)
    }
}
