import Fleet
import JSON
import Testing

@testable import Policies

@Suite struct SimulationTests {
    private static let realm = Realm.standard

    @Test(arguments: [
        ("connect", "c1", "iot:Connect", "client/c1"),
        ("publish", "t/a", "iot:Publish", "topic/t/a"),
        ("retain-publish", "t/a", "iot:RetainPublish", "topic/t/a"),
        ("subscribe", "a/#", "iot:Subscribe", "topicfilter/a/#"),
        ("RECEIVE", "t/a b", "iot:Receive", "topic/t/a b"),
        ("subscribe", "*", "iot:Subscribe", "topicfilter/*"),
    ])
    func aQuestionIsAVerbAndAName(
        verb: String, name: String, operation: String, resource: String
    ) throws {
        for question in [
            try PolicyQuestion(verb, name, in: Self.realm),
            try PolicyQuestion("\(verb) \(name)", in: Self.realm),
        ] {
            #expect(question.request.operation == operation)
            #expect(question.request.resource.rawValue == PolicyAsking.arn + resource)
        }
    }

    @Test func aQuestionMayNameAnyActionAndAnARN() throws {
        let arn = PolicyAsking.arn + "thing/x"
        let shadow = try PolicyQuestion("iot:GetThingShadow", arn, in: Self.realm)
        #expect(shadow.request.action == .getThingShadow)
        let control = try PolicyQuestion("slipway:ImportAllowlist", "*", in: Self.realm)
        #expect(control.request.operation == "slipway:ImportAllowlist")
        let whole = try PolicyQuestion("publish", PolicyAsking.arn + "topic/a", in: Self.realm)
        #expect(whole.request == .publish(topic: "a", in: Self.realm))
    }

    @Test(arguments: ["", "publish", "publsh t/a", "iot:GetThingShadow x", "iot:* *", "fly *"])
    func whatIsNoQuestionIsRefused(text: String) {
        #expect(throws: FleetError.self) { try PolicyQuestion(text, in: Self.realm) }
    }

    @Test func missingValuesAreThoseThatTheActionAsksFor() throws {
        let policy = try PolicyAsking.compile(
            PolicyAsking.document(
                PolicyAsking.statement(
                    "topic/${iot:Connection.Thing.ThingName}/${iot:ClientId}",
                    condition:
                        #"{"StringEquals":{"iot:DomainName":"${iot:Certificate.SerialNumber}"},"Null":{"iot:LastWillTopic":"true"}}"#
                ),
                PolicyAsking.statement(
                    "client/${aws:sourceip}${iot:NoSuchName}", action: "iot:Connect",
                    condition: #"{"StringEquals":{"iot:NoSuchKey":"x"}}"#)))
        func missing(_ request: AuthorizationRequest) -> [String] {
            PolicyEvaluator.missingValues(
                policies: [policy], request: request, context: PolicyVariables(clientID: "c"))
        }
        #expect(
            missing(PolicyAsking.publish("a")) == [
                "iot:Certificate.SerialNumber", "iot:Connection.Thing.ThingName", "iot:DomainName",
            ])
        // AWS's spelling; of what it does not have, the document's.
        #expect(
            missing(.connect(clientID: "c", in: Self.realm)) == [
                "aws:SourceIp", "iot:NoSuchKey", "iot:NoSuchName",
            ])
    }

    private static func connection(_ text: String) throws -> SimulatedConnection {
        try SimulatedConnection(
            name: "n", try JSONParser.parse(text), at: .root, in: Self.realm)
    }

    @Test func aConnectionIsDescribedByItsMembers() throws {
        let connection = try Self.connection(
            #"""
            {"clientId":"c","thing":"t","thingType":"k","attributes":{"a":"1"},"sourceIp":"10.0.0.1",
             "domainName":"d","certificate":{"Subject.CommonName":"n","issuer.country":["x","y"],
             "SerialNumber":"0a"},"connectAttributes":["LastWill"],"lastWillTopic":"w",
             "time":"1970-01-01T00:00:01Z","keys":{"AWS:username":"u"},"policies":["p.json"],
             "status":"INACTIVE"}
            """#)
        let variables = connection.variables
        #expect(variables.clientID == "c" && variables.sourceIP == "10.0.0.1")
        #expect(variables.thing?.name.rawValue == "t" && variables.thing?.attributes == ["a": "1"])
        #expect(variables.thing?.typeName?.rawValue == "k" && variables.domainName == "d")
        #expect(variables.certificateSerialNumber == "0a")
        #expect(variables.certificateFields.values.contains(["x", "y"]))
        #expect(variables.connectAttributes == [.lastWill])
        #expect(variables.lastWillTopic == Self.realm.topic("w"))
        #expect(variables.now == UnixTime(seconds: 1))
        #expect(variables.furtherKeys == ["aws:username": ["u"]])
        #expect(connection.with(policyFilesBelow: "dir").policyFiles == ["dir/p.json"])
        #expect(connection.status == .inactive)
        let nobody = try Self.connection("{}")
        #expect(nobody.policyFiles == nil && nobody.status == .active)
    }

    @Test(arguments: [
        ("[]", "a connection is an object"), (#"{"clientID":"c"}"#, "did you mean 'clientId'"),
        (#"{"frob":"c"}"#, "unknown member"), (#"{"clientId":1}"#, "/clientId: expected a text"),
        (#"{"connectAttributes":["X"]}"#, "neither PersistentConnect nor LastWill"),
        (#"{"thing":"no spaces"}"#, "thing name"), (#"{"time":"soon"}"#, "/time: 'soon'"),
        (#"{"certificate":{"Subject.ComonName":"x"}}"#, "did you mean 'Subject.CommonName'"),
        (#"{"attributes":["a"]}"#, "/attributes: expected an object"),
        (#"{"status":"active"}"#, "/status: 'active' is no status of a certificate: ACTIVE"),
        (#"{"attributes":{"a":"1"}}"#, "are a thing's"),
    ])
    func aMistakeInAConnectionIsNamed(text: String, message: String) {
        #expect {
            try Self.connection(text)
        } throws: { error in "\(error)".contains(message) }
    }

    @Test func aMatrixTellsWhoMayDoWhat() throws {
        let policy = try PolicyAsking.compile(
            PolicyAsking.document(
                PolicyAsking.statement("topic/t/${iot:Connection.Thing.ThingName}/*"),
                PolicyAsking.statement("topic/t/*/secret", effect: "Deny")))
        let pump = SimulatedConnection(name: "pump", variables: try PolicyAsking.pump())
        let guest = SimulatedConnection(name: "guest", variables: PolicyVariables(clientID: "g"))
        let questions = ["publish t/pump-1/up", "publish t/pump-1/secret", "subscribe t/#"]
        let matrix = PolicyMatrix(
            columns: try questions.map { .question(try PolicyQuestion($0, in: Self.realm)) },
            connections: [(pump, [policy]), (guest, [policy]), (pump, [])])
        let (rows, legend) = matrix.table()
        #expect(
            rows == [
                ["", "1", "2", "3"], ["pump", "yes", "DENY", "no"], ["guest", "no", "DENY", "no"],
                ["pump", "no", "no", "no"],
            ])
        #expect(legend[1] == "2  publish t/pump-1/secret")
        let cell = matrix.json["rows"]?.arrayValue?[0]["decisions"]?.arrayValue?[1]
        #expect(
            cell == ["decision": "EXPLICIT_DENY", "policy": "p", "statement": 1])
    }

    @Test func withoutQuestionsTheDocumentsOwnResourcesAreAsked() throws {
        let document = try PolicyDocument.parse(
            PolicyAsking.document(
                PolicyAsking.statement(
                    "client/${iot:Connection.Thing.ThingName}", action: "iot:Connect"),
                #"{"Effect":"Allow","Action":["iot:Publish","iot:Subscribe"],"Resource":["\#(PolicyAsking.arn)topic/a?/*","\#(PolicyAsking.arn)topicfilter/a/*"]}"#
            ))
        let policy = CompiledPolicy(document, name: try PolicyName("p"), version: 1)
        let columns = PolicyMatrix.columns(of: [document])
        let matrix = PolicyMatrix(
            columns: columns,
            connections: [
                (SimulatedConnection(name: "pump", variables: try PolicyAsking.pump()), [policy]),
                (
                    SimulatedConnection(name: "x", variables: PolicyVariables(clientID: "x")),
                    [policy]
                ),
            ])
        #expect(matrix.table().rows[1] == ["pump", "yes", "yes", "yes"])
        #expect(matrix.table().rows[2] == ["x", "-", "yes", "yes"])
        #expect(document.realm == .standard)
    }
}
