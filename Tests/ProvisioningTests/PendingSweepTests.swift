import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

@Suite struct PendingSweepTests {
    @Test func whatWasNeverFinishedGoesWhenItsTokenEnds() async throws {
        let fixture = try await ProvisioningFixture()
        let sweep = PendingSweep(store: fixture.store, clock: fixture.clock)
        let (abandoned, abandonedToken) = try await fixture.create()
        let (registered, registeredToken) = try await fixture.create()
        _ = try await fixture.register(registeredToken)
        let (activated, _) = try await fixture.create()
        try await fixture.put([
            .setCertificateStatus(activated, .active, reason: "by hand", at: fixture.clock.now)
        ])
        #expect(try await sweep.sweepOnce() == PendingSweep.Counts())

        fixture.clock.advance(bySeconds: 1800)
        let (fresh, freshToken) = try await fixture.create()
        fixture.clock.advance(bySeconds: 1801)
        #expect(
            try await sweep.sweepOnce()
                == PendingSweep.Counts(certificatesDeleted: 1, tokensDeleted: 3))
        #expect(fixture.certificate(abandoned) == nil)
        #expect(fixture.token(abandonedToken) == nil)
        #expect(fixture.certificate(registered)?.status == .active)
        #expect(fixture.token(registeredToken) == nil)
        #expect(fixture.certificate(activated)?.status == .active)
        #expect(fixture.certificate(fresh)?.status == .pendingActivation)
        #expect(await fixture.refusal(freshToken, ["SerialNumber": "B"]) == nil)
        #expect(await fixture.refusal(abandonedToken)?.message.contains("expired") == true)

        let record = try #require(
            fixture.store.commits.first { $0.action == "SweepExpiredCertificate" })
        #expect(record.detail["certificate"] == .string(abandoned.rawValue))
        #expect(record.actor.kind == .service)
    }

    /// The reply did not fit into what the client takes: nobody will ever register it.
    @Test func whatCouldNotBeSentIsTakenBackAtOnce() async throws {
        let fixture = try await ProvisioningFixture()
        let topic = "$aws/certificates/create-from-csr/json"
        let replies = await fixture.service.handle(
            topic: topic, payload: Array(#"{"certificateSigningRequest":"CSR one"}"#.utf8),
            from: fixture.claim)
        let handout = try #require(replies.first?.handsOut)
        await fixture.service.withdraw(handout, from: fixture.claim)
        #expect(fixture.certificate(handout.certificate) == nil)
        let record = try #require(
            fixture.store.commits.first { $0.action == "WithdrawCertificate" })
        #expect(record.detail["certificate"] == .string(handout.certificate.rawValue))
        #expect(record.actor.kind == .principal)
        // Its key is free again; and what somebody has taken up stays.
        let (kept, token) = try await fixture.create(key: "one")
        _ = try await fixture.register(token)
        let hash = OwnershipTokenMint.hash(of: token)
        await fixture.service.withdraw(
            Handout(certificate: kept, token: hash), from: fixture.claim)
        #expect(fixture.certificate(kept)?.status == .active)
        await fixture.service.withdraw(handout, from: fixture.claim)
        #expect(fixture.store.commits.filter { $0.action == "WithdrawCertificate" }.count == 1)
    }

    @Test func attachedCertificatesStay() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, _) = try await fixture.create()
        let thing = Thing(
            name: ThingName(checked: "t"), id: Samples.resourceID(1), createdAt: fixture.clock.now)
        try await fixture.put([
            .putThing(thing),
            .attachThingPrincipal(
                ThingPrincipal(thing: thing.name, certificate: id, exclusivity: .nonExclusive)),
        ])
        fixture.clock.advance(bySeconds: 7200)
        let counts = try await PendingSweep(store: fixture.store, clock: fixture.clock).sweepOnce()
        #expect(counts == PendingSweep.Counts(certificatesDeleted: 0, tokensDeleted: 1))
        #expect(fixture.certificate(id) != nil)
    }

    /// Lesson of Vault's tidy (CVE-2021-29653): what was revoked is evidence, and no cleanup's to
    /// take, also where no thing ever took the certificate up.
    @Test(arguments: [Certificate.Status.revoked, .inactive])
    func certificateThatAnOperatorJudgedStays(status: Certificate.Status) async throws {
        let fixture = try await ProvisioningFixture()
        let (id, _) = try await fixture.create()
        try await fixture.put([
            .setCertificateStatus(id, status, reason: "lost", at: fixture.clock.now)
        ])
        fixture.clock.advance(bySeconds: 7200)
        let counts = try await PendingSweep(store: fixture.store, clock: fixture.clock).sweepOnce()
        #expect(counts == PendingSweep.Counts(certificatesDeleted: 0, tokensDeleted: 1))
        #expect(fixture.certificate(id)?.status == status)
    }

    @Test func allPagesAreSwept() async throws {
        let fixture = try await ProvisioningFixture()
        for number in 0..<250 { _ = try await fixture.create(key: "k\(number)") }
        fixture.clock.advance(bySeconds: 3601)
        let sweep = PendingSweep(store: fixture.store, clock: fixture.clock)
        #expect(try await sweep.sweepOnce().certificatesDeleted == 250)
        #expect(try await sweep.sweepOnce() == PendingSweep.Counts())
    }

    @Test func aRefusedCommitIsLeftForTheNextTime() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, _) = try await fixture.create()
        fixture.clock.advance(bySeconds: 3601)
        fixture.store.failNextCommits(FleetError(.conflict, "lost"))
        let sweep = PendingSweep(store: fixture.store, clock: fixture.clock)
        #expect(try await sweep.sweepOnce().postponed == 1)
        #expect(fixture.certificate(id) != nil)
        #expect(try await sweep.sweepOnce().certificatesDeleted == 1)
    }
}
