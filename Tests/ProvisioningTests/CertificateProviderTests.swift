import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct CertificateProviderTests {
    private func refusal(_ fixture: ProvisioningFixture) async -> FleetError? {
        do {
            _ = try await fixture.create(key: "one")
            return nil
        } catch { return error as? FleetError }
    }

    @Test func whatTheSignerMadeIsPendingAndNamesItsProvenance() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putProvider()
        fixture.signer.answer(.answered(pem: "CSR one|Device|Somebody"))
        let (id, token) = try await fixture.create(key: "one")
        #expect(fixture.issuer.issuedCount == 0)
        let question = try #require(fixture.signer.questions.first)
        #expect(question.csr == "CSR one")
        #expect(question.principal == fixture.claim.principal)
        #expect(question.clientID == "line-1")
        let certificate = try #require(fixture.certificate(id))
        #expect(certificate.status == .pendingActivation)
        #expect(certificate.issuerID == nil)
        #expect(certificate.mode == .sniOnly)
        #expect(certificate.provenance?.origin.claim == fixture.claim.principal)
        #expect(certificate.provenance?.origin.flow == .csr)
        #expect(fixture.token(token)?.certificate == id)
        let commit = try #require(fixture.store.commits.last)
        #expect(commit.action == "CreateCertificateFromCsr")
        #expect(commit.detail["certificateProvider"] == "factory")
        #expect(commit.detail["hook"] == "signer")
        _ = try await fixture.register(token)
        #expect(fixture.certificate(id)?.status == .active)
    }

    @Test func aRegisteredAuthorityIsTheCertificatesIssuer() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putProvider()
        let authority = FakeInspector.authority("factory")
        try await fixture.put([.putAuthority(authority)])
        fixture.signer.answer(.answered(pem: "CSR one|Device|factory"))
        let (id, _) = try await fixture.create(key: "one")
        #expect(fixture.certificate(id)?.issuerID == authority.id)
        #expect(fixture.certificate(id)?.mode == .default)
    }

    @Test(arguments: [
        "CSR two|Device|Somebody", "CSR one|Another|Somebody", "CSR one|Device|Somebody|CA",
        "CSR one|Device|Somebody|old", "CSR one|Device|liar", "CSR one|Device|asleep", "no PEM",
    ])
    func anAnswerThatIsNotTheRequestsCertificateIsRefused(_ pem: String) async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putProvider()
        try await fixture.put([
            .putAuthority(FakeInspector.authority("liar")),
            .putAuthority(FakeInspector.authority("asleep", status: .inactive)),
        ])
        let commits = fixture.store.commits.count
        fixture.signer.answer(.answered(pem: pem))
        let error = try #require(await self.refusal(fixture))
        #expect(error.code == .internalFailure)
        #expect(error.reason == .signerFailed)
        #expect(!error.message.contains("CN="))
        #expect(fixture.store.commits.count == commits)
    }

    @Test func aCertificateThatIsRegisteredAlreadyIsNoNewOne() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putProvider()
        fixture.signer.answer(.answered(pem: "CSR one|Device|Somebody"))
        _ = try await fixture.create(key: "one")
        #expect(await self.refusal(fixture)?.reason == .signerFailed)
    }

    @Test func aRequestThatThisServiceWouldRefuseIsNotHandedOn() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putProvider()
        await #expect(throws: FleetError.self) {
            try await fixture.provisioner.createCertificate(csr: "nonsense", for: fixture.claim)
        }
        #expect(fixture.signer.questions.isEmpty)
    }

    @Test func aHookThatIsNoWebhookAnyMoreOrIsDisabledSignsNothing() async throws {
        for source in ["return 1", ""] {
            let fixture = try await ProvisioningFixture()
            try await fixture.putProvider()
            if source.isEmpty {
                let name = HookName(checked: "signer")
                let set = try HookScripts.disable(name, in: fixture.store.view([.hook(name)]))
                _ = try await fixture.store.commit(set, by: .service("test"))
            } else {
                try await fixture.putHook("signer", source: source)
            }
            #expect(await self.refusal(fixture)?.reason == .signerFailed)
            #expect(fixture.signer.questions.isEmpty)
        }
    }

    @Test func fourEyesHoldForASignerToo() async throws {
        let fixture = try await ProvisioningFixture(requiresHookApproval: true)
        try await fixture.putProvider()
        fixture.signer.answer(.answered(pem: "CSR one|Device|Somebody"))
        #expect(await self.refusal(fixture)?.reason == .signerFailed)
        try await fixture.approveHook("signer")
        _ = try await fixture.create(key: "one")
    }
}
