import Fleet
import Registry
import TestSupport
import Testing

@Suite struct TagsTests {
    let fixture = RegistryFixture()
    let resource = TaggedResource.thingGroup(ThingGroupName(checked: "plant"))

    private var tags: [String: String] {
        self.fixture.store.view([.tags(self.resource)]).tags(of: self.resource)
    }

    private func tag(_ tags: [String: String]) async throws -> ChangeSet {
        try await self.fixture.apply(Tags.keys(self.resource)) {
            try Tags.tag(self.resource, with: tags, in: $0)
        }
    }

    private func untag(_ keys: String...) async throws -> ChangeSet {
        try await self.fixture.apply(Tags.keys(self.resource)) {
            try Tags.untag(self.resource, keys: keys, in: $0)
        }
    }

    @Test func tagsAreMergedAndTakenAway() async throws {
        try await self.fixture.createGroup("plant", tags: ["a": "1"])
        _ = try await self.tag(["a": "2", "größe": ""])
        #expect(self.tags == ["a": "2", "größe": ""])
        #expect(try await self.tag(["a": "2"]).changesNothing)
        _ = try await self.untag("a", "never")
        #expect(self.tags == ["größe": ""])
        #expect(try await self.untag("a").changesNothing)
    }

    @Test func whatDoesNotExistHasNoTags() async throws {
        #expect(await refusal { _ = try await self.tag(["a": "1"]) } == .notFound)
        let provider = TaggedResource.certificateProvider(CertificateProviderName(checked: "p"))
        let code = await refusal {
            _ = try await self.fixture.apply(Tags.keys(provider)) {
                try Tags.tag(provider, with: ["a": "1"], in: $0)
            }
        }
        #expect(code == .notFound)
    }

    @Test func fiftyAreTheMostAlsoForTwoAtOnce() async throws {
        try await self.fixture.createGroup("plant")
        _ = try await self.tag(
            Dictionary(uniqueKeysWithValues: (1...49).map { ("k\($0)", "") }))
        let late = try await self.fixture.decide(Tags.keys(self.resource)) {
            try Tags.tag(self.resource, with: ["late": ""], in: $0)
        }
        _ = try await self.tag(["k50": ""])
        await self.fixture.losesRace(late)
        #expect(await refusal { _ = try await self.tag(["late": ""]) } == .limitExceeded)
        _ = try await self.tag(["k50": "again"])
        #expect(self.tags.count == 50)
    }

    @Test(arguments: [
        ["": "x"], ["aws:mine": "x"], ["AWS:mine": "x"], ["semi;colon": "x"], ["a": "x\u{7}"],
        [String(repeating: "k", count: 129): "x"], ["a": String(repeating: "v", count: 257)],
    ])
    func keysAndValuesObeyTheirGrammar(_ tags: [String: String]) async throws {
        try await self.fixture.createGroup("plant")
        #expect(await refusal { _ = try await self.tag(tags) } == .invalidRequest)
        #expect(
            await refusal { try await self.fixture.createGroup("other", tags: tags) }
                == .invalidRequest)
    }

    @Test func onlyWhatIsAKeyIsTakenAway() async throws {
        try await self.fixture.createGroup("plant")
        for key in ["", "semi;colon", String(repeating: "k", count: 129)] {
            let code = await refusal {
                _ = try await self.fixture.decide(Tags.keys(self.resource)) {
                    try Tags.untag(self.resource, keys: ["a", key], in: $0)
                }
            }
            #expect(code == .invalidRequest)
        }
    }

    @Test func aResourceThatGoesMeanwhileGetsNoTags() async throws {
        try await self.fixture.createGroup("plant")
        let late = try await self.fixture.decide(Tags.keys(self.resource)) {
            try Tags.tag(self.resource, with: ["a": "1"], in: $0)
        }
        try await self.fixture.put(.deleteThingGroup(ThingGroupName(checked: "plant")))
        await self.fixture.losesRace(late)
    }

    @Test func aTagComesOnce() throws {
        #expect(try Tags.unique([("a", "1"), ("b", "2")]) == ["a": "1", "b": "2"])
        #expect(throws: FleetError.self) { try Tags.unique([("a", "1"), ("a", "1")]) }
    }
}

@Suite struct EventSettingsTests {
    let fixture = RegistryFixture()

    private func update(
        _ changes: [EventConfigurations.EventType: Bool]
    ) async throws -> ChangeSet {
        try await self.fixture.apply(EventSettings.keys) {
            EventSettings.update(changes, in: $0, at: self.fixture.clock.now)
        }
    }

    @Test func typesAreSwitchedOneByOne() async throws {
        let start = self.fixture.clock.now
        #expect(try await self.update([:]).changes.count == 1)
        self.fixture.clock.advance(bySeconds: 10)
        _ = try await self.update([.thing: true, .thingGroup: true])
        _ = try await self.update([.thing: false])
        #expect(try await self.update([.thing: false, .thingGroup: true]).changesNothing)
        let found = self.fixture.store.view(EventSettings.keys).eventConfigurations
        #expect(found?.enabled == [.thingGroup])
        #expect(found?.createdAt == start)
        #expect(found?.lastModifiedAt == self.fixture.clock.now)
    }

    @Test func anUnknownTypeIsRefusedByName() {
        let error = #expect(throws: FleetError.self) { try EventSettings.eventType("THINGS") }
        #expect(error?.message.contains("THING_GROUP_HIERARCHY") == true)
        #expect((try? EventSettings.eventType("CA_CERTIFICATE")) == .authority)
    }
}
