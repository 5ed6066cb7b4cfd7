import Fleet
import Testing

@testable import Policies

@Suite struct StatementWordsTests {
    private static func words(_ statement: String) throws -> StatementWords {
        let document = try PolicyDocument.parse(PolicyAsking.document(statement))
        return try #require(StatementWords.all(in: document).first)
    }

    @Test func aStatementIsTold() throws {
        let statement = #"""
            {"Sid":"own","Effect":"Allow","Action":["iot:Publish","iot:Receive"],
             "Resource":["arn:aws:iot:local:000000000000:topic/t/${iot:Connection.Thing.ThingName}/*",
                         "arn:aws:iot:local:000000000000:topic/all"],
             "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"},
                          "NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}
            """#
        #expect(
            try Self.words(statement).lines(number: 1) == [
                "1. Allows ('own')", "   to    publish", "   or    receive",
                "   upon  every topic like t/<the thing's name>/*", "   or    the topic all",
                "   when  the connection speaks for a thing",
                "   and   the client's address is neither within 10.0.0.0/8 nor 192.168.0.0/16",
            ])
    }

    @Test(arguments: [
        ("iot:*", "do anything"), ("*", "do anything"), ("iot:Connect", "connect"),
        ("iot:*Publish", "publish or publish with the retain flag"),
        ("iot:CreateThing", "iot:CreateThing (nothing that a device can do)"),
        ("iotjobsdata:*", "do anything of iotjobsdata:*"),
    ])
    func actionsAreTold(action: String, words: String) throws {
        #expect(try Self.words(PolicyAsking.statement("*", action: action)).actions == [words])
    }

    @Test(arguments: [
        ("*", "everything"), ("client/a", "the client id a"), ("client/*", "every client id"),
        ("topicfilter/a/+/b", "the topic filter a/+/b"),
        ("topicfilter/a/*", "every topic filter like a/*"),
        ("topic/a${*}", "the topic a'*'"), ("rolealias/x", "the role alias x"),
        (
            "thing/${iot:Certificate.Subject.CommonName}",
            "the thing <the certificate's Subject.CommonName>"
        ),
        (
            "topic/${iot:Certificate.Subject.Country.2}",
            "the topic <value 3 of the certificate's Subject.Country>"
        ),
        ("topic/${aws:username}", "the topic <aws:username, which means nothing here>"),
        ("top*", "everything like arn:aws:iot:local:000000000000:top*"),
    ])
    func resourcesAreTold(resource: String, words: String) throws {
        #expect(try Self.words(PolicyAsking.statement(resource)).resources == [words])
        let others = try Self.words(PolicyAsking.statement(resource, element: "NotResource"))
        #expect(others.resources == ["everything except \(words)"])
    }

    @Test(arguments: [
        (#"{"StringEquals":{"iot:ClientId":"a"}}"#, "the client id is 'a'"),
        (#"{"StringNotEquals":{"iot:ClientId":"a"}}"#, "the client id is not 'a'"),
        (
            #"{"StringNotLike":{"iot:ClientId":["a*","b?"]}}"#,
            "the client id is neither like 'a*' nor 'b?'"
        ),
        (
            #"{"StringEqualsIgnoreCaseIfExists":{"iot:DomainName":["a","b"]}}"#,
            "the server name asked for is 'a' or 'b', whatever the letter case, or it is not known"
        ),
        (
            #"{"NumericLessThanEquals":{"iot:Connection.Thing.Attributes[n]":5}}"#,
            "the thing's attribute n is not greater than 5"
        ),
        (
            #"{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01"}}"#,
            "the time is later than 2026-01-01"
        ),
        (
            #"{"Bool":{"iot:Connection.Thing.IsAttached":false}}"#,
            "the connection speaks for no thing"
        ),
        (#"{"Null":{"iot:DomainName":"true"}}"#, "the server name asked for is not known"),
        (#"{"Null":{"iot:DomainName":"false"}}"#, "the server name asked for is known"),
        (
            #"{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}"#,
            "every one of the connect attributes, if there is any, is 'LastWill'"
        ),
        (
            #"{"ForAnyValue:StringLike":{"iot:Certificate.Subject.Country.List":["a*","b"]}}"#,
            "at least one of the certificate's Subject.Country values is like 'a*' or 'b'"
        ),
        (
            #"{"ArnLike":{"iot:LastWillTopic":"arn:aws:iot:a:b:topic/${iot:ClientId}"}}"#,
            "the last will's topic is like 'arn:aws:iot:a:b:topic/<the client id>'"
        ),
    ])
    func conditionsAreTold(condition: String, words: String) throws {
        let statement = PolicyAsking.statement("*", condition: condition)
        #expect(try Self.words(statement).conditions == [words])
    }

    /// Every operator has words, negated or not, with one value and with two.
    @Test(arguments: ConditionOperator.allCases)
    func everyOperatorHasWords(operation: ConditionOperator) throws {
        let value: String =
            switch operation.meaning.comparison {
            case .text, .foldedText, .like: "x"
            case .number: "1"
            case .date: "2026-01-01"
            case .bool, .null: "true"
            case .binary: "AAAA"
            case .network: "10.0.0.0/8"
            case .arn: "arn:aws:iot:a:b:c"
            }
        let condition = #"{"\#(operation.rawValue)":{"iot:ClientId":["\#(value)","\#(value)"]}}"#
        let words = try Self.words(PolicyAsking.statement("*", condition: condition)).conditions
        #expect(words.count == 1 && words[0].hasPrefix("the client id is"))
        #expect(words[0].contains("neither") == operation.meaning.negated)
    }

    @Test func foreignTextStaysOnItsLine() throws {
        let statement =
            #"{"Sid":"a\nb","Effect":"Deny","Action":"iot:Publish","Resource":"\#(PolicyAsking.arn)topic/a\u001b[31m\nb"}"#
        let lines = try Self.words(statement).lines(number: 1)
        #expect(lines.allSatisfy { line in !line.unicodeScalars.contains { $0.value < 0x20 } })
        #expect(lines[0].hasPrefix("1. Denies, whatever else allows it"))
    }
}
