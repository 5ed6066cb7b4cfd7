import Fleet
import JSON
import Policies
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct PlanTests {
    let now = ManualClock.start
    let certificate = CertificateID(sha256: FakeIssuer.digest("device"))

    /// The plan for `body`, against a registry that holds `changes`.
    private func plan(
        _ body: String, _ sent: [String: String] = [:], overrides: [String: String] = [:],
        after changes: [Change] = []
    ) async throws -> ProvisioningPlan {
        let store = InMemoryFleetStore(clock: ManualClock())
        _ = try await store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
        let document = try TemplateChecker.document(of: body, named: TemplateName(checked: "t"))
        let parameters = ResolvedParameters(
            sent: sent, overrides: overrides, document: document, certificate: self.certificate,
            realm: .standard)
        let rendered = try TemplateRenderer.render(document, with: parameters)
        let view = store.view(rendered.keys.union(PlanDecision.keys(of: self.certificate)))
        return try PlanDecision.plan(
            rendered, of: document,
            for: PlanDecision.Registrant(
                certificate: PlanDecision.PlannedCertificate(
                    self.certificate, as: document.certificate),
                newThingID: Samples.resourceID(1),
                source: ProvisioningPlan.Source(
                    template: TemplateName(checked: "t"), version: 3,
                    digest: ContentDigest.sha256(of: body)), parameters: parameters),
            in: view, at: self.now)
    }

    private func thing(
        _ attributes: [String: String] = [:], type: String? = nil, billingGroup: String? = nil
    ) -> Change {
        .putThing(
            Thing(
                name: ThingName(checked: "t"), id: Samples.resourceID(2),
                typeName: type.map { ThingTypeName(checked: $0) }, attributes: attributes,
                billingGroup: billingGroup.map { BillingGroupName(checked: $0) }, version: 4,
                createdAt: self.now))
    }

    private func types(_ names: String...) -> [Change] {
        names.map {
            .putThingType(
                ThingType(
                    name: ThingTypeName(checked: $0), id: Samples.resourceID(3),
                    createdAt: self.now))
        }
    }

    @Test func theShippedTemplateMakesTheKnownPlan() async throws {
        let body = try Shipped.text("Templates/demo-sensor.json")
        let sample = try #require(
            JSONParser.parse(Shipped.text("Templates/demo-sensor.parameters.json")).objectValue)
        var sent: [String: String] = [:]
        for (name, value) in sample.members { sent[name] = value.stringValue }
        let plan = try await self.plan(body, sent)
        try Golden.check(
            JSONPrinter.print(PlanPrinter.json(plan), style: .pretty) + "\n",
            "demo-sensor.plan.json")
        let settings = try TemplateSettings(
            json: Shipped.text("Templates/demo-sensor.settings.json"))
        #expect(settings.enabled)
        #expect(settings.hook == HookName(checked: "serial-allowlist"))
    }

    /// The shipped policy, asked as the broker asks it.
    @Test func aShippedSensorMayBeItselfAndNobodyElse() async throws {
        let body = try Shipped.text("Templates/demo-sensor.json")
        let plan = try await self.plan(body, ["SerialNumber": "S1"])
        let policy = try #require(plan.policies.first)
        let compiled = CompiledPolicy(
            PolicyVersions.first(policy.name, document: policy.newDocument ?? "", at: self.now))
        #expect(compiled.defect == nil)
        let context = PolicyVariables(
            clientID: "sensor-S1",
            thing: PolicyVariables.AssociatedThing(name: plan.thing.name))
        let realm = Realm.standard
        let questions: [(AuthorizationRequest, Bool)] = [
            (.connect(clientID: "sensor-S1", in: realm), true),
            (.connect(clientID: "sensor-S2", in: realm), false),
            (.publish(topic: "devices/sensor-S1/telemetry", in: realm), true),
            (.publish(topic: "devices/sensor-S2/telemetry", in: realm), false),
            (.publish(topic: "devices", in: realm), false),
            (.receive(topic: "devices/sensor-S1/commands", in: realm), true),
            (.subscribe(filter: "devices/sensor-S1/#", in: realm), true),
            (.subscribe(filter: "#", in: realm), false),
            (.publish(topic: "$aws/certificates/create/json", in: realm), false),
        ]
        for (request, expected) in questions {
            let decision = PolicyEvaluator.decide(
                policies: [compiled], request: request, context: context)
            #expect(decision.isAllowed == expected, "\(request.resource)")
        }
    }

    /// A serial number that is a wildcard stays a name, in the policy as everywhere.
    @Test func aHostileParameterGetsNoOneElsesTopics() async throws {
        let body = template(
            policies: [
                inlinePolicy(
                    resource:
                        #"{"Fn::Sub": "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/d/${X}"}"#
                )
            ], sections: parametersXY)
        for value in ["*", "?", "${iot:ClientId}", "a*", "${*}", "$", "{*}"] {
            let plan = try await self.plan(body, ["X": value])
            let policy = try #require(plan.policies.first)
            let compiled = CompiledPolicy(
                PolicyVersions.first(policy.name, document: policy.newDocument ?? "", at: self.now))
            func may(_ topic: String) -> Bool {
                PolicyEvaluator.decide(
                    policies: [compiled], request: .publish(topic: topic, in: .standard),
                    context: PolicyVariables(clientID: "me")
                ).isAllowed
            }
            #expect(compiled.defect == nil)
            #expect(may("d/" + value), "\(value)")
            for other in ["d/other", "d/me", "d/a", "d/ab"] { #expect(!may(other), "\(value)") }
        }
    }

    @Test(
        arguments: [
            (nil, FleetError.Code.resourceConflict, nil),
            ("FAIL", .resourceConflict, nil),
            ("DO_NOTHING", nil, ["a": "old", "b": "kept"]),
            ("REPLACE", nil, ["a": "new"]),
            ("MERGE", nil, ["a": "new", "b": "kept"]),
        ] as [(String?, FleetError.Code?, [String: String]?)])
    func attributesOfAnExistingThingFollowTheOverride(
        _ override: String?, _ code: FleetError.Code?, _ expected: [String: String]?
    ) async throws {
        let body = template(
            thing: #"{"ThingName": "t", "AttributePayload": {"a": "new"}}"#,
            overrides: override.map { #"{"AttributePayload": "\#($0)"}"# })
        do {
            let plan = try await self.plan(body, after: [self.thing(["a": "old", "b": "kept"])])
            #expect(code == nil)
            #expect(plan.thing.attributes == expected)
            #expect(plan.thing.version == (override == "DO_NOTHING" ? 4 : 5))
        } catch {
            #expect((error as? FleetError)?.code == code)
        }
    }

    @Test(
        arguments: [
            (nil, FleetError.Code.resourceConflict, nil), ("FAIL", .resourceConflict, nil),
            ("DO_NOTHING", nil, "old"), ("REPLACE", nil, "new"),
        ] as [(String?, FleetError.Code?, String?)])
    func theTypeOfAnExistingThingFollowsTheOverride(
        _ override: String?, _ code: FleetError.Code?, _ expected: String?
    ) async throws {
        let body = template(
            thing: #"{"ThingName": "t", "ThingTypeName": "new"}"#,
            overrides: override.map { #"{"THING_TYPE_NAME": "\#($0)"}"# })
        do {
            let plan = try await self.plan(
                body, after: self.types("old", "new") + [self.thing(type: "old")])
            #expect(code == nil)
            #expect(plan.thing.typeName?.rawValue == expected)
        } catch {
            #expect((error as? FleetError)?.code == code)
        }
    }

    @Test(
        arguments: [
            (nil, FleetError.Code.resourceConflict, [], []), ("FAIL", .resourceConflict, [], []),
            ("DO_NOTHING", nil, [], []), ("REPLACE", nil, ["g1"], ["g2"]),
            ("MERGE", nil, ["g1"], []),
        ] as [(String?, FleetError.Code?, [String], [String])])
    func theGroupsOfAnExistingThingFollowTheOverride(
        _ override: String?, _ code: FleetError.Code?, _ added: [String], _ removed: [String]
    ) async throws {
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": ["g1"]}"#,
            overrides: override.map { #"{"ThingGroups": "\#($0)"}"# })
        let groups: [Change] = ["g1", "g2"].map {
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: $0), id: Samples.resourceID(4),
                    createdAt: self.now))
        }
        do {
            let plan = try await self.plan(
                body,
                after: groups + [
                    self.thing(),
                    .addThingToGroup(ThingName(checked: "t"), ThingGroupName(checked: "g2")),
                ])
            #expect(code == nil)
            #expect(plan.groupsAdded.map(\.rawValue) == added)
            #expect(plan.groupsRemoved.map(\.rawValue) == removed)
        } catch {
            #expect((error as? FleetError)?.code == code)
        }
    }

    @Test func whatIsAlreadySoIsNoConflict() async throws {
        let body = template(
            thing: #"{"ThingName": "t", "AttributePayload": {"a": "x"}, "BillingGroup": "b"}"#)
        let plan = try await self.plan(
            body, after: [self.thing(["a": "x", "more": "y"], billingGroup: "b")])
        #expect(plan.thing == plan.thingBefore)
        let error = await #expect(throws: FleetError.self) {
            try await self.plan(body, after: [self.thing(["a": "x"], billingGroup: "c")])
        }
        #expect(error?.code == .resourceConflict)
    }

    @Test(arguments: [
        (#"{"ThingName": "t", "ThingTypeName": "x"}"#, [], "thing type 'x'"),
        (#"{"ThingName": "t", "ThingGroups": ["x"]}"#, [], "thing group 'x'"),
        (#"{"ThingName": "t", "BillingGroup": "x"}"#, [], "billing group 'x'"),
        (#"{"ThingName": "t"}"#, [#"{"PolicyName": "x"}"#], "policy 'x'"),
    ])
    func whatATemplateNamesMustExist(
        _ thing: String, _ policies: [String], _ message: String
    ) async throws {
        let error = await #expect(throws: FleetError.self) {
            try await self.plan(template(thing: thing, policies: policies))
        }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains(message) == true)
    }

    /// What nobody may do through the control plane, a template may not do either.
    @Test func theRegistrysRulesForGroupsHoldForTemplates() async throws {
        func group(_ name: String, under parent: String? = nil) -> Change {
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: name), id: Samples.resourceID(4),
                    ancestors: parent.map { [ThingGroupName(checked: $0)] } ?? [],
                    createdAt: self.now))
        }
        func refusal(_ groups: String, _ changes: [Change]) async -> FleetError? {
            let body = template(thing: #"{"ThingName": "t", "ThingGroups": \#(groups)}"#)
            do {
                _ = try await self.plan(body, after: changes)
                return nil
            } catch { return error as? FleetError }
        }
        let tree = [group("root"), group("a", under: "root"), group("b", under: "root")]
        let twice = await refusal(#"["a", "b"]"#, tree)
        #expect(twice?.code == .invalidParameters)
        #expect(twice?.message.contains("same hierarchy") == true)
        let dynamic = await refusal(
            #"["group-1"]"#, [.putThingGroup(Samples.dynamicGroup(1))])
        #expect(dynamic?.message.contains("dynamic") == true)
        let ten = (0..<10).map { group("g\($0)") } + [self.thing()]
        let member = (0..<10).map {
            Change.addThingToGroup(ThingName(checked: "t"), ThingGroupName(checked: "g\($0)"))
        }
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": ["more"]}"#,
            overrides: #"{"ThingGroups": "MERGE"}"#)
        let error = await #expect(throws: FleetError.self) {
            try await self.plan(body, after: ten + [group("more")] + member)
        }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains("10 are the most") == true)
    }

    @Test func replacingGroupsLeavesTheDynamicOnes() async throws {
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": ["g1"]}"#,
            overrides: #"{"ThingGroups": "REPLACE"}"#)
        let dynamic = Samples.dynamicGroup(1)
        let plan = try await self.plan(
            body,
            after: [
                .putThingGroup(
                    ThingGroup(
                        name: ThingGroupName(checked: "g1"), id: Samples.resourceID(4),
                        createdAt: self.now)), .putThingGroup(dynamic), self.thing(),
                .addThingToGroup(ThingName(checked: "t"), dynamic.name),
            ])
        #expect(plan.groupsAdded.map(\.rawValue) == ["g1"])
        #expect(plan.groupsRemoved == [])
    }

    @Test func theSameDocumentIsTheSamePolicyAndAnotherUnderItsNameAConflict() async throws {
        let body = template(policies: [inlinePolicy(resource: #""*""#)])
        let first = try #require(try await self.plan(body).policies.first)
        let document = try #require(first.newDocument)
        let there = PolicyVersions.first(first.name, document: document, at: self.now)
        let again = try await self.plan(body, after: [.putPolicy(there)])
        #expect(again.policies.map(\.name) == [first.name])
        #expect(again.policies.first?.newDocument == nil)
        let edited = PolicyVersions.first(
            first.name, document: document.replacing("Allow", with: "Deny"), at: self.now)
        let error = await #expect(throws: FleetError.self) {
            try await self.plan(body, after: [.putPolicy(edited)])
        }
        #expect(error?.code == .resourceConflict)
    }

    @Test func theOriginOfEachParameterIsKept() async throws {
        let body = template(
            sections: #", "Parameters": {"A": {"Type": "String", "Default": "d"}}"#)
        let plan = try await self.plan(
            body, ["B": "sent", "C": "sent"], overrides: ["C": "hook"])
        #expect(plan.parameters.values["A"] == .init(text: "d", origin: .templateDefault))
        #expect(plan.parameters.values["B"] == .init(text: "sent", origin: .device))
        #expect(plan.parameters.values["C"] == .init(text: "hook", origin: .hook))
    }

    @Test(arguments: ["[]", "{", #"{"enabled": "yes"}"#, #"{"hook": "a b"}"#, #"{"hok": "x"}"#])
    func settingsThatAreNotUnderstoodAreRefused(_ text: String) {
        #expect(throws: FleetError.self) { try TemplateSettings(json: text) }
    }
}
