import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct DirectRegistrationTests {
    let fixture = DirectFixture()
    private let inline = inlinePolicy(resource: #""*""#)

    // MARK: The body

    /// A body that an operator hands in passes the lint that a stored template passed.
    @Test func errorsOfTheLintRefuseTheBody() {
        let body = orderTemplate(
            certificate: nil,
            thing: #"{"ThingName": {"Ref": "Name"}, "PackageVersions": {"app": "1.0"}}"#)
        let refusal = #expect(throws: FleetError.self) {
            _ = try RegistrationOrder.Template(
                admitting: body, limits: .standard, realm: .standard)
        }
        #expect(refusal?.code == .invalidRequest)
        for part in ["/Resources/thing/Properties/PackageVersions (line ", "column "] {
            #expect(refusal?.message.contains(part) == true, "\(refusal?.message ?? "")")
        }
        #expect(throws: FleetError.self) {
            _ = try RegistrationTasks.Definition(
                id: RegistrationTaskID(random: SystemRandomBytes.bytes(16)), templateBody: body,
                input: RegistrationInput(bucket: "b", key: "k"),
                roleARN: "arn:aws:iam::000000000000:role/bulk")
        }
    }

    @Test func warningsOfTheLintAreOnRecord() throws {
        let template = try RegistrationOrder.Template(
            admitting: orderTemplate(certificate: nil), limits: .standard, realm: .standard)
        #expect(template.warnings.contains("takes-over-thing /Resources/thing"))
    }

    // MARK: Outcomes

    @Test func templateWithoutCertificateMakesAThingAlone() async throws {
        let device = try await self.fixture.register(
            orderTemplate(certificate: nil), ["Name": "lamp"])
        #expect(device.certificatePEM == nil)
        #expect(self.fixture.thing("lamp") != nil)
        #expect(
            JSONPrinter.print(.object(device.answer))
                == #"{"resourceArns":{"thing":"arn:aws:iot:local:000000000000:thing/lamp"}}"#)
    }

    /// What asks for all that a template let in finds those that came by their CA, too.
    @Test func deviceThatBringsItselfInIsKeptWithTheVersionThatMadeIt() async throws {
        let id = try await self.fixture.made(1, status: .pendingActivation)
        let body = orderTemplate(
            certificate: #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}"#)
        let version = TemplateVersion(
            template: TemplateName(checked: "own"), id: 3, body: body, digest: "d3",
            createdAt: self.fixture.clock.now)
        let parameters = ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue]
        _ = try await self.fixture.registration.register(
            RegistrationOrder(
                template: RegistrationOrder.Template(body: body), parameters: parameters,
                version: version, clientID: "lamp-client"),
            by: .principal(id, from: "10.1.1.1"))
        let certificate = try #require(self.fixture.certificate(id))
        #expect(certificate.statusReason == "registered as lamp by template own version 3")
        let registration = try #require(certificate.provenance?.registration)
        #expect(registration.template?.rawValue == "own")
        #expect(registration.templateVersion == 3)
        #expect(registration.templateDigest == "d3")
        #expect(registration.clientID == "lamp-client")
        #expect(registration.sourceAddress == "10.1.1.1")
    }

    @Test func requestIsAnsweredWithACertificateThatIsAllSetUp() async throws {
        let device = try await self.fixture.register(
            orderTemplate(certificate: Source.request, policies: [self.inline]),
            ["Name": "lamp", "CSR": "CSR 1", "Lot": "L7"])
        let id = try #require(device.certificate)
        let certificate = try #require(self.fixture.certificate(id))
        #expect(certificate.status == .active)
        #expect(device.certificatePEM == certificate.pem)
        let provenance = try #require(certificate.provenance)
        #expect(provenance.origin.flow == .operatorMade)
        #expect(provenance.origin.clientID == "alice")
        #expect(provenance.registration?.lot == "L7")
        #expect(provenance.registration?.parameters == ["Name": "lamp", "Lot": "L7"])
        #expect(provenance.registration?.template == nil)
        let view = self.fixture.store.view([
            .thingsOfCertificate(id), .policiesOfTarget(.certificate(id)),
        ])
        #expect(view.thingsOfCertificate(id).map(\.thing.rawValue) == ["lamp"])
        let policy = try #require(view.policiesOfTarget(.certificate(id)).first)
        #expect(device.resourceARNs.keys == ["thing", "certificate", "p0"])
        #expect(
            device.resourceARNs["p0"]?.stringValue
                == "arn:aws:iot:local:000000000000:policy/\(policy)")
        #expect(
            device.resourceARNs["certificate"]?.stringValue
                == "arn:aws:iot:local:000000000000:cert/\(id)")
    }

    @Test func statusAndPrincipalTypeAreTheTemplates() async throws {
        let device = try await self.fixture.register(
            orderTemplate(
                certificate:
                    #"{"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "INACTIVE","#
                    + #" "ThingPrincipalType": "EXCLUSIVE_THING"}"#),
            ["Name": "lamp", "CSR": "CSR 1"])
        let id = try #require(device.certificate)
        #expect(self.fixture.certificate(id)?.status == .inactive)
        let things = self.fixture.store.view([.thingsOfCertificate(id)]).thingsOfCertificate(id)
        #expect(things.first?.exclusivity == .exclusive)
    }

    /// The name may be made of the certificate's id, which nobody knows before it is issued.
    @Test func issuedCertificatesIDMayBeReferredTo() async throws {
        let device = try await self.fixture.register(
            orderTemplate(
                certificate: Source.request,
                thing: #"{"ThingName": {"Ref": "AWS::IoT::Certificate::Id"}}"#),
            ["Name": "unused", "CSR": "CSR 1"])
        #expect(device.thing.rawValue == device.certificate?.rawValue)
    }

    @Test func deviceConfigurationIsHandedOn() async throws {
        let body = """
            {"Resources": {"thing": {"Type": "AWS::IoT::Thing",
              "Properties": {"ThingName": "lamp"}}}, "DeviceConfiguration": {"every": "60"}}
            """
        let device = try await self.fixture.register(body)
        #expect(device.answer["deviceConfiguration"] == ["every": "60"])
    }

    // MARK: Repeats

    @Test func repeatingAnOrderChangesNothing() async throws {
        let id = try await self.fixture.made(1)
        let body = orderTemplate(certificate: Source.existing, policies: [self.inline])
        let parameters = ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue]
        let first = try await self.fixture.register(body, parameters)
        let sequence = try await self.fixture.store.latestSequence()
        let second = try await self.fixture.register(body, parameters)
        #expect(first == second)
        #expect(try await self.fixture.store.latestSequence() == sequence)
    }

    @Test func sameRequestAgainIsAnotherCertificateOfTheSameThing() async throws {
        let body = orderTemplate(certificate: Source.request)
        let first = try await self.fixture.register(body, ["Name": "lamp", "CSR": "CSR 1"])
        let second = try await self.fixture.register(body, ["Name": "lamp", "CSR": "CSR 1"])
        #expect(first.certificate != second.certificate)
        let refused = await self.fixture.refusal(body, ["Name": "other", "CSR": "CSR 1"])
        #expect(refused?.code == .resourceRegistrationFailure)
        #expect(refused?.message.contains("already belongs to thing 'lamp'") == true)
    }

    /// All of them name the policy that the first has yet to create.
    @Test func manyAtOnceShareThePolicyTheyCreate() async throws {
        let fixture = self.fixture
        let body = orderTemplate(certificate: Source.request, policies: [self.inline])
        try await withThrowingTaskGroup(of: RegisteredDevice.self) { group in
            for number in 0..<40 {
                group.addTask {
                    try await fixture.register(
                        body, ["Name": "lamp-\(number)", "CSR": "CSR \(number)"])
                }
            }
            for try await _ in group {}
        }
        let policies = try await fixture.store.page(ListQuery(.policies)).records
        #expect(policies.count == 1)
        #expect(try await fixture.store.page(ListQuery(.certificates)).records.count == 40)
    }

    // MARK: Existing certificates

    @Test func inactiveCertificateWithoutAThingBecomesActive() async throws {
        let id = try await self.fixture.made(1)
        let device = try await self.fixture.register(
            orderTemplate(certificate: Source.existing),
            ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue])
        #expect(self.fixture.certificate(id)?.status == .active)
        #expect(device.certificatePEM == self.fixture.certificate(id)?.pem)
    }

    @Test(arguments: [
        (nil, nil), ("FAIL", nil), ("DO_NOTHING", Certificate.Status.inactive),
        ("REPLACE", Certificate.Status.active),
    ])
    func stoppedCertificateNeedsAnOverride(
        setting: String?, outcome: Certificate.Status?
    ) async throws {
        let id = try await self.fixture.made(1)
        let parameters = ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue]
        _ = try await self.fixture.register(
            orderTemplate(certificate: Source.existing), parameters)
        try await self.fixture.put(
            .setCertificateStatus(id, .inactive, reason: "lost", at: self.fixture.clock.now))
        let body = orderTemplate(
            certificate: Source.existing,
            overrides: setting.map { #"{"Status": "\#($0)"}"# })
        guard let outcome else {
            let refused = await self.fixture.refusal(body, parameters)
            #expect(refused?.code == .resourceRegistrationFailure)
            #expect(refused?.message.contains("/Resources/certificate") == true)
            #expect(refused?.message.contains("is INACTIVE and not ACTIVE") == true)
            #expect(self.fixture.certificate(id)?.status == .inactive)
            return
        }
        _ = try await self.fixture.register(body, parameters)
        #expect(self.fixture.certificate(id)?.status == outcome)
    }

    @Test func revokedClaimAndUnknownCertificatesAreRefused() async throws {
        let revoked = try await self.fixture.made(1, status: .revoked)
        let claim = try await self.fixture.made(2, status: .active, kind: .claim)
        let unknown = CertificateID(sha256: FakeIssuer.digest("nobody"))
        for (id, reason) in [
            (revoked, "is REVOKED"), (claim, "is a claim"), (unknown, "there is no certificate"),
        ] {
            let refused = await self.fixture.refusal(
                orderTemplate(
                    certificate: Source.existing, overrides: #"{"Status": "REPLACE"}"#),
                ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue])
            #expect(refused?.code == .resourceRegistrationFailure)
            #expect(refused?.message.contains(reason) == true, "\(String(describing: refused))")
        }
        #expect(self.fixture.thing("lamp") == nil)
    }

    @Test func idThatIsNoneIsNamedWithItsPlace() async {
        let refused = await self.fixture.refusal(
            orderTemplate(certificate: Source.existing),
            ["Name": "lamp", "AWS::IoT::Certificate::Id": "x"])
        #expect(refused?.code == .resourceRegistrationFailure)
        let missing = await self.fixture.refusal(
            orderTemplate(certificate: Source.existing), ["Name": "lamp"])
        #expect(
            missing?.message.contains(
                "Cannot resolve reference value: AWS::IoT::Certificate::Id") == true)
    }

    // MARK: Foreign certificates

    @Test func certificateOfARegisteredAuthorityIsRegistered() async throws {
        let factory = FakeInspector.authority("factory")
        try await self.fixture.put(
            .putAuthority(FakeInspector.authority("factory#2")), .putAuthority(factory))
        for certificate in [Source.foreign, Source.foreignOfNamed] {
            let device = try await self.fixture.register(
                orderTemplate(certificate: certificate),
                ["Name": "lamp", "PEM": "PEM k1 by factory", "CA": "CA factory"])
            let record = try #require(device.certificate.flatMap(self.fixture.certificate))
            #expect(record.issuerID == factory.id)
            #expect(record.status == .active)
            #expect(device.certificatePEM == "PEM k1 by factory")
        }
    }

    @Test(arguments: [
        ("PEM k1 by stranger", "", "is not a registered authority"),
        ("PEM k1 by asleep", "", "is not active"),
        ("PEM k1 by factory#9", "", "signature does not verify"),
        ("old k1 by factory", "", "expired at"),
        ("CA factory", "", "authority's, and no device's"),
        ("nonsense", "", "not one PEM block"),
        ("PEM k1 by factory", "CA stranger", "is not registered"),
        ("PEM k1 by factory", "CA other", "signature does not verify"),
    ])
    func foreignCertificatesThatNobodyVouchesForAreRefused(
        pem: String, authority: String, reason: String
    ) async throws {
        try await self.fixture.put(
            .putAuthority(FakeInspector.authority("factory")),
            .putAuthority(FakeInspector.authority("other")),
            .putAuthority(FakeInspector.authority("asleep", status: .inactive)))
        let refused = await self.fixture.refusal(
            orderTemplate(certificate: authority.isEmpty ? Source.foreign : Source.foreignOfNamed),
            ["Name": "lamp", "PEM": pem, "CA": authority])
        #expect(refused?.code == .resourceRegistrationFailure)
        #expect(refused?.message.contains(reason) == true, "\(String(describing: refused))")
        #expect(
            refused?.message.contains("/Resources/certificate/Properties/CertificatePem") == true)
        #expect(self.fixture.thing("lamp") == nil)
        #expect(try await self.fixture.store.page(ListQuery(.certificates)).records.isEmpty)
    }

    @Test func foreignCertificateThatIsKnownIsTreatedAsExisting() async throws {
        try await self.fixture.put(.putAuthority(FakeInspector.authority("factory")))
        let parameters = ["Name": "lamp", "PEM": "PEM k1 by factory"]
        let body = orderTemplate(certificate: Source.foreign)
        let device = try await self.fixture.register(body, parameters)
        let id = try #require(device.certificate)
        try await self.fixture.put(
            .setCertificateStatus(id, .revoked, reason: nil, at: self.fixture.clock.now))
        let refused = await self.fixture.refusal(body, parameters)
        #expect(refused?.message.contains("is REVOKED") == true)
    }

    @Test func keyOfAnAuthorityOrOfAClaimIsRefused() async throws {
        let claim = FakeIssuer.certificate(9, key: Array("CSR c".utf8), at: ManualClock.start)
        var authority = FakeInspector.authority("factory")
        authority = Authority(
            id: authority.id, role: .registered, subject: authority.subject,
            publicKey: FakeIssuer.fingerprint(Array("CSR a".utf8)), pem: authority.pem,
            notBefore: authority.notBefore, notAfter: authority.notAfter, status: .active,
            createdAt: authority.createdAt)
        try await self.fixture.put(
            .putAuthority(authority),
            .putCertificate(
                Certificate(
                    issued: claim, kind: .claim, status: .active, reason: nil,
                    at: ManualClock.start)))
        for (csr, reason) in [
            ("CSR c", "claim certificate's own"), ("CSR a", "certificate authority's own"),
        ] {
            let refused = await self.fixture.refusal(
                orderTemplate(certificate: Source.request), ["Name": "lamp", "CSR": csr])
            #expect(refused?.message.contains(reason) == true)
        }
    }

    // MARK: Refusals

    @Test func refusalsSayWhatAndWhere() async throws {
        let typed = orderTemplate(
            certificate: nil, thing: #"{"ThingName": "lamp", "ThingTypeName": "unheard-of"}"#)
        let type = await self.fixture.refusal(typed, ["Name": "x"])
        #expect(type?.code == .resourceRegistrationFailure)
        #expect(type?.message.contains("there is no thing type 'unheard-of'") == true)
        let csr = await self.fixture.refusal(
            orderTemplate(certificate: Source.request), ["Name": "lamp", "CSR": "garbage"])
        #expect(csr?.code == .resourceRegistrationFailure)
        #expect(
            csr?.message
                == "/Resources/certificate/Properties/CertificateSigningRequest: no PEM block")
        let long = await self.fixture.refusal(
            orderTemplate(certificate: nil),
            ["Name": String(repeating: "x", count: Limits.parameterValueCharactersMax + 1)])
        #expect(long?.code == .invalidRequest)
    }

    /// The signature may have happened; what counts is that nobody gets to see it.
    @Test func certificateIsNeverReturnedBeforeItsCommit() async throws {
        let store = RefusingStore(InMemoryFleetStore(clock: ManualClock()))
        let fixture = DirectFixture(store: store)
        let refused = await fixture.refusal(
            orderTemplate(certificate: Source.request), ["Name": "lamp", "CSR": "CSR 1"])
        #expect(refused?.code == .serviceUnavailable)
    }
}

/// A store whose disk is gone.
private struct RefusingStore: FleetStore {
    let inner: InMemoryFleetStore
    init(_ inner: InMemoryFleetStore) { self.inner = inner }

    func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
        try await self.inner.load(keys)
    }
    func page(_ query: ListQuery) async throws(FleetError) -> ListPage {
        try await self.inner.page(query)
    }
    func commit(_ set: ChangeSet, by actor: Actor) async throws(FleetError) -> Commit {
        throw FleetError(.serviceUnavailable, "the disk is gone")
    }
    func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError) {}
    func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit> {
        self.inner.changes(after: sequence)
    }
    func latestSequence() async throws(FleetError) -> Commit.Sequence {
        try await self.inner.latestSequence()
    }
}
