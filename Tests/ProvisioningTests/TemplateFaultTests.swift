import Fleet
import JSON
import Policies
import Provisioning
import Testing

/// An author hears of everything at once: faults of a policy document too, whatever else is wrong
/// with the template and however its values come to be.
@Suite struct TemplateFaultTests {
    private static let document = "/Resources/p0/Properties/PolicyDocument"

    private static func rules(_ body: String) -> [String] {
        TemplateChecker.check(body).findings.map { "\($0.rule.id) \($0.pointer)" }
    }

    private static func policy(_ statement: String) -> String {
        #"{"PolicyDocument": {"Version": "2012-10-17", "Statement": [\#(statement)]}}"#
    }

    private static let misspelt =
        #"{"Efect": "Allow", "Action": "iot:Publsh", "Resource": "*"}"#

    private static let misspeltRules = [
        "policy-missing-element \(document)/Statement/0",
        "policy-unknown-element \(document)/Statement/0/Efect",
        "policy-misspelt-action \(document)/Statement/0/Action",
    ]

    struct Beside: Sendable {
        let thing: String
        let others: [String]

        init(_ thing: String, _ others: String...) {
            self.thing = thing
            self.others = others
        }
    }

    /// Each of these kept a policy's faults back once: a value that hangs on another, anywhere, and
    /// a fault of the grammar, with or without a thing left.
    static let beside: [Beside] = [
        Beside(#"{"ThingName": {"Fn::FindInMap": ["M", {"Ref": "X"}, "b"]}}"#),
        Beside(#"{"ThingName": {"Fn::Select": [{"Ref": "X"}, ["a", "b"]]}}"#),
        Beside(
            #"{"ThingName": "t", "Atributes": {}}"#,
            "grammar /Resources/thing/Properties/Atributes"),
        Beside("{}", "grammar /Resources/thing/Properties"),
        Beside(
            #"{"ThingName": {"Ref": "Xx"}}"#,
            "undeclared-parameter /Resources/thing/Properties/ThingName"),
        Beside(
            #"{"ThingTypeName": "a b"}"#, "grammar /Resources/thing/Properties",
            "unusable-name /Resources/thing/Properties/ThingTypeName"),
        Beside(
            #"{"ThingGroups": [{"Fn::FindInMap": ["Mm", "a", "b"]}]}"#,
            "grammar /Resources/thing/Properties",
            "unknown-map-entry /Resources/thing/Properties/ThingGroups/0/Fn::FindInMap/0"),
    ]

    @Test(arguments: Self.beside)
    func faultsOfAPolicyAreToldWithAllOthers(_ beside: Beside) {
        let body = template(
            thing: beside.thing, policies: [Self.policy(Self.misspelt)],
            sections: parametersXY + #", "Mappings": {"M": {"a": {"b": "c"}}}"#)
        #expect(Self.rules(body).sorted() == (beside.others + Self.misspeltRules).sorted())
        #expect(TemplateChecker.check(body).findings.allSatisfy { $0.position != nil })
    }

    /// Words that have a fixed set of neighbours name the nearest.
    @Test(
        arguments: zip(
            [
                #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::ID"}}"#,
                #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIV"}"#,
                #"""
                {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                 "ThingPrincipalType": "NON_EXCLUSIVE_THIN"}
                """#,
            ], ["AWS::IoT::Certificate::Id", "ACTIVE", "NON_EXCLUSIVE_THING"]))
    func aMisspeltWordOfACertificateNamesTheNearest(_ certificate: String, _ nearest: String) {
        let found = TemplateChecker.check(template(certificate: certificate)).findings
        #expect(found.map(\.nearest) == [nearest], "\(found)")
    }

    @Test func aMisspeltFieldOfASubjectNamesTheNearest() throws {
        var context = TemplateLint.Context()
        context.kind = .jitp
        let name = "AWS::IoT::Certificate::Countri"
        let body = template(
            thing: #"{"ThingName": {"Ref": "\#(name)"}}"#,
            sections: #", "Parameters": {"\#(name)": {"Type": "String"}}"#)
        let found = try TemplateLint.report(of: body, in: context).findings
        #expect(
            found.first { $0.rule == .unfillableParameter }?.nearest
                == "AWS::IoT::Certificate::Country", "\(found)")
    }

    @Test func theDefaultOfAPseudoParameterIsNeverUsed() throws {
        let body = template(
            thing: #"{"ThingName": {"Ref": "AWS::Region"}}"#,
            sections: #", "Parameters": {"AWS::Region": {"Type": "String", "Default": "here"}}"#)
        let found = try TemplateLint.report(of: body).findings
        #expect(
            found.contains {
                $0.rule == .unusedParameter
                    && $0.pointer.description == "/Parameters/AWS::Region/Default"
            }, "\(found)")
    }

    /// A function that is not understood spoils its own place only.
    @Test func theRestOfADocumentIsJudgedBehindABrokenFunction() {
        let statements = #"""
            {"Effect": "Allow", "Action": {"Fn::Jon": []}, "Resource": {"Fn::Sub": "${X"}},
            {"Effect": {"Ref": "X"}, "Action": "iot:Publsh", "Resource": "*"}
            """#
        let place = "\(Self.document)/Statement"
        #expect(
            Self.rules(template(policies: [Self.policy(statements)], sections: parametersXY))
                .sorted() == [
                    "grammar \(place)/0/Action/Fn::Jon",
                    "grammar \(place)/0/Resource/Fn::Sub",
                    "grammar \(place)/1/Effect",
                    "policy-misspelt-action \(place)/1/Action",
                ])
    }

    /// What only a value could make right or wrong is not the author's fault.
    @Test(arguments: [
        #""Resource": {"Fn::Select": [{"Ref": "X"}, ["no ARN", "nor this"]]}"#,
        #""Resource": {"Fn::FindInMap": ["M", {"Ref": "X"}, "b"]}"#,
        #""Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": {"Ref": "X"}}}"#,
        #""Resource": "*", "Condition": {"Bool": {"aws:Secure": [{"Fn::Sub": "${X}"}]}}"#,
    ])
    func aStandInIsNoFault(_ elements: String) throws {
        let statement = #"{"Effect": "Allow", "Action": "iot:Publish", \#(elements)}"#
        let body = template(
            policies: [Self.policy(statement)],
            sections: parametersXY + #", "Mappings": {"M": {"a": {"b": "c"}}}"#)
        let found = try TemplateLint.report(of: body).findings
        #expect(found.allSatisfy { $0.rule.severity != .error }, "\(found)")
    }

    /// Nor does an author's list become a device's by being cut, or chosen by a value.
    @Test(arguments: [
        #"{"Fn::Split": [",", {"Fn::FindInMap": ["M", {"Ref": "X"}, "t"]}]}"#,
        #"{"Fn::FindInMap": ["M", {"Ref": "X"}, "t"]}"#,
        #"{"Fn::Sub": "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/${X}"}"#,
        #"{"Fn::Sub": ["${T}/${X}", {"T": {"Fn::FindInMap": ["M", {"Ref": "Y"}, "t"]}}]}"#,
        #"{"Fn::Select": ["0", {"Fn::Split": [",", {"Fn::Sub": "arn:aws:iot:l:1:topic/${X}"}]}]}"#,
    ])
    func anAuthorsBeginningIsNoDevices(_ resource: String) {
        #expect(Self.rules(Self.choosing(resource)) == [])
    }

    /// A device would give itself what rights it likes.
    @Test(arguments: [
        #"{"Ref": "X"}"#, #"{"Ref": "Z"}"#, #"["arn:aws:iot:l:1:topic/a", {"Fn::Sub": "${X}"}]"#,
        #"{"Fn::Split": [",", {"Ref": "X"}]}"#,
        #"{"Fn::Split": [",", {"Fn::Sub": "arn:aws:iot:l:1:topic/${X}"}]}"#,
        #"{"Fn::Select": ["1", {"Fn::Split": [",", {"Fn::Sub": "arn:aws:iot:l:1:topic/${X}"}]}]}"#,
        #"{"Fn::Select": [{"Ref": "Y"}, ["arn:aws:iot:l:1:topic/a", {"Ref": "X"}]]}"#,
        #"{"Fn::Sub": ["${E}${X}", {"E": {"Fn::FindInMap": ["M", {"Ref": "Y"}, "e"]}}]}"#,
        #"{"Fn::Sub": "arn:aws:iot:l:1:${W}/x"}"#,
    ])
    func aDeviceChoosesNoWholeResource(_ resource: String) {
        let found = TemplateChecker.check(Self.choosing(resource)).findings
        #expect(found.map(\.rule) == [.grammar], "\(found)")
        #expect(
            found.first?.pointer.description.hasPrefix(
                "\(Self.document)/Statement/0/Resource") == true)
        #expect(found.first?.message.contains("a device would choose the resource") == true)
        #expect(
            Self.rules(Self.choosing(resource, element: "NotResource"))
                .allSatisfy { $0.hasPrefix("grammar ") })
    }

    @Test func aDocumentThatIsTextIsLookedAtToo() {
        let text =
            #"{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", "#
            + #"\"Action\": \"iot:Publish\", \"Resource\": \"${X}\"}}"#
        let body = template(
            policies: [#"{"PolicyDocument": {"Fn::Sub": "\#(text)"}}"#], sections: parametersXY)
        #expect(Self.rules(body) == ["grammar \(Self.document)/Fn::Sub"])
    }

    private static func choosing(_ resource: String, element: String = "Resource") -> String {
        let parameters = #"""
            , "Parameters": {"X": {"Type": "String"}, "Y": {"Type": "String"},
             "Z": {"Type": "String", "Default": "arn:aws:iot:l:1:topic/z"},
             "W": {"Type": "String", "Default": "topic"}},
             "Mappings": {"M": {
             "a": {"t": "arn:aws:iot:l:1:topic/m", "e": "arn:aws:iot:l:1:topic/"},
             "b": {"t": "arn:aws:iot:l:1:topic/n", "e": ""}}}
            """#
        return template(
            policies: [
                Self.policy(
                    #"{"Effect": "Allow", "Action": "iot:Publish", "\#(element)": \#(resource)}"#)
            ], sections: parameters)
    }

    @Test func theKeyOfAConditionIsJudgedWhateverItsOperandIs() throws {
        let statement = #"""
            {"Effect": "Allow", "Action": "iot:Publish", "Resource": "*",
             "Condition": {"NumericLessThan": {"iot:x": {"Ref": "X"}}}}
            """#
        let found = try TemplateLint.report(
            of: template(policies: [Self.policy(statement)], sections: parametersXY)
        ).findings
        #expect(found.contains { $0.rule.id == "policy-unresolved-variable" }, "\(found)")
    }

    /// What the author wrote is, though a value stands in it.
    @Test(
        arguments: zip(
            [
                #""Resource": {"Fn::Sub": "topic/${X}"}"#,
                #""Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "nowhere"}}"#,
            ], ["policy-resource-form", "policy-operand-form"]))
    func anAuthorsTextIs(_ elements: String, _ rule: String) {
        let statement = #"{"Effect": "Allow", "Action": "iot:Publish", \#(elements)}"#
        let body = template(policies: [Self.policy(statement)], sections: parametersXY)
        #expect(TemplateChecker.check(body).findings.map(\.rule.id) == [rule])
    }

    @Test func aDocumentOfTooManyValuesIsOneFinding() {
        let actions = String(repeating: #""iot:Publish","#, count: 5000) + #""iot:Receive""#
        let statement = #"{"Effect": "Allow", "Action": [\#(actions)], "Resource": "*"}"#
        let found = TemplateChecker.check(
            template(policies: [Self.policy(statement)]),
            limits: TemplateLimits(bodyBytesMax: 1 << 20)
        ).findings
        #expect(found.map(\.pointer.description) == [Self.document])
    }
}

/// Policies that reach other things, and exceptions that say nothing.
@Suite struct TemplateReachTests {
    private static func rules(_ resource: String) throws -> [String] {
        let body = template(
            thing: #"{"ThingName": {"Fn::Sub": "t-${X}"}}"#,
            policies: [
                inlinePolicy(
                    resource: #"{"Fn::Sub": "arn:aws:iot:local:000000000000:\#(resource)"}"#)
            ], sections: parametersXY)
        return try TemplateLint.report(of: body).findings.map(\.rule.id).filter {
            $0 == "wildcard-beside-value" || $0 == "reaches-other-things"
        }
    }

    /// `SN-1*` is `SN-10` too, and `*1` is `11`.
    @Test(arguments: [
        "topic/pumps/${X}*", "topic/pumps/${X}?", "topic/*${X}/up", "topic/pumps/${X}${Y}*",
        "topic/pumps/t-${X}*/up", "topicfilter/pumps/${X}*", "client/t-${X}*",
        "thing/${iot:Connection.Thing.ThingName}*", "topic/${iot:ClientId}*",
        "topic/${Y}/${iot:Connection.Thing.ThingName}*",
    ])
    func aWildcardBesideAValueReachesOthers(_ resource: String) throws {
        #expect(try Self.rules(resource) == ["wildcard-beside-value"])
    }

    @Test(arguments: [
        "topic/pumps/${X}/*", "topic/pumps/${X}", "topic/*/${X}/up", "topic/${X}/x/${X}*",
        "topic/${X}/${Y}*", "client/t-${X}-*", "topic/${AWS::IoT::Certificate::Id}*",
        "topic/${iot:ClientId}/*", "topic/pumps/${X}${*}",
        "thing/${iot:Connection.Thing.ThingName}",
    ])
    func aValueThatEndsDoesNot(_ resource: String) throws {
        #expect(try Self.rules(resource) == [])
    }

    @Test(arguments: [
        "topic/pumps/*", "topic/${Y}/*", "thing/*", "thing/t-*",
        "topic/${iot:Connection.Thing.ThingTypeName}/*", "topic/${AWS::Region}/*",
    ])
    func whatIsNobodysOwnReachesOthers(_ resource: String) throws {
        #expect(try Self.rules(resource) == ["reaches-other-things"])
    }

    /// Each entry that a value may choose is looked at, not the first only.
    @Test(arguments: [
        #"{"Fn::FindInMap": ["M", {"Ref": "X"}, "t"]}"#,
        #"{"Fn::FindInMap": ["M", "b", {"Ref": "X"}]}"#,
        #"{"Fn::Select": [{"Ref": "X"}, ["topic/${iot:ClientId}", "topic/open/*", "x"]]}"#,
    ])
    func whatAValueMayChooseIsLookedAtOneByOne(_ chosen: String) throws {
        let prefix = "arn:aws:iot:local:000000000000:"
        let resource = #"{"Fn::Join": ["", ["\#(prefix)", \#(chosen)]]}"#
        let maps = #"""
            , "Mappings": {"M": {"a": {"t": "topic/${iot:ClientId}"},
             "b": {"t": "topic/open/*", "u": "topic/${iot:ClientId}"},
             "c": {"t": "topic/open/*"}}}
            """#
        let body = template(
            thing: #"{"ThingName": {"Fn::Sub": "t-${X}"}}"#,
            policies: [inlinePolicy(resource: resource)], sections: parametersXY + maps)
        let found = try TemplateLint.report(of: body).findings
        #expect(found.filter { $0.rule == .reachesOtherThings }.count == 1, "\(found)")
    }

    @Test func anEntryThatMakesNoPolicyIsWarnedOf() throws {
        let maps = #"""
            , "Mappings": {"M": {"a": {"t": "arn:aws:iot:local:000000000000:topic/x"},
             "b": {"t": "topic/x"}, "c": {"t": "topic/y"}}}
            """#
        let chosen = #"{"Fn::FindInMap": ["M", {"Ref": "X"}, "t"]}"#
        let body = template(
            policies: [inlinePolicy(resource: chosen)], sections: parametersXY + maps)
        let found = try TemplateLint.report(of: body).findings
        let told = found.filter { $0.rule == .unreadableChoice }
        #expect(told.map { $0.pointer.tokens.last } == ["Resource"], "\(found)")
        #expect(found.allSatisfy { $0.rule.severity != .error })
    }

    @Test(arguments: [#"" ""#, #""\t\n""#, #""-""#, #""…""#, "\"\""])
    func aBlankReasonIsNone(_ reason: String) throws {
        let body = template(
            sections: """
                , "Slipway": {"Lint": {"Ignore": [{"Rule": "takes-over-thing", \
                "Reason": \(reason)}]}}
                """)
        let report = try TemplateLint.report(of: body)
        #expect(report.ignored.isEmpty)
        #expect(
            report.findings.map { "\($0.rule.id) \($0.pointer)" }
                == ["grammar /Slipway/Lint/Ignore/0/Reason"])
    }
}
