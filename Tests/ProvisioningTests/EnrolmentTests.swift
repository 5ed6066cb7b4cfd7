import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

@Suite struct EnrolmentTests {
    private func settings(
        _ change: (inout EnrolmentSettings) -> Void = { _ in }
    ) -> EnrolmentSettings {
        var settings = EnrolmentSettings()
        change(&settings)
        return settings
    }

    private func principals(_ fixture: ProvisioningFixture, _ thing: String) -> [CertificateID] {
        let name = ThingName(checked: thing)
        return fixture.store.view([.principalsOfThing(name)]).principalsOfThing(name)
            .map(\.certificate)
    }

    private func active(_ fixture: ProvisioningFixture, _ thing: String) -> [CertificateID] {
        self.principals(fixture, thing).filter { fixture.certificate($0)?.status == .active }
    }

    @Test func aLostPairIsSupersededByTheNextAtTheSameStation() async throws {
        let fixture = try await ProvisioningFixture()
        let lost = try await fixture.provisioner.createKeysAndCertificate(for: fixture.claim)
        let (first, firstToken) = (lost.certificate, lost.ownershipToken.expose { $0 })
        let answer = try await fixture.register(firstToken)
        let (second, secondToken) = try await fixture.create()
        #expect(try await fixture.register(secondToken) == answer)
        #expect(fixture.certificate(first)?.status == .revoked)
        #expect(fixture.certificate(first)?.statusReason == "superseded by \(second)")
        #expect(fixture.certificate(second)?.status == .active)
        #expect(self.active(fixture, "sensor-A7") == [second])
        // The pair that was lost must not come back to life by its own token.
        let late = await fixture.refusal(firstToken)
        #expect(late?.reason == .certificateSuperseded)
    }

    /// The answer of a registration that stands is given again; one whose certificate is revoked
    /// does not, and a device that is inactive for now is part of the fleet still.
    @Test(
        arguments: [(.active, nil), (.inactive, nil), (.revoked, .certificateNotPending)]
            as [(Certificate.Status, RefusalReason?)])
    func aRepeatIsAnsweredAsLongAsItsCertificateStands(
        _ status: Certificate.Status, _ reason: RefusalReason?
    ) async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(token)
        try await fixture.put([
            .setCertificateStatus(id, status, reason: "lost", at: fixture.clock.now)
        ])
        let refusal = await fixture.refusal(token)
        #expect(refusal?.reason == reason)
        #expect((refusal == nil) == (reason == nil))
    }

    @Test func theSameKeyAgainEndsWithOneActiveCertificateHoweverOften() async throws {
        let fixture = try await ProvisioningFixture()
        var last: CertificateID?
        var answers: [JSONObject] = []
        for _ in 0..<4 {
            let (id, token) = try await fixture.create(key: "own")
            answers.append(try await fixture.register(token))
            if let last { #expect(fixture.certificate(last)?.status == .inactive) }
            last = id
        }
        #expect(Set(answers).count == 1)
        #expect(self.active(fixture, "sensor-A7") == [try #require(last)])
        #expect(fixture.certificate(try #require(last))?.status == .active)
    }

    @Test func anotherKeyElsewhereIsHeldUntilSomebodyDecides() async throws {
        let fixture = try await ProvisioningFixture()
        let (first, firstToken) = try await fixture.create()
        _ = try await fixture.register(firstToken)
        fixture.clock.advance(bySeconds: 9 * 3600)
        let (second, token) = try await fixture.create()
        for _ in 0..<2 { #expect(await fixture.refusal(token)?.reason == .enrolmentHeld) }
        let held = try #require(fixture.certificate(second))
        #expect(held.status == .pendingActivation)
        #expect(EnrolmentMark.state(of: held) == .held)
        #expect(fixture.certificate(first)?.status == .active)

        let set = try EnrolmentDecision.decide(
            second, allow: true, reason: "board swapped", by: "ada",
            in: fixture.store.view([.certificate(second)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(try await fixture.register(token)["thingName"] == "sensor-A7")
        #expect(fixture.certificate(first)?.status == .inactive)
        #expect(self.active(fixture, "sensor-A7") == [second])
    }

    private func view(
        _ id: CertificateID, _ fixture: ProvisioningFixture
    ) async throws -> RegistryView {
        try await fixture.store.load([.certificate(id)]) { EnrolmentDecision.further(id, in: $0) }
    }

    /// What somebody allowed is to take over from whoever was there then.
    @Test func whatIsAllowedLapsesOnceAnotherHasCome() async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings { $0.onRework = .hold })
        let (_, firstToken) = try await fixture.create()
        _ = try await fixture.register(firstToken)
        var waiting: [(id: CertificateID, token: String)] = []
        for _ in 0..<2 {
            let (id, token) = try await fixture.create()
            #expect(await fixture.refusal(token)?.reason == .enrolmentHeld)
            let set = try EnrolmentDecision.decide(
                id, allow: true, reason: nil, by: "ada",
                in: try await self.view(id, fixture), at: fixture.clock.now)
            _ = try await fixture.store.commit(set, by: .service("test"))
            waiting.append((id, token))
        }
        fixture.clock.advance(bySeconds: 60)
        _ = try await fixture.register(waiting[1].token)
        #expect(await fixture.refusal(waiting[0].token)?.reason == .enrolmentHeld)
        let late = try #require(fixture.certificate(waiting[0].id))
        #expect(EnrolmentMark.state(of: late) == .held)
        #expect(self.active(fixture, "sensor-A7") == [waiting[1].id])
    }

    /// A copy that is refused takes nothing from the unit that it was made of.
    @Test func aRefusedCopyLeavesTheKeyToItsUnit() async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings { $0.onCopiedImage = .hold })
        let (_, token) = try await fixture.create(key: "flash")
        _ = try await fixture.register(token)
        let (copy, other) = try await fixture.create(key: "flash")
        let serial = ["SerialNumber": "B8"]
        #expect(await fixture.refusal(other, serial)?.reason == .enrolmentHeld)
        let set = try EnrolmentDecision.decide(
            copy, allow: false, reason: nil, by: "ada",
            in: try await self.view(copy, fixture), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(await fixture.refusal(other, serial)?.reason == .enrolmentRefused)
        #expect(fixture.certificate(copy)?.status == .pendingActivation)
        // Its power is cut, and it comes again.
        let (again, retry) = try await fixture.create(key: "flash")
        #expect(try await fixture.register(retry)["thingName"] == "sensor-A7")
        #expect(self.active(fixture, "sensor-A7") == [again])
    }

    /// What somebody allowed is the thing that was held, and none that the device asks for next.
    @Test func whatIsAllowedForOneThingOpensNoOther() async throws {
        let fixture = try await ProvisioningFixture()
        var holders: [CertificateID] = []
        for serial in ["V", "W"] {
            let (id, token) = try await fixture.create()
            _ = try await fixture.register(token, ["SerialNumber": serial])
            holders.append(id)
        }
        fixture.clock.advance(bySeconds: 9 * 3600)
        let (held, token) = try await fixture.create()
        let (v, w) = (["SerialNumber": "V"], ["SerialNumber": "W"])
        #expect(await fixture.refusal(token, v)?.reason == .enrolmentHeld)
        let set = try EnrolmentDecision.decide(
            held, allow: true, reason: "board", by: "ada for thing sensor-W",
            in: fixture.store.view([.certificate(held)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(await fixture.refusal(token, w)?.reason == .enrolmentHeld)
        #expect(fixture.certificate(holders[1])?.status == .active)
        // It waits for W now, and for V a person is asked again.
        #expect(
            EnrolmentMark.thing(of: try #require(fixture.certificate(held)))
                == ThingName(checked: "sensor-W"))
        #expect(await fixture.refusal(token, v)?.reason == .enrolmentHeld)
        #expect(fixture.certificate(holders[0])?.status == .active)
    }

    @Test func whatAPersonRefusedStaysRefused() async throws {
        let fixture = try await ProvisioningFixture()
        let (first, firstToken) = try await fixture.create()
        _ = try await fixture.register(firstToken)
        fixture.clock.advance(bySeconds: 9 * 3600)
        let (second, token) = try await fixture.create()
        #expect(await fixture.refusal(token)?.reason == .enrolmentHeld)
        let set = try EnrolmentDecision.decide(
            second, allow: false, reason: nil, by: "ada",
            in: try await self.view(second, fixture), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(await fixture.refusal(token)?.reason == .enrolmentRefused)
        #expect(fixture.certificate(first)?.status == .active)
        #expect(throws: FleetError.self) {
            try EnrolmentDecision.decide(
                first, allow: true, reason: nil, by: "ada",
                in: fixture.store.view([.certificate(first)]), at: fixture.clock.now)
        }
    }

    @Test(arguments: [
        ("retry", EnrolmentSettings.Policy.refuse, RefusalReason.retryRefused),
        ("rework", .refuse, .reworkRefused), ("elsewhere", .refuse, .serialElsewhere),
        ("retry", .hold, .enrolmentHeld), ("rework", .hold, .enrolmentHeld),
        ("elsewhere", .hold, .enrolmentHeld),
    ])
    func eachFindingFollowsItsPolicy(
        _ finding: String, _ policy: EnrolmentSettings.Policy, _ reason: RefusalReason
    ) async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings {
                $0.onRetry = finding == "retry" ? policy : .allow
                $0.onRework = finding == "rework" ? policy : .allow
                $0.onElsewhere = finding == "elsewhere" ? policy : .allow
            })
        let (first, token) = try await fixture.create(key: "one")
        _ = try await fixture.register(token)
        if finding == "elsewhere" { fixture.clock.advance(bySeconds: 9 * 3600) }
        let (_, again) = try await fixture.create(key: finding == "retry" ? "one" : "two")
        #expect(await fixture.refusal(again)?.reason == reason)
        #expect(fixture.certificate(first)?.status == .active)
    }

    @Test func allowingLeavesBoth() async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings { $0.onRework = .allow })
        let (first, firstToken) = try await fixture.create()
        _ = try await fixture.register(firstToken)
        let (second, token) = try await fixture.create()
        _ = try await fixture.register(token)
        #expect(Set(self.principals(fixture, "sensor-A7")) == [first, second])
        #expect(fixture.certificate(first)?.status == .active)
    }

    private func findings(
        _ fixture: ProvisioningFixture, _ kind: EnrolmentFinding.Kind? = nil
    ) async throws -> [EnrolmentFinding] {
        try await fixture.store.page(ListQuery(.enrolmentFindings(kind))).records.compactMap {
            if case .enrolmentFinding(let finding) = $0 { finding } else { nil }
        }
    }

    @Test(arguments: EnrolmentPolicy.allCases)
    func aCopiedImageFollowsItsPolicyAndLeavesEvidence(_ policy: EnrolmentPolicy) async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings { $0.onCopiedImage = policy })
        let (first, token) = try await fixture.create(key: "flash")
        _ = try await fixture.register(token)
        let (second, other) = try await fixture.create(key: "flash")
        let serial = ["SerialNumber": "B8"]
        let refusal = await fixture.refusal(other, serial)
        let again = await fixture.refusal(other, serial)
        switch policy {
        case .refuse: #expect(refusal?.reason == .copiedImage && again?.reason == .copiedImage)
        case .hold: #expect(refusal?.reason == .enrolmentHeld && again?.reason == .enrolmentHeld)
        case .allow, .replace: #expect(refusal == nil && again == nil)
        }
        #expect(
            fixture.certificate(first)?.status == (policy == .replace ? .inactive : .active))
        let found = try await self.findings(fixture, .copiedImage)
        #expect(found.map(\.certificate) == [second])
        #expect(found.map(\.policy) == [policy])
        #expect(found.first?.evidence["otherThings"] == ["sensor-A7"])
        #expect(found.first?.evidence["source"] == "10.0.0.1")
        guard policy == .hold else { return }
        let set = try EnrolmentDecision.decide(
            second, allow: true, reason: "relabelled", by: "ada",
            in: fixture.store.view([.certificate(second)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(try await fixture.register(other, serial)["thingName"] == "sensor-B8")
        #expect(fixture.certificate(first)?.status == .inactive)
    }

    /// A key that was revoked comes back under no serial number, whatever the policy.
    @Test func aRevokedKeyIsNoImageToAllow() async throws {
        let fixture = try await ProvisioningFixture(
            enrolment: self.settings { $0.onCopiedImage = .allow })
        let (first, token) = try await fixture.create(key: "flash")
        _ = try await fixture.register(token)
        let (_, other) = try await fixture.create(key: "flash")
        try await fixture.put([
            .setCertificateStatus(first, .revoked, reason: "RMA", at: fixture.clock.now)
        ])
        let refusal = await fixture.refusal(other, ["SerialNumber": "B8"])
        #expect(refusal?.reason == .keyOfRevokedCertificate)
    }

    @Test func everyFindingIsKept() async throws {
        let fixture = try await ProvisioningFixture()
        for key in ["one", "one", "two"] {
            let (_, token) = try await fixture.create(key: key)
            _ = try await fixture.register(token)
        }
        fixture.clock.advance(bySeconds: 9 * 3600)
        let (held, token) = try await fixture.create(key: "three")
        #expect(await fixture.refusal(token)?.reason == .enrolmentHeld)
        let found = try await self.findings(fixture)
        #expect(found.map(\.kind) == [.retry, .rework, .elsewhere])
        #expect(found.map(\.policy) == [.replace, .replace, .hold])
        let page = try await fixture.store.page(ListQuery(.enrolmentsHeld))
        #expect(page.records == [.enrolmentFinding(try #require(found.last))])
        #expect(found.last?.certificate == held)
    }

    /// What a device says of its station can make two places of one.
    @Test func anotherStationOfOneClaimIsElsewhere() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putClaim(
                Claim(
                    certificate: fixture.claim.principal, label: "line", station: nil, lot: nil,
                    createdAt: fixture.clock.now))
        ])
        let (_, token) = try await fixture.create()
        _ = try await fixture.register(token, ["SerialNumber": "A7", "Station": "1"])
        let (_, other) = try await fixture.create()
        let error = await fixture.refusal(other, ["SerialNumber": "A7", "Station": "2"])
        #expect(error?.reason == .enrolmentHeld)
        #expect(error?.message.contains("at station 1 since") == true)
    }

    @Test func aRevokedHolderReleasesItsSerial() async throws {
        let fixture = try await ProvisioningFixture()
        let (first, firstToken) = try await fixture.create()
        _ = try await fixture.register(firstToken)
        try await fixture.put([
            .setCertificateStatus(first, .revoked, reason: "RMA", at: fixture.clock.now)
        ])
        fixture.clock.advance(bySeconds: 9 * 3600)
        let (_, token) = try await fixture.create()
        #expect(try await fixture.register(token)["thingName"] == "sensor-A7")
    }

    @Test func aClockThatWentBackStopsIssuingAndSaysSoOnce() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        fixture.clock.advance(bySeconds: -60)
        for _ in 0..<2 {
            #expect(await fixture.refusal(token)?.reason == .clockWentBack)
            await #expect(throws: FleetError.self) { try await fixture.create() }
        }
        let alarms = fixture.events.all.filter {
            if case .clockWentBack = $0 { true } else { false }
        }
        #expect(alarms.count == 1)
        #expect(fixture.provisioner.clockSecondsBehind == 60)
        fixture.clock.advance(bySeconds: 60)
        #expect(try await fixture.register(token)["thingName"] == "sensor-A7")
        #expect(fixture.provisioner.clockSecondsBehind == 0)
    }

    /// Operators and files of devices are issued to by the same clock.
    @Test func aClockThatWentBackStopsOperatorsToo() async throws {
        let fixture = try await ProvisioningFixture()
        let issuer = ClockedIssuer(fixture.issuer, clockOf: fixture.provisioner)
        _ = try await issuer.issue(csr: "CSR a", at: fixture.clock.now)
        fixture.clock.advance(bySeconds: -60)
        let error = await #expect(throws: FleetError.self) {
            try await issuer.issue(csr: "CSR b", at: fixture.clock.now)
        }
        #expect(error?.code == .serviceUnavailable)
        #expect(error?.reason == .clockWentBack)
        await #expect(throws: FleetError.self) {
            try await issuer.issueClaim(
                publicKey: Array("k".utf8), validitySeconds: 60, at: fixture.clock.now)
        }
        #expect(fixture.issuer.issuedCount == 1)
        fixture.clock.advance(bySeconds: 60)
        _ = try await issuer.issue(csr: "CSR b", at: fixture.clock.now)
    }

    /// Hours without a device are hours that the clock has shown all the same.
    @Test func aStepBackAfterAQuietNightIsSeen() async throws {
        let fixture = try await ProvisioningFixture()
        fixture.clock.advance(bySeconds: 8 * 3600)
        fixture.provisioner.watchClock()
        fixture.clock.advance(bySeconds: -3600)
        fixture.provisioner.watchClock()
        let alarms = fixture.events.all.filter {
            if case .clockWentBack = $0 { true } else { false }
        }
        #expect(alarms.count == 1)
        await #expect(throws: FleetError.self) { try await fixture.create() }
    }

    @Test func aSmallStepBackIsNoAlarm() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        fixture.clock.advance(bySeconds: -5)
        #expect(try await fixture.register(token)["thingName"] == "sensor-A7")
    }
}
