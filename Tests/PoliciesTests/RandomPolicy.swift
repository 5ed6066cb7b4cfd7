import Fleet
import JSON
import TestSupport

@testable import Policies

/// Documents, connections and requests made of few and awkward pieces, so that they meet often.
struct RandomPolicy {
    private var generator: SplitMix64

    init(seed: UInt64) { self.generator = SplitMix64(seed: seed) }

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &self.generator) == 0
    }

    private mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: 0..<choices.count, using: &self.generator)]
    }

    private mutating func some<Element>(
        _ counts: ClosedRange<Int>, _ make: (inout Self) -> Element
    ) -> [Element] {
        (0..<Int.random(in: counts, using: &self.generator)).map { _ in make(&self) }
    }

    /// One value stands with and without brackets.
    private mutating func oneOrMore(_ make: (inout Self) -> String) -> JSONValue {
        let values = self.some(1...2) { JSONValue.string(make(&$0)) }
        return values.count == 1 && self.chance(2) ? values[0] : .array(values)
    }

    // MARK: Documents

    private static let actions = [
        "iot:Publish", "iot:Subscribe", "iot:Connect", "iot:Receive", "iot:*", "*", "iot:publish",
        "iot:?ublish", "iot:*ublish", "iot:Sub*", "iot:Frob", "iot:GetThingShadow", "iot:Get*",
        "iotjobsdata:*", "iot:UpdateJobExecution", "iot:CreateThing", "iot:Create*", "slipway:*",
        "slipway:ImportAllowlist", "iot:RetainPublish",
    ]
    private static let variables = [
        "iot:ClientId", "IOT:CLIENTID", "iot:Connection.Thing.ThingName", "aws:username",
        "iot:Connection.Thing.Attributes[s]", "iot:Connection.Thing.ThingTypeName",
        "iot:DomainName", "iot:Certificate.Subject.CommonName",
        "iot:Certificate.Subject.CommonName.1", "iot:certificate.subject.commonname.4",
        "iot:Certificate.Subject.CommonName.5",
        "iot:Certificate.Subject.CommonName.List", "iot:Certificate.Issuer.Organization",
        "iot:Certificate.Subject.AlternativeName.DNSName", "iot:Certificate.SerialNumber",
        "iot:Certificate.AvailableKeys", "iot:ConnectAttributes", "iot:LastWillTopic",
        "aws:SourceIp", "aws:EpochTime", "aws:CurrentTime", "iot:Connection.Thing.IsAttached",
        "iot:Nope", "iot:Certificate.Subject.CommonName.7", "aws:userid",
        "iot:Connection.Thing.Attributes[n]", "iot:Connection.Thing.Attributes[d]",
        "iot:Connection.Thing.Attributes[f]", "iot:Connection.Thing.Attributes[b]",
        "iot:Connection.Thing.Attributes[missing]",
    ]
    private static let pieces = [
        "a", "b", "/", "*", "?", "+", "#", "$", "é", "${*}", "${?}", "${$}",
    ]

    private mutating func piece() -> String {
        self.chance(3) ? "${\(self.pick(Self.variables))}" : self.pick(Self.pieces)
    }

    private mutating func resource() -> String {
        if self.chance(8) { return "*" }
        if self.chance(16) { return self.pick(["arn:*", "arn:aws:iot:*", "arn:*/a*"]) }
        let kind = self.pick(["topic/", "topicfilter/", "client/", "*/", "thing/", "topic*/"])
        return PolicyAsking.arn + kind + self.some(0...3) { $0.piece() }.joined()
    }

    mutating func document() -> JSONValue {
        let statements = self.some(1...3) { $0.statement() }
        let one = statements.count == 1 && self.chance(2)
        return [
            "Version": "2012-10-17", "Statement": one ? statements[0] : .array(statements),
        ]
    }

    private mutating func statement() -> JSONValue {
        var statement: JSONObject = ["Effect": .string(self.pick(["Allow", "Allow", "Deny"]))]
        statement[self.chance(6) ? "NotAction" : "Action"] = self.oneOrMore {
            $0.pick(Self.actions)
        }
        statement[self.chance(4) ? "NotResource" : "Resource"] = self.oneOrMore { $0.resource() }
        if self.chance(2) {
            var condition: JSONObject = [:]
            for _ in 0...(self.chance(3) ? 1 : 0) {
                let operation = self.pick(ConditionOperator.allCases)
                condition[self.operatorName(operation)] = self.keys(operation)
            }
            statement["Condition"] = .object(condition)
        }
        return .object(statement)
    }

    private mutating func operatorName(_ operation: ConditionOperator) -> String {
        guard operation != .null else { return operation.rawValue }
        return self.pick(["", "", "ForAllValues:", "ForAnyValue:"]) + operation.rawValue
            + self.pick(["", "", "IfExists"])
    }

    private mutating func keys(_ operation: ConditionOperator) -> JSONValue {
        var keys: JSONObject = [:]
        for _ in 0...(self.chance(5) ? 1 : 0) {
            // Half of the keys suit the operator, the others are whatever there is.
            let suited = Self.suitedKeys[operation.meaning.comparison] ?? []
            let key =
                suited.isEmpty || self.chance(2) ? self.pick(Self.variables) : self.pick(suited)
            keys[key] = self.oneOrMore { $0.operand(operation.meaning.comparison) }
        }
        return .object(keys)
    }

    private static let suitedKeys: [ConditionOperator.Comparison: [String]] = {
        let number = ["iot:Connection.Thing.Attributes[n]", "aws:EpochTime"]
        let date = ["iot:Connection.Thing.Attributes[d]", "aws:CurrentTime", "aws:EpochTime"]
        var keys: [ConditionOperator.Comparison: [String]] = [
            .network: ["aws:SourceIp"], .arn: ["iot:LastWillTopic"],
            .bool: ["iot:Connection.Thing.IsAttached", "iot:Connection.Thing.Attributes[f]"],
            .binary: [
                "iot:Connection.Thing.Attributes[b]", "iot:Connection.Thing.Attributes[b]",
                "iot:Connection.Thing.Attributes[c]",
            ],
            .like: ["iot:ClientId", "iot:ConnectAttributes"],
            .text: ["iot:ClientId", "iot:ConnectAttributes", "aws:username"],
        ]
        for order in [
            ConditionOperator.Order.equal, .less, .lessOrEqual, .greater, .greaterOrEqual,
        ] {
            keys[.number(order)] = number
            keys[.date(order)] = date
        }
        return keys
    }()

    private mutating func operand(_ comparison: ConditionOperator.Comparison) -> String {
        if self.chance(6) {
            let suited = Self.suitedKeys[comparison] ?? []
            let variable = self.chance(2) ? self.pick(suited + Self.variables) : nil
            return "${\(variable ?? self.pick(suited.isEmpty ? Self.variables : suited))}"
        }
        switch comparison {
        case .text, .foldedText, .like:
            return self.chance(2)
                ? self.pick([
                    "LastWill", "PersistentConnect", "A", "AB", "É", "L*", "true", "a\\,b",
                    "a\\\\b",
                ])
                : self.some(1...2) { $0.piece() }.joined()
        case .number: return self.pick(Self.numbers)
        case .date: return self.pick(Self.dates)
        case .bool, .null: return self.pick(["true", "false", "True", "FALSE"])
        case .binary: return self.pick(["AAAA", "AAA=", "AA==", "aGVsbG8="])
        case .network: return self.pick(Self.networks)
        case .arn:
            if self.chance(6) { return "*" }
            let part = self.some(0...3) { $0.piece() }.joined()
            return self.pick([PolicyAsking.arn, "arn:*:iot:*:0*0:", "arn:aws:i?t:local:*:"])
                + self.pick(["topic/", "*", "topic/t:", ""]) + part
        }
    }

    private static let numbers = [
        "7", "7.0", "-1", "1e3", "0", "-0.5", "1795478700", "9007199254740993",
        "9007199254740992", "+7", "1000",
    ]
    private static let dates = [
        "2026-11-24", "2026-11-24T00:05:00Z", "2026-11-24T01:05:00+01:00",
        "2026-11-23T23:05:00.000-01:00", "2026-11-24T00:05:00.25Z", "1795478700", "1969-12-31",
        "2000-02-29", "1900-03-01T12:00:00Z", "-1", "2026-11-24T01:05+01:00",
    ]
    private static let networks = [
        "10.0.0.0/8", "10.0.0.1", "10.0.0.0/31", "0.0.0.0/0", "203.0.113.7/32", "2001:db8::/32",
        "::/0", "2001:db8::1", "::ffff:10.0.0.0/16",
    ]

    // MARK: Connections

    private static let names = ["a", "b", "ab", "*", "?", "+", "a/b", "$x", "", "é", "\u{7}", "#"]

    mutating func context() -> PolicyVariables {
        var context = PolicyVariables()
        if !self.chance(8) { context.clientID = self.pick(Self.names) }
        if !self.chance(4) { context.sourceIP = self.pick(Self.addresses) }
        if self.chance(2) { context.domainName = self.pick(["a", "A", "ab", "a/b", "É"]) }
        if !self.chance(3) { context.thing = self.thing() }
        for attribute in PolicyVariables.ConnectAttribute.allCases where self.chance(2) {
            context.connectAttributes.insert(attribute)
        }
        if self.chance(2) {
            context.lastWillTopic = PolicyAsking.realm.topic(self.pick(["a", "b/a", "t:a", "é"]))
        }
        if self.chance(2) { context.certificateSerialNumber = self.pick(["0a", "a", "7"]) }
        for field in Self.fields where self.chance(2) {
            let count = self.pick([0, 1, 1, 2, 5, 6])
            context.certificateFields[field] = self.some(count...count) {
                $0.pick(["a", "b", "a,b", "a\\b", "é", "*", "a+b", "a/b", "", Self.long])
            }
        }
        if self.chance(2) {
            let times: [Int64] = [1_795_478_700_000, 1_795_478_700_250, -500, 0]
            context.now = UnixTime(milliseconds: self.pick(times))
        }
        if self.chance(2) {
            context.furtherKeys["aws:username"] = self.some(0...2) {
                $0.pick(["a", "b", "7"])
            }
        }
        return context
    }

    private static let fields = [
        "Subject.CommonName", "Issuer.Organization", "Subject.AlternativeName.DNSName",
    ].compactMap { CertificateField($0) }
    private static let long = String(repeating: "x", count: 1025)
    private static let addresses = [
        "10.0.0.0", "10.0.0.1", "10.0.0.2", "203.0.113.7", "2001:db8::1", "2001:db8::",
        "2001:db9::1", "::ffff:10.0.0.1", "fe80::1%eth0",
        "::", "10.0.0.01", "nowhere", "",
    ]

    private mutating func thing() -> PolicyVariables.AssociatedThing {
        var attributes: [String: String] = [:]
        for (name, values) in [
            ("s", Self.names), ("n", Self.numbers + ["x", "1e400", ""]),
            ("d", Self.dates + ["soon", "2026-02-30"]), ("f", ["true", "FALSE", "x"]),
            ("b", ["AAAA", "AAA=", "AAAB", "AAB=", "x"]), ("c", ["AAA=", "AAB=", "AB==", "x"]),
        ] where !self.chance(3) {
            attributes[name] = self.pick(values)
        }
        return PolicyVariables.AssociatedThing(
            name: ThingName(checked: self.pick(["a", "b", "ab"])),
            typeName: self.chance(2) ? ThingTypeName(checked: self.pick(["a", "b"])) : nil,
            attributes: attributes)
    }

    // MARK: Requests

    private static let subjects = ["a", "b", "/", "+", "#", "$", "*", "?", "é", "ab", "x"]
    private static let operations = [
        "iot:CreateThing", "slipway:ImportAllowlist", "iot:DeleteThing", "IOT:creatething",
    ]

    mutating func request() -> AuthorizationRequest {
        let text = self.some(0...4) { $0.pick(Self.subjects) }.joined()
        let realm = PolicyAsking.realm
        switch Int.random(in: 0..<10, using: &self.generator) {
        case 0, 1: return .publish(topic: text, in: realm)
        case 2, 3: return .subscribe(filter: text, in: realm)
        case 4: return .receive(topic: text, in: realm)
        case 5, 6: return .connect(clientID: text, in: realm)
        case 7:
            return AuthorizationRequest(
                operation: self.pick(Self.operations),
                resource: ARN(rawValue: PolicyAsking.arn + "thing/" + text))
        case 8:
            return AuthorizationRequest(
                self.pick(PolicyAction.allCases),
                ARN(rawValue: PolicyAsking.arn + self.pick(["thing/", "topic/", ""]) + text))
        default: return .retainPublish(topic: text, in: realm)
        }
    }
}
