import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

/// `Slipway.Certificate`: a device whose certificate is not what its template asks for stays out.
@Suite struct CertificateDemandTests {
    private static func body(_ demands: String) -> String {
        let body = ProvisioningFixture.body
        let end = body.lastIndex(of: "}") ?? body.endIndex
        return body[..<end] + #", "Slipway": {"Certificate": \#(demands)}}"#
    }

    /// The issuer of these tests signs `CN=Device` as `CN=Issuer`, for a day.
    @Test(arguments: [
        #"{"Issuer": "CN=Issuer"}"#, #"{"ValidityDaysMax": 1}"#, #"{"Subject": {"CN": "Device"}}"#,
        "{}",
    ])
    func aCertificateThatMeetsThemIsActivated(_ demands: String) async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put(template: Self.body(demands))
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(token)
        #expect(fixture.certificate(id)?.status == .active)
    }

    @Test(arguments: [
        (#"{"Issuer": "CN=Other"}"#, "it was issued by 'CN=Issuer'"),
        (#"{"KeyTypes": ["EC-P256"]}"#, "its key is of another kind, not EC-P256"),
        (#"{"Subject": {"CN": {"Ref": "SerialNumber"}}}"#, "has no CN=${SerialNumber}"),
        (
            #"{"SubjectAlternativeNames": [{"Ref": "SerialNumber"}]}"#,
            "no alternative name '${SerialNumber}'"
        ),
        (#"{"Profile": "idevid"}"#, "it was made by the profile '-', not by 'idevid'"),
    ])
    func oneThatDoesNotIsRefusedAndStaysPending(_ demands: String, _ message: String) async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put(template: Self.body(demands))
        let (id, token) = try await fixture.create()
        let error = await #expect(throws: FleetError.self) {
            _ = try await fixture.register(token, ["SerialNumber": "A7"])
        }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        #expect(fixture.certificate(id)?.status == .pendingActivation)
        #expect(fixture.thing("sensor-A7") == nil)
    }

    @Test(arguments: [
        (#"{"ValidityDaysMax": 0}"#, "/Slipway/Certificate/ValidityDaysMax"),
        (#"{"KeyTypes": ["EC-P265"]}"#, "/Slipway/Certificate/KeyTypes/0"),
        (#"{"KeyTypes": []}"#, "/Slipway/Certificate/KeyTypes"),
        (#"{"Subject": {"Colour": "x"}}"#, "/Slipway/Certificate/Subject/Colour"),
        (#"{"SubjectAlternativeNames": "x"}"#, "/Slipway/Certificate/SubjectAlternativeNames"),
        (#"{"Isuer": "x"}"#, "/Slipway/Certificate/Isuer"),
        (#"{"Subject": {"CN": {"Ref": "Nope"}}}"#, "/Slipway/Certificate/Subject/CN"),
    ])
    func demandsThatAreNoneAreRefusedWithTheirPlace(_ demands: String, _ place: String) {
        let findings = TemplateChecker.check(Self.body(demands)).findings
        #expect(findings.map(\.pointer.description) == [place], "\(findings)")
    }

    // MARK: Certificates made as the template asks

    private func fixture(templates: [(TemplateName, String)]) async throws -> ProvisioningFixture {
        let fixture = try await ProvisioningFixture()
        for (name, demands) in templates {
            try await fixture.put(template: Self.body(demands), name: name)
        }
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(
                    name: ClaimName(checked: "line"), createdAt: fixture.clock.now,
                    templates: templates.map(\.0)))
        ])
        return fixture
    }

    /// In AWS's dialogue the certificate comes first; but the claim is for one template.
    @Test func theClaimsTemplateChoosesTheProfile() async throws {
        let fixture = try await self.fixture(
            templates: [(ProvisioningFixture.template, #"{"Profile": "idevid"}"#)])
        let (id, token) = try await fixture.create()
        #expect(fixture.certificate(id)?.provenance?.origin.profile == "idevid")
        _ = try await fixture.register(token)
        #expect(fixture.certificate(id)?.status == .active)
        // Once the template's version has changed, so has what is made.
        try await fixture.put(template: Self.body(#"{"Profile": "other"}"#))
        let (later, _) = try await fixture.create(key: "later")
        #expect(fixture.certificate(later)?.provenance?.origin.profile == "other")
    }

    /// A key that the service makes is of a kind that the claim's template takes.
    @Test func theClaimsTemplateChoosesTheKeyThatIsMade() async throws {
        let fixture = try await self.fixture(
            templates: [(ProvisioningFixture.template, #"{"KeyTypes": ["EC-P384"]}"#)])
        _ = try await fixture.provisioner.createKeysAndCertificate(for: fixture.claim)
        #expect(fixture.keyPairs.types == ["EC-P384"])
        try await fixture.put(template: Self.body("{}"))
        _ = try await fixture.provisioner.createKeysAndCertificate(for: fixture.claim)
        #expect(fixture.keyPairs.types.isEmpty)
    }

    @Test func templatesThatDifferChooseNoKey() async throws {
        let fixture = try await self.fixture(templates: [
            (ProvisioningFixture.template, #"{"KeyTypes": ["EC-P384"]}"#),
            (TemplateName(checked: "second"), "{}"),
        ])
        let made = try await fixture.provisioner.createKeysAndCertificate(for: fixture.claim)
        #expect(fixture.keyPairs.types.isEmpty)
        let refusal = await fixture.refusal(made.ownershipToken.expose { $0 })
        #expect(refusal?.code == .invalidParameters)
        #expect(refusal?.message.contains("its key is") == true)
    }

    @Test func templatesThatDifferChooseNothing() async throws {
        let fixture = try await self.fixture(templates: [
            (ProvisioningFixture.template, #"{"Profile": "idevid"}"#),
            (TemplateName(checked: "second"), "{}"),
        ])
        let (id, token) = try await fixture.create()
        #expect(fixture.certificate(id)?.provenance?.origin.profile == nil)
        let error = await #expect(throws: FleetError.self) {
            _ = try await fixture.register(token)
        }
        #expect(error?.code == .invalidParameters)
    }
}
