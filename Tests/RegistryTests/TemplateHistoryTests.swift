import Fleet
import JSON
import Registry
import TestSupport
import Testing

@Suite struct TemplateHistoryTests {
    private let name = TemplateName(checked: "line")
    private let now = ManualClock.start

    private func submission(
        _ body: String, enabled: Bool = true, summary: String = ""
    ) -> TemplateSubmission {
        TemplateSubmission(
            name: self.name, summary: summary, enabled: enabled, hook: nil, body: body,
            author: "file", message: "loaded")
    }

    private func view(_ store: InMemoryFleetStore) -> RegistryView {
        let template = store.view([.template(self.name)]).template(self.name)
        return store.view(template.map { Templates.keys(of: $0) } ?? [.template(self.name)])
    }

    private func load(_ submission: TemplateSubmission, _ store: InMemoryFleetStore) async throws {
        let set = try Templates.load(submission, in: self.view(store), at: self.now)
        if !set.changesNothing { _ = try await store.commit(set, by: .service("test")) }
    }

    private func submit(
        _ body: String, _ store: InMemoryFleetStore, isDefault: Bool = true
    ) async throws -> ChangeSet {
        var revision = Templates.Revision(name: self.name, body: body, author: "ada")
        revision.message = "why"
        revision.isDefault = isDefault
        let set = try Templates.submit(revision, in: self.view(store), at: self.now)
        if !set.changesNothing { _ = try await store.commit(set, by: .service("test")) }
        return set
    }

    private func record(_ store: InMemoryFleetStore) throws -> ProvisioningTemplate {
        try #require(store.view([.template(self.name)]).template(self.name))
    }

    @Test func aFileThatIsAsItWasTakesNothingBack() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        try await self.load(self.submission("{1}"), store)
        _ = try await self.submit("{2}", store)
        var off = Templates.Update()
        off.enabled = false
        _ = try await store.commit(
            try Templates.update(
                self.name, off, in: store.view(Templates.keys(of: self.name, off)), at: self.now),
            by: .service("test"))
        let before = try self.record(store)
        try await self.load(self.submission("{1}"), store)
        #expect(try self.record(store) == before)
        #expect(before.defaultVersionID == 2 && !before.enabled)
    }

    @Test func whatChangedInAFileIsBroughtInAndTheRestStays() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        try await self.load(self.submission("{1}"), store)
        _ = try await self.submit("{2}", store)
        try await self.load(self.submission("{1}", summary: "said"), store)
        #expect(try self.record(store).summary == "said")
        #expect(try self.record(store).defaultVersionID == 2)
        try await self.load(self.submission("{3}", summary: "said"), store)
        #expect(try self.record(store).defaultVersionID == 3)
        // Back to an earlier text is a change too.
        try await self.load(self.submission("{1}", summary: "said"), store)
        #expect(try self.record(store).defaultVersionID == 4)
        let version = store.view([.templateVersion(self.name, 4)]).templateVersion(self.name, 4)
        #expect(version?.author == "file" && version?.message == "loaded")
    }

    /// A database from before files were remembered.
    @Test func aTemplateOfAnOlderDatabaseIsMarkedAndNotDoubled() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        let set = try Templates.put(
            self.submission("{1}"), in: self.view(store), at: self.now)
        _ = try await store.commit(set, by: .service("test"))
        try await self.load(self.submission("{1}"), store)
        #expect(try self.record(store).latestVersionID == 1)
        #expect(try self.record(store).loadedDigest != nil)
    }

    @Test func aVersionKnowsItsAuthorAndTheSameBodyMakesNone() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        _ = try await self.submit("{1}", store)
        #expect(try !self.record(store).enabled)
        #expect(try await self.submit("{1}", store).changesNothing)
        _ = try await self.submit("{2}", store, isDefault: false)
        #expect(try self.record(store).defaultVersionID == 1)
        let version = store.view([.templateVersion(self.name, 2)]).templateVersion(self.name, 2)
        #expect(version?.author == "ada" && version?.message == "why")
        var long = Templates.Revision(name: self.name, body: "{3}", author: "ada")
        long.message = String(repeating: "x", count: Templates.messageCharactersMax + 1)
        #expect(throws: FleetError.self) {
            _ = try Templates.submit(long, in: self.view(store), at: self.now)
        }
    }

    @Test func pruningKeepsTheNewestAndTheDefault() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        for number in 1...1200 { _ = try await self.submit("{\(number)}", store) }
        var back = Templates.Update()
        back.defaultVersionID = 5
        _ = try await store.commit(
            try Templates.update(
                self.name, back, in: store.view(Templates.keys(of: self.name, back)),
                at: self.now), by: .service("test"))
        let keys: Set<RecordKey> = [.template(self.name), .versionsOfTemplate(self.name)]
        #expect(store.view(keys).versionsOfTemplate(self.name).count == 1200)
        let set = try Templates.prune(self.name, keep: 3, in: store.view(keys))
        _ = try await store.commit(set, by: .service("test"))
        #expect(store.view(keys).versionsOfTemplate(self.name) == [5, 1198, 1199, 1200])
        #expect(throws: FleetError.self) {
            _ = try Templates.prune(self.name, keep: 0, in: store.view(keys))
        }
    }
}
