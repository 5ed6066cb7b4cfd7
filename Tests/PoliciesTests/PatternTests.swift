import Fleet
import Testing

@testable import Policies

@Suite struct PatternTests {
    @Test(arguments: [
        // A star runs across levels; so does a question mark, for one character.
        ("topic/a/*", "a/b/c", true), ("topic/a/*", "a/", true), ("topic/a/*", "a", false),
        ("topic/a/*", "ab", false), ("topic/*/c", "a/b/c", true), ("topic/*/c", "c", false),
        ("topic/a?c", "abc", true), ("topic/a?c", "a/c", true), ("topic/a?c", "ac", false),
        ("topic/a?c", "abbc", false), ("topic/a?", "aé", true), ("topic/a?", "a😀", true),
        ("topic/a??", "aé", false), ("topic/*?", "é", true), ("topic/*??", "€", false),
        ("topic/**", "", true), ("topic/a*b*c", "aXbYc", true), ("topic/a*b*c", "acb", false),
        ("topic/*a*a*a*", "banana", true), ("topic/*a*a*a*a*", "banana", false),
        // MQTT's wildcards are plain text.
        ("topic/a/+", "a/b", false), ("topic/a/#", "a/b", false), ("topic/a/+", "a/+", true),
        // Letter case counts.
        ("topic/A", "a", false), ("TOPIC/a", "a", false),
        // Escapes.
        ("topic/a${*}", "a*", true), ("topic/a${*}", "ab", false), ("topic/a${?}", "a?", true),
        ("topic/a${?}", "ab", false), ("topic/${$}{x}", "${x}", true),
        ("topic/$aws/x", "$aws/x", true),
        ("topic/a$", "a$", true), ("topic/$${*}", "$*", true), ("topic/${$}${*}*", "$*b", true),
        // Bytes, not what Unicode calls equivalent.
        ("topic/é", "e\u{301}", false), ("topic/é", "é", true),
        ("topicfilter/a", "a", false), ("topic/a", "a/b", false), ("topic/", "", true),
    ])
    func aResourceMatchesAsWritten(pattern: String, topic: String, matches: Bool) throws {
        let document = PolicyAsking.document(PolicyAsking.statement(pattern))
        #expect(try PolicyAsking.decide(document, PolicyAsking.publish(topic)).isAllowed == matches)
    }

    @Test(arguments: [
        ("*", true), ("arn:*", true), ("arn:aws:iot:*", true), ("arn:aws:iot:*:*:topic/a", true),
        ("arn:*:topic/a", true), ("arn:aws:iot:local:000000000000:*", true),
        ("arn:aws:iot:other:000000000000:topic/a", false), ("arn:aws:s3:*", false),
        ("arn:aws:iot:local:000000000000:topic/?", true),
        ("arn:aws:iot:local:00000000000?:topic/a", true),
    ])
    func theWholeARNIsCompared(pattern: String, matches: Bool) throws {
        let document = PolicyAsking.document(PolicyAsking.statement(pattern))
        #expect(try PolicyAsking.decide(document, PolicyAsking.publish("a")).isAllowed == matches)
    }

    @Test(arguments: [
        ("topicfilter/a/*", "a/#", true), ("topicfilter/a/*", "a/secret/+", true),
        ("topicfilter/some/+/topic", "some/+/topic", true),
        ("topicfilter/some/+/topic", "some/x/topic", false),
        ("topicfilter/a/#", "a/b", false), ("topic/a/*", "a/b", false),
    ])
    func aFilterIsComparedAsText(pattern: String, filter: String, allowed: Bool) throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement(pattern, action: "iot:Subscribe"))
        #expect(
            try PolicyAsking.decide(document, PolicyAsking.subscribe(filter)).isAllowed == allowed)
    }

    @Test func aLongHostilePatternEndsSoon() {
        let glob = Glob(wildcards: String(repeating: "*a", count: 900) + "b")
        #expect(!glob.matches(Array(repeating: UInt8(ascii: "a"), count: 256)))
    }
}

@Suite struct SubstitutionTests {
    private static func publishes(
        _ topic: String, pattern: String, _ context: PolicyVariables
    ) throws -> Bool {
        try PolicyAsking.decide(
            PolicyAsking.document(PolicyAsking.statement(pattern)), PolicyAsking.publish(topic),
            context
        ).isAllowed
    }

    @Test(arguments: [
        ("${iot:ClientId}", "pump-1"), ("${IOT:CLIENTID}", "pump-1"),
        ("${aws:SourceIp}", "203.0.113.7"), ("${iot:Connection.Thing.ThingName}", "pump-1"),
        ("${iot:Connection.Thing.ThingTypeName}", "pump"),
        ("${iot:Connection.Thing.Attributes[site]}", "plant-7"),
        ("${iot:Connection.Thing.IsAttached}", "true"),
        ("${iot:ClientId}/${iot:Connection.Thing.Attributes[site]}", "pump-1/plant-7"),
        ("x${iot:ClientId}y", "xpump-1y"), ("*/${iot:ClientId}", "a/b/pump-1"),
    ])
    func aVariableStandsForItsValue(pattern: String, topic: String) throws {
        let context = try PolicyAsking.pump()
        #expect(try Self.publishes(topic, pattern: "topic/" + pattern, context))
        #expect(try !Self.publishes(topic + "x", pattern: "topic/" + pattern, context))
    }

    @Test(arguments: [
        "${iot:DomainName}", "${iot:Connection.Thing.Attributes[lot]}", "${iot:ConnectAttributes}",
        "${iot:Connection.Thing.Attributes[Site]}", "${iot:Connection.Thing.Attributes[]}",
        "${iot:LastWillTopic}", "${iot:Certificate.Subject.CommonName}", "${aws:CurrentTime}",
        "${iot:Certificate.Subject.CommonName.List}", "${iot:Nonsense}", "${aws:username}",
    ])
    func aVariableWithoutValueNeverMatchesInAnAllow(variable: String) throws {
        let context = try PolicyAsking.pump()
        for topic in ["", "x", variable, "*"] {
            #expect(try !Self.publishes(topic, pattern: "topic/" + variable, context))
        }
    }

    /// A client id is the device's own choice (mosquitto CVE-2017-7650): whatever it holds, it
    /// gives no right to another's topic.
    /// Anchors A4 row 17: what a client is called never acts as a wildcard of a policy.
    @Test(arguments: [
        "*", "?", "+", "#", "$", "$aws", "$share", "a*", "p?mp-2", "pump-*", "${*}",
        "${iot:ClientId}",
        "/", "a/b", "pump-2/x", "../pump-2", "", "\u{0}", "pump-2\u{0}", "\n", "a+b", "a#", "*/#",
        "{", "}", "\\", "\"", "pump-2 ", "PUMP-2", "pump\u{2D}\u{32}\u{301}",
    ])
    func aHostileClientIDWidensNothing(clientID: String) throws {
        var context = try PolicyAsking.pump()
        context.clientID = clientID
        context.thing = nil
        context.certificateFields = [
            try #require(CertificateField("Subject.CommonName")): [clientID]
        ]
        for variable in ["${iot:ClientId}", "${iot:Certificate.Subject.CommonName}"] {
            for topic in ["pump-2", "pump-2/x", "$aws/things/x/shadow", "a", "x/y", "dev"] {
                for tail in ["", "/*"] {
                    let pattern = "topic/\(variable)\(tail)"
                    #expect(try !Self.publishes(topic, pattern: pattern, context))
                }
                #expect(
                    try !Self.publishes("dev/" + topic, pattern: "topic/dev/\(variable)", context))
            }
            for filter in ["+", "#", "+/x", "dev/+", "dev/#", "dev/+/#", "$share/g/dev/pump-2"] {
                for pattern in ["", "/*", "/x"] {
                    for head in ["", "dev/"] {
                        let document = PolicyAsking.document(
                            PolicyAsking.statement(
                                "topicfilter/\(head)\(variable)\(pattern)", action: "iot:Subscribe")
                        )
                        #expect(
                            try !PolicyAsking.decide(
                                document, PolicyAsking.subscribe(filter), context
                            ).isAllowed, "\(clientID) \(filter)")
                    }
                }
            }
        }
    }

    @Test func aPolicysWildcardInAValueIsAPlainCharacter() throws {
        var context = try PolicyAsking.pump()
        for (clientID, other) in [("a*", "ab"), ("a?", "ab"), ("*", "b"), ("?", "b")] {
            context.clientID = clientID
            #expect(try Self.publishes(clientID, pattern: "topic/${iot:ClientId}", context))
            #expect(try !Self.publishes(other, pattern: "topic/${iot:ClientId}", context))
        }
    }

    @Test func anAttributeMayHoldASlashButNoWildcard() throws {
        let pattern = "topic/t/${iot:Connection.Thing.Attributes[site]}/x"
        let slash = try PolicyAsking.pump(attributes: ["site": "plant/7"])
        #expect(try Self.publishes("t/plant/7/x", pattern: pattern, slash))
        for value in ["+", "#", "plant/#", "$aws", ""] {
            let context = try PolicyAsking.pump(attributes: ["site": value])
            #expect(try !Self.publishes("t/\(value)/x", pattern: pattern, context))
        }
    }

    @Test func aClientIDWithASlashMayStillConnectAsItself() throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement("client/${iot:ClientId}", action: "iot:Connect"))
        for clientID in ["a/b", "+", "#", "$x", "*"] {
            let context = PolicyVariables(clientID: clientID)
            let request = AuthorizationRequest.connect(clientID: clientID, in: PolicyAsking.realm)
            #expect(try PolicyAsking.decide(document, request, context).isAllowed)
            let other = AuthorizationRequest.connect(clientID: "other", in: PolicyAsking.realm)
            #expect(try !PolicyAsking.decide(document, other, context).isAllowed)
        }
    }

    // MARK: Where a variable has no value, the answer tips towards no

    @Test(arguments: [
        ("Allow", "Resource", "secret/x", false), ("Allow", "NotResource", "secret/x", false),
        ("Allow", "NotResource", "open", true), ("Deny", "Resource", "secret/x", false),
        ("Deny", "Resource", "open", true), ("Deny", "NotResource", "secret/x", false),
        ("Deny", "NotResource", "open", false),
    ])
    func withoutAValueTheStatementRefuses(
        effect: String, element: String, topic: String, allowed: Bool
    ) throws {
        let variable = PolicyAsking.statement(
            "topic/secret/${iot:Connection.Thing.ThingName}", effect: effect, element: element)
        let document =
            effect == "Allow"
            ? PolicyAsking.document(variable)
            : PolicyAsking.document(PolicyAsking.statement("*"), variable)
        #expect(try PolicyAsking.decide(document, PolicyAsking.publish(topic)).isAllowed == allowed)
    }

    /// An attacker who could leave a Deny by choosing a strange client id would.
    @Test func aStrangeClientIDDoesNotSlipOutOfADeny() throws {
        let document = PolicyAsking.document(
            PolicyAsking.statement("*"),
            PolicyAsking.statement("topic/${iot:ClientId}/admin", effect: "Deny"))
        for clientID in ["a/b", "+", "$aws", "a\u{0}"] {
            let context = PolicyVariables(clientID: clientID)
            let request = PolicyAsking.publish("\(clientID)/admin")
            #expect(try !PolicyAsking.decide(document, request, context).isAllowed)
        }
    }

    // MARK: Certificates

    private static func certificate(
        _ fields: [String: [String]], serial: String? = nil
    ) throws -> PolicyVariables {
        var context = PolicyVariables(certificateSerialNumber: serial)
        for (name, values) in fields {
            context.certificateFields[try #require(CertificateField(name))] = values
        }
        return context
    }

    @Test(arguments: [
        ("Subject.CommonName", "cn"), ("Subject.CommonName.1", "cn2"), ("subject.commonname", "cn"),
        ("Subject.CommonName.4", "cn5"), ("Issuer.Organization", "Acme"),
        ("Subject.AlternativeName.DNSName", "a.example"), ("SerialNumber", "0af1"),
    ])
    func aCertificateVariableHasItsValue(name: String, value: String) throws {
        let context = try Self.certificate(
            [
                "Subject.CommonName": ["cn", "cn2", "cn3", "cn4", "cn5", "cn6"],
                "Issuer.Organization": ["Acme"], "Subject.AlternativeName.DNSName": ["a.example"],
            ], serial: "0af1")
        #expect(try Self.publishes(value, pattern: "topic/${iot:Certificate.\(name)}", context))
    }

    @Test(arguments: [
        "Subject.CommonName.0", "Subject.CommonName.5", "Subject.CommonName.01",
        "Subject.CommonName.-1", "Subject.CommonName.x", "Subject.StateName", "Subject",
        "Subject.CommonName.List", "AvailableKeys", "Subject.CommonName.1.1",
    ])
    func anUnknownCertificateVariableHasNone(name: String) throws {
        let context = try Self.certificate([
            "Subject.CommonName": ["cn", "cn2", "cn3", "cn4", "cn5", "cn6"]
        ])
        let variable = PolicyVariable("iot:Certificate.\(name)")
        #expect(context.substitution(for: variable, in: .text) == nil)
    }

    @Test(arguments: ["a*", "a$", "a+", "a?", "a#", String(repeating: "x", count: 1025)])
    func aCertificateValueThatAWSLeavesAloneIsLeftAlone(value: String) throws {
        let context = try Self.certificate(["Subject.CommonName": [value]])
        let variable = PolicyVariable("iot:Certificate.Subject.CommonName")
        #expect(context.substitution(for: variable, in: .text) == nil)
        #expect(context.values(of: variable).count == 1)
    }

    @Test func certificateValuesAppearEscaped() throws {
        let context = try Self.certificate(["Subject.CommonName": ["a,b\"c\\d=e<f>g;h"]])
        let variable = PolicyVariable("iot:Certificate.Subject.CommonName")
        #expect(
            context.substitution(for: variable, in: .text)
                == "a\\,b\\\"c\\\\d\\=e\\<f\\>g\\;h")
    }
}
