import Fleet
import JSON
import Policies
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct PlanTests {
    private let fixture = PlanFixture()

    @Test func theShippedTemplateMakesTheKnownPlan() async throws {
        let body = try Shipped.text("Templates/demo-sensor.json")
        let sample = try #require(
            JSONParser.parse(Shipped.text("Templates/demo-sensor.parameters.json")).objectValue)
        var sent: [String: String] = [:]
        for (name, value) in sample.members { sent[name] = value.stringValue }
        let plan = try await self.fixture.plan(body, sent)
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
        let plan = try await self.fixture.plan(body, ["SerialNumber": "S1"])
        let policy = try #require(plan.policies.first)
        let compiled = CompiledPolicy(
            PolicyVersions.first(
                policy.name, document: policy.newDocument ?? "", at: self.fixture.now))
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
            let plan = try await self.fixture.plan(body, ["X": value])
            let policy = try #require(plan.policies.first)
            let compiled = CompiledPolicy(
                PolicyVersions.first(
                    policy.name, document: policy.newDocument ?? "", at: self.fixture.now))
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

    @Test func whatIsAlreadySoIsNoConflict() async throws {
        let body = template(
            thing: #"{"ThingName": "t", "AttributePayload": {"a": "x"}, "BillingGroup": "b"}"#)
        let plan = try await self.fixture.plan(
            body, after: [self.fixture.thing(["a": "x", "more": "y"], billingGroup: "b")])
        #expect(plan.thing == plan.thingBefore)
        let error = await #expect(throws: FleetError.self) {
            try await self.fixture.plan(
                body, after: [self.fixture.thing(["a": "x"], billingGroup: "c")])
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
            try await self.fixture.plan(template(thing: thing, policies: policies))
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
                    createdAt: self.fixture.now))
        }
        func refusal(_ groups: String, _ changes: [Change]) async -> FleetError? {
            let body = template(thing: #"{"ThingName": "t", "ThingGroups": \#(groups)}"#)
            do {
                _ = try await self.fixture.plan(body, after: changes)
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
        let ten = (0..<10).map { group("g\($0)") } + [self.fixture.thing()]
        let member = (0..<10).map {
            Change.addThingToGroup(ThingName(checked: "t"), ThingGroupName(checked: "g\($0)"))
        }
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": ["more"]}"#,
            overrides: #"{"ThingGroups": "MERGE"}"#)
        let error = await #expect(throws: FleetError.self) {
            try await self.fixture.plan(body, after: ten + [group("more")] + member)
        }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains("10 are the most") == true)
    }

    @Test func replacingGroupsLeavesTheDynamicOnes() async throws {
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": ["g1"]}"#,
            overrides: #"{"ThingGroups": "REPLACE"}"#)
        let dynamic = Samples.dynamicGroup(1)
        let plan = try await self.fixture.plan(
            body,
            after: [
                .putThingGroup(
                    ThingGroup(
                        name: ThingGroupName(checked: "g1"), id: Samples.resourceID(4),
                        createdAt: self.fixture.now)), .putThingGroup(dynamic),
                self.fixture.thing(),
                .addThingToGroup(ThingName(checked: "t"), dynamic.name),
            ])
        #expect(plan.groupsAdded.map(\.rawValue) == ["g1"])
        #expect(plan.groupsRemoved == [])
    }

    @Test func theSameDocumentIsTheSamePolicyAndAnotherUnderItsNameAConflict() async throws {
        let body = template(policies: [inlinePolicy(resource: #""*""#)])
        let first = try #require(try await self.fixture.plan(body).policies.first)
        let document = try #require(first.newDocument)
        let there = PolicyVersions.first(first.name, document: document, at: self.fixture.now)
        let again = try await self.fixture.plan(body, after: [.putPolicy(there)])
        #expect(again.policies.map(\.name) == [first.name])
        #expect(again.policies.first?.newDocument == nil)
        let edited = PolicyVersions.first(
            first.name, document: document.replacing("Allow", with: "Deny"), at: self.fixture.now)
        let error = await #expect(throws: FleetError.self) {
            try await self.fixture.plan(body, after: [.putPolicy(edited)])
        }
        #expect(error?.code == .resourceConflict)
    }

    /// AWS refuses a package version that does not exist; here none does.
    @Test func aPackageVersionIsLookedForInVain() async throws {
        let body = template(
            thing: #"{"ThingName": "t", "PackageVersions": {"app": {"Fn::Sub": "1.${X}"}}}"#,
            sections: parametersXY)
        for existing in [[], [self.fixture.thing()]] {
            let error = await #expect(throws: FleetError.self) {
                try await self.fixture.plan(body, ["X": "7"], after: existing)
            }
            #expect(error?.code == .invalidParameters)
            #expect(error?.message.contains("no version '1.${X}' of package 'app'") == true)
        }
        let spaced = await #expect(throws: FleetError.self) {
            try await self.fixture.plan(body, ["X": "a b"])
        }
        #expect(spaced?.message.contains("'1.${X}' is no package version") == true)
        let misnamed = TemplateChecker.check(
            template(thing: #"{"ThingName": "t", "PackageVersions": {"a b": "1"}}"#))
        #expect(
            misnamed.findings.first?.pointer.description
                == "/Resources/thing/Properties/PackageVersions/a b")
    }

    @Test func theOriginOfEachParameterIsKept() async throws {
        let body = template(
            sections: #", "Parameters": {"A": {"Type": "String", "Default": "d"}}"#)
        let plan = try await self.fixture.plan(
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
