import Fleet
import Testing

@testable import Policies

@Suite struct ConditionTests {
    /// One connection with a value of each sort.
    private static func context() throws -> PolicyVariables {
        var context = try PolicyAsking.pump(attributes: [
            "site": "plant-7", "count": "42", "big": "9007199254740993", "half": "0.5",
            "word": "forty", "blob": "aGVsbG8=", "made": "2026-02-28T23:59:59Z", "on": "TRUE",
        ])
        context.connectAttributes = [.lastWill, .persistentConnect]
        context.lastWillTopic = PolicyAsking.realm.topic("t/pump-1/will")
        context.certificateFields = [
            try #require(CertificateField("Subject.Organization")): ["Acme", "Bolt"]
        ]
        context.now = UnixTime(seconds: 1_795_478_700)  // 2026-11-24T00:05:00Z
        return context
    }

    private static let attribute = "iot:Connection.Thing.Attributes"

    @Test(arguments: [
        (#"{"StringEquals":{"iot:ClientId":"pump-1"}}"#, true),
        (#"{"StringEquals":{"IOT:clientid":"pump-1"}}"#, true),
        (#"{"StringEquals":{"iot:ClientId":"PUMP-1"}}"#, false),
        (#"{"StringEquals":{"iot:ClientId":"pump-*"}}"#, false),
        (#"{"StringEquals":{"iot:ClientId":["x","pump-1"]}}"#, true),
        (#"{"StringEquals":{"iot:ClientId":["x","y"]}}"#, false),
        (#"{"StringNotEquals":{"iot:ClientId":"x"}}"#, true),
        (#"{"StringNotEquals":{"iot:ClientId":["x","pump-1"]}}"#, false),
        (#"{"StringEqualsIgnoreCase":{"iot:ClientId":"PUMP-1"}}"#, true),
        (#"{"StringEqualsIgnoreCase":{"iot:ClientId":"PUMP-2"}}"#, false),
        (#"{"StringNotEqualsIgnoreCase":{"iot:ClientId":"PUMP-1"}}"#, false),
        (#"{"StringLike":{"iot:ClientId":"pump-?"}}"#, true),
        (#"{"StringLike":{"iot:ClientId":"pump-??"}}"#, false),
        (#"{"StringLike":{"iot:ClientId":"pump-${*}"}}"#, false),
        (#"{"StringNotLike":{"iot:ClientId":"p*"}}"#, false),
        (#"{"StringNotLike":{"iot:ClientId":"q*"}}"#, true),
        (#"{"StringEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}}"#, true),
        (#"{"NumericEquals":{"A[count]":"42"}}"#, true),
        (#"{"NumericEquals":{"A[count]":42}}"#, true),
        (#"{"NumericEquals":{"A[count]":"42.0"}}"#, true),
        (#"{"NumericEquals":{"A[big]":"9007199254740992"}}"#, false),
        (#"{"NumericNotEquals":{"A[count]":"42"}}"#, false),
        (#"{"NumericNotEquals":{"A[count]":"43"}}"#, true),
        (#"{"NumericLessThan":{"A[count]":"43"}}"#, true),
        (#"{"NumericLessThan":{"A[count]":"42"}}"#, false),
        (#"{"NumericLessThanEquals":{"A[count]":"42"}}"#, true),
        (#"{"NumericGreaterThan":{"A[count]":"42"}}"#, false),
        (#"{"NumericGreaterThan":{"A[half]":"-1e3"}}"#, true),
        (#"{"NumericGreaterThanEquals":{"A[count]":"42"}}"#, true),
        (#"{"DateEquals":{"A[made]":"2026-03-01T00:59:59+01:00"}}"#, true),
        (#"{"DateNotEquals":{"A[made]":"2026-02-28T23:59:59Z"}}"#, false),
        (#"{"DateLessThan":{"A[made]":"2026-03-01"}}"#, true),
        (#"{"DateLessThanEquals":{"A[made]":"2026-02-28T23:59:59.000Z"}}"#, true),
        (#"{"DateGreaterThan":{"aws:CurrentTime":"2026-11-24T00:04:59Z"}}"#, true),
        (#"{"DateGreaterThan":{"aws:CurrentTime":"2026-11-24T00:05:00Z"}}"#, false),
        (#"{"DateGreaterThanEquals":{"aws:EpochTime":"1795478700"}}"#, true),
        (#"{"NumericLessThan":{"aws:EpochTime":1795478700}}"#, false),
        (#"{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}"#, true),
        (#"{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}"#, true),
        (#"{"Bool":{"iot:Connection.Thing.IsAttached":true}}"#, true),
        (#"{"Bool":{"iot:Connection.Thing.IsAttached":"false"}}"#, false),
        (#"{"Bool":{"A[on]":"true"}}"#, true),
        (#"{"BinaryEquals":{"A[blob]":"aGVsbG8="}}"#, true),
        (#"{"BinaryEquals":{"A[blob]":"aGVsbG9="}}"#, nil),
        (#"{"BinaryEquals":{"A[blob]":"aGVsbA=="}}"#, false),
        (#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#, true),
        (#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.7"]}}"#, true),
        (#"{"IpAddress":{"aws:SourceIp":"203.0.113.8"}}"#, false),
        (#"{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#, false),
        (#"{"NotIpAddress":{"aws:SourceIp":"2001:db8::/32"}}"#, true),
        (#"{"ArnEquals":{"iot:LastWillTopic":"R:topic/t/pump-1/will"}}"#, true),
        (#"{"ArnEquals":{"iot:LastWillTopic":"R:topic/t/*"}}"#, true),
        (#"{"ArnLike":{"iot:LastWillTopic":"R:topic/t/${iot:ClientId}/will"}}"#, true),
        (#"{"ArnLike":{"iot:LastWillTopic":"arn:aws:*:topic/t/pump-1/will"}}"#, nil),
        (#"{"ArnLike":{"iot:LastWillTopic":"arn:*:*:*:*:topic/*"}}"#, true),
        (#"{"ArnLike":{"iot:LastWillTopic":"arn:aws:iot:lo*:topic/t:*"}}"#, false),
        (#"{"ArnLike":{"iot:LastWillTopic":"${iot:LastWillTopic}"}}"#, true),
        (#"{"ArnLike":{"iot:LastWillTopic":"*"}}"#, true),
        (#"{"ArnNotEquals":{"iot:LastWillTopic":"R:topic/t/*"}}"#, false),
        (#"{"ArnNotLike":{"iot:LastWillTopic":"R:topic/u/*"}}"#, true),
        (#"{"ArnLike":{"iot:ClientId":"R:topic/*"}}"#, false),
        (#"{"Null":{"iot:ClientId":"false"}}"#, true),
        (#"{"Null":{"iot:ClientId":"true"}}"#, false),
        (#"{"Null":{"iot:DomainName":true}}"#, true),
        (#"{"Null":{"iot:DomainName":"false"}}"#, false),
        (
            #"{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill","PersistentConnect"]}}"#,
            true
        ),
        (#"{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}"#, false),
        (#"{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}"#, true),
        (#"{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["x"]}}"#, false),
        (#"{"ForAllValues:StringNotEquals":{"iot:ConnectAttributes":["LastWill"]}}"#, false),
        (#"{"ForAllValues:StringNotEquals":{"iot:ConnectAttributes":["x"]}}"#, true),
        (#"{"ForAnyValue:StringNotEquals":{"iot:ConnectAttributes":["LastWill"]}}"#, true),
        (#"{"ForAllValues:StringEquals":{"iot:ClientId":["pump-1"]}}"#, true),
        (
            #"{"ForAllValues:StringLike":{"iot:Certificate.Subject.Organization.List":["A*","B*"]}}"#,
            true
        ),
        (
            #"{"ForAllValues:StringLike":{"iot:Certificate.Subject.Organization.List":["A*"]}}"#,
            false
        ),
        (
            #"{"ForAnyValue:StringEquals":{"iot:Certificate.AvailableKeys":"iot:Certificate.Subject.Organization"}}"#,
            true
        ),
        (#"{"StringEquals":{"iot:Certificate.Subject.Organization.1":"Bolt"}}"#, true),
        // Keys and operators are all needed.
        (#"{"StringEquals":{"iot:ClientId":"pump-1","aws:SourceIp":"x"}}"#, false),
        (
            #"{"StringEquals":{"iot:ClientId":"pump-1"},"Bool":{"iot:Connection.Thing.IsAttached":"false"}}"#,
            false
        ),
        (
            #"{"StringEquals":{"iot:ClientId":"pump-1"},"Bool":{"iot:Connection.Thing.IsAttached":"true"}}"#,
            true
        ),
    ])
    func aConditionHoldsAsWritten(condition: String, holds: Bool?) throws {
        let condition = condition.replacing("A[", with: "\(Self.attribute)[")
            .replacing("R:", with: PolicyAsking.arn)
        let context = try Self.context()
        guard let holds else {
            #expect(throws: FleetError.self) {
                try PolicyAsking.allows(condition: condition, context)
            }
            return
        }
        #expect(try PolicyAsking.allows(condition: condition, context) == holds)
        // The same condition on a Deny turns the answer round.
        #expect(try PolicyAsking.allows("Deny", condition: condition, context) == !holds)
    }

    /// Every operator, plain, with IfExists and with both quantifiers, on a key that is absent.
    /// Anchors A4 row 11.
    @Test(arguments: ConditionOperator.allCases)
    func anAbsentKeyMeansWhatIAMSays(operation: ConditionOperator) throws {
        guard operation != .null else { return }
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
        func holds(_ name: String) throws -> Bool {
            let condition = #"{"\#(name)":{"iot:DomainName":"\#(value)"}}"#
            let holds = try PolicyAsking.allows(condition: condition, PolicyVariables())
            #expect(
                try PolicyAsking.allows("Deny", condition: condition, PolicyVariables()) == !holds)
            return holds
        }
        let name = operation.rawValue
        #expect(try holds(name) == operation.meaning.negated)
        #expect(try holds(name + "IfExists"))
        #expect(try holds("ForAllValues:" + name))
        #expect(try !holds("ForAnyValue:" + name))
        #expect(try holds("ForAllValues:" + name + "IfExists"))
        #expect(try holds("ForAnyValue:" + name + "IfExists"))
    }

    @Test func ifExistsStillLooksAtAKeyThatIsThere() throws {
        let context = PolicyVariables(domainName: "a")
        for (value, holds) in [("a", true), ("b", false)] {
            let condition = #"{"StringEqualsIfExists":{"iot:DomainName":"\#(value)"}}"#
            #expect(try PolicyAsking.allows(condition: condition, context) == holds)
        }
    }

    /// What cannot be judged never lets anything through: not in an Allow, not past a Deny.
    @Test(arguments: [
        #"{"StringEquals":{"iot:ClientId":"${iot:DomainName}"}}"#,
        #"{"StringNotEquals":{"iot:ClientId":"${iot:DomainName}"}}"#,
        #"{"StringEqualsIgnoreCase":{"iot:ClientId":"${iot:Nonsense}"}}"#,
        #"{"StringNotLike":{"iot:ClientId":"x${iot:DomainName}*"}}"#,
        #"{"NumericEquals":{"iot:ClientId":"1"}}"#, #"{"NumericNotEquals":{"iot:ClientId":"1"}}"#,
        #"{"NumericEquals":{"aws:EpochTime":"${iot:ClientId}"}}"#,
        #"{"DateLessThan":{"iot:ClientId":"2026-01-01"}}"#,
        #"{"DateNotEquals":{"iot:ClientId":"2026-01-01"}}"#,
        #"{"Bool":{"iot:ClientId":"true"}}"#, #"{"IpAddress":{"iot:ClientId":"10.0.0.1"}}"#,
        #"{"NotIpAddress":{"iot:ClientId":"10.0.0.1"}}"#,
        #"{"ArnLike":{"iot:LastWillTopic":"arn:aws:iot:local:000000000000:topic/${iot:DomainName}"}}"#,
        #"{"ArnNotLike":{"iot:LastWillTopic":"arn:aws:iot:local:000000000000:topic/${iot:DomainName}"}}"#,
        #"{"StringEquals":{"iot:ConnectAttributes":"LastWill"}}"#,
        #"{"StringNotEquals":{"iot:ConnectAttributes":"LastWill"}}"#,
        #"{"StringEquals":{"iot:NoSuchKey":"x"}}"#, #"{"StringNotEquals":{"iot:NoSuchKey":"x"}}"#,
        #"{"StringEqualsIfExists":{"iot:NoSuchKey":"x"}}"#, #"{"Null":{"iot:NoSuchKey":"true"}}"#,
        #"{"Null":{"iot:NoSuchKey":"false"}}"#,
        #"{"ForAllValues:StringEquals":{"iot:NoSuchKey":"x"}}"#,
    ])
    func whatCannotBeJudgedRefuses(condition: String) throws {
        let context = PolicyVariables(
            clientID: "pump-1", connectAttributes: [.lastWill, .persistentConnect],
            lastWillTopic: PolicyAsking.realm.topic("x"), now: UnixTime(seconds: 0))
        #expect(try !PolicyAsking.allows(condition: condition, context))
        #expect(try !PolicyAsking.allows("Deny", condition: condition, context))
    }

    @Test(arguments: [
        "StringEqual", "stringequals", "Equals", "", "IfExists", "StringEqualsifexists",
        "StringEqualsIfExistsIfExists", "ForSomeValues:StringEquals", "ForAllValues",
        "ForAllValues:", ":StringEquals", "ForAllValues:ForAnyValue:StringEquals", "NullIfExists",
        "ForAllValues:Null", "ForAnyValue:Null", "IPAddress", "NumericLike", "BinaryNotEquals",
    ])
    func anUnknownOperatorIsRefused(name: String) {
        #expect(throws: FleetError.self) {
            try PolicyAsking.allows(
                condition: #"{"\#(name)":{"iot:ClientId":"true"}}"#, PolicyVariables())
        }
    }

    @Test(arguments: [
        ("NumericEquals", "x"), ("NumericEquals", ""), ("NumericEquals", "0x10"),
        ("NumericEquals", "inf"), ("NumericEquals", "nan"), ("NumericEquals", "1e400"),
        ("DateEquals", "yesterday"), ("DateEquals", "2026-02-29"), ("DateEquals", "2026-13-01"),
        ("DateEquals", "2026-01-01T24:00:00Z"), ("DateEquals", "2026-01-01T00:00:00"),
        ("DateEquals", "99999999999999999"), ("DateEquals", "2026-01-01Z"), ("DateEquals", ""),
        ("DateEquals", "2026-01-01T00:00:00.Z"), ("DateEquals", "2026-01-01T00:00:00+1:00"),
        // A year or seconds: a policy that was to begin in 2027 would have been open since 1970.
        ("DateGreaterThan", "2027"), ("DateEquals", "2026-11"), ("DateEquals", "2026-01T00:00Z"),
        ("DateEquals", "2026-01-01T00:00"), ("DateEquals", "2026-01-01T00:00.5Z"),
        ("DateEquals", "2026-01-01T00:00:Z"), ("DateEquals", "2026-"),
        ("Bool", "yes"), ("Bool", ""), ("Null", "x"), ("BinaryEquals", "a"), ("BinaryEquals", ""),
        ("BinaryEquals", "a==="), ("BinaryEquals", "YR=="), ("BinaryEquals", "a*bc"),
        ("IpAddress", "x"), ("IpAddress", ""), ("IpAddress", "10.0.0.0/33"),
        ("IpAddress", "10.0.0"), ("IpAddress", "10.0.0.256"), ("IpAddress", "10.0.0.01"),
        ("IpAddress", "10.0.0.0/"), ("IpAddress", "10.0.0.0/8/8"), ("IpAddress", "::/129"),
        ("IpAddress", "1::2::3"), ("IpAddress", "1:2:3:4:5:6:7"), ("IpAddress", ":::"),
        ("IpAddress", "1:2:3:4:5:6:7:8:9"), ("IpAddress", "g::"), ("IpAddress", "12345::"),
        ("ArnEquals", "x"), ("ArnEquals", ""), ("ArnEquals", "arn:aws:iot:a:b"),
        ("StringEquals", "${x"),
    ])
    func aValueOfTheWrongKindIsRefused(operation: String, value: String) {
        #expect(throws: FleetError.self) {
            try PolicyAsking.allows(
                condition: #"{"\#(operation)":{"iot:ClientId":"\#(value)"}}"#, PolicyVariables())
        }
    }

    @Test(arguments: [
        ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false), ("::/0", "::1", true),
        ("::/0", "1.2.3.4", false), ("10.1.2.3/8", "10.9.9.9", true),
        ("10.0.0.0/9", "10.127.255.255", true), ("10.0.0.0/9", "10.128.0.0", false),
        ("2001:db8::/32", "2001:DB8:0:0::1", true), ("2001:db8::/32", "2001:db9::", false),
        ("::1", "0:0:0:0:0:0:0:1", true), ("::1/127", "::", true),
        ("fe80::/10", "fe80::1%eth0", true),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::ffff:10.0.0.0", "10.0.0.0", true),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", true), ("1::8", "1:0:0:0:0:0:0:8", true),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304", true),
    ])
    func aRangeHoldsItsAddresses(range: String, address: String, holds: Bool) throws {
        let context = PolicyVariables(sourceIP: address)
        let condition = #"{"IpAddress":{"aws:SourceIp":"\#(range)"}}"#
        #expect(try PolicyAsking.allows(condition: condition, context) == holds)
    }

    @Test(arguments: [
        ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1000),
        ("2000-02-29", 951_782_400_000), ("2024-02-29T12:00:00.5Z", 1_709_208_000_500),
        ("2026-11-24T14:05:00-02:30", 1_795_538_100_000), ("0001-01-01", -62_135_596_800_000),
        ("0000-03-01", -62_162_035_200_000), ("0000-01-01", -62_167_219_200_000),
        ("9999-12-31T23:59:59.9999Z", 253_402_300_799_999), ("1795528800", 1_795_528_800_000),
        ("1970-01-01T01:30+01:00", 1_800_000), ("2027", nil),
        ("-1", -1000), ("1900-02-29", nil), ("2100-02-29", nil), ("2026-00-10", nil),
        ("2026-01-00", nil), ("２０２６-01-01", nil),
    ])
    func aDateIsReadAsItsMoment(text: String, milliseconds: Int64?) {
        #expect(PolicyDate.milliseconds(text) == milliseconds)
    }
}
