import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

/// One certificate on two live connections, as the gateway reports it.
@Suite struct CloneJudgeTests {
    private func registered(
        _ fixture: ProvisioningFixture
    ) async throws -> CertificateID {
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(token)
        return id
    }

    private func judge(_ fixture: ProvisioningFixture, _ policy: EnrolmentPolicy) -> CloneJudge {
        let events = fixture.events
        return CloneJudge(
            store: fixture.store, clock: fixture.clock, policy: policy,
            observe: { events.add($0) })
    }

    private func sighting(_ id: CertificateID, _ fixture: ProvisioningFixture) -> CloneSighting {
        CloneSighting(
            certificate: id, sign: .concurrent,
            sessions: [
                .init(clientID: "a", address: "192.0.2.1", since: fixture.clock.now),
                .init(clientID: "b", address: "198.51.100.7", since: fixture.clock.now),
            ])
    }

    private func findings(_ fixture: ProvisioningFixture) async throws -> [EnrolmentFinding] {
        try await fixture.store.page(ListQuery(.enrolmentFindings(.clone))).records.compactMap {
            if case .enrolmentFinding(let finding) = $0 { finding } else { nil }
        }
    }

    @Test(arguments: EnrolmentPolicy.allCases)
    func evidenceIsKeptAndNothingIsRevoked(_ policy: EnrolmentPolicy) async throws {
        let fixture = try await ProvisioningFixture()
        let id = try await self.registered(fixture)
        let judge = self.judge(fixture, policy)
        #expect(await judge.sighted(self.sighting(id, fixture)) == policy)
        let found = try await self.findings(fixture)
        #expect(found.map(\.policy) == [policy])
        #expect(found.first?.thing == ThingName(checked: "sensor-A7"))
        let sessions = found.first?.evidence["sessions"]?.arrayValue ?? []
        #expect(
            sessions.map { $0.objectValue?["address"]?.stringValue }
                == ["192.0.2.1", "198.51.100.7"])
        let certificate = try #require(fixture.certificate(id))
        #expect(certificate.status == (policy == .hold ? .inactive : .active))
        #expect(EnrolmentMark.state(of: certificate) == (policy == .hold ? .held : nil))
    }

    @Test func theSameAgainIsNoNewRecordForAnHour() async throws {
        let fixture = try await ProvisioningFixture()
        let id = try await self.registered(fixture)
        let judge = self.judge(fixture, .allow)
        let before = try await fixture.store.latestSequence()
        for _ in 0..<5 { #expect(await judge.sighted(self.sighting(id, fixture)) == .allow) }
        #expect(try await fixture.store.latestSequence() == before + 1)
        fixture.clock.advance(bySeconds: 3600)
        _ = await judge.sighted(self.sighting(id, fixture))
        #expect(try await fixture.store.latestSequence() == before + 2)
        #expect(try await self.findings(fixture).count == 1)
    }

    @Test func whatSomebodyAllowedIsNotHeldAgain() async throws {
        let fixture = try await ProvisioningFixture()
        let id = try await self.registered(fixture)
        let judge = self.judge(fixture, .hold)
        #expect(await judge.sighted(self.sighting(id, fixture)) == .hold)
        try await self.decide(id, allow: true, fixture)
        #expect(fixture.certificate(id)?.status == .active)
        #expect(await judge.sighted(self.sighting(id, fixture)) == .allow)
        #expect(fixture.certificate(id)?.status == .active)
    }

    @Test func whatSomebodyRefusedIsRevokedForItsKey() async throws {
        let fixture = try await ProvisioningFixture()
        let id = try await self.registered(fixture)
        let judge = self.judge(fixture, .hold)
        #expect(await judge.sighted(self.sighting(id, fixture)) == .hold)
        try await self.decide(id, allow: false, fixture)
        #expect(fixture.certificate(id)?.status == .revoked)
        let certificate = try #require(fixture.certificate(id))
        let standing = try await fixture.store.standing(
            of: certificate.serialNumber, issuer: try #require(certificate.issuerID))
        guard case .revoked(let revocation) = standing else {
            Issue.record("\(standing)")
            return
        }
        #expect(revocation.reason == .keyCompromise)
    }

    @Test func evidenceThatTheStoreRefusesIsSaidAndTheNewerOneGoes() async throws {
        let fixture = try await ProvisioningFixture()
        let id = try await self.registered(fixture)
        for (policy, outcome) in [(EnrolmentPolicy.allow, EnrolmentPolicy.allow), (.hold, .refuse)]
        {
            fixture.store.failNextCommits(FleetError(.internalFailure, "disk full"))
            let judge = self.judge(fixture, policy)
            #expect(await judge.sighted(self.sighting(id, fixture)) == outcome)
        }
        let told = fixture.events.all.filter {
            if case .cloneNotRecorded = $0 { true } else { false }
        }
        #expect(told.count == 2)
        #expect(try await self.findings(fixture).isEmpty)
    }

    private func decide(
        _ id: CertificateID, allow: Bool, _ fixture: ProvisioningFixture
    ) async throws {
        let set = try EnrolmentDecision.decide(
            id, allow: allow, reason: nil, by: "ada",
            in: fixture.store.view([.certificate(id)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
    }
}
