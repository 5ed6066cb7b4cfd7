import Fleet
import JSON
import Provisioning
import Testing

/// A template around the pieces a test is about.
func template(
    thing: String = #"{"ThingName": "t"}"#, certificate: String? = nil,
    policies: [String] = [], sections: String = "", overrides: String? = nil
) -> String {
    let certificate = certificate ?? #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}"#
    let overrides = overrides.map { #", "OverrideSettings": \#($0)"# } ?? ""
    var resources = [
        #""thing": {"Type": "AWS::IoT::Thing", "Properties": \#(thing)\#(overrides)}"#,
        #""certificate": {"Type": "AWS::IoT::Certificate", "Properties": \#(certificate)}"#,
    ]
    for (index, policy) in policies.enumerated() {
        resources.append(#""p\#(index)": {"Type": "AWS::IoT::Policy", "Properties": \#(policy)}"#)
    }
    return #"{"Resources": {\#(resources.joined(separator: ","))}\#(sections)}"#
}

let parametersXY = #", "Parameters": {"X": {"Type": "String"}, "Y": {"Type": "String"}}"#

func inlinePolicy(resource: String, action: String = #""iot:Publish""#) -> String {
    #"{"PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "#
        + action + #", "Resource": "# + resource + "}]}}"
}

/// What a template makes of parameters, without a registry.
func render(
    _ body: String, _ sent: [String: String] = [:]
) throws -> RenderedTemplate {
    let document = try TemplateChecker.document(of: body, named: TemplateName(checked: "t"))
    let parameters = ResolvedParameters(
        sent: sent, overrides: [:], document: document,
        certificate: CertificateID(sha256: FakeIssuer.digest("device")), realm: .standard)
    return try TemplateRenderer.render(document, with: parameters)
}

@Suite struct TemplateGrammarTests {
    /// What Terraform's provider shows in its documentation, and AWS's console makes where no
    /// things are to be created.
    static let withoutThing = #"""
        {"Parameters": {"SerialNumber": {"Type": "String"}},
         "Resources": {
          "certificate": {
           "Type": "AWS::IoT::Certificate",
           "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
          "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "DevicePolicy"}}}}
        """#

    /// Each refusal names its place.
    @Test(arguments: [
        ("[]", "", "expected an object, found an array"),
        ("{}", "", "the template has no Resources"),
        (#"{"Resources": {}, "Output": {}}"#, "/Output", "'Output' is not understood here"),
        (#"{"Resources": {"a": {"Type": "AWS::S3::Bucket"}}}"#, "/Resources/a/Type", "one of"),
        (#"{"Resources": {}}"#, "/Resources", "no AWS::IoT::Thing"),
        (Self.withoutThing, "/Resources", #"{"ThingName": {"Ref": "SerialNumber"}}"#),
        (template(thing: "{}"), "/Resources/thing/Properties", "ThingName is missing"),
        (
            template(thing: #"{"ThingName": 7}"#), "/Resources/thing/Properties/ThingName",
            "a number stands where text belongs"
        ),
        (
            template(thing: #"{"ThingName": "t", "Colour": "x"}"#),
            "/Resources/thing/Properties/Colour", "'Colour' is not understood here"
        ),
        (
            template(thing: #"{"ThingName": {"Ref": "Nope"}}"#),
            "/Resources/thing/Properties/ThingName", "'Nope' is not declared"
        ),
        (
            template(thing: #"{"ThingName": {"Ref": "thing"}}"#),
            "/Resources/thing/Properties/ThingName", "'thing' is not declared"
        ),
        (
            template(thing: #"{"ThingName": {"Fn::Upper": "x"}}"#),
            "/Resources/thing/Properties/ThingName/Fn::Upper", "'Fn::Upper' is not understood"
        ),
        (
            template(thing: #"{"ThingName": {"Fn::Join": ["-"]}}"#),
            "/Resources/thing/Properties/ThingName/Fn::Join", "Fn::Join takes"
        ),
        (
            template(thing: #"{"ThingName": {"Fn::Sub": "a-${X"}}"#),
            "/Resources/thing/Properties/ThingName/Fn::Sub", "without its '}'"
        ),
        (
            template(thing: #"{"ThingName": {"Fn::Select": [-1, ["a"]]}}"#),
            "/Resources/thing/Properties/ThingName/Fn::Select/0", "'-1' is no index"
        ),
        (
            template(thing: #"{"ThingName": {"Fn::FindInMap": ["M", "a", "b"]}}"#),
            "/Resources/thing/Properties/ThingName/Fn::FindInMap/0", "there is no map 'M'"
        ),
        (
            template(thing: #"{"ThingName": "t", "AttributePayload": {"a b": "x"}}"#),
            "/Resources/thing/Properties/AttributePayload/a b", "is no attribute name"
        ),
        (
            template(certificate: "{}"), "/Resources/certificate/Properties",
            "CertificateId is {\"Ref\""
        ),
        (
            template(certificate: #"{"CertificateId": "abc"}"#),
            "/Resources/certificate/Properties/CertificateId", "CertificateId is {\"Ref\""
        ),
        (
            template(
                certificate:
                    #"{"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "REVOKED"}"#
            ), "/Resources/certificate/Properties/Status", "ACTIVE or INACTIVE"
        ),
        (
            template(policies: [#"{"PolicyName": "a", "PolicyDocument": {}}"#]),
            "/Resources/p0/Properties", "exactly one of"
        ),
        (template(policies: ["{}"]), "/Resources/p0/Properties", "exactly one of"),
        (
            template(policies: [#"{"PolicyDocument": "{"}"#]),
            "/Resources/p0/Properties/PolicyDocument", "the text is no JSON"
        ),
        (
            template(policies: [#"{"PolicyDocument": {"Ref": "X"}}"#], sections: parametersXY),
            "/Resources/p0/Properties/PolicyDocument", "parsed after"
        ),
        (
            template(
                policies: [inlinePolicy(resource: #""*""#, action: #"{"Ref": "X"}"#)],
                sections: parametersXY),
            "/Resources/p0/Properties/PolicyDocument/Statement/0/Action", "parameter 'X' may stand"
        ),
        (
            template(overrides: #"{"AttributePayload": "OVERWRITE"}"#),
            "/Resources/thing/OverrideSettings/AttributePayload", "expected one of"
        ),
        (
            template(overrides: #"{"ThingTypeName": "MERGE"}"#),
            "/Resources/thing/OverrideSettings/ThingTypeName", "cannot be merged"
        ),
        (
            template(sections: #", "Parameters": {"P": {"Type": "Number"}}"#),
            "/Parameters/P/Type", "the only Type"
        ),
        (
            template(sections: #", "DeviceConfiguration": {"a": {"b": "c"}}"#),
            "/DeviceConfiguration/a", "an object stands where text belongs"
        ),
        (
            template(sections: #", "Mappings": {"M": {"a": {"b": {"Ref": "X"}}}}"#),
            "/Mappings/M/a/b", "expected text in quotes"
        ),
    ])
    func whatIsNotUnderstoodIsRefusedWithItsPlace(
        _ body: String, _ pointer: String, _ message: String
    ) {
        let report = TemplateChecker.check(body)
        #expect(report.document == nil)
        let found = report.findings.contains {
            $0.pointer.description == pointer && $0.message.contains(message)
        }
        #expect(found, "\(report.findings)")
    }

    @Test func allFindingsComeAtOnce() {
        let body = template(
            thing: #"{"ThingName": {"Ref": "A"}, "X": 1}"#, certificate: "{}",
            sections: #", "More": 1"#)
        #expect(TemplateChecker.check(body).findings.count == 4)
    }

    /// The thing that is missing is all that is wrong, for a device's template and an operator's.
    @Test(arguments: [TemplateDocument.Purpose.fleet, .direct])
    func aTemplateWithoutAThingIsMendedByOne(_ purpose: TemplateDocument.Purpose) {
        let thing =
            #""thing": {"Type": "AWS::IoT::Thing", "#
            + #""Properties": {"ThingName": {"Ref": "SerialNumber"}}}"#
        let refused = TemplateChecker.check(Self.withoutThing, for: purpose)
        #expect(refused.findings.count == 1)
        #expect(refused.findings.first?.message.hasSuffix("such as " + thing) == true)
        let mended = Self.withoutThing.replacing(
            #""Resources": {"#, with: #""Resources": {\#(thing), "#)
        #expect(TemplateChecker.check(mended, for: purpose).findings.isEmpty)
    }

    /// A request is no template, whether it carries one as JSON or as text.
    @Test(arguments: [
        (#"{"templateBody": {"Resources": {}}, "roleArn": "r"}"#, "templateBody"),
        (#"{"templateName": "t", "templateBody": "{\"Resources\": {}}"}"#, "templateBody"),
        (#"{"TemplateBody": "{}", "ProvisioningRoleArn": "r"}"#, "TemplateBody"),
    ])
    func aRequestThatCarriesATemplateSaysSoAndNoMore(_ body: String, _ key: String) {
        let found = TemplateChecker.check(body).findings
        #expect(found.map(\.pointer.description) == ["/" + key], "\(found)")
        #expect(found.first?.message.contains("stands in \(key)") == true)
        #expect(found.allSatisfy { $0.position != nil })
    }

    /// A thing without its name has its other faults told as well.
    @Test(arguments: ["", #""ThingName": 7, "#, #""ThingNme": "t", "#])
    func aMissingNameHidesNothing(_ name: String) {
        let attributes = #""AttributePayload": {"a": 5, "c": {"Fn::Joni": ["", []]}}"#
        let found = TemplateChecker.check(
            template(
                thing: "{" + name + attributes + #", "ThingGroups": "g"}"#,
                overrides: #"{"AttributePaylod": "FAIL"}"#)
        ).findings
        let properties = "/Resources/thing/Properties"
        for place in [
            "\(properties)/AttributePayload/a", "\(properties)/AttributePayload/c/Fn::Joni",
            "\(properties)/ThingGroups", "/Resources/thing/OverrideSettings/AttributePaylod",
        ] {
            #expect(found.contains { $0.pointer.description == place }, "\(place): \(found)")
        }
        #expect(found.contains { $0.pointer.description.contains("ThingN") || name.isEmpty })
    }

    @Test(arguments: [
        "", "{", "nonsense", "{\"a\":1,\"a\":2}", String(repeating: "[", count: 5000),
        String(repeating: " ", count: 10_241), "null", "\u{FEFF}{}",
    ])
    func aBodyThatIsNoTemplateGetsOneClearError(_ body: String) {
        let report = TemplateChecker.check(body)
        #expect(report.findings.count == 1)
        #expect(report.document == nil)
    }

    @Test func nestedDoublingIsRefusedBeforeItIsPaidFor() {
        var value = #""x""#
        for _ in 0..<15 { value = #"{"Fn::Sub": ["${A}${A}", {"A": \#(value)}]}"# }
        let report = TemplateChecker.check(template(thing: #"{"ThingName": \#(value)}"#))
        #expect(report.findings.contains { $0.message.contains("steps") })
    }

    @Test(arguments: [
        (#"{"Fn::Join": ["-", ["a", {"Ref": "X"}, "b"]]}"#, "a-1-b"),
        (#"{"Fn::Join": ["", []]}"#, ""),
        (#"{"Fn::Sub": "a-${X}-${Y}"}"#, "a-1-p_q"),
        (#"{"Fn::Sub": ["${V}${X}", {"V": {"Fn::Join": [":", ["v", {"Ref": "Y"}]]}}]}"#, "v:p_q1"),
        (#"{"Fn::Sub": "no$variable$here"}"#, "no$variable$here"),
        (#"{"Fn::Sub": "${!X}-${iot:ClientId}"}"#, "${X}-${iot:ClientId}"),
        (#"{"Fn::Select": [1, {"Fn::Split": ["_", {"Ref": "Y"}]}]}"#, "q"),
        (#"{"Fn::Select": ["0", ["a", "b"]]}"#, "a"),
        (#"{"Fn::Select": [{"Ref": "X"}, ["a", "b"]]}"#, "b"),
        (#"{"Fn::FindInMap": ["M", {"Ref": "X"}, "c"]}"#, "mapped"),
        (#"{"Fn::Sub": "${AWS::Region}/${AWS::AccountId}"}"#, "local/000000000000"),
    ])
    func functionsRender(_ value: String, _ expected: String) throws {
        let body = template(
            sections: parametersXY + #", "Mappings": {"M": {"1": {"c": "mapped"}}}"#
                + #", "DeviceConfiguration": {"v": \#(value)}"#)
        let rendered = try render(body, ["X": "1", "Y": "p_q"])
        #expect(rendered.deviceConfiguration["v"] == .string(expected))
    }

    @Test(arguments: [
        (#"{"Fn::Select": [5, ["a"]]}"#, "item 5 of a list of 1"),
        (#"{"Fn::Select": [{"Ref": "Y"}, ["a"]]}"#, "'${Y}' is no index"),
        (#"{"Fn::FindInMap": ["M", {"Ref": "Y"}, "c"]}"#, "Mappings have no entry"),
        (#"{"Ref": "Z"}"#, "Cannot resolve reference value: Z"),
    ])
    func whatCannotBeRenderedSaysWhy(_ value: String, _ message: String) throws {
        let body = template(
            sections: #", "Parameters": {"Y": {"Type": "String"}, "Z": {"Type": "String"}}"#
                + #", "Mappings": {"M": {"1": {"c": "mapped"}}}"#
                + #", "DeviceConfiguration": {"v": \#(value)}"#)
        // A constant out of bounds is found when the template is loaded.
        if value.contains("[5,") {
            #expect(
                TemplateChecker.check(body).findings.map(\.message).first?.contains(message) == true
            )
            return
        }
        let error = #expect(throws: FleetError.self) { try render(body, ["Y": "p_q"]) }
        #expect(error?.code == .invalidParameters)
        #expect(error?.message.contains(message) == true)
    }
}

/// Lesson of step-ca: a name pasted as text into a JSON template made authorities of devices.
@Suite struct TemplateInjectionTests {
    static let hostile = [
        #"","isCA":true,"x":""#, #""}]},{"Effect":"Allow""#, "\\", "\\\"", "\"", "{", "}", "[",
        "]", ",", ":", "\u{0}", "\n", "\u{2028}", "{\"Ref\":\"Y\"}", "${Y}", "${AWS::AccountId}",
        "'", "<!--", "\u{FFFF}", "😀", "e\u{301}", "#{x}", "{{x}}", "%s", "$(id)",
    ]

    @Test(arguments: hostile)
    func aParameterStaysInsideItsString(_ value: String) throws {
        let body = template(
            policies: [
                inlinePolicy(resource: #"{"Fn::Sub": "arn:aws:iot:l:1:topic/a/${X}/b"}"#)
            ],
            sections: parametersXY
                + #", "DeviceConfiguration": {"v": {"Fn::Join": ["", ["<", {"Ref": "X"}, ">"]]}}"#)
        let rendered = try render(body, ["X": value, "Y": "y"])
        #expect(rendered.deviceConfiguration == ["v": .string("<\(value)>")])
        guard case .inline(_, let text, _) = rendered.policies[0] else {
            Issue.record("no inline policy")
            return
        }
        let tree = try JSONParser.parse(text)
        let plain = try render(body, ["X": "plain", "Y": "y"])
        guard case .inline(_, let plainText, _) = plain.policies[0] else { return }
        let pointer = JSONPointer(tokens: ["Statement", "0", "Resource"])
        #expect(Self.shape(tree) == Self.shape(try JSONParser.parse(plainText)))
        let escaped = value.replacing("$", with: "\u{1}").replacing("*", with: "${*}")
            .replacing("?", with: "${?}").replacing("\u{1}", with: "${$}")
        #expect(
            pointer.value(in: tree) == .string("arn:aws:iot:l:1:topic/a/\(escaped)/b"))
    }

    /// The tree with every string replaced by one and the same.
    private static func shape(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool, .number: value
        case .string: "s"
        case .array(let elements): .array(elements.map(Self.shape))
        case .object(let object):
            .object(JSONObject(object.members.map { ($0.key, Self.shape($0.value)) }))
        }
    }

    @Test(arguments: [
        (#"{"Fn::Join": ["", ["arn:aws:iot:l:1:topic/", {"Ref": "X"}]]}"#, "*", "${*}"),
        (#"{"Fn::Sub": "arn:aws:iot:l:1:topic/t/${X}"}"#, "a?b*", "t/a${?}b${*}"),
        (#"{"Fn::Join": ["*", ["arn:aws:iot:l:1:topic/a", {"Ref": "X"}]]}"#, "*", "a*${*}"),
        (
            #"{"Fn::Join": ["", ["arn:aws:iot:l:1:topic/$", {"Ref": "X"}]]}"#, "{iot:ClientId}",
            "${$}{iot:ClientId}"
        ),
        (
            #"{"Fn::Sub": "arn:aws:iot:l:1:topic/${iot:ClientId}/${X}"}"#, "${iot:ClientId}",
            "${iot:ClientId}/${$}{iot:ClientId}"
        ),
        (
            #"{"Fn::Sub": ["arn:aws:iot:l:1:topic/${V}", {"V": "#
                + #"{"Fn::Select": [0, {"Fn::Split": ["-", {"Ref": "X"}]}]}}]}"#, "*-b", "${*}"
        ),
        (
            #""arn:aws:iot:l:1:topic/literal/*/${iot:ClientId}""#, "x",
            "literal/*/${iot:ClientId}"
        ),
    ])
    func aParameterCannotWidenAPolicy(
        _ resource: String, _ value: String, _ expected: String
    ) throws {
        let body = template(policies: [inlinePolicy(resource: resource)], sections: parametersXY)
        guard case .inline(_, let text, _) = try render(body, ["X": value]).policies[0] else {
            Issue.record("no inline policy")
            return
        }
        let found = JSONPointer(tokens: ["Statement", "0", "Resource"]).value(
            in: try JSONParser.parse(text))
        #expect(found == .string("arn:aws:iot:l:1:topic/" + expected))
    }

    @Test func aParameterCannotChooseAPolicyVariable() throws {
        let resource = #"{"Fn::Join": ["", ["${iot:", {"Ref": "X"}, "}"]]}"#
        let report = TemplateChecker.check(
            template(policies: [inlinePolicy(resource: resource)], sections: parametersXY))
        let found = report.findings.filter { $0.message.contains("inside a policy variable") }
        #expect(
            found.map(\.pointer.description) == [
                "/Resources/p0/Properties/PolicyDocument/Statement/0/Resource"
            ])
    }

    @Test func substitutedPolicyTextIsParsedBeforeParametersGoIn() throws {
        let policy =
            #"{"PolicyDocument": {"Fn::Sub": "{\"Version\": \"2012-10-17\", \"Statement\": "#
            + #"[{\"Effect\": \"Allow\", \"Action\": \"iot:Publish\", \"Resource\": "#
            + #"[\"arn:aws:iot:l:1:topic/a/${X}\", \"arn:aws:iot:l:1:topic/${iot:ClientId}\"]}]}"}}"#
        let body = template(policies: [policy], sections: parametersXY)
        let value = #"","Resource":"*"#
        guard case .inline(_, let text, _) = try render(body, ["X": value]).policies[0] else {
            Issue.record("no inline policy")
            return
        }
        let found = JSONPointer(tokens: ["Statement", "0", "Resource"]).value(
            in: try JSONParser.parse(text))
        #expect(
            found == [
                .string("arn:aws:iot:l:1:topic/a/" + #"","Resource":"${*}"#),
                "arn:aws:iot:l:1:topic/${iot:ClientId}",
            ])
    }

    // MARK: Lists

    private func groups(_ list: String, _ value: String) throws -> [String] {
        let body = template(
            thing: #"{"ThingName": "t", "ThingGroups": \#(list)}"#, sections: parametersXY)
        return try render(body, ["X": value]).groups.map(\.rawValue)
    }

    @Test func groupsMayBeCutOutOfOneText() throws {
        let list = #"{"Fn::Split": [",", {"Ref": "X"}]}"#
        #expect(try self.groups(list, "a,b,a") == ["a", "b"])
        let many = (0..<11).map { "g\($0)" }.joined(separator: ",")
        for value in ["", "a,", "a b", many] {
            let error = #expect(throws: FleetError.self) { try self.groups(list, value) }
            #expect(error?.code == .invalidParameters)
        }
        for wrong in [#"{"Ref": "X"}"#, #"{"Fn::Join": [",", ["a"]]}"#, "{}"] {
            let found = TemplateChecker.check(
                template(
                    thing: #"{"ThingName": "t", "ThingGroups": \#(wrong)}"#,
                    sections: parametersXY)
            ).findings
            #expect(
                found.map(\.pointer.description) == ["/Resources/thing/Properties/ThingGroups"])
        }
    }

    // MARK: Fleet templates and operators' templates

    @Test(arguments: ["CertificateSigningRequest", "CertificatePem", "CACertificatePem"])
    func fleetTemplateMayNotNameAnotherCertificate(property: String) {
        let id = #""CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}"#
        let report = TemplateChecker.check(
            template(certificate: #"{\#(id), "\#(property)": "x"}"#))
        #expect(report.document == nil)
        #expect(
            report.findings.map(\.pointer.description)
                == ["/Resources/certificate/Properties/\(property)"])
        #expect(report.findings.first?.message.contains("bulk registration") == true)
    }

    @Test(arguments: [
        ("{}", "/Resources/certificate/Properties", "exactly one of"),
        (
            #"{"CertificateId": {"Ref": "Name"}, "CertificatePem": "x"}"#,
            "/Resources/certificate/Properties", "exactly one of"
        ),
        (
            #"{"CertificateId": {"Ref": "Name"}, "CACertificatePem": "x"}"#,
            "/Resources/certificate/Properties/CACertificatePem", "goes with CertificatePem"
        ),
        (
            #"{"CertificateId": "zz"}"#, "/Resources/certificate/Properties/CertificateId",
            "no certificate id"
        ),
        (
            #"{"CertificatePem": {"Ref": "Nope"}}"#,
            "/Resources/certificate/Properties/CertificatePem", "is not declared"
        ),
        (
            #"{"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "REVOKED"}"#,
            "/Resources/certificate/Properties/Status", "ACTIVE or INACTIVE"
        ),
    ])
    func operatorsTemplateNamesOneCertificate(
        properties: String, pointer: String, message: String
    ) {
        let report = TemplateChecker.check(orderTemplate(certificate: properties), for: .direct)
        #expect(report.document == nil)
        #expect(
            report.findings.contains {
                $0.pointer.description == pointer && $0.message.contains(message)
            }, "\(report.findings)")
    }

    @Test func policyWithoutACertificateIsRefused() {
        let report = TemplateChecker.check(
            orderTemplate(certificate: nil, policies: [#"{"PolicyName": "p"}"#]), for: .direct)
        #expect(report.findings.map(\.pointer.description) == ["/Resources/p0"])
        #expect(TemplateChecker.check(orderTemplate(certificate: nil)).document == nil)
        #expect(
            TemplateChecker.check(orderTemplate(certificate: nil), for: .direct).document != nil)
    }
}
