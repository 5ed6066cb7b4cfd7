import Fleet
import JSON
import Registry
import TestSupport
import Testing

@Suite struct ThingsTests {
    let fixture = RegistryFixture()
    let name = ThingName(checked: "pump-1")

    private func update(
        _ type: ThingUpdate.TypeChange = .unchanged, _ attributes: ThingAttributes.Update? = nil,
        version: Int? = nil
    ) async throws -> ChangeSet {
        let update = ThingUpdate(
            name: self.name, type: type, attributes: attributes, expectedVersion: version)
        return try await self.fixture.apply(update.keys) { try Things.update(update, in: $0) }
    }

    private func delete(version: Int? = nil) async throws -> ChangeSet {
        try await self.fixture.apply(Things.keysToDelete(self.name)) {
            try Things.delete(self.name, expectedVersion: version, in: $0)
        }
    }

    @Test func anIdenticalCreationChangesNothingAndAnotherIsRefused() async throws {
        try await self.fixture.create("pump-1", ["site": "a"])
        let id = self.fixture.thing("pump-1")?.id
        #expect(try await self.fixture.create("pump-1", ["site": "a"]).changesNothing)
        #expect(self.fixture.thing("pump-1")?.id == id)
        let code = await refusal { try await self.fixture.create("pump-1", ["site": "b"]) }
        #expect(code == .alreadyExists)
    }

    @Test func aRecreatedNameHasAnotherID() async throws {
        try await self.fixture.create("pump-1")
        let first = self.fixture.thing("pump-1")?.id
        _ = try await self.delete()
        try await self.fixture.create("pump-1")
        let second = self.fixture.thing("pump-1")?.id
        #expect(first != nil && second != nil && first != second)
    }

    @Test func anUpdateTouchesOnlyWhatItMentions() async throws {
        try await self.fixture.createType("pump")
        try await self.fixture.create("pump-1", type: "pump", ["site": "a", "lot": "7"])
        _ = try await self.update(.unchanged, ThingAttributes.Update(["site": "b"], merges: true))
        #expect(self.fixture.thing("pump-1")?.attributes == ["site": "b", "lot": "7"])
        #expect(self.fixture.thing("pump-1")?.typeName?.rawValue == "pump")
        _ = try await self.update(.unchanged, ThingAttributes.Update(["lot": ""], merges: true))
        #expect(self.fixture.thing("pump-1")?.attributes == ["site": "b"])
        _ = try await self.update(.unchanged, ThingAttributes.Update(["x": "1", "y": ""]))
        #expect(self.fixture.thing("pump-1")?.attributes == ["x": "1"])
        _ = try await self.update(.removed)
        #expect(self.fixture.thing("pump-1")?.typeName == nil)
        #expect(self.fixture.thing("pump-1")?.attributes == ["x": "1"])
        #expect(self.fixture.thing("pump-1")?.version == 5)
        _ = try await self.update(.unchanged, ThingAttributes.Update([:]))
        #expect(self.fixture.thing("pump-1")?.attributes == [:])
    }

    @Test func whatChangesNothingDoesNotCount() async throws {
        try await self.fixture.create("pump-1", ["site": "a"])
        #expect(try await self.update().changesNothing)
        #expect(
            try await self.update(.removed, ThingAttributes.Update(["site": "a"])).changesNothing)
        #expect(self.fixture.thing("pump-1")?.version == 1)
    }

    @Test func theExpectedVersionGuardsUpdateAndDeletion() async throws {
        try await self.fixture.create("pump-1")
        _ = try await self.update(.unchanged, ThingAttributes.Update(["a": "1"]), version: 1)
        #expect(
            await refusal {
                _ = try await self.update(
                    .unchanged, ThingAttributes.Update(["a": "2"]), version: 1)
            } == .versionConflict)
        #expect(await refusal { _ = try await self.delete(version: 1) } == .versionConflict)
        #expect(!(try await self.delete(version: 2)).changesNothing)
    }

    @Test func aMissingThingIsNotUpdatedAndCountsAsDeleted() async throws {
        #expect(await refusal { _ = try await self.update() } == .notFound)
        #expect(try await self.delete(version: 9).changesNothing)
    }

    @Test func aThingCannotGetATypeAndLoseIt() {
        #expect(throws: FleetError.self) {
            try ThingUpdate.typeChange(to: ThingTypeName(checked: "pump"), removing: true)
        }
    }

    @Test func aTypeMustExistAndMustNotBeDeprecated() async throws {
        let create = { try await self.fixture.create("pump-1", type: "pump") }
        #expect(await refusal { _ = try await create() } == .notFound)
        let type = ThingTypeName(checked: "pump")
        try await self.fixture.put(
            .putThingType(
                ThingType(
                    name: type, id: Samples.resourceID(1), createdAt: Samples.time,
                    deprecatedAt: Samples.time)))
        #expect(await refusal { _ = try await create() } == .invalidRequest)
        // One that has it keeps it, and may be changed otherwise.
        try await self.fixture.put(
            .putThing(
                Thing(
                    name: self.name, id: Samples.resourceID(2), typeName: type,
                    createdAt: Samples.time)))
        _ = try await self.update(.replaced(type), ThingAttributes.Update(["a": "b"]))
        #expect(self.fixture.thing("pump-1")?.version == 2)
    }

    @Test func aBillingGroupMustExist() async throws {
        #expect(
            await refusal { try await self.fixture.create("pump-1", billingGroup: "north") }
                == .notFound)
    }

    @Test func aThingWithPrincipalsStays() async throws {
        let certificate = try await self.fixture.putCertificate(1)
        try await self.fixture.create("pump-1")
        let early = try await self.fixture.decide(Things.keysToDelete(self.name)) {
            try Things.delete(self.name, in: $0)
        }
        let principal = ThingPrincipal(
            thing: self.name, certificate: certificate, exclusivity: .nonExclusive)
        try await self.fixture.apply(ThingPrincipals.keysToAttach(principal)) {
            try ThingPrincipals.attach(principal, in: $0)
        }
        await self.fixture.losesRace(early)
        let error = await #expect(throws: FleetError.self) { _ = try await self.delete() }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("still attached") == true)
        try await self.fixture.apply(
            ThingPrincipals.keysToDetach(self.name, from: certificate)
        ) { try ThingPrincipals.detach(self.name, from: certificate, in: $0) }
        #expect(!(try await self.delete()).changesNothing)
    }

    @Test(arguments: [
        (["bad name": "x"], "attribute name"), (["": "x"], "attribute name"),
        (["a": "with space"], "value for attribute 'a'"),
        (["a": String(repeating: "x", count: 801)], "value for attribute 'a'"),
        (["a": "q\"q"], "value for attribute 'a'"),
    ])
    func attributesObeyTheirGrammar(_ attributes: [String: String], _ message: String) {
        let error = #expect(throws: FleetError.self) { try ThingAttributes.check(attributes) }
        #expect(error?.message.contains(message) == true)
    }

    @Test func fiftyAttributesAreTheMostHoweverTheyCome() async throws {
        func attributes(_ numbers: some Sequence<Int>) -> [String: String] {
            Dictionary(uniqueKeysWithValues: numbers.map { ("a\($0)", "x") })
        }
        try await self.fixture.create("pump-1", attributes(1...50))
        #expect(
            await refusal {
                _ = try await self.update(
                    .unchanged, ThingAttributes.Update(attributes(51...51), merges: true))
            } == .invalidRequest)
        // One that goes makes room for one that comes.
        var exchange = attributes(51...51)
        exchange["a1"] = ""
        _ = try await self.update(.unchanged, ThingAttributes.Update(exchange, merges: true))
        #expect(self.fixture.thing("pump-1")?.attributes.count == 50)
        #expect(
            await refusal { try await self.fixture.create("pump-2", attributes(1...51)) }
                == .invalidRequest)
    }
}

@Suite struct ThingPrincipalsTests {
    let fixture = RegistryFixture()

    private func attach(
        _ thing: String, _ certificate: CertificateID,
        _ exclusivity: ThingPrincipal.Exclusivity = .nonExclusive
    ) async throws -> ChangeSet {
        let principal = ThingPrincipal(
            thing: ThingName(checked: thing), certificate: certificate, exclusivity: exclusivity)
        return try await self.fixture.apply(ThingPrincipals.keysToAttach(principal)) {
            try ThingPrincipals.attach(principal, in: $0)
        }
    }

    @Test func anExclusiveAttachmentAllowsNoOther() async throws {
        let id = try await self.fixture.putCertificate(1)
        for name in ["a", "b"] { try await self.fixture.create(name) }
        #expect(!(try await self.attach("a", id, .exclusive)).changesNothing)
        #expect(try await self.attach("a", id, .exclusive).changesNothing)
        #expect(await refusal { _ = try await self.attach("b", id) } == .invalidRequest)
        #expect(await refusal { _ = try await self.attach("missing", id) } == .notFound)
        // The kind of the one attachment may change, and then another may come.
        #expect(!(try await self.attach("a", id)).changesNothing)
        #expect(!(try await self.attach("b", id)).changesNothing)
        #expect(
            await refusal { _ = try await self.attach("a", id, .exclusive) } == .invalidRequest)
    }

    @Test func ofTwoAttachmentsThatExcludeOneAnotherOneIsLate() async throws {
        let id = try await self.fixture.putCertificate(1)
        for name in ["a", "b"] { try await self.fixture.create(name) }
        let principal = ThingPrincipal(
            thing: ThingName(checked: "a"), certificate: id, exclusivity: .exclusive)
        let late = try await self.fixture.decide(ThingPrincipals.keysToAttach(principal)) {
            try ThingPrincipals.attach(principal, in: $0)
        }
        _ = try await self.attach("b", id)
        await self.fixture.losesRace(late)
    }

    @Test func aCertificateThatIsAttachedMeanwhileIsNotDeleted() async throws {
        let id = try await self.fixture.putCertificate(1, .inactive)
        try await self.fixture.create("a")
        let late = try await self.fixture.decide(Certificates.keysToDelete(id)) {
            try Certificates.delete(id, in: $0)
        }
        _ = try await self.attach("a", id)
        await self.fixture.losesRace(late)
    }
}
