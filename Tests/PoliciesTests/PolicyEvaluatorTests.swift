import Fleet
import Testing

@testable import Policies

@Suite struct PolicyEvaluatorTests {
    private static let request = PolicyAsking.publish("t")

    private static func policy(_ name: String, _ statements: [String]) throws -> CompiledPolicy {
        try PolicyAsking.compile(
            "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements.joined(separator: ","))]}",
            name: name)
    }

    private static func decide(_ policies: [CompiledPolicy]) -> Decision {
        PolicyEvaluator.decide(policies: policies, request: Self.request, context: .init())
    }

    private static let allow = PolicyAsking.statement("topic/t")
    private static let deny = PolicyAsking.statement("topic/t", effect: "Deny")
    private static let elsewhere = PolicyAsking.statement("topic/u", effect: "Deny")

    @Test func withoutAPolicyTheAnswerIsNo() {
        #expect(Self.decide([]) == .implicitlyDenied)
    }

    @Test func whatNothingAllowsIsImplicitlyDenied() throws {
        #expect(Self.decide([try Self.policy("a", [Self.elsewhere])]) == .implicitlyDenied)
    }

    /// A Deny decides wherever it stands.
    @Test(arguments: [
        [["allow", "deny"]], [["deny", "allow"]], [["allow"], ["deny"]], [["deny"], ["allow"]],
        [["allow", "elsewhere"], ["elsewhere", "allow"], ["allow", "deny"]],
    ])
    func aDenyOutweighsEveryAllow(names: [[String]]) throws {
        let texts = ["allow": Self.allow, "deny": Self.deny, "elsewhere": Self.elsewhere]
        let policies = try names.enumerated().map { index, names in
            try Self.policy("p\(index)", names.compactMap { texts[$0] })
        }
        guard case .explicitlyDenied(let statement) = Self.decide(policies) else {
            Issue.record("not denied")
            return
        }
        let expected = names.enumerated().compactMap { index, names in
            names.firstIndex(of: "deny").map { (index, $0) }
        }
        #expect(statement.policy.rawValue == "p\(expected[0].0)")
        #expect(statement.index == expected[0].1)
    }

    @Test func theDecidingStatementIsNamed() throws {
        let statement =
            #"{"Sid":"own","Effect":"Allow","Action":"iot:Publish","Resource":"*"}"#
        let policy = try Self.policy("a", [Self.elsewhere, statement, Self.allow])
        let expected = StatementID(policy: policy.name, version: 1, index: 1, sid: "own")
        #expect(Self.decide([policy]) == .allowed(by: expected))
        #expect("\(expected)" == "policy a version 1 statement 1 'own'")
    }

    @Test func anotherActionIsAnotherRight() throws {
        let policy = try Self.policy("a", [Self.allow])
        let topic = PolicyAsking.realm.topic("t")
        for action in PolicyAction.allCases {
            let decision = PolicyEvaluator.decide(
                policies: [policy], request: AuthorizationRequest(action, topic), context: .init())
            #expect(decision.isAllowed == (action == .publish), "\(action)")
        }
    }

    /// Lesson of mosquitto's empty ACL file: what cannot be read allows nothing, and its Denies
    /// are not forgotten either.
    @Test(arguments: ["", " ", "{", "null", "{\"Version\":\"2012-10-17\",\"Statement\":[]}"])
    func aPolicyThatCannotBeReadDeniesEverything(document: String) throws {
        let name = try PolicyName("torn")
        let stored = Policy(
            name: name,
            versions: [.init(id: 3, document: document, createdAt: UnixTime(seconds: 0))],
            defaultVersionID: 3, createdAt: UnixTime(seconds: 0))
        let torn = CompiledPolicy(stored)
        #expect(torn.defect?.code == .malformedPolicy)
        let allowing = try Self.policy("a", [Self.allow])
        for policies in [[torn], [torn, allowing], [allowing, torn]] {
            guard case .explicitlyDenied(let statement) = Self.decide(policies) else {
                Issue.record("not denied")
                continue
            }
            #expect(statement.policy == name)
            #expect(statement.version == 3)
        }
    }

    @Test func aPolicyWithoutItsDefaultVersionDeniesEverything() throws {
        let stored = Policy(
            name: try PolicyName("gone"), versions: [], defaultVersionID: 2,
            createdAt: UnixTime(seconds: 0))
        #expect(CompiledPolicy(stored).defect?.message == "policy gone has no version 2")
        #expect(!Self.decide([CompiledPolicy(stored)]).isAllowed)
    }

    @Test func aStoredPolicyIsAskedInItsDefaultVersion() throws {
        let time = UnixTime(seconds: 0)
        let stored = Policy(
            name: try PolicyName("a"),
            versions: [
                .init(id: 1, document: PolicyAsking.document(Self.allow), createdAt: time),
                .init(id: 2, document: PolicyAsking.document(Self.elsewhere), createdAt: time),
            ], defaultVersionID: 1, createdAt: time)
        #expect(Self.decide([CompiledPolicy(stored)]).isAllowed)
        var changed = stored
        changed.setDefault(2, at: time)
        #expect(!Self.decide([CompiledPolicy(changed)]).isAllowed)
    }

    // MARK: The claim policy of the specification

    private static let claim = #"""
        {"Version":"2012-10-17","Statement":[
         {"Effect":"Allow","Action":"iot:Connect","Resource":"*"},
         {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":[
           "arn:aws:iot:local:000000000000:topic/$aws/certificates/create/*",
           "arn:aws:iot:local:000000000000:topic/$aws/certificates/create-from-csr/*",
           "arn:aws:iot:local:000000000000:topic/$aws/provisioning-templates/pumps/provision/*"]},
         {"Effect":"Allow","Action":"iot:Subscribe","Resource":[
           "arn:aws:iot:local:000000000000:topicfilter/$aws/certificates/create/*",
           "arn:aws:iot:local:000000000000:topicfilter/$aws/certificates/create-from-csr/*",
           "arn:aws:iot:local:000000000000:topicfilter/$aws/provisioning-templates/pumps/provision/*"
         ]}]}
        """#

    @Test(arguments: [
        ("$aws/certificates/create/json", true), ("$aws/certificates/create/cbor/accepted", true),
        ("$aws/certificates/create-from-csr/json", true),
        ("$aws/provisioning-templates/pumps/provision/json", true),
        ("$aws/provisioning-templates/fans/provision/json", false),
        ("$aws/certificates/create", false), ("$aws/certificates/createx/json", false),
        ("$aws/things/x/shadow/update", false), ("t/x", false), ("#", false), ("$aws/#", false),
    ])
    func theClaimPolicyAllowsTheDialogueAndNothingElse(topic: String, allowed: Bool) throws {
        let realm = PolicyAsking.realm
        for request in [
            AuthorizationRequest.publish(topic: topic, in: realm),
            .receive(topic: topic, in: realm), .subscribe(filter: topic, in: realm),
        ] {
            #expect(try PolicyAsking.decide(Self.claim, request).isAllowed == allowed)
        }
        let retain = AuthorizationRequest.retainPublish(topic: topic, in: realm)
        #expect(try !PolicyAsking.decide(Self.claim, retain).isAllowed)
        #expect(try PolicyAsking.decide(Self.claim, .connect(clientID: "any", in: realm)).isAllowed)
    }

    @Test func theGuidesExampleFollowsTheThing() throws {
        let document = #"""
            {"Version":"2012-10-17","Statement":[
             {"Effect":"Allow","Action":"iot:Connect",
              "Resource":"arn:aws:iot:local:000000000000:client/${iot:Connection.Thing.ThingName}",
              "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}},
             {"Effect":"Allow","Action":"iot:Publish",
              "Resource":"arn:aws:iot:*:*:topic/t/${iot:Connection.Thing.Attributes[site]}/${iot:Connection.Thing.ThingName}"},
             {"Effect":"Deny","Action":"iot:Receive",
              "Resource":"arn:aws:iot:local:000000000000:topic/t/*/secret"}]}
            """#
        let pump = try PolicyAsking.pump()
        let realm = PolicyAsking.realm
        let stranger = PolicyVariables(clientID: "pump-1")
        let connect = AuthorizationRequest.connect(clientID: "pump-1", in: realm)
        #expect(try PolicyAsking.decide(document, connect, pump).isAllowed)
        #expect(try !PolicyAsking.decide(document, connect, stranger).isAllowed)
        let own = PolicyAsking.publish("t/plant-7/pump-1")
        #expect(try PolicyAsking.decide(document, own, pump).isAllowed)
        #expect(try !PolicyAsking.decide(document, own, stranger).isAllowed)
        let others = PolicyAsking.publish("t/plant-7/pump-2")
        #expect(try !PolicyAsking.decide(document, others, pump).isAllowed)
        let secret = AuthorizationRequest.receive(topic: "t/a/b/secret", in: realm)
        guard case .explicitlyDenied = try PolicyAsking.decide(document, secret, pump) else {
            Issue.record("not explicitly denied")
            return
        }
    }

    /// Anchors A4 row 9: a check that looked at one name for all of them once passed three million
    /// certificates. Each statement decides for its own resource, and is the one that is named.
    @Test func everyResourceGetsADecisionOfItsOwn() throws {
        let count = 12
        let statements = (0..<count).map { PolicyAsking.statement("topic/unit-\($0)/up") }
        let policy = try PolicyAsking.compile(
            "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements.joined(separator: ","))]}")
        for number in 0..<(2 * count) {
            let decision = PolicyEvaluator.decide(
                policies: [policy], request: PolicyAsking.publish("unit-\(number)/up"),
                context: PolicyVariables())
            switch decision {
            case .allowed(let statement):
                #expect(number < count && statement.index == number)
            case .implicitlyDenied: #expect(number >= count)
            case .explicitlyDenied: Issue.record("\(number): nothing denies")
            }
        }
    }
}

@Suite struct ExplanationTests {
    private static func explain(
        _ document: String, _ request: AuthorizationRequest, principal: String = "6b1f"
    ) throws -> String {
        let policies = [try PolicyAsking.compile(document, name: "line")]
        let decision = PolicyEvaluator.decide(
            policies: policies, request: request, context: .init())
        return Explanation(
            principal: principal, request: request, decision: decision, policies: policies,
            context: .init()
        ).description
    }

    @Test func oneLineNamesWhoWhatAndWhy() throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement("topic/a"), PolicyAsking.statement("topic/b", effect: "Deny"))
        let on = "principal 6b1f iot:Publish on arn:aws:iot:local:000000000000:topic/"
        #expect(
            try Self.explain(document, PolicyAsking.publish("a"))
                == "allowed: \(on)a, by policy line version 1 statement 0")
        #expect(
            try Self.explain(document, PolicyAsking.publish("b"))
                == "denied: \(on)b, by policy line version 1 statement 1")
        #expect(
            try Self.explain(document, PolicyAsking.publish("c"))
                == "denied: \(on)c, no statement allows it in policy line version 1")
    }

    @Test func theWellKnownSlipIsPointedOut() throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement("topic/a", action: "iot:Subscribe"))
        #expect(
            try Self.explain(document, PolicyAsking.subscribe("a")).hasSuffix(
                "; policy line version 1 statement 0 would, had it 'topicfilter/' in place of "
                    + "'topic/'"))
        #expect(try !Self.explain(document, PolicyAsking.subscribe("b")).contains("would"))
    }

    @Test func foreignTextCannotBreakTheLine() throws {
        let document = PolicyAsking.document(PolicyAsking.statement("topic/a"))
        let text = try Self.explain(
            document, PolicyAsking.publish("x\n\r\u{85}\u{2028}\u{1B}[31mallowed: y"),
            principal: "p\nq")
        let breaks: [Unicode.Scalar] = ["\n", "\r", "\u{85}", "\u{2028}", "\u{1B}"]
        #expect(!text.unicodeScalars.contains(where: breaks.contains))
    }

    @Test func aPolicyThatCannotBeReadIsNamedWithItsFault() throws {
        let defect = FleetError(.malformedPolicy, "the policy document is empty")
        let policies = [
            CompiledPolicy(unreadable: try PolicyName("torn"), version: 2, because: defect)
        ]
        let request = PolicyAsking.publish("a")
        let decision = PolicyEvaluator.decide(
            policies: policies, request: request, context: .init())
        let text = Explanation(
            principal: "6b1f", request: request, decision: decision, policies: policies,
            context: .init()
        ).description
        #expect(
            text.hasSuffix(
                "since policy torn version 2 cannot be read: the policy document is empty"))
    }

    @Test func aPrincipalWithoutPoliciesIsTold() {
        let request = PolicyAsking.publish("a")
        let text = Explanation(
            principal: "6b1f", request: request, decision: .implicitlyDenied, policies: [],
            context: .init()
        ).description
        #expect(text.hasSuffix(", no policy applies to this principal"))
    }
}
