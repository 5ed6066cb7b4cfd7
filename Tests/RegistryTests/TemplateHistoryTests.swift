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
        let keys = self.submission("").fileKeys
        let template = store.view(keys).template(self.name)
        return store.view(keys.union(template.map { Templates.keys(of: $0) } ?? []))
    }

    private func delete(_ store: InMemoryFleetStore) async throws {
        _ = try await store.commit(
            try Templates.delete(
                self.name, usedBy: [], in: store.view(Templates.keysOfUse(self.name)),
                at: self.now),
            by: .service("test"))
    }

    private func versions(_ store: InMemoryFleetStore) -> [Int] {
        store.view([.versionsOfTemplate(self.name)]).versionsOfTemplate(self.name)
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

    @Test func aDeletedTemplateStaysDeletedUntilItsFileSaysSomethingNew() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        try await self.load(self.submission("{1}"), store)
        try await self.delete(store)
        try await self.load(self.submission("{1}"), store)
        #expect(self.view(store).template(self.name) == nil)
        #expect(Templates.isLeftDeleted(self.submission("{1}"), in: self.view(store)))
        // What anybody put in its place is not the file's to change.
        _ = try await self.submit("{2}", store)
        try await self.load(self.submission("{1}"), store)
        #expect(try self.record(store).latestVersionID == 2)
        try await self.delete(store)
        try await self.load(self.submission("{1}"), store)
        #expect(self.view(store).template(self.name) == nil)
        #expect(!Templates.isLeftDeleted(self.submission("{3}"), in: self.view(store)))
        try await self.load(self.submission("{3}"), store)
        #expect(try self.record(store).loadedDigest == self.submission("{3}").fileDigest)
        // And the text from before its deletion is something new by now.
        try await self.delete(store)
        try await self.load(self.submission("{1}"), store)
        #expect(try self.record(store).latestVersionID == 4)
    }

    /// Certificates that a deleted template made still say by which version.
    @Test func aNumberOfADeletedVersionIsNotUsedAgain() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        _ = try await self.submit("{1}", store)
        _ = try await self.submit("{2}", store)
        try await self.delete(store)
        let set = try await self.submit("{3}", store)
        #expect(set.detail["version"] == 3)
        let record = try self.record(store)
        #expect(record.defaultVersionID == 3 && record.latestVersionID == 3)
        #expect(self.versions(store) == [3])
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

    /// It would look like another version in a list of them.
    @Test(arguments: ["x\n9 *  forged", "x\u{1B}[2K", "x\u{2028}y"])
    func aMessageIsOneLine(_ message: String) async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        var revision = Templates.Revision(name: self.name, body: "{1}", author: "ada")
        revision.message = message
        #expect(throws: FleetError.self) {
            _ = try Templates.submit(revision, in: self.view(store), at: self.now)
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
        let keys: Set<RecordKey> = [
            .template(self.name), .versionsOfTemplate(self.name), .versionsInUse(self.name),
        ]
        #expect(self.versions(store).count == 1200)
        let set = try Templates.prune(self.name, keep: 3, in: store.view(keys), at: self.now)
        _ = try await store.commit(set, by: .service("test"))
        #expect(self.versions(store) == [5, 1198, 1199, 1200])
        #expect(throws: FleetError.self) {
            _ = try Templates.prune(self.name, keep: 0, in: store.view(keys), at: self.now)
        }
    }

    /// What a living certificate was registered by can be read as long as it lives.
    @Test func pruningKeepsWhatLivingCertificatesName() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        for number in 1...6 { _ = try await self.submit("{\(number)}", store) }
        let statuses: [Certificate.Status] = [.active, .inactive, .revoked, .active]
        var changes: [Change] = []
        for (index, status) in statuses.enumerated() {
            changes.append(
                .putCertificate(
                    Samples.registered(
                        index + 1, status: status, by: self.name, version: index + 1)))
        }
        _ = try await store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
        let keys: Set<RecordKey> = [
            .template(self.name), .versionsOfTemplate(self.name), .versionsInUse(self.name),
        ]
        func prune(
            force: Bool = false, at now: UnixTime = Samples.time
        ) throws -> (gone: [Int], detail: JSONObject) {
            let set = try Templates.prune(
                self.name, keep: 1, force: force, in: store.view(keys), at: now)
            let gone = set.changes.compactMap { change -> Int? in
                if case .deleteTemplateVersion(_, let id) = change { id } else { nil }
            }
            return (gone, set.detail)
        }
        let kept = try prune()
        #expect(kept.gone == [3, 5])
        #expect(kept.detail["keptInUse"] == [1, 2, 4])
        let forced = try prune(force: true)
        #expect(forced.gone == [1, 2, 3, 4, 5])
        #expect(forced.detail["deletedInUse"] == [1, 2, 4])
        // All of them have expired.
        let late = try prune(at: Samples.time.advanced(bySeconds: 86_400 * 366))
        #expect(late.gone == [1, 2, 3, 4, 5])
        #expect(late.detail["deletedInUse"] == nil && late.detail["keptInUse"] == nil)
    }

    /// A template in use does not vanish, whoever asks for it.
    @Test func whatLivingCertificatesNameIsDeletedByForceAlone() async throws {
        let store = InMemoryFleetStore(clock: ManualClock())
        for number in 1...3 { _ = try await self.submit("{\(number)}", store) }
        _ = try await store.commit(
            ChangeSet(
                action: "test",
                changes: [
                    .putCertificate(
                        Samples.registered(1, status: .active, by: self.name, version: 1)),
                    .putCertificate(
                        Samples.registered(2, status: .revoked, by: self.name, version: 2)),
                ]), by: .service("test"))
        var keys = Templates.keysOfUse(self.name)
        keys.formUnion([.templateVersion(self.name, 1), .templateVersion(self.name, 2)])
        let view = store.view(keys)
        func deleteVersion(_ id: Int, force: Bool = false) throws -> ChangeSet {
            try Templates.deleteVersion(
                id, of: self.name, force: force, in: view, at: Samples.time)
        }
        func delete(force: Bool = false, at now: UnixTime = Samples.time) throws -> ChangeSet {
            try Templates.delete(self.name, usedBy: [], force: force, in: view, at: now)
        }
        #expect(throws: FleetError.self) { _ = try deleteVersion(1) }
        #expect(try deleteVersion(1, force: true).detail["deletedInUse"] == [1])
        #expect(try deleteVersion(2).changes == [.deleteTemplateVersion(self.name, 2)])
        #expect(throws: FleetError.self) { _ = try delete() }
        #expect(try delete(force: true).detail["deletedInUse"] == [1])
        let late = Samples.time.advanced(bySeconds: 86_400 * 366)
        #expect(try delete(at: late).detail["deletedInUse"] == nil)
    }
}
