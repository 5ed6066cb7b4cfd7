import Fleet
import Registry
import TestSupport
import Testing

@Suite struct CertificateProvidersTests {
    private let fixture = RegistryFixture()
    private let name = CertificateProviderName(checked: "factory")
    private let target = "arn:aws:lambda:local:000000000000:function:signer"

    private func create(
        _ name: String = "factory", target: String? = nil, token: String? = nil
    ) async throws -> ChangeSet {
        let definition = CertificateProviderDefinition(
            name: CertificateProviderName(checked: name), target: target ?? self.target,
            clientToken: token, tags: ["a": "1"])
        return try await self.fixture.apply(
            CertificateProviders.keys(definition.name, target: definition.target)
                .union(Tags.keys(.certificateProvider(definition.name)))
        ) {
            try CertificateProviders.create(definition, in: $0, at: self.fixture.clock.now)
        }
    }

    private func putHook(_ name: String, _ source: String) async throws {
        let name = HookName(checked: name)
        _ = try await self.fixture.apply(HookScripts.keys(name, source: source)) {
            try HookScripts.put(
                name, source: source, by: "ada", in: $0, at: self.fixture.clock.now)
        }
    }

    @Test func thereIsOneAndItNamesAWebhook() async throws {
        #expect(await refusal { _ = try await self.create() } == .invalidRequest)
        try await self.putHook("signer", "return 1")
        #expect(await refusal { _ = try await self.create() } == .invalidRequest)
        try await self.putHook("signer", "{}")
        _ = try await self.create(token: "one")
        #expect(try await self.create(token: "one").changesNothing)
        #expect(await refusal { _ = try await self.create(token: "two") } == .alreadyExists)
        #expect(await refusal { _ = try await self.create() } == .alreadyExists)
        #expect(await refusal { _ = try await self.create("other") } == .limitExceeded)
    }

    @Test func itsTagsGoWithIt() async throws {
        try await self.putHook("signer", "{}")
        _ = try await self.create()
        let tagged = TaggedResource.certificateProvider(self.name)
        #expect(self.fixture.store.view([.tags(tagged)]).tags(of: tagged) == ["a": "1"])
        _ = try await self.fixture.apply(CertificateProviders.keys(self.name, target: nil)) {
            try CertificateProviders.delete(self.name, in: $0)
        }
        #expect(self.fixture.store.view([.tags(tagged)]).tags(of: tagged).isEmpty)
        let code = await refusal {
            _ = try await self.fixture.apply(CertificateProviders.keys(self.name, target: nil)) {
                try CertificateProviders.delete(self.name, in: $0)
            }
        }
        #expect(code == .notFound)
    }

    @Test func anUpdateNamesAnotherWebhookOrNothing() async throws {
        try await self.putHook("signer", "{}")
        try await self.putHook("script", "return 1")
        try await self.putHook("next", "{ }")
        _ = try await self.create()
        let now = self.fixture.clock.now
        func update(_ target: String?) async throws -> ChangeSet {
            try await self.fixture.apply(CertificateProviders.keys(self.name, target: target)) {
                try CertificateProviders.update(self.name, target: target, in: $0, at: now)
            }
        }
        #expect(try await update(nil).changesNothing)
        #expect(try await update(self.target).changesNothing)
        #expect(await refusal { _ = try await update("a:function:script") } == .invalidRequest)
        _ = try await update("arn:aws:lambda:local:000000000000:function:next:live")
        let view = self.fixture.store.view([.certificateProvider(self.name)])
        #expect(view.certificateProvider(self.name)?.hook == HookName(checked: "next"))
    }
}
