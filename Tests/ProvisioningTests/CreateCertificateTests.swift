import Fleet
import Provisioning
import TestSupport
import Testing

@Suite struct CreateCertificateTests {
    @Test func theCertificateIsPendingAndItsTokenKeptAsAHash() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        let certificate = try #require(fixture.certificate(id))
        #expect(certificate.status == .pendingActivation)
        #expect(certificate.kind == .device)
        let record = try #require(fixture.token(token))
        #expect(record.certificate == id)
        #expect(record.claim == fixture.claim.principal)
        #expect(record.expiresAt == fixture.clock.now.advanced(bySeconds: 3600))
        #expect(fixture.store.commits.last?.action == "CreateCertificateFromCsr")
        #expect(fixture.store.commits.last?.actor.identity == fixture.claim.principal.rawValue)
    }

    @Test func theSameRequestAgainMakesAnotherCertificate() async throws {
        let fixture = try await ProvisioningFixture()
        let first = try await fixture.create(key: "same")
        let second = try await fixture.create(key: "same")
        #expect(first.0 != second.0)
        #expect(first.1 != second.1)
    }

    private func refusal(_ fixture: ProvisioningFixture, key: String) async -> FleetError? {
        do {
            _ = try await fixture.create(key: key)
            return nil
        } catch { return error as? FleetError }
    }

    @Test func keysThatAreSomebodyElsesAreRefused() async throws {
        let fixture = try await ProvisioningFixture()
        let now = fixture.clock.now
        let issued = FakeIssuer.certificate(-100, key: Array("CSR authority".utf8), at: now)
        try await fixture.put([
            .putAuthority(
                Authority(
                    id: issued.id, role: .issuing, subject: "CN=CA", publicKey: issued.publicKey,
                    pem: issued.pem, notBefore: now, notAfter: issued.notAfter, status: .active,
                    createdAt: now)),
            .putCertificate(
                Certificate(
                    issued: FakeIssuer.certificate(-101, key: Array("CSR claim".utf8), at: now),
                    kind: .claim, status: .active, reason: nil, at: now)),
            .putCertificate(
                Certificate(
                    issued: FakeIssuer.certificate(-102, key: Array("CSR revoked".utf8), at: now),
                    kind: .device, status: .revoked, reason: nil, at: now)),
        ])
        for (key, message) in [
            ("authority", "authority's own"), ("claim", "claim certificate's own"),
            ("revoked", "revoked certificate"),
        ] {
            let commits = fixture.store.commits.count
            let error = await self.refusal(fixture, key: key)
            #expect(error?.code == .invalidCSR)
            #expect(error?.message.contains(message) == true)
            #expect(fixture.store.commits.count == commits)
        }
    }

    @Test func aFailedCommitGivesNothingAway() async throws {
        let fixture = try await ProvisioningFixture()
        fixture.store.failNextCommits(FleetError(.internalFailure, "disk full"))
        #expect(await self.refusal(fixture, key: "k")?.code == .internalFailure)
        #expect(await self.refusal(fixture, key: "k") == nil)
    }

    @Test func theCausesOfInternalFailuresAreForTheOperatorOnly() async throws {
        let fixture = try await ProvisioningFixture()
        fixture.issuer.fail(with: FleetError(.certificateValidation, "key file /pki/issuing.key"))
        let error = await self.refusal(fixture, key: "k")
        #expect(error?.code == .internalFailure)
        #expect(error?.message.contains("/pki") == false)
        let causes = fixture.events.all.compactMap { event in
            if case .refused(let refused) = event { refused.cause } else { nil }
        }
        #expect(causes.count == 1)
        #expect(causes[0].contains("/pki/issuing.key"))
    }
}
