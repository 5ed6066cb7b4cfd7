import Fleet
import JSON
import Registry
import Synchronization
import TestSupport
import Testing

@testable import Provisioning

@Suite struct DryRunTests {
    static func trial(
        _ fixture: ProvisioningFixture, enrolment: EnrolmentSettings = EnrolmentSettings()
    ) -> DryRun {
        let store = fixture.store
        let hook = fixture.hook
        return DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) },
            askHook: { await hook.run($0, request: $1) },
            foresee: { enquiry throws(FleetError) in
                enquiry.csr.map {
                    DryRunCertificate(
                        publicKey: FakeIssuer.fingerprint(Array($0.utf8)), fields: [("key", "k")])
                }
            }, clock: fixture.clock, realm: .standard, enrolment: enrolment,
            names: DryRun.names(in: store))
    }

    private static func request(_ json: JSONValue) throws -> DryRunRequest {
        try DryRunRequest(json: json)
    }

    @Test func aDryRunSaysWhatWouldBeAndWritesNothing() async throws {
        let fixture = try await ProvisioningFixture()
        let before = try await fixture.store.page(ListQuery(.commits)).records.count
        let report = try await Self.trial(fixture).run(
            Self.request([
                "templateName": "sensor", "parameters": ["SerialNumber": "A7"],
                "questions": ["connect sensor-A7", "publish t"],
            ]))
        #expect(report.isAccepted)
        #expect(report.plan?.thing.name.rawValue == "sensor-A7")
        #expect(report.json["parameters"]?["Site"]?["from"] == "default")
        #expect(report.json["wrote"] == false)
        #expect(report.policies?.answers.map(\.isAllowed) == [true, false])
        #expect(try await fixture.store.page(ListQuery(.commits)).records.count == before)
    }

    /// A value that is a star is no wildcard, and does not read like one.
    @Test func aLiteralStarReadsAsOne() async throws {
        let fixture = try await ProvisioningFixture()
        let report = try await Self.trial(fixture).run(
            Self.request([
                "templateBody": .string(
                    template(
                        policies: [
                            inlinePolicy(
                                resource: #"{"Fn::Sub": "arn:aws:iot:a:1:topic/${X}/*"}"#)
                        ], sections: parametersXY)),
                "parameters": ["X": "a*"],
            ]))
        #expect(report.policies?.effective.map(\.resource) == ["a${*}/*"])
    }

    /// Machines read it: members are added, never renamed.
    @Test func theJSONOfADryRunIsWhatItWas() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putThing(
                Thing(
                    name: ThingName(checked: "sensor-S1"), id: .unknown,
                    attributes: ["site": "attic"], createdAt: fixture.clock.now))
        ])
        let report = try await Self.trial(fixture).run(
            Self.request([
                "templateBody": .string(try Shipped.text("Templates/demo-sensor.json")),
                "parameters": ["SerialNumber": "S1"], "csr": "CSR S1",
                "hookAnswer": [
                    "allowProvisioning": true, "parameterOverrides": ["Site": "plant-7"],
                ],
                "questions": ["publish devices/sensor-S1/t", "publish devices/sensor-S2/t"],
            ]))
        try Golden.check(
            JSONPrinter.print(report.json, style: .pretty) + "\n", "demo-sensor.dry-run.json")
    }

    @Test func aRefusalIsReportedAsTheDeviceWouldReadIt() async throws {
        let fixture = try await ProvisioningFixture()
        let trial = Self.trial(fixture)
        let missing = try await trial.run(Self.request(["templateName": "sensor"]))
        #expect(missing.json["refusal"]?["errorCode"] == "InvalidParameters")
        fixture.hook.answer(.denied(reason: "not made here"))
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        let asked: JSONValue = ["templateName": "sensor", "parameters": ["SerialNumber": "A7"]]
        let denied = try await trial.run(Self.request(asked))
        #expect(denied.json["refusal"]?["errorCode"] == "AccessDenied")
        #expect(denied.json["refusal"]?["message"] == "not made here")
        try await fixture.put(template: ProvisioningFixture.body, enabled: false)
        let disabled = try await trial.run(Self.request(asked))
        #expect(disabled.json["refusal"]?["errorCode"] == "TemplateDisabled")
        #expect(disabled.json["plan"]?["thing"]?["name"] == "sensor-A7")
        await #expect(throws: FleetError.self) {
            _ = try await trial.run(Self.request(["templateName": "nobody"]))
        }
    }

    @Test func aKeyThatSpeaksForAnotherThingIsRefusedInTheDryRunToo() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create(key: "k1")
        _ = try await fixture.register(token)
        let report = try await Self.trial(fixture).run(
            Self.request([
                "templateName": "sensor", "parameters": ["SerialNumber": "B8"], "csr": "CSR k1",
            ]))
        #expect(report.refusal?.code == .resourceConflict)
    }

    /// `Slipway.Certificate`, as RegisterThing looks at it once the certificate is there.
    @Test(arguments: [
        (#"{"KeyTypes": ["EC-P384"]}"#, "its key is EC-P256, not EC-P384"),
        (#"{"Subject": {"CN": {"Ref": "SerialNumber"}}}"#, "has no CN=${SerialNumber}"),
        (#"{"ValidityDaysMax": 9}"#, "it is valid for 10 days, not for at most 9"),
        (#"{"SubjectAlternativeNames": ["x"]}"#, "no alternative name 'x'"),
        (#"{"KeyTypes": ["EC-P256"], "Subject": {"CN": "Device"}, "ValidityDaysMax": 10}"#, nil),
        (#"{"Issuer": "CN=Whoever"}"#, nil),
    ])
    func demandsUponTheCertificateAreLookedAt(_ demands: String, _ complaint: String?) async throws
    {
        let fixture = try await ProvisioningFixture()
        let store = fixture.store
        let trial = DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) }, askHook: nil,
            foresee: { enquiry throws(FleetError) in
                var expected = DryRunCertificate.Expected()
                expected.subject = "CN=Device"
                expected.keyType = "EC-P256"
                expected.validitySeconds = 10 * 86_400
                expected.alternativeNames = []
                return DryRunCertificate(
                    publicKey: FakeIssuer.fingerprint(Array((enquiry.csr ?? "").utf8)), fields: [],
                    expected: expected)
            }, clock: fixture.clock, realm: .standard)
        let body = ProvisioningFixture.body
        let end = body.lastIndex(of: "}") ?? body.endIndex
        let report = try await trial.run(
            Self.request([
                "templateBody": .string(
                    body[..<end] + #", "Slipway": {"Certificate": \#(demands)}}"#),
                "parameters": ["SerialNumber": "A7"], "csr": "CSR A7",
            ]))
        #expect(report.isAccepted == (complaint == nil), "\(String(describing: report.refusal))")
        if let complaint {
            #expect(report.refusal?.code == .invalidParameters)
            #expect(report.refusal?.message.contains(complaint) == true)
        }
    }

    /// What would be asked of the issuer is what the claim's templates agree upon.
    @Test func theClaimSaysHowTheCertificateWouldBeMade() async throws {
        let fixture = try await ProvisioningFixture()
        let body = ProvisioningFixture.body
        let end = body.lastIndex(of: "}") ?? body.endIndex
        func demanding(_ profile: String) -> String {
            body[..<end] + #", "Slipway": {"Certificate": {"Profile": "\#(profile)"}}}"#
        }
        try await fixture.put(template: demanding("idevid"))
        let other = TemplateName(checked: "other")
        try await fixture.put(template: demanding("ldevid"), name: other)
        for (name, templates) in [
            ("alone", [ProvisioningFixture.template]),
            ("both", [ProvisioningFixture.template, other]), ("any", []),
        ] as [(String, [TemplateName])] {
            try await fixture.put([
                .putClaimTerms(
                    ClaimTerms(
                        name: ClaimName(checked: name), createdAt: fixture.clock.now,
                        templates: templates.isEmpty ? nil : templates))
            ])
        }
        let asked = Mutex<[DryRun.Enquiry]>([])
        let store = fixture.store
        let trial = DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) }, askHook: nil,
            foresee: { enquiry throws(FleetError) in
                asked.withLock { $0.append(enquiry) }
                return nil
            }, clock: fixture.clock, realm: .standard)
        for claim in [nil, "alone", "both", "any"] as [JSONValue?] {
            var question: JSONObject = [
                "templateName": "sensor", "parameters": ["SerialNumber": "A7"],
            ]
            question["claimName"] = claim
            let report = try await trial.run(Self.request(.object(question)))
            #expect(report.isAccepted, "\(String(describing: report.refusal))")
        }
        let enquiries = asked.withLock { $0 }
        #expect(enquiries.map(\.choice.profile) == ["idevid", "idevid", nil, nil])
        #expect(
            enquiries.map(\.madeFor) == [
                "a claim for this template alone", "claim 'alone'", "claim 'both'", "claim 'any'",
            ])
    }

    @Test func whatIsNotUnderstoodIsRefusedByName() {
        for json: JSONValue in [
            ["templateName": "a", "templateBody": "{}"], ["templateName": "a", "sirial": "x"],
            ["templateName": "a", "parameters": ["S": 1]], [:],
            ["templateName": "a", "against": "X"],
            ["templateName": "a", "hookName": "h", "withoutHook": true],
            ["templateName": "a", "questions": "publish t"],
            ["templateName": "a", "withoutHook": "yes"],
            ["templateName": "a", "csr": "CSR x", "devices": [[:]]],
        ] {
            #expect(throws: FleetError.self) { _ = try DryRunRequest(json: json) }
        }
    }

    /// Random templates upon random registries: what the dry run says, the registration does.
    @Test(arguments: 0..<40)
    func theDryRunAndTheRegistrationAgree(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        let fixture = try await ProvisioningFixture()
        try await fixture.put(RandomTemplate.registry(at: fixture.clock.now))
        let overrides = Bool.random(using: &random) ? ["Site": "hook-\(seed)"] : [:]
        fixture.hook.answer(
            random.next() % 8 == 0
                ? .denied(reason: nil) : .allowed(parameterOverrides: overrides))
        try await fixture.putHook()
        for round in 0..<6 {
            let body = RandomTemplate.body(&random)
            try await fixture.put(template: body, hook: "gate")
            let serial = ["A", "B", "*", "a/b", "a b"].randomElement(using: &random) ?? "A"
            let sent = round == 5 ? [:] : ["SerialNumber": serial]
            let report = try await Self.trial(fixture).run(
                Self.request([
                    "templateName": "sensor",
                    "parameters": .object(JSONObject(sent.map { ($0.key, .string($0.value)) })),
                ]))
            let (certificate, token) = try await fixture.create()
            let refusal = await fixture.refusal(token, sent)
            #expect(refusal?.code == report.refusal?.code, "\(body)")
            #expect(refusal?.message == report.refusal?.message, "\(body)")
            guard let plan = report.plan, refusal == nil else { continue }
            let name = plan.thing.name
            let view = fixture.store.view([
                .thing(name), .groupRecordsOfThing(name),
                .policiesOfTarget(.certificate(certificate)),
                .certificate(certificate),
            ])
            let thing = try #require(view.thing(name))
            #expect(thing.attributes == plan.thing.attributes, "\(body)")
            #expect(thing.typeName == plan.thing.typeName, "\(body)")
            #expect(thing.version == plan.thing.version, "\(body)")
            let groups = Set(report.groupsBefore).union(plan.groupsAdded)
                .subtracting(plan.groupsRemoved)
            #expect(Set(view.groupRecordsOfThing(name).map(\.name)) == groups, "\(body)")
            #expect(
                Set(view.policiesOfTarget(.certificate(certificate)))
                    == Set(plan.policies.map(\.name)), "\(body)")
            #expect(view.certificate(certificate)?.status == plan.certificate?.status)
        }
    }
}

/// Templates that are sound, and differ in all that decides about things that exist.
private enum RandomTemplate {
    static func registry(at now: UnixTime) -> [Change] {
        var changes: [Change] = ["T1", "T2"].map {
            .putThingType(
                ThingType(name: ThingTypeName(checked: $0), id: .unknown, createdAt: now))
        }
        changes += ["G1", "G2", "G3"].map {
            .putThingGroup(
                ThingGroup(name: ThingGroupName(checked: $0), id: .unknown, createdAt: now))
        }
        return changes
    }

    static func body(_ random: inout SplitMix64) -> String {
        var properties: JSONObject = [
            "ThingName": pick(
                [
                    ["Fn::Sub": "s-${SerialNumber}"],
                    ["Fn::Join": ["-", ["s", ["Ref": "SerialNumber"]]]],
                ],
                &random)
        ]
        if Bool.random(using: &random) {
            properties["AttributePayload"] = pick(
                [
                    ["site": ["Ref": "Site"]],
                    ["site": "fixed", "serial": ["Ref": "SerialNumber"]],
                    ["model": ["Fn::Select": ["1", ["Fn::Split": ["-", "a-b"]]]]],
                ], &random)
        }
        if Bool.random(using: &random) {
            properties["ThingTypeName"] = pick(["T1", "T2", "T9"], &random)
        }
        if Bool.random(using: &random) {
            properties["ThingGroups"] = pick([["G1"], ["G2", "G3"], ["G1", "G9"], []], &random)
        }
        var thing: JSONObject = [
            "Type": "AWS::IoT::Thing", "Properties": .object(properties),
        ]
        var overrides = JSONObject()
        for key in ["AttributePayload", "ThingTypeName", "ThingGroups"]
        where Bool.random(using: &random) {
            let words: [JSONValue] =
                key == "ThingTypeName"
                ? ["REPLACE", "FAIL", "DO_NOTHING"] : ["REPLACE", "MERGE", "FAIL", "DO_NOTHING"]
            overrides[key] = pick(words, &random)
        }
        if !overrides.isEmpty { thing["OverrideSettings"] = .object(overrides) }
        let statement: JSONValue = [
            "Effect": "Allow", "Action": pick(["iot:Connect", "iot:Publish"], &random),
            "Resource": [
                "Fn::Sub": "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:client/${SerialNumber}"
            ],
        ]
        return JSONPrinter.print([
            "Parameters": [
                "SerialNumber": ["Type": "String"], "Site": ["Type": "String", "Default": "lab"],
            ],
            "Resources": [
                "thing": .object(thing),
                "certificate": [
                    "Type": "AWS::IoT::Certificate",
                    "Properties": [
                        "CertificateId": ["Ref": "AWS::IoT::Certificate::Id"],
                        "Status": pick(["ACTIVE", "INACTIVE"], &random),
                    ],
                ],
                "policy": [
                    "Type": "AWS::IoT::Policy",
                    "Properties": [
                        "PolicyDocument": ["Version": "2012-10-17", "Statement": [statement]]
                    ],
                ],
            ],
        ])
    }

    private static func pick(_ values: [JSONValue], _ random: inout SplitMix64) -> JSONValue {
        values[Int(random.next() % UInt64(values.count))]
    }
}
