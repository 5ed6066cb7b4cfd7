import Fleet
import JSON
import TestSupport
import Testing

@testable import Provisioning

/// A parameter may be a pairing code or a site's password: a refusal says which parameter is at
/// fault and what is wrong with it, and its value to nobody.
@Suite struct RefusalSecrecyTests {
    private static let malformed = "s3cr3t! word"
    private static let wellFormed = "s3cr3t"
    private static let topic = "$aws/provisioning-templates/sensor/provision/json"

    @Test(arguments: [
        (#"{"ThingName": "t", "AttributePayload": {"a": {"Ref": "Key"}}}"#, malformed),
        (#"{"ThingName": {"Fn::Sub": "t-${Key}"}}"#, malformed),
        (#"{"ThingName": {"Fn::Select": [{"Ref": "Key"}, ["a", "b"]]}}"#, malformed),
        (#"{"ThingName": {"Fn::Select": [{"Ref": "Key"}, ["a", "b"]]}}"#, "37261"),
        (#"{"ThingName": {"Fn::FindInMap": ["M", {"Ref": "Key"}, "c"]}}"#, malformed),
        (#"{"ThingName": "t", "ThingTypeName": {"Ref": "Key"}}"#, malformed),
        (#"{"ThingName": "t", "ThingTypeName": {"Ref": "Key"}}"#, wellFormed),
        (
            #"{"ThingName": "t", "ThingGroups": [{"Fn::Join": ["-", ["g", {"Ref": "Key"}]]}]}"#,
            wellFormed
        ),
        (#"{"ThingName": "t", "BillingGroup": {"Ref": "Key"}}"#, wellFormed),
    ])
    func aThingsRefusalTellsNoValue(_ thing: String, _ value: String) async throws {
        try await Self.check(template(thing: thing, sections: Self.sections), value)
    }

    @Test func aPolicysRefusalTellsNoValue() async throws {
        try await Self.check(
            template(policies: [#"{"PolicyName": {"Ref": "Key"}}"#], sections: Self.sections),
            Self.wellFormed)
    }

    /// What it comes to is too long for a policy.
    @Test func anInlinePolicysRefusalTellsNoValue() async throws {
        let resource = #"{"Fn::Sub": "arn:aws:iot:l:1:topic/${Key}"}"#
        try await Self.check(
            template(policies: [inlinePolicy(resource: resource)], sections: Self.sections),
            String(repeating: Self.wellFormed, count: 600))
    }

    /// Before anything else is known of a request, its serial number is.
    @Test func aRefusedPayloadIsFoundByItsSerialNumber() async throws {
        let fixture = try await ProvisioningFixture()
        let request: JSONValue = [
            "certificateOwnershipToken": "T",
            "parameters": [
                "SerialNumber": "A7", "Key": .string(String(repeating: "x", count: 5000)),
            ],
        ]
        _ = await fixture.service.handle(
            topic: Self.topic, payload: Array(JSONPrinter.print(request).utf8),
            from: fixture.claim)
        let serials = fixture.events.all.compactMap { event in
            if case .attempted(let attempt) = event { attempt.object["serial"] } else { nil }
        }
        #expect(serials == ["A7"])
    }

    @Test(arguments: [
        #"{"Subject": {"CN": {"Ref": "Key"}}}"#,
        #"{"SubjectAlternativeNames": [{"Fn::Sub": "${Key}.example"}]}"#,
    ])
    func aCertificatesRefusalTellsNoValue(_ demands: String) async throws {
        try await Self.check(
            template(
                sections: Self.sections + #", "Slipway": {"Certificate": \#(demands)}"#),
            Self.wellFormed)
    }

    private static let sections =
        #", "Parameters": {"SerialNumber": {"Type": "String"}, "Key": {"Type": "String"}}"#
        + #", "Mappings": {"M": {"1": {"c": "mapped"}}}"#

    /// Over the wire, in the trace and in every event.
    private static func check(_ body: String, _ value: String) async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put(template: body)
        let (_, token) = try await fixture.create()
        let request: JSONValue = [
            "certificateOwnershipToken": .string(token),
            "parameters": ["SerialNumber": "A7", "Key": .string(value)],
        ]
        let replies = await fixture.service.handle(
            topic: Self.topic, payload: Array(JSONPrinter.print(request).utf8),
            from: fixture.claim)
        let reply = try #require(replies.first)
        #expect(reply.topic == Self.topic + "/rejected")
        guard case .open(let bytes) = reply.payload else {
            Issue.record("a refusal is no secret")
            return
        }
        let told = try JSONParser.parse(bytes)
        #expect(told["parameter"] == "Key")
        var said = [JSONPrinter.print(told)]
        for event in fixture.events.all {
            switch event {
            case .refused(let refused):
                said += [
                    refused.error.description, refused.error.resource ?? "", refused.cause ?? "",
                ]
            case .attempted(let record): said.append(JSONPrinter.print(.object(record.object)))
            default: break
            }
        }
        #expect(said.count > 2)
        let beginning = value.prefix(6)
        #expect(said.allSatisfy { !$0.contains(beginning) }, "\(said)")
    }
}
