import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

/// What a dry run says of the device afterwards, and of one that comes again, held against what
/// becomes of it.
@Suite struct DryRunEffectTests {
    private static func run(
        _ fixture: ProvisioningFixture, _ json: JSONObject,
        enrolment: EnrolmentSettings = EnrolmentSettings()
    ) async throws -> DryRunReport {
        try await DryRunTests.trial(fixture, enrolment: enrolment).run(
            try DryRunRequest(json: .object(json)))
    }

    private static func policy(
        _ name: String, _ effect: String = "Allow", at now: UnixTime
    ) -> Policy {
        PolicyVersions.first(
            PolicyName(checked: name),
            document: """
                {"Version": "2012-10-17", "Statement": [{"Effect": "\(effect)",
                 "Action": "iot:Publish", "Resource": "*"}]}
                """, at: now)
    }

    private static let joining = ProvisioningFixture.body.replacing(
        #""AttributePayload": {"#, with: #""ThingGroups": ["line-4"], "AttributePayload": {"#)

    /// A policy on the group above the one that the device joins, and one on another tree.
    private static func hangPolicies(_ fixture: ProvisioningFixture) async throws {
        let now = fixture.clock.now
        let plant = ThingGroupName(checked: "plant")
        try await fixture.put([
            .putThingGroup(ThingGroup(name: plant, id: .unknown, createdAt: now)),
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: "line-4"), id: .unknown, ancestors: [plant],
                    createdAt: now)),
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: "recalled"), id: .unknown, createdAt: now)),
            .putPolicy(Self.policy("telemetry", at: now)),
            .putPolicy(Self.policy("silence", "Deny", at: now)),
            .attachPolicy(PolicyName(checked: "telemetry"), .thingGroup(plant)),
            .attachPolicy(
                PolicyName(checked: "silence"),
                .thingGroup(ThingGroupName(checked: "recalled"))),
        ])
    }

    @Test func thePoliciesOfItsGroupsCount() async throws {
        let fixture = try await ProvisioningFixture()
        try await Self.hangPolicies(fixture)
        var question: JSONObject = [
            "templateBody": .string(Self.joining), "parameters": ["SerialNumber": "A7"],
            "questions": ["publish devices/x"],
        ]
        let joins = try await Self.run(fixture, question)
        #expect(joins.policies?.answers.map(\.isAllowed) == [true])
        #expect(joins.policies?.answers.first?.statement?.contains("telemetry") == true)
        #expect(joins.json["groupPolicies"] == [["group": "plant", "policy": "telemetry"]])
        // The group's policies are those of the thing, and this connection speaks for none.
        question["clientId"] = "another"
        let other = try await Self.run(fixture, question)
        #expect(other.policies?.answers.map(\.isAllowed) == [false])
        question["clientId"] = nil

        let name = ThingName(checked: "sensor-A7")
        try await fixture.put([
            .putThing(
                Thing(
                    name: name, id: .unknown, attributes: ["site": "lab"],
                    createdAt: fixture.clock.now)),
            .addThingToGroup(name, ThingGroupName(checked: "recalled")),
        ])
        question["templateBody"] = .string(ProvisioningFixture.body)
        let stays = try await Self.run(fixture, question)
        #expect(stays.isAccepted)
        #expect(stays.policies?.answers.map(\.decision) == ["EXPLICIT_DENY"])
    }

    @Test func aSketchDescribesGroupsAndWhatHangsOnThem() async throws {
        let statement: JSONValue = [
            "Effect": "Allow", "Action": "iot:Publish", "Resource": "*",
        ]
        let registry: JSONValue = [
            "policies": ["telemetry": ["Version": "2012-10-17", "Statement": [statement]]],
            "thingGroups": [
                "line-4": ["parent": "plant"], "plant": ["policies": ["telemetry"]],
            ],
        ]
        let sketch = try RegistrySketch(json: registry)
        let trial = DryRun(
            load: { keys async throws(FleetError) in sketch.view(keys) }, askHook: nil,
            foresee: nil, clock: ManualClock(), realm: .standard, registry: .empty)
        let report = try await trial.run(
            DryRunRequest(json: [
                "templateBody": .string(Self.joining), "parameters": ["SerialNumber": "A7"],
                "questions": ["publish devices/x"],
            ]))
        #expect(report.policies?.answers.map(\.isAllowed) == [true])
        for wrong: JSONValue in [
            ["thingGroups": ["a": ["policies": ["nobody"]]]],
            ["thingGroups": ["a": ["parent": "b"], "b": ["parent": "a"]]],
            ["thingGroups": ["a": ["above": "b"]]], ["thingGroups": ["a": ["parent": 1]]],
            ["thingGroups": "a"],
        ] {
            #expect(throws: FleetError.self, "\(wrong)") { _ = try RegistrySketch(json: wrong) }
        }
    }

    /// Units that come again, by every policy: what the dry run says, the registration does.
    @Test(arguments: 0..<60)
    func aUnitThatComesAgainMeetsTheSameVerdict(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed))
        var enrolment = EnrolmentSettings()
        let paths: [WritableKeyPath<EnrolmentSettings, EnrolmentSettings.Policy>] = [
            \.onRetry, \.onRework, \.onElsewhere, \.onCopiedImage,
        ]
        for path in paths {
            enrolment[keyPath: path] =
                EnrolmentPolicy.allCases.randomElement(using: &random) ?? .hold
        }
        let fixture = try await ProvisioningFixture(enrolment: enrolment)
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(
                    name: ClaimName(checked: "line"), createdAt: fixture.clock.now,
                    station: "S1"))
        ])
        for round in 0..<6 {
            let key = ["k1", "k2", "k3"].randomElement(using: &random) ?? "k1"
            let serial = ["A7", "B8"].randomElement(using: &random) ?? "A7"
            let report = try await Self.run(
                fixture,
                [
                    "templateName": "sensor", "parameters": ["SerialNumber": .string(serial)],
                    "csr": .string("CSR \(key)"), "claimName": "line",
                ], enrolment: enrolment)
            // A key may be refused before any serial is named, which a dry run does not try.
            guard let (_, token) = try? await fixture.create(key: key) else { continue }
            let refusal = await fixture.refusal(token, ["SerialNumber": serial])
            let place = "seed \(seed), round \(round): \(key) as \(serial)"
            #expect(refusal?.reason == report.refusal?.reason, "\(place)")
            #expect(refusal?.message == report.refusal?.message, "\(place)")
            #expect(report.isAccepted == (refusal == nil), "\(place)")
            let hours = [0, 1, 3].randomElement(using: &random) ?? 0
            fixture.clock.advance(bySeconds: Int64(hours) * 3600)
        }
    }

    /// Who has the key by now is not looked at, and the service that is asked goes on.
    @Test func aNewThingsKeyIsNewWhoeverHasIt() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create(key: "k1")
        _ = try await fixture.register(token)
        let report = try await Self.run(
            fixture,
            [
                "templateName": "sensor", "parameters": ["SerialNumber": "B8"],
                "csr": "CSR k1", "against": "NEW_THING",
            ])
        #expect(report.isAccepted)
    }

    @Test func aUnitThatIsHeldElsewhereIsHeldInTheDryRun() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(name: ClaimName(checked: "line"), createdAt: fixture.clock.now))
        ])
        let (first, token) = try await fixture.create()
        _ = try await fixture.register(token)
        var question: JSONObject = [
            "templateName": "sensor", "parameters": ["SerialNumber": "A7"], "claimName": "line",
        ]
        let before = try await fixture.store.page(ListQuery(.commits)).records.count
        fixture.clock.advance(bySeconds: 9 * 3600)
        let held = try await Self.run(fixture, question)
        #expect(held.refusal?.reason == .enrolmentHeld)
        let verdict = held.json["enrolment"]?.arrayValue?.first
        #expect(verdict?["finding"] == "elsewhere")
        #expect(verdict?["outcome"] == "held")
        #expect(verdict?["holders"] == [.string(first.rawValue)])
        #expect(try await fixture.store.page(ListQuery(.commits)).records.count == before)
        // Nobody's claim may be any, and that is said.
        question["claimName"] = nil
        let doubtful = try await Self.run(fixture, question)
        #expect(doubtful.isAccepted)
        #expect(
            doubtful.json["unknown"]?.arrayValue?.contains {
                $0.stringValue?.contains("name a claim") == true
            } == true)
    }

    @Test func aBatchSaysOfEachWhatADryRunOfItSays() async throws {
        let fixture = try await ProvisioningFixture()
        var question: JSONObject = [
            "templateName": "sensor", "parameters": ["Site": "attic"],
            "questions": ["connect sensor-${SerialNumber}", "publish ${iot:ClientId}/t"],
        ]
        let devices: [JSONValue] = [["SerialNumber": "A7"], [:], ["SerialNumber": "b ad"]]
        var each: [JSONValue] = []
        for device in devices {
            var one = question
            var parameters = device.objectValue ?? JSONObject()
            parameters["Site"] = "attic"
            one["parameters"] = .object(parameters)
            each.append(try await Self.run(fixture, one).json)
        }
        question["devices"] = .array(devices)
        let answer = try await DryRunTests.trial(fixture).answer(
            DryRunRequest(json: .object(question)))
        let found = answer["devices"]?.arrayValue ?? []
        #expect(answer["wrote"] == false)
        #expect(found.count == each.count)
        for (brief, whole) in zip(found, each) {
            for member in ["accepted", "refusal", "answers"] {
                #expect(brief[member] == whole[member], "\(member)")
            }
            #expect(brief["plan"]?["thing"]?["name"] == whole["plan"]?["thing"]?["name"])
        }
        let first = found.first?["answers"]?.arrayValue?.first
        #expect(first?["allowed"] == true)
        #expect(first?["about"] == "connect sensor-A7")
        let many = JSONValue.array([JSONValue](repeating: [:], count: 501))
        for wrong: JSONValue in [[], ["SerialNumber"], "all", many] {
            question["devices"] = wrong
            #expect(throws: FleetError.self) {
                _ = try DryRunRequest(json: .object(question))
            }
        }
        question["devices"] = .array([JSONValue](repeating: [:], count: 500))
        for (count, isTaken) in [(60, true), (61, false)] {
            question["questions"] = .array([JSONValue](repeating: "publish t", count: count))
            let request = try? DryRunRequest(json: .object(question))
            #expect((request != nil) == isTaken, "\(count)")
        }
    }

    /// Just in time no serial is judged: the certificate is there already, and its authority's.
    @Test func aCertificateThatIsBroughtAlongIsNotJudged() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        _ = try await fixture.register(token)
        fixture.clock.advance(bySeconds: 9 * 3600)
        let report = try await Self.run(
            fixture,
            [
                "templateBody": .string(
                    ProvisioningFixture.body.replacing(
                        "SerialNumber", with: "AWS::IoT::Certificate::SerialNumber")),
                "subject": "serialNumber=A7",
            ])
        #expect(report.isAccepted, "\(String(describing: report.refusal))")
        #expect(report.plan?.thing.name.rawValue == "sensor-A7")
        #expect(report.verdicts.isEmpty && report.json["unknown"] == nil)
    }

    enum Obstacle: CaseIterable {
        case noHook, disabledHook, unapprovedHook, denied, deniedWithWord, timedOut, busy, failed
        case uselessOverrides, missing, misspelt, tooLong, invalidName, disabledTemplate
    }

    /// Whatever refuses a device: the dry run says the same code, number and words.
    @Test(arguments: Obstacle.allCases)
    func whatRefusesADeviceRefusesItsDryRun(_ obstacle: Obstacle) async throws {
        let fixture = try await ProvisioningFixture(
            requiresHookApproval: obstacle == .unapprovedHook)
        var sent = ["SerialNumber": "A7"]
        var body = ProvisioningFixture.body
        switch obstacle {
        case .noHook, .disabledHook, .unapprovedHook, .disabledTemplate: break
        case .denied: fixture.hook.answer(.denied(reason: "not made here"))
        case .deniedWithWord:
            fixture.hook.answer(.denied(reason: nil), reasonCode: "wrong-lot")
        case .timedOut: fixture.hook.answer(.timedOut)
        case .busy: fixture.hook.answer(.busy)
        case .failed: fixture.hook.answer(.failed(cause: "line 1"))
        case .uselessOverrides: fixture.hook.answer(.allowed(parameterOverrides: ["": "x"]))
        case .missing: sent = [:]
        case .misspelt:
            body = body.replacing("Site", with: "K")
            sent["\u{212A}"] = "x"
        case .tooLong:
            sent["Site"] = String(repeating: "x", count: 5000)
        case .invalidName: sent["SerialNumber"] = "a/b"
        }
        if obstacle != .noHook { try await fixture.putHook() }
        if obstacle == .disabledHook {
            let gate = HookName(checked: "gate")
            var script = try #require(fixture.store.view([.hook(gate)]).hook(gate))
            script.enabled = false
            try await fixture.put([.putHook(script)])
        }
        try await fixture.put(
            template: body, hook: "gate", enabled: obstacle != .disabledTemplate)
        let hook = fixture.hook
        let store = fixture.store
        let trial = DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) },
            askHook: { await hook.run($0, request: $1) }, foresee: nil, clock: fixture.clock,
            realm: .standard, requiresHookApproval: obstacle == .unapprovedHook)
        let report = try await trial.run(
            DryRunRequest(json: [
                "templateName": "sensor",
                "parameters": .object(JSONObject(sent.map { ($0.key, .string($0.value)) })),
            ]))
        let refusal = try #require(report.refusal)
        // The gateway's decoder looks at lengths; it is the wire's own.
        if obstacle == .tooLong {
            #expect(refusal.reason == .parametersTooLarge)
            #expect(refusal.parameter == "Site")
            return
        }
        let (_, token) = try await fixture.create()
        let told = try #require(await fixture.refusal(token, sent))
        #expect(told.code == refusal.code)
        #expect(told.explainedReason == refusal.explainedReason)
        #expect(told.message == refusal.message)
        #expect(told.parameter == refusal.parameter)
        #expect(told.hookReasonCode == refusal.hookReasonCode)
    }

    /// What the gateway would not let through is no registration's to see, and said all the same.
    @Test func aClaimThatDoesNotComeAsFarIsDoubted() async throws {
        let fixture = try await ProvisioningFixture()
        let now = fixture.clock.now
        let open = PolicyName(checked: "open")
        try await fixture.put([
            .putClaimTerms(ClaimTerms(name: ClaimName(checked: "line"), createdAt: now)),
            .putClaimTerms(ClaimTerms(name: ClaimName(checked: "paper"), createdAt: now)),
            .putPolicy(
                PolicyVersions.first(
                    open,
                    document: """
                        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                         "Action": "iot:*", "Resource": "*"}]}
                        """, at: now)),
        ])
        func unknown(_ claim: JSONValue) async throws -> [String] {
            let report = try await Self.run(
                fixture,
                [
                    "templateName": "sensor", "parameters": ["SerialNumber": "A7"],
                    "claimName": claim,
                ])
            #expect(report.isAccepted)
            return (report.json["unknown"]?.arrayValue ?? []).compactMap(\.stringValue)
        }
        #expect(try await unknown("paper").count == 1)
        #expect(try await unknown("paper").first?.contains("no certificate that is active") == true)
        #expect(try await unknown("line").count == 5)
        #expect(try await unknown("line").first?.contains("does not let a device") == true)
        try await fixture.put([
            .attachPolicy(open, .certificate(fixture.claim.principal)),
            .attachPolicy(open, .certificate(fixture.otherClaim.principal)),
        ])
        #expect(try await unknown("line").isEmpty)
    }

    @Test func aNameThatNobodyHasIsAQuestionThatIsWrong() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(name: ClaimName(checked: "line-4"), createdAt: fixture.clock.now))
        ])
        for (member, value, nearest) in [
            ("claimName", "line-5", "line-4"), ("templateName", "sensors", "sensor"),
            ("hookName", "gate", nil),
        ] as [(String, String, String?)] {
            var question: JSONObject = ["templateName": "sensor", "parameters": [:]]
            question[member] = .string(value)
            do {
                _ = try await Self.run(fixture, question)
                Issue.record("\(member) '\(value)' was taken")
            } catch let error as FleetError {
                #expect(error.code == .notFound)
                #expect(error.message.contains("'\(value)'"))
                if let nearest { #expect(error.message.contains("did you mean '\(nearest)'?")) }
            }
        }
    }
}
