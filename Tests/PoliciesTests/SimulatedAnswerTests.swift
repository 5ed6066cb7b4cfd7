import Fleet
import JSON
import Testing

@testable import Policies

/// What policies say and what the gateway refuses anyway, told apart and told together.
@Suite struct SimulatedAnswerTests {
    private struct Rules: GatewayRefusals {
        var refusal: String?
        func refusal(of request: AuthorizationRequest) -> String? {
            self.refusal ?? (request.resource.rawValue.contains("$") ? "reserved" : nil)
        }
        func refusal(ofWill topic: ARN) -> String? {
            topic.rawValue.contains("$") ? "no will there" : nil
        }
    }

    private static let realm = Realm.standard

    private static func connection(_ text: String) throws -> SimulatedConnection {
        try SimulatedConnection(name: "c", try JSONParser.parse(text), at: .root, in: Self.realm)
    }

    private static func answer(
        _ connection: String, _ question: String, _ statements: String...,
        rules: Rules? = Rules()
    ) throws -> SimulatedAnswer {
        let policy = try PolicyAsking.compile(
            #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#)
        return try Self.connection(connection).answer(
            try PolicyQuestion(question, in: Self.realm), policies: [policy], rules: rules)
    }

    private static let everything = #"{"Effect":"Allow","Action":"iot:*","Resource":"*"}"#

    @Test func theGatewaysRefusalStandsBesideWhatPoliciesSay() throws {
        let refused = try Self.answer("{}", "publish $x", Self.everything)
        #expect(!refused.isAllowed && refused.decision.isAllowed && refused.refusal == "reserved")
        #expect(
            refused.json == [
                "decision": "REFUSED", "policy": "p", "statement": 0,
                "policyDecision": "ALLOWED", "refusal": "reserved",
            ])
        #expect(try Self.answer("{}", "publish $x", Self.everything, rules: nil).isAllowed)
        #expect(try Self.answer("{}", "publish x", Self.everything).isAllowed)
    }

    @Test func aMatrixTellsBoth() throws {
        let document = try PolicyDocument.parse(
            PolicyAsking.document(
                PolicyAsking.statement("topic/a"), PolicyAsking.statement("topic/$x"),
                PolicyAsking.statement("topic/$y/*")))
        let policy = CompiledPolicy(document, name: try PolicyName("p"), version: 1)
        let columns = PolicyMatrix.columns(of: [document])
        let described = [("{}", "on"), (#"{"status":"INACTIVE"}"#, "off")]
        let rows = try described.map { text, name in
            (
                connection: try SimulatedConnection(
                    name: name, try JSONParser.parse(text), at: .root, in: Self.realm),
                policies: [policy]
            )
        }
        let matrix = PolicyMatrix(columns: columns, connections: rows) {
            Rules(refusal: $0.status == .active ? nil : "not active")
        }
        // Of what `$y/*` stands for the gateway may take some.
        #expect(matrix.table().rows[1] == ["on", "yes", "REFUSED", "yes"])
        #expect(matrix.table().rows[2] == ["off", "REFUSED", "REFUSED", "REFUSED"])
        #expect(
            matrix.refusals == [
                "on 2 (policies: yes): reserved",
                "off 1 (policies: yes), 2 (policies: yes), 3 (policies: yes): not active",
            ])
    }

    /// The broker's client id is the one in the CONNECT.
    @Test func whoeverConnectsUnderANameIsAskedAboutUnderIt() throws {
        let own = PolicyAsking.statement("client/${iot:ClientId}", action: "iot:Connect")
        #expect(try Self.answer("{}", "connect a", own).isAllowed)
        #expect(try Self.answer(#"{"clientId":"b"}"#, "connect a", own).isAllowed)
        let attached = #"""
            {"Effect":"Allow","Action":"iot:Connect","Resource":"*",
             "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}}
            """#
        func mayConnect(_ connection: String, as name: String) throws -> Bool {
            try Self.answer(connection, "connect \(name)", attached).isAllowed
        }
        let usual = #"{"clientId":"t","thing":"t"}"#
        #expect(try mayConnect(usual, as: "t"))
        #expect(try mayConnect(usual, as: "other") == false)
        #expect(try mayConnect(#"{"thing":"t"}"#, as: "t"))
        let exclusive = #"{"clientId":"x","thing":"t"}"#
        #expect(try mayConnect(exclusive, as: "x"))
        #expect(try mayConnect(exclusive, as: "other"))
    }

    @Test func whatAConnectSaysIsKnownAtNoOtherTime() throws {
        let lastWill = #"""
            {"Effect":"Allow","Action":["iot:Connect","iot:Publish"],"Resource":"*",
             "Condition":{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":"LastWill"}}}
            """#
        let device = #"{"clientId":"c","lastWillTopic":"w"}"#
        let other = PolicyAsking.statement("topic/w")
        #expect(try Self.answer(device, "connect c", lastWill, other).isAllowed)
        #expect(try Self.answer(device, "publish a", lastWill, other).isAllowed == false)
    }

    @Test func aLastWillThatIsNotAllowedRefusesTheConnect() throws {
        let connect = PolicyAsking.statement("client/*", action: "iot:Connect")
        let device = #"{"clientId":"c","lastWillTopic":"w"}"#
        let refused = try Self.answer(device, "connect c", connect)
        #expect(!refused.isAllowed && refused.decision.isAllowed)
        #expect(refused.refusal?.contains("its last will is not allowed: denied:") == true)
        #expect(
            try Self.answer(device, "connect c", connect, PolicyAsking.statement("topic/w"))
                .isAllowed)
        let reserved = #"{"clientId":"c","lastWillTopic":"$w"}"#
        #expect(try Self.answer(reserved, "connect c", Self.everything).refusal == "no will there")
    }
}
