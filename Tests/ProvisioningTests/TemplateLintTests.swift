import Fleet
import JSON
import Policies
import Provisioning
import Testing

/// A template that has nothing against it, around the pieces a test is about.
private func soundTemplate(
    name: String = #"{"Fn::Sub": "t-${X}"}"#, thing: String = "",
    parameters: String = #""X": {"Type": "String"}"#, policies: [String] = [],
    overrides: String = #"{"AttributePayload": "FAIL"}"#, sections: String = ""
) -> String {
    template(
        thing: #"{"ThingName": \#(name)\#(thing)}"#, policies: policies,
        sections: #", "Parameters": {\#(parameters)}\#(sections)"#, overrides: overrides)
}

/// A name that hangs on its values, so that no trial rendering can judge it.
private func joined(_ first: String) -> String {
    #"{"Fn::Join": ["-", [\#(first), {"Fn::Select": [0, {"Fn::Split": ["_", {"Ref": "X"}]}]}]]}"#
}

private func arn(_ name: String) -> String {
    #"{"Fn::Sub": "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:\#(name)"}"#
}

private func findings(
    _ body: String, _ context: TemplateLint.Context = .init()
) throws -> [TemplateFinding] {
    try TemplateLint.report(of: body, in: context).findings
}

@Suite struct TemplateLintTests {
    @Test func aSoundTemplateHasNotesOnly() throws {
        let found = try findings(soundTemplate())
        #expect(found.map(\.rule.id) == ["no-policy", "name-from-parameter"], "\(found)")
    }

    /// Groups may have policies of their own.
    @Test func aTemplateWithAGroupMayGoWithoutAPolicy() throws {
        let found = try findings(soundTemplate(thing: #", "ThingGroups": ["field"]"#))
        #expect(found.allSatisfy { $0.rule != .noPolicy }, "\(found)")
    }

    struct Broken: Sendable {
        let rule: String
        let pointer: String
        let body: String

        init(_ rule: String, _ pointer: String, _ body: String) {
            self.rule = rule
            self.pointer = pointer
            self.body = body
        }
    }

    /// Every rule of a template's own, by a template that breaks it.
    static let broken: [Broken] = [
        Broken(
            "unused-parameter", "/Parameters/Y",
            soundTemplate(parameters: #""X": {"Type": "String"}, "Y": {"Type": "String"}"#)
        ),
        Broken(
            "unused-parameter", "/DeviceConfiguration/k/Fn::Sub/1/V",
            soundTemplate(
                sections: #", "DeviceConfiguration": {"k": {"Fn::Sub": ["a", {"V": "v"}]}}"#)
        ),
        Broken(
            "undeclared-parameter", "/Resources/thing/Properties/ThingName",
            soundTemplate(name: #"{"Ref": "XX"}"#)
        ),
        Broken(
            "constant-thing-name", "/Resources/thing/Properties/ThingName",
            soundTemplate(
                name: #""pump""#, thing: #", "AttributePayload": {"x": {"Ref": "X"}}"#)
        ),
        Broken(
            "takes-over-thing", "/Resources/thing/OverrideSettings",
            soundTemplate(overrides: #"{"AttributePayload": "MERGE"}"#)
        ),
        Broken("takes-over-thing", "/Resources/thing", soundTemplate(overrides: "{}")),
        Broken(
            "unreachable-mapping", "/Mappings/M",
            soundTemplate(sections: #", "Mappings": {"M": {"a": {"b": "c"}}}"#)
        ),
        Broken(
            "unreachable-mapping", "/Mappings/M/z",
            soundTemplate(
                thing: #", "AttributePayload": {"x": {"Fn::FindInMap": ["M", "a", "b"]}}"#,
                sections: #", "Mappings": {"M": {"a": {"b": "c"}, "z": {"b": "c"}}}"#)
        ),
        Broken(
            "unreachable-mapping", "/Mappings/M/a/z",
            soundTemplate(
                thing: #", "AttributePayload": {"x": {"Fn::FindInMap": ["M", "a", "b"]}}"#,
                sections: #", "Mappings": {"M": {"a": {"b": "c", "z": "c"}}}"#)
        ),
        Broken(
            "mapping-gap", "/Mappings/M/z",
            soundTemplate(
                thing: #", "AttributePayload": {"x": {"Fn::FindInMap": ["M", {"Ref": "X"}, "b"]}}"#,
                sections: #", "Mappings": {"M": {"a": {"b": "c"}, "z": {}}}"#)
        ),
        Broken(
            "unknown-map-entry", "/Resources/thing/Properties/AttributePayload/x/Fn::FindInMap/0",
            soundTemplate(
                thing: #", "AttributePayload": {"x": {"Fn::FindInMap": ["Maps", "a", "b"]}}"#,
                sections: #", "Mappings": {"Map": {"a": {"b": "c"}}}"#)
        ),
        Broken(
            "invalid-name", "/Resources/thing/Properties/ThingName/Fn::Join/1/0",
            soundTemplate(name: joined(#""a b""#))
        ),
        Broken(
            "invalid-name", "/Parameters/X/Default",
            soundTemplate(
                name: joined(#"{"Ref": "X"}"#),
                parameters: #""X": {"Type": "String", "Default": "a b"}"#)
        ),
        Broken(
            "invalid-name", "/Mappings/M/a/b",
            soundTemplate(
                thing: #", "ThingGroups": [{"Fn::FindInMap": ["M", {"Ref": "X"}, "b"]}]"#,
                sections: #", "Mappings": {"M": {"a": {"b": "a group"}}}"#)
        ),
        Broken(
            "package-versions", "/Resources/thing/Properties/PackageVersions",
            soundTemplate(thing: #", "PackageVersions": {"app": {"Fn::Sub": "1.${X}"}}"#)
        ),
        Broken(
            "reaches-other-things", "/Resources/p0/Properties/PolicyDocument/Statement/0/Resource",
            soundTemplate(policies: [
                inlinePolicy(resource: #""arn:aws:iot:local:000000000000:topic/a/*""#)
            ])
        ),
        Broken(
            "shared-client-id", "/Resources/p0/Properties/PolicyDocument/Statement/0/Resource",
            soundTemplate(policies: [
                inlinePolicy(
                    resource: #""arn:aws:iot:local:000000000000:client/pump""#,
                    action: #""iot:Connect""#)
            ])
        ),
        Broken(
            "policy-wildcard-resource",
            "/Resources/p0/Properties/PolicyDocument/Statement/0/Resource",
            soundTemplate(policies: [inlinePolicy(resource: #""*""#)])
        ),
        Broken(
            "policy-subscribe-on-topic",
            "/Resources/p0/Properties/PolicyDocument/Statement/0/Action",
            soundTemplate(policies: [
                inlinePolicy(
                    resource:
                        arn("topic/t-${X}"),
                    action: #""iot:Subscribe""#)
            ])
        ),
        Broken(
            "policy-publish-on-topicfilter",
            "/Resources/p0/Properties/PolicyDocument/Statement/0/Action",
            soundTemplate(policies: [
                inlinePolicy(
                    resource:
                        arn("topicfilter/t-${X}")
                )
            ])
        ),
        Broken(
            "unused-exception", "/Slipway/Lint/Ignore/0",
            soundTemplate(
                sections:
                    #", "Slipway": {"Lint": {"Ignore": [{"Rule": "mapping-gap", "Reason": "r"}]}}"#)
        ),
        Broken(
            "grammar", "/Slipway/Lint/Ignore/0",
            soundTemplate(
                sections: #", "Slipway": {"Lint": {"Ignore": [{"Rule": "mapping-gap"}]}}"#)
        ),
        Broken("unreadable", "", #"{"a": 1, "a": 2}"#),
    ]

    @Test(arguments: Self.broken)
    func everyRuleIsFoundAtItsPlace(_ broken: Broken) throws {
        let found = try findings(broken.body)
        #expect(
            found.contains {
                $0.rule.id == broken.rule && $0.pointer.description == broken.pointer
            },
            "\(found.map { "\($0.rule.id) \($0)" })")
        #expect(found.allSatisfy { $0.position != nil })
    }

    @Test func aParameterOfTheNameKeepsTopicsApart() throws {
        let found = try findings(
            soundTemplate(
                parameters: #""X": {"Type": "String"}, "Site": {"Type": "String"}"#,
                policies: [
                    inlinePolicy(
                        resource:
                            arn("topic/${X}/*")
                    ),
                    inlinePolicy(
                        resource:
                            arn("topic/${Site}/*")
                    ),
                ]))
        let reaching = found.filter { $0.rule == .reachesOtherThings }
        #expect(reaching.map { $0.pointer.tokens[1] } == ["p1"])
        #expect(reaching.first?.message.contains("{Site}/*") == true)
    }

    /// A stand-in says nothing for sure where a map's row hangs on a value: no error comes of it.
    @Test func aResourceOutOfAMapByAValueIsNoError() throws {
        let body = soundTemplate(
            policies: [
                inlinePolicy(
                    resource: #"{"Fn::FindInMap": [{"Ref": "X"}, "a", "arn"]}"#)
            ],
            sections: #"""
                , "Mappings": {"M": {"a": {"arn": "arn:aws:iot:local:000000000000:topic/x"}}}
                """#)
        #expect(try findings(body).allSatisfy { $0.rule.severity != .error })
    }

    @Test func topicsOfTheServiceReachNobodyElse() throws {
        for topic in ["$slipway/certificates/renew/*", "$aws/certificates/create/*"] {
            let resource = "\"arn:aws:iot:local:000000000000:topic/\(topic)\""
            let body = soundTemplate(policies: [inlinePolicy(resource: resource)])
            #expect(
                try findings(body).allSatisfy { $0.rule != .reachesOtherThings }, "\(topic)")
        }
    }

    @Test func whatIsIgnoredIsKeptBackWithItsReason() throws {
        let report = try TemplateLint.report(
            of: soundTemplate(
                overrides: "{}",
                sections: """
                    , "Slipway": {"Lint": {"Ignore": [{"Rule": "takes-over-thing",
                     "At": "/Resources/thing", "Reason": "devices come back"}]}}
                    """))
        #expect(report.findings.map(\.rule.id) == ["no-policy", "name-from-parameter"])
        #expect(report.ignored.map(\.reason) == ["devices come back"])
    }

    @Test func aSubjectFillsParametersOrTheyAreNamed() throws {
        let common = "AWS::IoT::Certificate::CommonName"
        let body = soundTemplate(
            name: #"{"Fn::Join": ["-", [{"Ref": "\#(common)"}, {"Ref": "X"}, {"Ref": "Y"}]]}"#,
            parameters: #"""
                "\#(common)": {"Type": "String"}, "X": {"Type": "String"},
                "Y": {"Type": "String", "Default": "y"}
                """#)
        let plain = Set(try findings(body).map(\.rule.id))
        #expect(
            plain.isSuperset(of: ["unfillable-parameter", "default-always", "required-subject"]))
        var context = TemplateLint.Context()
        context.subject = "O=Acme"
        #expect(try findings(body, context).contains { $0.rule == .subjectLacksAttribute })
        context.subject = "CN=pump-1"
        #expect(try findings(body, context).contains { $0.rule == .subjectLacksAttribute } == false)
    }

    @Test func aCertificateProfileThatIsNotThereIsNamed() throws {
        var context = TemplateLint.Context()
        let body = soundTemplate(
            sections: #", "Slipway": {"Certificate": {"Profile": "ldevld"}}"#)
        #expect(try findings(body).contains { $0.rule == .unknownProfile } == false)
        context.profiles = ["device", "ldevid"]
        let found = try findings(body, context).first { $0.rule == .unknownProfile }
        #expect(found?.pointer.description == "/Slipway/Certificate/Profile")
        #expect(found?.message.contains("did you mean 'ldevid'?") == true)
        context.profiles = ["ldevld"]
        #expect(try findings(body, context).contains { $0.rule == .unknownProfile } == false)
    }

    @Test func aDefaultThatIsNoRowIsAGap() throws {
        func found(_ text: String) throws -> [TemplateFinding] {
            try findings(
                soundTemplate(
                    parameters: #""X": {"Type": "String"}, "#
                        + #""L": {"Type": "String", "Default": "\#(text)"}"#,
                    sections: #"""
                        , "Mappings": {"M": {"aa": {"s": "1"}, "bb": {"s": "2"}}},
                        "DeviceConfiguration": {"s": {"Fn::FindInMap": ["M", {"Ref": "L"}, "s"]}}
                        """#)
            ).filter { $0.rule == .mappingGap }
        }
        #expect(try found("aa") == [])
        let gap = try found("ab")
        #expect(gap.map(\.pointer.description) == ["/Parameters/L/Default"], "\(gap)")
    }

    @Test func aNameThatAValueOnlyChoosesIsOneForMany() throws {
        func rules(_ name: String) throws -> [String] {
            try findings(
                soundTemplate(
                    name: name,
                    sections: #", "Mappings": {"M": {"a": {"n": "t-1"}, "b": {"n": "t-2"}}}"#)
            ).filter { $0.rule == .constantThingName }.map(\.pointer.description)
        }
        let chosen = #"{"Fn::FindInMap": ["M", {"Ref": "X"}, "n"]}"#
        #expect(try rules(chosen) == ["/Resources/thing/Properties/ThingName"])
        #expect(try rules(#"{"Fn::Join": ["", [\#(chosen), {"Ref": "X"}]]}"#) == [])
        #expect(try rules(#"{"Ref": "AWS::IoT::Certificate::Id"}"#) == [])
    }

    @Test func aClaimThatCannotReachTheTemplateIsNamed() throws {
        var context = TemplateLint.Context()
        let document = try PolicyDocument.parse(
            #"""
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:Publish",
             "Resource":
              "arn:aws:iot:local:000000000000:topic/$aws/provisioning-templates/other/*"}}
            """#)
        let compiled = CompiledPolicy(document, name: PolicyName(checked: "claim"), version: 1)
        context.claim = ([compiled], TemplateName(checked: "pump"))
        #expect(
            try findings(soundTemplate(), context).filter { $0.rule == .claimCannotReach }.count
                == 5)
    }

    private static func claim(
        connect: String = #""*""#, publish: [String], subscribe: [String]
    ) throws -> [TemplateFinding] {
        func list(_ kind: String, _ topics: [String]) -> String {
            topics.map { "\"arn:aws:iot:local:000000000000:\(kind)/$aws/\($0)\"" }
                .joined(separator: ",")
        }
        let document = try PolicyDocument.parse(
            #"""
            {"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": "iot:Connect", "Resource": \#(connect)},
             {"Effect": "Allow", "Action": "iot:Publish",
              "Resource": [\#(list("topic", publish))]},
             {"Effect": "Allow", "Action": "iot:Subscribe",
              "Resource": [\#(list("topicfilter", subscribe))]}]}
            """#)
        var context = TemplateLint.Context()
        context.claim = (
            [CompiledPolicy(document, name: PolicyName(checked: "claim"), version: 1)],
            TemplateName(checked: "pump")
        )
        return try findings(soundTemplate(), context).filter {
            $0.rule == .claimCannotReach || $0.rule == .claimWithoutRequests
        }
    }

    private static let registration = "provisioning-templates/pump/provision"

    /// The answer comes in the form, and to the topic, of the request.
    @Test func aClaimHearsTheAnswersOfWhatItAsks() throws {
        let found = try Self.claim(
            publish: ["certificates/create/json", "\(Self.registration)/cbor"],
            subscribe: [
                "certificates/create-from-csr/json/accepted",
                "\(Self.registration)/json/accepted",
            ])
        #expect(found.map(\.rule) == [.claimCannotReach, .claimCannotReach], "\(found)")
        #expect(found.allSatisfy { $0.message.contains("and subscribe only") })
    }

    @Test(
        arguments: zip(
            [
                #""*""#, #""arn:aws:iot:local:000000000000:client/line-*""#,
                #""arn:aws:iot:local:000000000000:client/${iot:ClientId}""#,
                #""arn:aws:iot:local:000000000000:*""#,
                #""arn:aws:iot:local:000000000000:client/${iot:Connection.Thing.ThingName}""#,
                #""arn:aws:iot:local:000000000000:topic/x""#,
                #""arn:aws:iot:elsewhere:000000000000:client/*""#,
            ], [true, true, true, true, true, false, false]))
    func aClaimConnectsAsSomebody(_ clients: String, _ isRight: Bool) throws {
        let found = try Self.claim(
            connect: clients, publish: ["certificates/*", "\(Self.registration)/*"],
            subscribe: ["certificates/*", "\(Self.registration)/*"])
        #expect(found.map(\.rule) == (isRight ? [] : [.claimCannotReach]), "\(found)")
    }

    @Test func aClaimWithoutSigningRequestsIsNoted() throws {
        let topics = ["certificates/create/*", "\(Self.registration)/*"]
        let found = try Self.claim(publish: topics, subscribe: topics)
        #expect(found.map(\.rule) == [.claimWithoutRequests], "\(found)")
    }

    /// Line and column, found, expected and the nearest name.
    @Test func anErrorSaysWhereAndWhatAndWhatWasMeant() throws {
        let body = """
            {"Parameters": {"Serial": {"Type": "String"}},
             "Resources": {
              "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serail"},
                "AtributePayload": {}}},
              "certificate": {"Type": "AWS::IoT::Certificat"}}}
            """
        let found = TemplateChecker.check(body).findings
        let undeclared = try #require(found.first { $0.rule == .undeclaredParameter })
        #expect(undeclared.nearest == "Serial")
        #expect(undeclared.found == "'Serail'")
        #expect(undeclared.position == JSONSourceMap.Position(line: 3, column: 68))
        let member = try #require(found.first { $0.pointer.tokens.last == "AtributePayload" })
        #expect(member.nearest == "AttributePayload")
        #expect(member.position == JSONSourceMap.Position(line: 4, column: 5))
        let type = try #require(found.first { $0.pointer.tokens.last == "Type" })
        #expect(type.nearest == "AWS::IoT::Certificate")
        #expect(type.description.contains("(line 5, column"))
        #expect(found.count == 3, "\(found)")
    }

    /// A name that the template itself spoils is told at its place, beside the policy's faults.
    @Test(arguments: [
        (#""pump 1""#, "", "/Resources/thing/Properties/ThingName"),
        (#"{"Fn::Sub": "pump ${X}"}"#, "", "/Resources/thing/Properties/ThingName"),
        (
            #"{"Fn::Sub": "\#(String(repeating: "p", count: 130))${X}"}"#, "",
            "/Resources/thing/Properties/ThingName"
        ),
        (#"{"Ref": "X"}"#, #", "Default": "a b""#, "/Parameters/X/Default"),
    ])
    func anUnusableNameHasItsPlace(_ name: String, _ member: String, _ place: String) throws {
        let found = try findings(
            soundTemplate(
                name: name, parameters: #""X": {"Type": "String"\#(member)}"#,
                policies: [inlinePolicy(resource: #""*""#, action: #""iot:Publsh""#)]))
        let spoilt = try #require(found.first { $0.rule == .unusableName }, "\(found)")
        #expect(spoilt.rule.severity == .error)
        #expect(spoilt.pointer.description == place)
        #expect(spoilt.position != JSONSourceMap.Position(line: 1, column: 1))
        #expect(found.contains { $0.rule.id == "policy-misspelt-action" })
        #expect(found.count == 2, "\(found)")
    }

    /// A policy document's faults are told one by one, each at its own place in the template.
    @Test func faultsOfAPolicyHaveTheirOwnPlaces() throws {
        let statement = #"""
            {"Version": "2012-10-17", "Statement": [{"Efect": "Allow", "Action": "iot:Publsh",
             "Resource": "*", "Condition": {"StringEqualz": {"iot:ClientId": "a"}}}]}
            """#
        let found = try findings(soundTemplate(policies: [#"{"PolicyDocument": \#(statement)}"#]))
        let document = "/Resources/p0/Properties/PolicyDocument"
        let expected = [
            ("policy-unknown-element", "/Efect", "Effect"),
            ("policy-misspelt-action", "/Action", "iot:Publish"),
            ("policy-unknown-operator", "/Condition/StringEqualz", "StringEquals"),
        ]
        for (rule, place, nearest) in expected {
            let finding = try #require(found.first { $0.rule.id == rule }, "\(found)")
            #expect(finding.pointer.description == "\(document)/Statement/0\(place)")
            #expect(finding.nearest == nearest)
            #expect(finding.message.contains("did you mean") == false)
            #expect(finding.position != JSONSourceMap.Position(line: 1, column: 1))
        }
        #expect(found.contains { $0.rule.id == "policy-missing-element" })
        #expect(found.count == 4, "\(found)")
        let text = JSONPrinter.print(.string(statement))
        for (value, place) in [
            (text, document), (#"{"Fn::Sub": \#(text)}"#, "\(document)/Fn::Sub"),
            (#"{"Fn::Sub": [\#(text), {}]}"#, "\(document)/Fn::Sub/0"),
        ] {
            let found = try findings(soundTemplate(policies: [#"{"PolicyDocument": \#(value)}"#]))
            #expect(found.count == 4, "\(found)")
            #expect(found.allSatisfy { $0.pointer.description == place }, "\(found)")
            let action = try #require(found.first { $0.rule.id == "policy-misspelt-action" })
            #expect(
                action.message.hasPrefix("in the text, line 1, column 70 (/Statement/0/Action): "),
                "\(action)")
        }
    }

    /// What is written out is judged at its place, all of it at once.
    @Test func fixedValuesAreJudgedWhereTheyStand() {
        let long = String(repeating: "x", count: 801)
        let body = template(
            thing: #"{"ThingName": "a b", "AttributePayload": {"a": "\#(long)"}}"#,
            sections: #", "DeviceConfiguration": {"x": {"Fn::Select": [5, ["a"]]}}"#)
        let found = TemplateChecker.check(body).findings
        #expect(
            Set(found.map(\.pointer.description)) == [
                "/Resources/thing/Properties/ThingName",
                "/Resources/thing/Properties/AttributePayload/a", "/DeviceConfiguration/x",
            ], "\(found)")
        let listed = TemplateChecker.check(
            soundTemplate(sections: #", "Mappings": {"M": {"a": {"b": ["c"]}}}"#))
        #expect(listed.findings.first?.message.contains("Fn::Split") == true)
    }

    /// Every bound that is a setting holds, and says what it is.
    @Test func limitsAreSettings() {
        let body = soundTemplate()
        let small = TemplateLimits(bodyBytesMax: 40)
        let long = TemplateChecker.check(body, limits: small).findings
        #expect(long.first?.message.contains("at most 40") == true)
        let few = TemplateChecker.check(body, limits: TemplateLimits(valuesMax: 1)).findings
        #expect(few.contains { $0.message == "the template has more than 1 values" }, "\(few)")
    }

    /// More findings than anybody reads are counted.
    @Test func findingsAreBounded() {
        let members = (0..<3000).map { #""k\#($0)": 1"# }.joined(separator: ", ")
        let found = TemplateChecker.check(
            "{\(members)}", limits: TemplateLimits(bodyBytesMax: 1 << 20)
        ).findings
        #expect(found.count == TemplateLimits.findingsMax + 1)
        #expect(found.contains { $0.message == "2001 more findings are left out" })
    }

    /// Sixty functions within each other render; more than the bound is one error.
    @Test func deepNestingIsNoTrap() throws {
        func nested(_ count: Int) -> String {
            let open = String(repeating: #"{"Fn::Join":["",["#, count: count)
            return open + #"{"Ref":"X"}"# + String(repeating: "]]}", count: count)
        }
        let rendered = try render(soundTemplate(name: nested(60)), ["X": "deep"])
        #expect(rendered.thing.rawValue == "deep")
        let refused = TemplateChecker.check(soundTemplate(name: nested(70))).findings
        #expect(refused.map(\.rule) == [.unreadable])
        #expect(refused.first?.message.contains("nested deeper") == true)
    }
}
