import Fleet
import JSON
import Testing

@testable import Policies

@Suite struct PolicyLintTests {
    private static func rules(
        _ statements: String..., dialect: PolicyDialect = .device, realm: Realm? = nil
    ) -> [String] {
        let text =
            "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements.joined(separator: ","))]}"
        return PolicyLint.findings(of: text, dialect: dialect, realm: realm).map {
            "\($0.place) \($0.rule.rawValue)"
        }
    }

    private static func statement(
        _ actions: String, _ resources: String, effect: String = "Allow",
        condition: String? = nil
    ) -> String {
        let actions = actions.split(separator: " ").map { "\"iot:\($0)\"" }
        let resources = resources.split(separator: " ").map {
            $0 == "*" ? "\"*\"" : "\"\(PolicyAsking.arn)\($0)\""
        }
        let tail = condition.map { ",\"Condition\":\($0)" } ?? ""
        return "{\"Effect\":\"\(effect)\",\"Action\":[\(actions.joined(separator: ","))],"
            + "\"Resource\":[\(resources.joined(separator: ","))]\(tail)}"
    }

    private static let connect = Self.statement("Connect", "client/${iot:ClientId}")

    @Test func aDocumentThatSaysWhatItMeansHasNoFindings() {
        let rules = Self.rules(
            Self.connect, Self.statement("Publish Receive", "topic/t/${iot:ClientId}/*"),
            Self.statement("Subscribe", "topicfilter/t/${iot:ClientId}/*"),
            Self.statement("Publish", "topic/t/*/secret", effect: "Deny"),
            realm: .standard)
        #expect(rules.isEmpty, "\(rules)")
    }

    @Test func aDocumentThatCannotBeReadHasItsErrorsOnly() {
        let rules = Self.rules(
            Self.statement("Pubish", "*"), #"{"Effect":"Allow","Action":"iot:*"}"#)
        #expect(rules == ["/Statement/0/Action/0 misspelt-action", "/Statement/1 missing-element"])
    }

    /// One statement each, beside one that lets the device connect.
    @Test(arguments: [
        (Self.statement("Subscribe Receive", "topic/a"), ["Action/0 subscribe-on-topic"]),
        (
            Self.statement("Publish", "topicfilter/a"), ["Action/0 publish-on-topicfilter"]
        ),
        (
            Self.statement("Receive Subscribe", "topicfilter/a"),
            ["Action/0 publish-on-topicfilter"]
        ),
        (
            Self.statement("Publish", "topic/a topicfilter/a"),
            ["Resource/1 publish-on-topicfilter"]
        ),
        (Self.statement("Publish", "client/a"), ["Action/0 resource-kind"]),
        (Self.statement("GetThingShadow", "topic/a"), ["Action/0 resource-kind"]),
        (Self.statement("GetThingShadow", "thing/a"), []),
        (Self.statement("Publish", "queue/a"), ["Action/0 resource-kind"]),
        (Self.statement("Publish", "to*"), ["Resource/0 wildcard-resource"]),
        (Self.statement("Publish", "topic/a/#"), ["Resource/0 mqtt-wildcard-in-topic"]),
        (Self.statement("Publish", "topic/+/a"), ["Resource/0 mqtt-wildcard-in-topic"]),
        (Self.statement("Receive Subscribe", "topicfilter/+/a topic/*/a"), []),
        (Self.statement("CreateThing", "thing/a"), ["Action/0 action-covers-nothing"]),
        (Self.statement("Publish", "*"), ["Resource/0 wildcard-resource"]),
        (Self.statement("Publish", "topic/*"), ["Resource/0 wildcard-resource"]),
        (Self.statement("Publish", "topic/a*"), []),
        (
            Self.statement("*", "topic/a"),
            ["Action/0 wildcard-action"]
        ),
        (
            Self.statement("Publish", "topic/${iot:ConnectAttributes}"),
            ["Resource/0 unresolved-variable"]
        ),
        (
            Self.statement("Publish", "topic/${iot:Certificate.Subject.Country.List}"),
            ["Resource/0 unresolved-variable"]
        ),
        (Self.statement("Publish", "topic/${iot:Certificate.Subject.Country.1}"), []),
        (Self.statement("Publish", "topic/${aws:username}"), ["Resource/0 unresolved-variable"]),
        (
            Self.statement(
                "Publish", "topic/a", condition: #"{"StringEquals":{"aws:username":"x"}}"#),
            ["Condition/StringEquals/aws:username unresolved-variable"]
        ),
        (
            Self.statement(
                "Publish", "topic/a",
                condition: #"{"StringEquals":{"iot:ClientId":["x","${aws:username}"]}}"#),
            ["Condition/StringEquals/iot:ClientId/1 unresolved-variable"]
        ),
        (
            Self.statement(
                "Publish", "topic/a",
                condition: #"{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":"LastWill"}}"#),
            ["Condition/ForAnyValue:StringEquals/iot:ConnectAttributes key-at-connect-only"]
        ),
        (
            Self.statement(
                "Publish", "topic/a",
                condition: #"{"StringEquals":{"iot:Certificate.Subject.Country.List":"x"}}"#),
            [
                "Condition/StringEquals/iot:Certificate.Subject.Country.List set-without-quantifier"
            ]
        ),
        (
            Self.statement(
                "Publish", "topic/a",
                condition:
                    #"{"ForAllValues:StringEquals":{"iot:Certificate.Subject.Country.List":"x"}}"#),
            [
                "Condition/ForAllValues:StringEquals/iot:Certificate.Subject.Country.List for-all-values-allow"
            ]
        ),
        (
            Self.statement(
                "Connect", "client/a",
                condition:
                    #"{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}"#), []
        ),
        (
            #"{"Effect":"Allow","NotAction":"iot:Publish","Resource":"\#(PolicyAsking.arn)topic/a"}"#,
            ["NotAction allow-all-but"]
        ),
        (
            #"{"Effect":"Allow","Action":"iot:Publish","NotResource":"\#(PolicyAsking.arn)topic/a"}"#,
            ["NotResource allow-all-but"]
        ),
        (
            #"{"Effect":"Allow","Action":"iot:Publish","Resource":"\#(PolicyAsking.arn)topic/a/+"}"#,
            ["Resource mqtt-wildcard-in-topic"]
        ),
        (Self.statement("Subscribe", "topicfilter/a"), ["subscribe-without-receive"]),
        (Self.statement("Publish", "topic/a", effect: "Deny"), ["idle-deny"]),
    ])
    func aSlipIsNamedAtItsPlace(statement: String, expected: [String]) {
        let rules = Self.rules(Self.connect, statement)
        #expect(
            rules
                == expected.map {
                    $0.contains(" ") ? "/Statement/1/\($0)" : "/Statement/1 \($0)"
                })
    }

    @Test func anyClientIDIsAnotherDevicesToo() {
        #expect(
            Self.rules(Self.statement("Connect", "client/*"))
                == ["/Statement/0/Resource/0 any-client-id"])
    }

    @Test func withoutConnectNothingElseCanBeDone() {
        #expect(
            Self.rules(Self.statement("Publish", "topic/a")) == ["/Statement/0 no-connect"])
    }

    @Test(arguments: [
        ("topic/a", "topic/a", ["/Statement/2 unreachable-statement"]),
        ("topic/a*", "topic/ab", ["/Statement/2 unreachable-statement"]),
        ("topic/ab", "topic/a*", ["/Statement/1 unreachable-statement"]),
        ("topic/a", "topic/b", []),
        (
            "topic/a/${iot:ClientId}", "topic/a/${iot:ClientId}",
            ["/Statement/2 unreachable-statement"]
        ),
        ("topic/a/x", "topic/a/${iot:ClientId}", []),
    ])
    func aStatementThatAddsNothingIsNamed(first: String, second: String, expected: [String]) {
        #expect(
            Self.rules(
                Self.connect, Self.statement("Publish", first), Self.statement("Publish", second))
                == expected)
    }

    @Test func anAllowThatADenyCoversIsNamed() {
        #expect(
            Self.rules(
                Self.connect, Self.statement("Publish", "topic/a/b"),
                Self.statement("Publish Receive", "topic/a/*", effect: "Deny"))
                == ["/Statement/1 unreachable-statement"])
        // A Deny with a condition does not always apply.
        #expect(
            Self.rules(
                Self.connect, Self.statement("Publish", "topic/a/b"),
                Self.statement(
                    "Publish", "topic/a/*", effect: "Deny",
                    condition: #"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#)
            ).isEmpty)
    }

    @Test func aNarrowDenyOfSubscribingIsNotEnough() {
        let statements = [
            Self.connect, Self.statement("Subscribe", "topicfilter/a/*"),
            Self.statement("Receive", "topic/a/*"),
            Self.statement("Subscribe", "topicfilter/a/secret", effect: "Deny"),
        ]
        #expect(
            Self.rules(statements[0], statements[1], statements[2], statements[3])
                == ["/Statement/3 deny-subscribe-gap"])
        #expect(
            Self.rules(
                statements[0], statements[1], statements[2], statements[3],
                Self.statement("Receive", "topic/a/secret", effect: "Deny")
            ).isEmpty)
    }

    @Test func anARNOfAnotherServiceIsNamedWhereOursIsKnown() throws {
        let elsewhere = try Realm(region: "eu-west-1", account: "111122223333")
        let statement = Self.statement("Connect", "client/a")
        #expect(Self.rules(statement, realm: .standard).isEmpty)
        #expect(
            Self.rules(statement, realm: elsewhere) == ["/Statement/0/Resource/0 foreign-arn"])
        #expect(
            Self.rules(
                #"{"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:*:*:client/a"}"#,
                realm: elsewhere
            ).isEmpty)
    }

    @Test func aLongDocumentIsWarnedOf() {
        let topic = String(repeating: "x", count: PolicyLimits.documentCharactersMax * 8 / 10)
        #expect(
            Self.rules(Self.connect, Self.statement("Publish", "topic/" + topic))
                == [" nearly-too-long"])
        let more = String(repeating: "x", count: PolicyLimits.documentCharactersMax)
        #expect(Self.rules(Self.statement("Publish", "topic/" + more)) == [" too-long"])
    }

    @Test func aRoleIsMeasuredByItsOwnOperations() {
        let dialect = PolicyDialect.access.knowing(["iot:CreateThing", "slipway:ImportAllowlist"])
        #expect(
            Self.rules(Self.statement("CreateThing", "thing/a"), dialect: dialect).isEmpty)
        #expect(
            Self.rules(Self.statement("Frobnicate*", "thing/a"), dialect: dialect)
                == ["/Statement/0/Action/0 action-covers-nothing"])
        #expect(
            Self.rules(Self.statement("Create*", "*"), dialect: dialect)
                == ["/Statement/0/Resource/0 wildcard-resource"])
        #expect(
            Self.rules(
                Self.statement(
                    "CreateThing", "thing/${aws:username}",
                    condition: #"{"StringEquals":{"aws:PrincipalType":"x"}}"#), dialect: dialect
            ).isEmpty)
    }

    @Test func findingsComeInTheOrderOfTheText() {
        let findings = PolicyLint.findings(
            of: PolicyAsking.document(
                Self.statement("Publish", "topic/a/#"), Self.statement("Subscribe", "topic/a")))
        let positions = findings.compactMap(\.position)
        #expect(positions.count == findings.count && positions == positions.sorted())
        #expect(findings.count > 2)
    }

    /// Every rule is found by some document above or in the reading's tests, and has one name.
    @Test func rulesHaveNamesOfTheirOwn() {
        #expect(Set(PolicyRule.allCases.map(\.rawValue)).count == PolicyRule.allCases.count)
        #expect(PolicyRule.allCases.allSatisfy { $0.rawValue == $0.rawValue.lowercased() })
    }
}
