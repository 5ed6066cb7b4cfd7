import Fleet
import JSON
import TestSupport
import Testing

@testable import Provisioning

/// Both steps in one, as EST asks for them.
@Suite struct DirectEnrolmentTests {
    private func enrol(
        _ fixture: ProvisioningFixture, key: String = "own", serial: String = "A7",
        template: String = "sensor", by publisher: Publisher? = nil
    ) async -> EnrolmentOutcome<EnrolledCertificate> {
        await fixture.provisioner.enrol(
            Enrolment(
                template: template, key: .request("CSR \(key)"),
                parameters: ["SerialNumber": serial]), for: publisher ?? fixture.claim)
    }

    @Test func anEnrolmentIsTheTwoStepsOfTheDialogue() async throws {
        let fixture = try await ProvisioningFixture()
        let outcome = await self.enrol(fixture)
        let enrolled = try outcome.result.get()
        #expect(fixture.certificate(enrolled.certificate)?.status == .active)
        #expect(fixture.certificate(enrolled.certificate)?.pem == enrolled.pem)
        #expect(fixture.thing("sensor-A7") != nil)
        let actions = fixture.store.commits.map(\.action)
        #expect(actions.suffix(2) == ["CreateCertificateFromCsr", "RegisterThing"])
        let records = fixture.events.all.compactMap { event in
            if case .attempted(let record) = event { record.object } else { nil }
        }
        #expect(records.last?["operation"] == "SimpleEnroll")
        #expect(records.last?["id"] == .string(outcome.correlationID))
        #expect(records.last?["serial"] == "A7")
    }

    @Test func theSameKeyAgainGoesOnWithTheCertificateThatItHas() async throws {
        let fixture = try await ProvisioningFixture()
        let first = try await self.enrol(fixture).result.get()
        let commits = fixture.store.commits.count
        let again = try await self.enrol(fixture).result.get()
        #expect(again.certificate == first.certificate)
        #expect(fixture.store.commits.count == commits)
        #expect(fixture.issuer.issuedCount == 1)
        // Another claim has no part in it, and the token's hour ends.
        let foreign = await self.enrol(fixture, by: fixture.otherClaim).result
        #expect((try? foreign.get())?.certificate != first.certificate)
        fixture.clock.advance(bySeconds: 3601)
        let late = try await self.enrol(fixture).result.get()
        #expect(late.certificate != first.certificate)
    }

    @Test func oneThatIsHeldIsTheSameOneWhenSomebodyHasDecided() async throws {
        var enrolment = EnrolmentSettings()
        enrolment.onRework = .hold
        let fixture = try await ProvisioningFixture(enrolment: enrolment)
        _ = try await self.enrol(fixture, key: "one").result.get()
        for _ in 0..<3 {
            guard case .failure(let error) = await self.enrol(fixture, key: "two").result else {
                Issue.record("it was not held")
                return
            }
            #expect(error.reason == .enrolmentHeld)
        }
        #expect(fixture.issuer.issuedCount == 2)
        let held = try #require(
            fixture.store.commits.last { $0.action == "HoldEnrolment" }?.detail["certificate"]?
                .stringValue)
        let id = try CertificateID(held)
        let set = try EnrolmentDecision.decide(
            id, allow: true, reason: nil, by: "ada", in: fixture.store.view([.certificate(id)]),
            at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        let enrolled = try await self.enrol(fixture, key: "two").result.get()
        #expect(enrolled.certificate == id)
    }

    /// The copy comes to the verdict though the token of the key's first certificate lives, and
    /// what a person says of the copy is not told to the unit that it was made of.
    @Test func aCopyIsJudgedAndItsRefusalIsNotTheOriginals() async throws {
        var enrolment = EnrolmentSettings()
        enrolment.onCopiedImage = .hold
        let fixture = try await ProvisioningFixture(enrolment: enrolment)
        let first = try await self.enrol(fixture, serial: "A7").result.get()
        #expect(await self.reason(fixture, serial: "B8") == .enrolmentHeld)
        #expect(await self.reason(fixture, serial: "B8") == .enrolmentHeld)
        #expect(fixture.issuer.issuedCount == 2)
        // While it is held, the original's lost answer is the original's.
        #expect(try await self.enrol(fixture).result.get().certificate == first.certificate)
        let held = try #require(
            fixture.store.commits.last { $0.action == "HoldEnrolment" }?.detail["certificate"]?
                .stringValue)
        let id = try CertificateID(held)
        let key = try #require(fixture.certificate(id)?.publicKey)
        let set = try EnrolmentDecision.decide(
            id, allow: false, reason: nil, by: "ada",
            in: fixture.store.view([.certificate(id), .knownKey(key)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        #expect(await self.reason(fixture, serial: "B8") == .enrolmentRefused)
        #expect(try await self.enrol(fixture).result.get().certificate == first.certificate)
        #expect(fixture.certificate(first.certificate)?.status == .active)
    }

    /// The same, when the original's own token has ended and the copy's has not.
    @Test func theOriginalEnrolsAgainWhileItsCopyIsRefused() async throws {
        var enrolment = EnrolmentSettings()
        enrolment.onCopiedImage = .hold
        let fixture = try await ProvisioningFixture(enrolment: enrolment)
        let first = try await self.enrol(fixture, serial: "A7").result.get()
        fixture.clock.advance(bySeconds: 3601)
        #expect(await self.reason(fixture, serial: "B8") == .enrolmentHeld)
        let held = try #require(
            fixture.store.commits.last { $0.action == "HoldEnrolment" }?.detail["certificate"]?
                .stringValue)
        let id = try CertificateID(held)
        let key = try #require(fixture.certificate(id)?.publicKey)
        let set = try EnrolmentDecision.decide(
            id, allow: false, reason: nil, by: "ada",
            in: fixture.store.view([.certificate(id), .knownKey(key)]), at: fixture.clock.now)
        _ = try await fixture.store.commit(set, by: .service("test"))
        let again = try await self.enrol(fixture).result.get()
        #expect(again.certificate != first.certificate && again.certificate != id)
        #expect(fixture.certificate(again.certificate)?.status == .active)
        #expect(await self.reason(fixture, serial: "B8") == .enrolmentRefused)
    }

    private func reason(
        _ fixture: ProvisioningFixture, serial: String
    ) async -> RefusalReason? {
        guard case .failure(let error) = await self.enrol(fixture, serial: serial).result else {
            return nil
        }
        return error.reason
    }

    @Test func refusalsAreTheDialoguesOwn() async throws {
        let fixture = try await ProvisioningFixture()
        guard case .failure(let error) = await self.enrol(fixture, template: "x").result else {
            Issue.record("there is no such template")
            return
        }
        #expect(error.code == .templateNotFound)
        fixture.hook.answer(.denied(reason: "no"))
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        guard case .failure(let denied) = await self.enrol(fixture).result else {
            Issue.record("the hook refused")
            return
        }
        #expect(denied.reason == .hookDenied)
    }

    @Test func aRequestAsksForTheTopicsOfTheDialogue() {
        #expect(
            Enrolment.topics(of: "line", makesKey: false) == [
                "$aws/certificates/create-from-csr/json",
                "$aws/provisioning-templates/line/provision/json",
            ])
        #expect(
            Enrolment.topics(of: "line", makesKey: true).first == "$aws/certificates/create/json")
        #expect(Enrolment.renewalTopic == "$slipway/certificates/renew/json")
    }

    @Test func theSubjectSpeaksForTheSerial() async throws {
        let provisioner = try await ProvisioningFixture().provisioner
        #expect(
            try provisioner.enrolmentParameters(["CommonName": ["unit"], "O": ["a", "b"]])
                == ["CommonName": "unit", "SerialNumber": "unit"])
        #expect(
            try provisioner.enrolmentParameters(
                ["CommonName": ["unit"], "SerialNumber": ["S1"]])["SerialNumber"] == "S1")
        #expect(throws: FleetError.self) { try provisioner.enrolmentParameters([:]) }
    }

    /// Nobody could say which of them the device is.
    @Test(arguments: [
        ["SerialNumber": ["S1", "S2"]], ["SerialNumber": ["S1", "S2"], "CommonName": ["unit"]],
        ["CommonName": ["S1", "S2"]],
    ])
    func aDeviceEnrolsByOneName(subject: [String: [String]]) async throws {
        let provisioner = try await ProvisioningFixture().provisioner
        let refusal = #expect(throws: FleetError.self) {
            try provisioner.enrolmentParameters(subject)
        }
        #expect(refusal?.reason == .parameterRefused)
        #expect(refusal?.message.contains("has 2 ") == true)
    }

    @Test func theTemplateIsTheClaimsOnlyOneOrTheStandard() async throws {
        let fixture = try await ProvisioningFixture()
        let provisioner = fixture.provisioner
        #expect(
            try await provisioner.enrolmentTemplate(
                of: fixture.claim.principal, standard: "standard") == "standard")
        await #expect(throws: FleetError.self) {
            try await provisioner.enrolmentTemplate(of: fixture.claim.principal, standard: "")
        }
    }
}
