import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

private let deep = "a/b/c/d/e/f/g/h"
private let long = String(repeating: "t", count: 256)

/// What the gateway decides beside policies is decided in a dry run too.
@Suite struct DryRunGatewayTests {
    private static func body(
        _ statement: String = #""Action": "iot:*", "Resource": "*""#, status: String = "ACTIVE"
    ) -> String {
        """
        {"Parameters": {"SerialNumber": {"Type": "String"}},
         "Resources": {
          "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["sensor", {"Ref": "SerialNumber"}]]}}},
          "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "\(status)"}},
          "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", \(statement)}]}}}}}
        """
    }

    private static func ask(
        _ fixture: ProvisioningFixture, _ body: String, _ questions: [String],
        _ more: JSONObject = [:]
    ) async throws -> DryRunReport {
        var request: JSONObject = [
            "templateBody": .string(body), "parameters": ["SerialNumber": "A7"],
            "questions": .array(questions.map { .string($0) }),
        ]
        for (name, value) in more.members { request[name] = value }
        return try await DryRunTests.trial(fixture).run(DryRunRequest(json: .object(request)))
    }

    /// Each of them is within a policy that allows everything.
    @Test(arguments: [
        ("publish $aws/foo", "no service answers there"),
        ("publish $aws/things/sensor-A7/shadow/update", "no service answers there"),
        ("publish $SYS/x", "no service answers there"),
        ("publish $share/g/a", "no service answers there"),
        ("publish \(deep)/i", "has 9 levels; at most 8"),
        ("publish \(long)t", "has 257 bytes; at most 256"),
        ("publish a/+/b", "holds no wildcard"),
        ("iot:Publish arn:aws:iot:local:000000000000:topic/$SYS/x", "no service answers there"),
        ("retain-publish a", "no message is retained here"),
        ("subscribe a#b", "'#' a whole last level"),
        ("subscribe $share/g/a/#", "shared subscriptions are not available"),
        ("subscribe $share/g", "$share/GROUP/FILTER"),
        ("subscribe $SYS/#", "the server's own"),
        ("subscribe \(deep)/#", "has 9 levels; at most 8"),
        ("subscribe \(long)t", "has 257 bytes; at most 256"),
        ("subscribe $aws/certificates/create/json", "this is the request topic"),
        ("subscribe $aws/things/sensor-A7/shadow/update/accepted", "no service answers there"),
        ("receive $SYS/x", "no service speaks there"),
        ("receive a/#", "holds no wildcard"),
        ("connect $x", "does not begin with $"),
        ("connect \(long)", "has 256 bytes; at most 128"),
    ])
    func whatTheGatewayRefusesIsRefused(_ question: String, _ reason: String) async throws {
        let report = try await Self.ask(
            try await ProvisioningFixture(), Self.body(), [question])
        let answer = try #require(report.policies?.answers.first)
        #expect(report.isAccepted)
        #expect(!answer.isAllowed && answer.decision == "REFUSED")
        #expect(answer.explanation.contains(reason), "\(answer.explanation)")
    }

    @Test(arguments: [
        "publish $aws/certificates/create-from-csr/cbor", "publish \(deep)", "publish \(long)",
        "publish $slipway/certificates/renew/json",
        "subscribe $aws/certificates/create/json/accepted", "subscribe $aws/events/#",
        "receive $aws/events/thing/sensor-A7/created", "subscribe #", "subscribe \(deep)",
        "receive $aws/certificates/create/json/accepted", "connect sensor-A7", "connect other",
    ])
    func whatTheGatewayTakesIsForPoliciesToDecide(_ question: String) async throws {
        let fixture = try await ProvisioningFixture()
        let open = try await Self.ask(fixture, Self.body(), [question])
        #expect(open.policies?.answers.map(\.isAllowed) == [true])
        let closed = try await Self.ask(
            fixture, Self.body(#""Action": "iot:GetThingShadow", "Resource": "*""#), [question])
        #expect(closed.policies?.answers.map(\.decision) == ["IMPLICIT_DENY"])
    }

    @Test func aCertificateThatIsNotActiveMayNothing() async throws {
        let report = try await Self.ask(
            try await ProvisioningFixture(),
            Self.body(
                #""Action": "iot:*", "Resource": "arn:aws:iot:local:000000000000:topic/a*""#,
                status: "INACTIVE"), ["connect sensor-A7", "publish a"])
        let answers = report.policies?.answers ?? []
        #expect(answers.map(\.isAllowed) == [false, false])
        #expect(answers.allSatisfy { $0.explanation.contains("with the status INACTIVE") })
        let lines = report.policies?.effective ?? []
        #expect(!lines.isEmpty && lines.allSatisfy { $0.decision == "REFUSED" })
        let refusal = report.json["effectivePolicy"]?.arrayValue?.first?["refusal"]?.stringValue
        #expect(refusal?.isEmpty == false)
    }

    /// The gateway judges a connection by the name that it has, not by another.
    @Test func aConnectionIsAskedAboutUnderItsOwnName() async throws {
        let report = try await Self.ask(
            try await ProvisioningFixture(),
            Self.body(
                #""Action": "iot:Connect", "#
                    + #""Resource": "arn:aws:iot:local:000000000000:client/${iot:ClientId}""#),
            ["connect sensor-A7", "connect another"])
        #expect(report.policies?.answers.map(\.isAllowed) == [true, true])
        let things = try await Self.ask(
            try await ProvisioningFixture(),
            Self.body(
                #""Action": "iot:Connect", "Resource": "*", "Condition": {"Bool": "#
                    + #"{"iot:Connection.Thing.IsAttached": "true"}}"#),
            ["connect sensor-A7", "connect another"])
        #expect(things.policies?.answers.map(\.isAllowed) == [true, false])
    }

    @Test func theAddressCountsAndItsLackIsTold() async throws {
        let fixture = try await ProvisioningFixture()
        let body = Self.body(
            #""Action": "iot:Publish", "Resource": "*", "Condition": {"IpAddress": "#
                + #"{"aws:SourceIp": "192.0.2.0/24"}}"#)
        for (address, isAllowed) in [("192.0.2.7", true), ("198.51.100.7", false)] {
            let report = try await Self.ask(
                fixture, body, ["publish a"], ["sourceAddress": .string(address)])
            #expect(report.policies?.answers.map(\.isAllowed) == [isAllowed])
            #expect(report.json["unknown"] == nil)
        }
        let nowhere = try await Self.ask(fixture, body, ["publish a"])
        #expect(nowhere.policies?.answers.map(\.isAllowed) == [false])
        let told = nowhere.json["unknown"]?.arrayValue?.first?.stringValue
        #expect(told?.contains("(aws:SourceIp), which") == true)
        #expect(throws: FleetError.self) {
            try DryRunRequest(json: ["templateName": "t", "sourceAddress": "192.0.2.300"])
        }
    }

    @Test(arguments: [
        ("StringEquals", #"{"iot:DomainName": "x"}"#, "iot:DomainName"),
        ("StringEquals", #"{"iot:ConnectAttributes": "LastWill"}"#, "persistent sessions"),
        ("StringEquals", #"{"iot:Certificate.Issuer.CommonName": "x"}"#, "certificate's fields"),
    ])
    func whatPoliciesReadAndNobodyKnowsIsTold(
        _ test: String, _ condition: String, _ words: String
    ) async throws {
        let report = try await Self.ask(
            try await ProvisioningFixture(),
            Self.body(
                #""Action": "iot:*", "Resource": "*", "Condition": {"\#(test)": \#(condition)}"#),
            [])
        #expect(report.json["unknown"]?.arrayValue?.first?.stringValue?.contains(words) == true)
    }

    @Test func aClaimsPaceAndItsNetworksAreTold() async throws {
        let fixture = try await ProvisioningFixture()
        let name = ClaimName(checked: "line")
        var terms = ClaimTerms(name: name, createdAt: fixture.clock.now, perMinute: 5)
        terms.networks = ["192.0.2.0/24"]
        try await fixture.put([.putClaimTerms(terms)])
        let report = try await Self.ask(fixture, Self.body(), [], ["claimName": "line"])
        let unknown = (report.json["unknown"]?.arrayValue ?? []).compactMap(\.stringValue)
        #expect(unknown.contains { $0.contains("within this minute (at most 5)") })
        #expect(unknown.contains { $0.contains("may be used from 192.0.2.0/24 alone") })
        let placed = try await Self.ask(
            fixture, Self.body(), [], ["claimName": "line", "sourceAddress": "192.0.2.1"])
        #expect(placed.isAccepted)
        #expect(placed.json["unknown"]?.arrayValue?.count == 1)
    }

    @Test func aClaimWithTooMuchPendingIsRefusedAsItsDeviceWouldBe() async throws {
        let fixture = try await ProvisioningFixture()
        let terms = ClaimTerms(
            name: ClaimName(checked: "line"), createdAt: fixture.clock.now, pendingMax: 1)
        try await fixture.put([.putClaimTerms(terms)])
        let ask: JSONObject = ["claimName": "line"]
        #expect(try await Self.ask(fixture, Self.body(), [], ask).isAccepted)
        for publisher in [fixture.claim, fixture.otherClaim] {
            _ = try await fixture.provisioner.createCertificate(
                csr: "CSR \(publisher.clientID)", for: publisher)
        }
        let report = try await Self.ask(fixture, Self.body(), [], ask)
        let live = await #expect(throws: FleetError.self) {
            _ = try await fixture.create(key: "another")
        }
        #expect(report.refusal?.code == .claimBusy)
        let told = report.json["refusal"]
        #expect(told?["errorCode"]?.stringValue == live.map { Rejection($0).errorCode })
        #expect(told?["reason"] == live.flatMap { Rejection($0).explanation["reason"] })
    }
}
