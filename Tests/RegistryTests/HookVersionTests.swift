import Fleet
import Registry
import TestSupport
import Testing

/// A hook's texts: each stays what it was, and one of them is in force.
@Suite struct HookVersionTests {
    private let fixture = RegistryFixture()
    private let name = HookName(checked: "gate")

    private func put(_ source: String, by author: String = "ada") async throws -> HookScript {
        try await self.fixture.apply(HookScripts.keys(self.name, source: source)) {
            try HookScripts.put(
                self.name, source: source, by: author, message: "because \(source)", in: $0,
                at: self.fixture.clock.now)
        }
        return try await self.current()
    }

    private func load(_ source: String) async throws -> HookScript {
        try await self.fixture.apply(HookScripts.keys(self.name, source: source)) {
            try HookScripts.load(
                self.name, source: source, by: "file", in: $0, at: self.fixture.clock.now)
        }
        return try await self.current()
    }

    private func current() async throws -> HookScript {
        try #require(try await self.fixture.store.load([.hook(self.name)]).hook(self.name))
    }

    private func versions() async throws -> [HookScript] {
        try await self.fixture.store.page(ListQuery(.versionsOfHook(self.name))).records
            .compactMap { if case .hook(let hook) = $0 { hook } else { nil } }
    }

    private func enable(_ digest: String?) async throws -> HookScript {
        var keys: Set<RecordKey> = [.hook(self.name)]
        if let digest { keys.insert(.hookVersion(self.name, digest)) }
        try await self.fixture.apply(keys) {
            try HookScripts.enable(self.name, digest: digest, in: $0)
        }
        return try await self.current()
    }

    @Test func everyTextIsAVersionWithItsAuthorAndMessage() async throws {
        let first = try await self.put("return 1")
        let second = try await self.put("return 2", by: "grace")
        #expect(first.version == 1 && second.version == 2)
        let versions = try await self.versions()
        #expect(versions.map(\.source) == ["return 1", "return 2"])
        #expect(versions.map(\.author) == ["ada", "grace"])
        #expect(versions.map(\.message) == ["because return 1", "because return 2"])
    }

    @Test func anEarlierTextComesBackAsTheVersionItWas() async throws {
        let first = try await self.put("return 1")
        _ = try await self.put("return 2", by: "grace")
        let back = try await self.put("return 1", by: "mallory")
        #expect(back.version == 1 && back.author == "ada" && back.latestVersion == 2)
        let again = try await self.enable(try await self.versions()[1].digest)
        #expect(again.source == "return 2" && again.version == 2)
        #expect(try await self.enable(first.digest).source == "return 1")
        #expect(try await self.put("return 3").version == 3)
        #expect(try await self.versions().count == 3)
    }

    @Test func disablingIsNotUndoneByAnotherText() async throws {
        _ = try await self.put("return 1")
        try await self.fixture.apply([.hook(self.name)]) {
            try HookScripts.disable(self.name, in: $0)
        }
        #expect(try await !self.current().enabled)
        #expect(try await !self.put("return 2").enabled)
        #expect(try await self.enable(nil).enabled)
    }

    @Test func aTextThatNeverWasCannotBeEnabled() async throws {
        _ = try await self.put("return 1")
        let refused = await refusal { _ = try await self.enable("abcdef") }
        #expect(refused == .notFound)
    }

    @Test func aFileIsLoadedOnceAndAChangedFileIsANewVersion() async throws {
        #expect(try await self.load("return 1").version == 1)
        _ = try await self.put("return 2")
        #expect(try await self.load("return 1").source == "return 2")
        let changed = try await self.load("return 3")
        #expect(changed.source == "return 3" && changed.version == 3 && changed.author == "file")
    }

    @Test func anApprovalStaysWithItsText() async throws {
        let first = try await self.put("return 1")
        try await self.fixture.apply([.hook(self.name)]) {
            try HookScripts.approve(
                self.name, digest: first.digest, by: "grace", in: $0, at: self.fixture.clock.now)
        }
        #expect(try await self.put("return 2").approval == nil)
        #expect(try await self.enable(first.digest).approval?.approver == "grace")
    }

    @Test func aMessageIsBounded() async throws {
        let refused = await refusal {
            try await self.fixture.apply(HookScripts.keys(self.name, source: "x")) {
                try HookScripts.put(
                    self.name, source: "x", by: "ada",
                    message: String(repeating: "m", count: Templates.messageCharactersMax + 1),
                    in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(refused == .invalidRequest)
    }
}
