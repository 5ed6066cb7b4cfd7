import Fleet
import Testing

@testable import Policies

/// The same engine asked about people: any operation by name, upon any resource.
@Suite struct ControlPlaneRightsTests {
    private static let realm = Realm.standard

    private static func decide(
        _ statements: String..., operation: String, on resource: ARN,
        _ context: PolicyVariables = .init()
    ) throws -> Decision {
        let text =
            "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements.joined(separator: ","))]}"
        let rights = CompiledPolicy(
            try PolicyDocument.parse(text, dialect: .access), name: try PolicyName("role"),
            version: 1)
        return PolicyEvaluator.decide(
            policies: [rights],
            request: AuthorizationRequest(operation: operation, resource: resource),
            context: context)
    }

    private static func statement(
        _ actions: String, element: String = "Action", effect: String = "Allow",
        resource: String = "*", condition: String? = nil
    ) -> String {
        let tail = condition.map { ",\"Condition\":\($0)" } ?? ""
        return "{\"Effect\":\"\(effect)\",\"\(element)\":[\(actions)],\"Resource\":\"\(resource)\""
            + "\(tail)}"
    }

    @Test(arguments: [
        (#""iot:CreateThing""#, "iot:CreateThing", true),
        (#""iot:CreateThing""#, "iot:CreateThingGroup", false),
        (#""iot:CreateThing*""#, "iot:CreateThingGroup", true),
        (#""iot:creatething""#, "iot:CreateThing", true),
        (#""iot:Describe*","iot:List*""#, "iot:ListThings", true),
        (#""iot:Describe*","iot:List*""#, "iot:DeleteThing", false),
        (#""iot:*""#, "slipway:ImportAllowlist", false),
        (#""slipway:*""#, "slipway:ImportAllowlist", true),
        (#""slipway:*""#, "iot:CreateThing", false),
        (#""*""#, "slipway:ImportAllowlist", true),
        (#""*""#, "iot:CreateThing", true),
        (#""iot:?reateThing""#, "iot:CreateThing", true),
        // A name that both planes know is one right.
        (#""iot:UpdateThingShadow""#, "iot:updatethingshadow", true),
        (#""iot:DescribeJobExecution""#, "iotjobsdata:DescribeJobExecution", true),
    ])
    func anOperationIsCoveredByItsPattern(actions: String, operation: String, allowed: Bool) throws
    {
        let thing = Self.realm.thing(try ThingName("pump-1"))
        let decision = try Self.decide(Self.statement(actions), operation: operation, on: thing)
        #expect(decision.isAllowed == allowed)
        let others = try Self.decide(
            Self.statement(actions, element: "NotAction"), operation: operation, on: thing)
        #expect(others.isAllowed == !allowed)
    }

    @Test func aResourceNarrowsARight() throws {
        let statement = Self.statement(
            #""iot:*Thing""#, resource: "arn:aws:iot:local:000000000000:thing/pump-*")
        for (name, allowed) in [("pump-1", true), ("fan-1", false)] {
            let decision = try Self.decide(
                statement, operation: "iot:DeleteThing", on: Self.realm.thing(try ThingName(name)))
            #expect(decision.isAllowed == allowed, "\(name)")
        }
    }

    @Test func aDenyOutweighsARight() throws {
        let thing = Self.realm.thing(try ThingName("pump-1"))
        let decision = try Self.decide(
            Self.statement(#""*""#), Self.statement(#""iot:Delete*""#, effect: "Deny"),
            operation: "iot:DeleteThing", on: thing)
        guard case .explicitlyDenied(let statement) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(statement.index == 1)
    }

    @Test func aConditionSeesWhatTheCallerKnows() throws {
        let thing = Self.realm.thing(try ThingName("pump-1"))
        func allows(_ condition: String, _ context: PolicyVariables) throws -> Bool {
            try Self.decide(
                Self.statement(#""*""#, condition: condition), operation: "iot:CreateThing",
                on: thing, context
            ).isAllowed
        }
        let office = #"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#
        #expect(try allows(office, PolicyVariables(sourceIP: "203.0.113.9")))
        #expect(try !allows(office, PolicyVariables(sourceIP: "198.51.100.9")))
        #expect(try !allows(office, PolicyVariables()))

        let byName = #"{"StringLike":{"aws:username":"line-*"}}"#
        let known = PolicyVariables(furtherKeys: ["aws:username": ["line-7"]])
        #expect(try allows(byName, known))
        #expect(try !allows(byName, PolicyVariables(furtherKeys: ["aws:username": ["eve"]])))
        #expect(try !allows(byName, PolicyVariables()))
    }

    /// A listed key without values is absent, as IAM means it; an unlisted one is not understood,
    /// and what is not understood never allows and never keeps a Deny from denying.
    @Test(arguments: [("StringNotEquals", true), ("StringEqualsIfExists", true), ("Bool", false)])
    func aKeyThatNobodyKnowsNeverOpensADoor(name: String, holdsWhenAbsent: Bool) throws {
        let thing = Self.realm.thing(try ThingName("pump-1"))
        let condition = "{\"\(name)\":{\"aws:Whatever\":\"true\"}}"
        func decide(_ effect: String, _ context: PolicyVariables) throws -> Decision {
            try Self.decide(
                Self.statement(#""*""#, effect: effect, condition: condition),
                operation: "iot:CreateThing", on: thing, context)
        }
        let absent = PolicyVariables(furtherKeys: ["aws:whatever": []])
        #expect(try decide("Allow", absent).isAllowed == holdsWhenAbsent)
        #expect(try !decide("Allow", PolicyVariables()).isAllowed)
        guard case .explicitlyDenied = try decide("Deny", PolicyVariables()) else {
            Issue.record("a Deny that is not understood did not deny")
            return
        }
    }

    @Test func aVariableOfTheCallerFitsIntoAResource() throws {
        let statement = Self.statement(
            #""iot:UpdateThing""#,
            resource: "arn:aws:iot:local:000000000000:thing/${aws:username}-*")
        let context = PolicyVariables(furtherKeys: ["aws:username": ["line-7"]])
        for (name, allowed) in [("line-7-a", true), ("line-8-a", false)] {
            let decision = try Self.decide(
                statement, operation: "iot:UpdateThing",
                on: Self.realm.thing(try ThingName(name)), context)
            #expect(decision.isAllowed == allowed)
        }
    }

    @Test(arguments: ["slipway:ImportAllowlist", "s3:GetObject"])
    func aDevicesPolicySpeaksOfTheDataPlaneOnly(action: String) {
        let text = PolicyAsking.document(PolicyAsking.statement("*", action: action))
        #expect(throws: FleetError.self) { try PolicyDocument.parse(text) }
    }

    @Test func aRolesDocumentMayBeLongerThanADevicesPolicy() throws {
        let frame = PolicyAsking.document(PolicyAsking.statement("topic/"))
        func document(_ size: Int) -> String {
            PolicyAsking.document(
                PolicyAsking.statement(
                    "topic/" + String(repeating: "x", count: size - frame.utf8.count)))
        }
        let longest = document(PolicyLimits.accessDocumentCharactersMax)
        #expect(throws: FleetError.self) { try PolicyDocument.parse(longest) }
        _ = try PolicyDocument.parse(longest, dialect: .access)
        #expect(throws: FleetError.self) {
            try PolicyDocument.parse(
                document(PolicyLimits.accessDocumentCharactersMax + 1), dialect: .access)
        }
    }

    @Test func theLogNamesTheOperation() throws {
        let request = AuthorizationRequest(
            operation: "slipway:ImportAllowlist",
            resource: ARN(rawValue: "arn:aws:iot:local:000000000000:allowlist/demo"))
        let text = Explanation(
            principal: "AKIA1", request: request, decision: .implicitlyDenied, policies: [],
            context: PolicyVariables()
        ).description
        #expect(
            text == "denied: principal AKIA1 slipway:ImportAllowlist on "
                + "arn:aws:iot:local:000000000000:allowlist/demo, no policy applies to this "
                + "principal")
    }
}
