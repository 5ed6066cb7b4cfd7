import Fleet
import JSON
import TestSupport
import Testing

@testable import Provisioning

/// A device that speaks with its own certificate gets its next one. The double's certificates live
/// for a day, so that the window of a test says when it opens.
@Suite struct RenewalTests {
    private static let day: Int64 = 86_400

    private func settings(
        _ change: (inout RenewalSettings) -> Void = { _ in }
    ) -> RenewalSettings {
        var settings = RenewalSettings()
        settings.intervalSeconds = 0
        change(&settings)
        return settings
    }

    private func fixture(
        _ change: (inout RenewalSettings) -> Void = { _ in }
    ) async throws -> ProvisioningFixture {
        try await ProvisioningFixture(renewal: self.settings(change))
    }

    /// A registered device, and what it says of itself to the gateway.
    private func device(
        _ fixture: ProvisioningFixture, serial: String = "A7", key: String = "own"
    ) async throws -> Publisher {
        let (id, token) = try await fixture.create(key: key)
        _ = try await fixture.register(token, ["SerialNumber": serial, "Site": "plant"])
        return self.speaker(id, serial)
    }

    private func speaker(_ id: CertificateID, _ serial: String = "A7") -> Publisher {
        Publisher(
            principal: id, kind: .device, clientID: "sensor-\(serial)", sourceAddress: "10.9.9.9")
    }

    private func refusal(
        _ fixture: ProvisioningFixture, _ key: RenewalKey, by publisher: Publisher
    ) async -> FleetError? {
        do throws(FleetError) {
            _ = try await fixture.provisioner.renewCertificate(for: key, by: publisher)
            return nil
        } catch { return error }
    }

    private func view(_ fixture: ProvisioningFixture, _ id: CertificateID) -> RegistryView {
        fixture.store.view([
            .thingsOfCertificate(id), .policiesOfTarget(.certificate(id)), .renewal(id),
            .certificate(id),
        ])
    }

    @Test(arguments: [RenewalKey.same, .request("CSR next")])
    func theNewCertificateHasAllThatTheOldOneHad(key: RenewalKey) async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let renewed = try await fixture.provisioner.renewCertificate(for: key, by: old)
        let (before, after) = (
            self.view(fixture, old.principal), self.view(fixture, renewed.certificate)
        )
        let certificate = try #require(after.certificate(renewed.certificate))
        #expect(certificate.status == .active)
        #expect(certificate.pem == renewed.pem)
        #expect(
            after.thingsOfCertificate(renewed.certificate).map(\.thing)
                == [ThingName(checked: "sensor-A7")])
        #expect(
            after.policiesOfTarget(.certificate(renewed.certificate))
                == before.policiesOfTarget(.certificate(old.principal)))
        #expect(!after.policiesOfTarget(.certificate(renewed.certificate)).isEmpty)

        let provenance = try #require(certificate.provenance)
        let origin = try #require(before.certificate(old.principal)?.provenance)
        #expect(provenance.origin.claim == fixture.claim.principal)
        #expect(provenance.registration == origin.registration)
        #expect(provenance.station == "S1")
        #expect(provenance.renewal?.of == old.principal)
        #expect(provenance.renewal?.first == old.principal)
        // Both speak for the device until the new one was seen.
        #expect(before.certificate(old.principal)?.status == .active)
        #expect(before.renewal(of: old.principal)?.successor == renewed.certificate)
        let commit = try #require(fixture.store.commits.last)
        #expect(commit.action == "RenewCertificate")
        #expect(commit.actor == .principal(old.principal, from: "10.9.9.9"))
    }

    @Test func theSameRequestAgainHasTheSameAnswerAndIsNotSignedTwice() async throws {
        let fixture = try await self.fixture { $0.intervalSeconds = 300 }
        let old = try await self.device(fixture)
        fixture.clock.advance(bySeconds: 600)
        let first = try await fixture.provisioner.renewCertificate(
            for: .request("CSR next"), by: old)
        let signed = fixture.issuer.issuedCount
        for _ in 0..<3 {
            let again = try await fixture.provisioner.renewCertificate(
                for: .request("CSR next"), by: old)
            #expect(again.certificate == first.certificate)
            #expect(again.pem == first.pem)
            #expect(again.isReplay)
        }
        #expect(fixture.issuer.issuedCount == signed)
        #expect(fixture.store.commits.filter { $0.action == "RenewCertificate" }.count == 1)
        // Another key is another certificate, and one in the interval is enough.
        let other = await self.refusal(fixture, .request("CSR other"), by: old)
        #expect(other?.code == .tooManyRequests)
        #expect(other?.reason == .renewalTooOften)
        #expect(other?.message.contains("retry after 300 seconds") == true)
    }

    @Test func whoRenewsWithAnotherKeyBeforeTheFirstWasUsedEndsTheFirst() async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let lost = try await fixture.provisioner.renewCertificate(
            for: .request("CSR lost"), by: old)
        let kept = try await fixture.provisioner.renewCertificate(
            for: .request("CSR kept"), by: old)
        #expect(fixture.certificate(lost.certificate)?.status == .inactive)
        #expect(
            fixture.certificate(lost.certificate)?.statusReason == "renewed as \(kept.certificate)")
        #expect(fixture.certificate(kept.certificate)?.status == .active)
        #expect(fixture.certificate(old.principal)?.status == .active)
    }

    @Test func theWindowOpensBeforeTheEndAndClosesAfterTheGrace() async throws {
        let fixture = try await self.fixture {
            $0.windowSeconds = 3600
            $0.graceSeconds = 60
        }
        let old = try await self.device(fixture)
        let early = await self.refusal(fixture, .same, by: old)
        #expect(early?.reason == .renewalTooEarly)
        #expect(early?.message.contains("renew it from") == true)
        fixture.clock.advance(bySeconds: Self.day - 3600)
        #expect(await self.refusal(fixture, .same, by: old) == nil)
        fixture.clock.advance(bySeconds: 3600 + 61)
        #expect(await self.refusal(fixture, .same, by: old)?.reason == .renewalTooLate)
    }

    @Test func withinTheGraceAnEndedCertificateIsRenewedAndWithoutOneItIsNot() async throws {
        for (grace, reason) in [(Int64(60), RefusalReason?.none), (0, .renewalTooLate)] {
            let fixture = try await self.fixture { $0.graceSeconds = grace }
            let old = try await self.device(fixture)
            fixture.clock.advance(bySeconds: Self.day + 30)
            #expect(await self.refusal(fixture, .same, by: old)?.reason == reason)
        }
    }

    @Test func aCertificateWhoseTimeHasNotComeIsNotRenewed() async throws {
        let fixture = try await self.fixture()
        let id = CertificateID(sha256: FakeIssuer.digest("early"))
        let issued = FakeIssuer.certificate(
            -7, key: [1], at: fixture.clock.now.advanced(bySeconds: 600))
        try await fixture.put([
            .putCertificate(
                Certificate(
                    issued: issued, kind: .device, status: .active, reason: nil,
                    at: fixture.clock.now))
        ])
        #expect(
            await self.refusal(fixture, .same, by: self.speaker(issued.id))?.reason
                == .renewalTooLate)
        #expect(
            await self.refusal(fixture, .same, by: self.speaker(id))?.reason == .claimNotActive)
    }

    @Test func claimsAreNotRenewedAndNobodyIsWhereItIsOff() async throws {
        let fixture = try await self.fixture()
        #expect(
            await self.refusal(fixture, .same, by: fixture.claim)?.reason == .renewalNotOffered)
        let off = try await self.fixture { $0.windowSeconds = 0 }
        let device = try await self.device(off)
        #expect(await self.refusal(off, .same, by: device)?.reason == .renewalNotOffered)
    }

    @Test(arguments: [
        (Certificate.Status.inactive, RefusalReason.claimNotActive), (.revoked, .claimNotActive),
    ])
    func whoMayNotSpeakMayNotRenew(
        _ status: Certificate.Status, _ reason: RefusalReason
    ) async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        try await fixture.put([
            .setCertificateStatus(old.principal, status, reason: nil, at: fixture.clock.now)
        ])
        let refusal = await self.refusal(fixture, .same, by: old)
        #expect(refusal?.reason == reason)
        #expect(fixture.issuer.issuedCount == 1)
    }

    @Test func theKeyOfAnotherDeviceIsRefused() async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        _ = try await self.device(fixture, serial: "B8", key: "theirs")
        let taken = await self.refusal(fixture, .request("CSR theirs"), by: old)
        #expect(taken?.reason == .keyNotFree)
    }

    @Test func theKeyOfARevokedCertificateIsRefused() async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let lost = try await fixture.provisioner.renewCertificate(
            for: .request("CSR lost"), by: old)
        try await fixture.put([
            .setCertificateStatus(
                lost.certificate, .revoked, reason: nil, at: fixture.clock.now)
        ])
        let refusal = await self.refusal(fixture, .request("CSR lost"), by: old)
        #expect(refusal?.reason == .keyOfRevokedCertificate)
    }

    @Test func aDeviceRenewsItsRenewedCertificateAndStaysFindable() async throws {
        let fixture = try await self.fixture()
        let first = try await self.device(fixture)
        let made = try #require(fixture.certificate(first.principal)).createdAt
        fixture.clock.advance(bySeconds: 3600)
        let second = try await fixture.provisioner.renewCertificate(for: .same, by: first)
        let third = try await fixture.provisioner.renewCertificate(
            for: .same, by: self.speaker(second.certificate))
        let last = try #require(fixture.certificate(third.certificate))
        #expect(last.provenance?.renewal?.of == second.certificate)
        #expect(last.provenance?.renewal?.first == first.principal)
        #expect(last.provenance?.renewal?.firstIssuedAt == made)
        let day = CertificateFilter.Term.issued(
            made.advanced(bySeconds: -60), made.advanced(bySeconds: 60))
        let filter = CertificateFilter([.claim(fixture.claim.principal), day])
        #expect(filter.matches(last, CertificateFilter.Facts()))
    }

    // MARK: Retirement

    private func retire(_ fixture: ProvisioningFixture) async throws -> Int {
        try await RenewalRetirement(store: fixture.store, clock: fixture.clock).sweepOnce()
    }

    @Test func theOldCertificateRetiresOnceTheNewOneWasSeen() async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let renewed = try await fixture.provisioner.renewCertificate(for: .same, by: old)
        #expect(try await self.retire(fixture) == 0)
        let commit = try await fixture.store.commit(
            ChangeSet(
                action: "FirstSeen",
                changes: [.recordFirstSeen(renewed.certificate, at: fixture.clock.now)]),
            by: .service("test"))
        let retirement = RenewalRetirement(store: fixture.store, clock: fixture.clock)
        #expect(try await retirement.note(commit) == 1)
        #expect(try await retirement.note(commit) == 0)
        let retired = try #require(fixture.certificate(old.principal))
        #expect(retired.status == .inactive)
        #expect(retired.statusReason == "renewed as \(renewed.certificate)")
        #expect(fixture.certificate(renewed.certificate)?.status == .active)
        let record = try #require(fixture.store.commits.last)
        #expect(record.action == "RetireCertificate")
        #expect(record.detail["because"] == "the new certificate was seen")
    }

    /// What a process that died between the two commits left, the sweep finds.
    @Test func theSweepFindsWhatWasSeenAndWhoseOverlapIsOver() async throws {
        let fixture = try await self.fixture { $0.overlapSeconds = 600 }
        let seen = try await self.device(fixture)
        let next = try await fixture.provisioner.renewCertificate(for: .same, by: seen)
        try await fixture.put([.recordFirstSeen(next.certificate, at: fixture.clock.now)])
        let unseen = try await self.device(fixture, serial: "B8", key: "b")
        _ = try await fixture.provisioner.renewCertificate(for: .same, by: unseen)
        #expect(try await self.retire(fixture) == 1)
        #expect(fixture.certificate(seen.principal)?.status == .inactive)
        #expect(fixture.certificate(unseen.principal)?.status == .active)
        fixture.clock.advance(bySeconds: 600)
        #expect(try await self.retire(fixture) == 1)
        #expect(fixture.certificate(unseen.principal)?.status == .inactive)
        #expect(fixture.store.commits.last?.detail["because"] == "the overlap is over")
    }

    @Test func aDeviceWhoseNewCertificateWasTakenAwayKeepsTheOldOne() async throws {
        let fixture = try await self.fixture { $0.overlapSeconds = 600 }
        let old = try await self.device(fixture)
        let renewed = try await fixture.provisioner.renewCertificate(for: .same, by: old)
        try await fixture.put([
            .setCertificateStatus(
                renewed.certificate, .inactive, reason: "by hand", at: fixture.clock.now)
        ])
        fixture.clock.advance(bySeconds: 601)
        #expect(try await self.retire(fixture) == 1)
        #expect(fixture.certificate(old.principal)?.status == .active)
    }

    // MARK: AWS's own way

    @Test func creatingAndRegisteringWithOnesOwnCertificateIsARenewal() async throws {
        var enrolment = EnrolmentSettings()
        enrolment.onElsewhere = .refuse
        let fixture = try await ProvisioningFixture(
            enrolment: enrolment, renewal: self.settings())
        let old = try await self.device(fixture)
        // Late enough for a stranger's serial to count as seen elsewhere.
        fixture.clock.advance(bySeconds: 10 * 3600)
        let created = try await fixture.provisioner.createCertificate(csr: "CSR next", for: old)
        let answer = try await fixture.register(
            created.ownershipToken.expose { $0 }, ["SerialNumber": "A7", "Site": "plant"],
            by: old)
        #expect(answer["thingName"] == "sensor-A7")
        let certificate = try #require(fixture.certificate(created.certificate))
        #expect(certificate.status == .active)
        #expect(certificate.provenance?.origin.claim == fixture.claim.principal)
        #expect(certificate.provenance?.renewal?.of == old.principal)
        #expect(certificate.provenance?.station == "S1")
        #expect(fixture.certificate(old.principal)?.status == .active)
        try await fixture.put([.recordFirstSeen(created.certificate, at: fixture.clock.now)])
        #expect(try await self.retire(fixture) == 1)
        #expect(fixture.certificate(old.principal)?.status == .inactive)
    }

    @Test func registeringAnotherThingWithOnesOwnCertificateIsNone() async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let created = try await fixture.provisioner.createCertificate(csr: "CSR child", for: old)
        _ = try await fixture.register(
            created.ownershipToken.expose { $0 }, ["SerialNumber": "CHILD"], by: old)
        let certificate = try #require(fixture.certificate(created.certificate))
        #expect(certificate.provenance?.renewal == nil)
        #expect(certificate.provenance?.origin.claim == old.principal)
    }

    // MARK: On the wire

    @Test(arguments: ["json", "cbor"])
    func theTopicsAnswerInTheirOwnFormat(format: String) async throws {
        let fixture = try await self.fixture()
        let old = try await self.device(fixture)
        let topic = "$slipway/certificates/renew/\(format)"
        #expect(fixture.service.isRequest(topic: topic))
        #expect(fixture.service.isOpenToEnded(topic: topic))
        #expect(!fixture.service.isOpenToEnded(topic: "$aws/certificates/create/\(format)"))
        #expect(fixture.service.isReply(filter: topic + "/accepted"))
        #expect(fixture.service.isReply(filter: "$slipway/certificates/renew/+/rejected"))
        #expect(fixture.service.isOpenToEnded(filter: "$slipway/certificates/renew/#"))
        #expect(!fixture.service.isReply(filter: "$slipway/certificates/+/json/accepted"))
        #expect(!fixture.service.isReply(filter: "$slipway/#"))
        let replies = await fixture.service.handle(topic: topic, payload: [], from: old)
        let reply = try #require(replies.first)
        #expect(reply.topic == topic + "/accepted")
        guard case .open(let bytes) = reply.payload else {
            Issue.record("a secret where there is none")
            return
        }
        let value =
            format == "json" ? try JSONParser.parse(bytes) : try CBORDecoder.decode(bytes)
        let object = try #require(value.objectValue)
        #expect(
            Set(object.keys) == [
                "certificateId", "certificatePem", "notAfter", "renewedCertificateId",
                "renewedCertificateRetiresAt", "serverTime",
            ])
        #expect(object["renewedCertificateId"] == .string(old.principal.rawValue))
    }
}
