import Fleet
import JSON
import Testing

@testable import Policies

/// What an author hears of a document that is refused.
@Suite struct PolicyReadingTests {
    private static func findings(
        _ text: String, dialect: PolicyDialect = .device
    ) -> [PolicyFinding] {
        let reading = PolicyDocument.read(text, dialect: dialect)
        #expect((reading.document == nil) == !reading.findings.isEmpty)
        return reading.findings
    }

    private static func message(_ statement: String, dialect: PolicyDialect = .device) -> String? {
        let findings = Self.findings(PolicyAsking.document(statement), dialect: dialect)
        #expect(findings.count <= 1, "\(findings)")
        return findings.first?.message
    }

    @Test func everyFaultIsNamedAtOnceWithLineAndColumn() {
        let text = """
            {
              "Version": "2008-10-17",
              "Statment": [],
              "Statement": [
                {
                  "Effect": "allow",
                  "Action": ["iot:Connect", "iot:Pubish"],
                  "Ressource": "*"
                },
                {
                  "Effect": "Deny",
                  "Action": "s3:GetObject",
                  "Resource": "topic/a",
                  "Condition": {
                    "StringEqual": {"iot:ClientId": "x"},
                    "Bool": {"iot:Connection.Thing.IsAtached": "true",
                             "iot:ClientId": "maybe"}
                  }
                }
              ]
            }
            """
        let expected = [
            "line 3, column 3 (/Statment): unknown element; did you mean 'Statement'?",
            "line 2, column 14 (/Version): Version must be \"2012-10-17\"",
            "line 8, column 7 (/Statement/0/Ressource): unknown element; did you mean 'Resource'?",
            "line 6, column 17 (/Statement/0/Effect): Effect must be \"Allow\" or \"Deny\", letter "
                + "for letter",
            "line 7, column 33 (/Statement/0/Action/1): there is no action 'iot:Pubish'; did you "
                + "mean 'iot:Publish'?",
            "line 5, column 5 (/Statement/0): a statement needs \"Resource\" or \"NotResource\"",
            "line 12, column 17 (/Statement/1/Action): an action begins with 'iot:', "
                + "'iotjobsdata:' or 'greengrass:', or is '*'",
            "line 13, column 19 (/Statement/1/Resource): a resource is \"*\" or an ARN, such as "
                + "arn:aws:iot:REGION:ACCOUNT:topic/NAME",
            "line 15, column 9 (/Statement/1/Condition/StringEqual): unknown condition operator; "
                + "did you mean 'StringEquals'?",
            "line 16, column 18 (/Statement/1/Condition/Bool/iot:Connection.Thing.IsAtached): "
                + "there is no condition key 'iot:Connection.Thing.IsAtached'; did you mean "
                + "'iot:Connection.Thing.IsAttached'?",
            "line 17, column 34 (/Statement/1/Condition/Bool/iot:ClientId): 'maybe' is no 'true' "
                + "or 'false'",
        ]
        #expect(Self.findings(text).map(\.description) == expected)
    }

    @Test func anErrorNamesSomeFaultsAndCountsTheRest() {
        let actions = (0..<20).map { "\"s3:A\($0)\"" }.joined(separator: ",")
        let text = PolicyAsking.document(
            #"{"Effect":"Allow","Action":[\#(actions)],"Resource":"*"}"#)
        #expect {
            try PolicyDocument.parse(text)
        } throws: { error in
            "\(error)".contains("/Statement/0/Action/7") && "\(error)".hasSuffix("; and 12 more")
        }
    }

    @Test func aSyntaxErrorStandsWhereItIs() {
        let finding = Self.findings("{\n \"Version\" \"2012-10-17\"}").first
        #expect(finding?.rule == .syntax)
        #expect(finding?.position == JSONSourceMap.Position(line: 2, column: 12))
    }

    @Test func escapesAndWideCharactersDoNotShiftAPlace() {
        let text = #"{"Version":"2012-10-17","Statement":{"Sid":"\u0022é{","Effect":"Alow"}}"#
        let finding = Self.findings(text).first { $0.place.tokens.last == "Effect" }
        // é has two bytes.
        #expect(finding?.position == JSONSourceMap.Position(line: 1, column: 65))
    }

    @Test(arguments: [
        ("iot:Pubish", "iot:Publish"), ("iot:recieve", "iot:Receive"),
        ("iot:Conect", "iot:Connect"), ("iot:Subscribes", "iot:Subscribe"),
        ("iot:GetThingShadows", "iot:GetThingShadow"), ("iot:ublish", "iot:Publish"),
        ("iotjobsdata:UpdateJobExecutions", "iotjobsdata:UpdateJobExecution"),
    ])
    func aMisspeltActionIsToldFromAnUnknownOne(written: String, meant: String) {
        let message = Self.message(PolicyAsking.statement("*", action: written))
        #expect(message == "there is no action '\(written)'; did you mean '\(meant)'?")
    }

    /// AWS adds actions, and the control plane's are many: what resembles nothing is let in, and
    /// covers nothing.
    @Test(arguments: [
        "iot:CreateThing", "iot:Frob", "iot:Pubish*", "iot:UpdateJob", "iot:ListJobs",
    ])
    func anActionThatResemblesNothingIsLetIn(action: String) {
        #expect(Self.message(PolicyAsking.statement("*", action: action)) == nil)
    }

    @Test func aRolesMisspeltOperationIsNamed() {
        let dialect = PolicyDialect.access.knowing(["iot:CreateThing", "slipway:ImportAllowlist"])
        func message(_ action: String) -> String? {
            Self.message(PolicyAsking.statement("*", action: action), dialect: dialect)
        }
        #expect(message("iot:createThing") == nil)
        #expect(message("iot:DeleteThing") == nil)
        #expect(message("iot:CreateThin")?.hasSuffix("did you mean 'iot:CreateThing'?") == true)
        #expect(message("slipway:ImportAlowlist")?.contains("ImportAllowlist") == true)
    }

    @Test(
        arguments: [
            ("iot:ClientID", nil), ("iot:ClientIdd", "iot:ClientId"),
            ("iot:CleintId", "iot:ClientId"),
            ("aws:SourceIP", nil), ("aws:SourceIps", "aws:SourceIp"),
            ("iot:Connection.Thing.ThingNam", "iot:Connection.Thing.ThingName"),
            ("iot:Connection.Thing.Atributes[site]", "iot:Connection.Thing.Attributes[site]"),
            ("iot:Certificate.Subject.ComonName", "iot:Certificate.Subject.CommonName"),
            ("iot:Certificate.Subject.ComonName.2", "iot:Certificate.Subject.CommonName.2"),
            ("iot:Certificate.Isuer.Country.List", "iot:Certificate.Issuer.Country.List"),
            ("iot:Certificate.Subject.StateName", "iot:Certificate.Subject.State"),
            ("iot:Certificate.Subject.CommonName.9", nil), ("aws:PrincipalTag/team", nil),
            ("aws:username", nil), ("iot:Nope", nil),
        ] as [(String, String?)])
    func aMisspeltKeyIsToldFromAnUnknownOne(written: String, meant: String?) {
        let asKey = Self.message(
            PolicyAsking.statement("*", condition: #"{"StringEquals":{"\#(written)":"x"}}"#))
        let asVariable = Self.message(PolicyAsking.statement("topic/${\(written)}"))
        let asOperand = Self.message(
            PolicyAsking.statement(
                "*", condition: #"{"StringEquals":{"iot:ClientId":"${\#(written)}"}}"#))
        for message in [asKey, asVariable, asOperand] {
            if let meant {
                #expect(message?.hasSuffix("did you mean '\(meant)'?") == true, "\(message ?? "-")")
            } else {
                #expect(message == nil)
            }
        }
    }

    @Test(arguments: [
        ("StringEqual", "StringEquals"), ("stringEquals", "StringEquals"),
        ("StringLikes", "StringLike"), ("IPAddress", "IpAddress"), ("ARNLike", "ArnLike"),
        ("NumericLessThen", "NumericLessThan"), ("StringEqualIfExists", "StringEqualsIfExists"),
        ("ForAnyValue:StringLik", "ForAnyValue:StringLike"),
    ])
    func aMisspeltOperatorIsNamed(written: String, meant: String) {
        let message = Self.message(
            PolicyAsking.statement("*", condition: #"{"\#(written)":{"iot:ClientId":"1"}}"#))
        #expect(message == "unknown condition operator; did you mean '\(meant)'?")
    }

    /// A new action of a later release must not turn a stored document into one that denies all.
    @Test func aStoredDocumentIsReadWithoutSpellingLessons() throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement("topic/a"),
            PolicyAsking.statement("topic/a", action: "iot:Pubish"))
        #expect(throws: FleetError.self) { try PolicyDocument.parse(document) }
        let time = UnixTime(seconds: 0)
        let stored = Policy(
            name: try PolicyName("old"),
            versions: [.init(id: 1, document: document, createdAt: time)], defaultVersionID: 1,
            createdAt: time)
        let compiled = CompiledPolicy(stored)
        #expect(compiled.defect == nil)
        let decision = PolicyEvaluator.decide(
            policies: [compiled], request: PolicyAsking.publish("a"), context: PolicyVariables())
        #expect(decision.isAllowed)
    }
}
