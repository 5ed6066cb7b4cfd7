import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

@Suite struct ProvisioningServiceTests {
    private func ask(
        _ fixture: ProvisioningFixture, _ topic: String, _ payload: [UInt8]
    ) async throws -> (topic: String, object: JSONObject) {
        let replies = await fixture.service.handle(
            topic: topic, payload: payload, from: fixture.claim)
        #expect(replies.count == 1)
        let reply = try #require(replies.first)
        let bytes =
            switch reply.payload {
            case .open(let bytes): bytes
            case .secret(let secret): secret.expose { $0.withBytes { Array($0) } }
            }
        let value =
            topic.hasSuffix("cbor")
            ? try CBORDecoder.decode(bytes) : try JSONParser.parse(bytes)
        return (reply.topic, try #require(value.objectValue))
    }

    @Test(arguments: [
        ("", "json"), ("{}", "json"), (" { } ", "json"), (#"{"test_data":1}"#, "json"),
        ("", "cbor"), ("\u{A0}", "cbor"),
    ])
    func createAcceptsEveryFormOfNothing(_ text: String, _ format: String) async throws {
        let fixture = try await ProvisioningFixture()
        let payload = format == "cbor" && !text.isEmpty ? [0xA0] : Array(text.utf8)
        let topic = "$aws/certificates/create/\(format)"
        let reply = try await self.ask(fixture, topic, payload)
        #expect(reply.topic == topic + "/accepted")
        #expect(
            Set(reply.object.keys) == [
                "certificateId", "certificatePem", "privateKey", "certificateOwnershipToken",
                "serverTime",
            ])
        #expect(reply.object["privateKey"] == .string(FakeKeyPairs.pem))
    }

    @Test func aValueThatIsTooLongIsNamed() async throws {
        let fixture = try await ProvisioningFixture()
        let parameters: JSONObject = ["a": .string(String(repeating: "x", count: 5000))]
        let reply = try await self.ask(
            fixture, "$aws/provisioning-templates/sensor/provision/json",
            JSONPrinter.bytes([
                "certificateOwnershipToken": "T", "parameters": .object(parameters),
            ]))
        #expect(reply.object["reasonCode"] == .int(RefusalReason.parametersTooLarge.rawValue))
        #expect(reply.object["parameter"] == "a")
    }

    /// What a client hears whose Maximum Packet Size is below the reply's: 300 bytes must do.
    @Test(arguments: ["json", "cbor"])
    func aReplyThatIsTooLargeIsToldInFewBytes(_ format: String) async throws {
        let fixture = try await ProvisioningFixture()
        let topic = "$aws/certificates/create/\(format)"
        let reply = try #require(fixture.service.replyTooLarge(to: topic))
        #expect(reply.topic == topic + "/rejected")
        guard case .open(let bytes) = reply.payload else {
            Issue.record("a refusal holds no secret")
            return
        }
        #expect(bytes.count < 200)
        let value = format == "cbor" ? try CBORDecoder.decode(bytes) : try JSONParser.parse(bytes)
        let object = try #require(value.objectValue)
        #expect(object["statusCode"] == 400)
        #expect(object["reasonCode"] == .int(RefusalReason.replyTooLarge.rawValue))
        #expect(fixture.service.replyTooLarge(to: "a/b") == nil)
    }

    @Test(arguments: ["json", "cbor"])
    func aDeviceGoesThroughTheWholeDialogue(_ format: String) async throws {
        let fixture = try await ProvisioningFixture()
        func encode(_ value: JSONValue) -> [UInt8] {
            format == "cbor" ? CBOREncoder.encode(value) : JSONPrinter.bytes(value)
        }
        let created = try await self.ask(
            fixture, "$aws/certificates/create-from-csr/\(format)",
            encode(["certificateSigningRequest": "CSR 1", "unknown": ["a": 1]]))
        #expect(created.object["privateKey"] == nil)
        let token = try #require(created.object["certificateOwnershipToken"])
        let registered = try await self.ask(
            fixture, "$aws/provisioning-templates/sensor/provision/\(format)",
            encode([
                "certificateOwnershipToken": token, "parameters": ["SerialNumber": "A7"],
            ]))
        #expect(
            registered.topic == "$aws/provisioning-templates/sensor/provision/\(format)/accepted")
        #expect(
            registered.object == [
                "deviceConfiguration": ["site": "lab"], "thingName": "sensor-A7",
                "serverTime": .int(Int(fixture.clock.now.seconds)),
            ])
    }

    /// Provisioning specification, 1.2: keys that are not known are ignored.
    @Test func inCBORAMemberThatNobodyKnowsMayHoldAnything() async throws {
        let fixture = try await ProvisioningFixture()
        let topic = "$aws/certificates/create/cbor"
        // {"x": h'41'}, {"x": undefined}
        for value: [UInt8] in [[0x41, 0x41], [0xF7]] {
            let reply = try await self.ask(fixture, topic, [0xA1, 0x61, 0x78] + value)
            #expect(reply.topic == topic + "/accepted")
        }
        // {"parameters": h'41'}
        let known: [UInt8] = [0xA1] + CBOREncoder.encode("parameters") + [0x41, 0x41]
        let reply = try await self.ask(fixture, topic, known)
        #expect(reply.topic == topic + "/rejected")
        #expect(reply.object["errorCode"] == "InvalidPayload")
        #expect(reply.object["errorMessage"]?.stringValue?.contains("byte 12") == true)
    }

    /// The canonical set, row by row (provisioning dialogue).
    @Test(arguments: [
        ("create/json", "[]", 400, "InvalidPayload"),
        ("create/json", "{", 400, "InvalidPayload"),
        ("create/json", "null", 400, "InvalidPayload"),
        ("create/cbor", "{}", 400, "InvalidPayload"),
        ("create-from-csr/json", "", 400, "InvalidPayload"),
        ("create-from-csr/json", #"{"certificateSigningRequest": 5}"#, 400, "InvalidPayload"),
        ("create-from-csr/json", #"{"certificateSigningRequest": ""}"#, 400, "InvalidPayload"),
        ("create-from-csr/json", #"{"certificateSigningRequest": "x"}"#, 400, "InvalidCSR"),
        (
            "create-from-csr/json",
            #"{"certificateSigningRequest": "CSR \#(String(repeating: "x", count: 4096))"}"#, 400,
            "InvalidCSR"
        ),
        ("sensor", "{}", 400, "InvalidCertificateOwnershipToken"),
        ("sensor", #"{"certificateOwnershipToken": ""}"#, 400, "InvalidCertificateOwnershipToken"),
        (
            "sensor", #"{"certificateOwnershipToken": null}"#, 400,
            "InvalidCertificateOwnershipToken"
        ),
        ("sensor", #"{"certificateOwnershipToken": 7}"#, 400, "InvalidPayload"),
        (
            "sensor", #"{"certificateOwnershipToken": "TOKEN", "parameters": []}"#, 400,
            "InvalidPayload"
        ),
        (
            "sensor", #"{"certificateOwnershipToken": "TOKEN", "parameters": {"a": 1}}"#, 400,
            "InvalidPayload"
        ),
        (
            "sensor", #"{"certificateOwnershipToken": "TOKEN", "parameters": {"": "x"}}"#, 400,
            "InvalidParameters"
        ),
        ("sensor", #"{"certificateOwnershipToken": "TOKEN"}"#, 400, "InvalidParameters"),
        ("nope", #"{"certificateOwnershipToken": "TOKEN"}"#, 404, "TemplateNotFound"),
        ("disabled", #"{"certificateOwnershipToken": "TOKEN"}"#, 403, "TemplateDisabled"),
        ("hooked", #"{"certificateOwnershipToken": "TOKEN"}"#, 403, "AccessDenied"),
        ("slow", #"{"certificateOwnershipToken": "TOKEN"}"#, 403, "HookTimeout"),
        (
            "taken",
            #"{"certificateOwnershipToken": "TOKEN", "parameters": {"SerialNumber": "T"}}"#,
            409, "ResourceConflict"
        ),
        (
            "broken disk",
            #"{"certificateOwnershipToken": "TOKEN", "parameters": {"SerialNumber": "T"}}"#,
            500, "InternalFailure"
        ),
        (
            "lost race",
            #"{"certificateOwnershipToken": "TOKEN", "parameters": {"SerialNumber": "T"}}"#,
            429, "TooManyRequests"
        ),
    ])
    func eachRefusalIsOneOfTheCanonicalSet(
        _ subject: String, _ body: String, _ status: Int, _ code: String
    ) async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        let topic = try await self.prepare(subject, fixture)
        let reply = try await self.ask(
            fixture, topic, Array(body.replacing("TOKEN", with: token).utf8))
        #expect(reply.topic == topic + "/rejected")
        #expect(reply.object.keys.prefix(3) == ["statusCode", "errorCode", "errorMessage"])
        let reason = try #require(
            reply.object["reasonCode"]?.intValue.flatMap(RefusalReason.init(rawValue:)))
        #expect(reply.object["reason"] == .string(reason.name))
        #expect(reply.object["correlationId"]?.stringValue?.count == 16)
        #expect(reply.object["statusCode"] == .int(status))
        #expect(reply.object["errorCode"] == .string(code))
        #expect(reply.object["errorMessage"]?.stringValue?.isEmpty == false)
        #expect(reply.object["errorMessage"]?.stringValue?.contains(token) == false)
        #expect(fixture.certificate(id)?.status == .pendingActivation)
    }

    /// Brings about what `subject` names.
    /// - Returns: the topic to ask on.
    private func prepare(
        _ subject: String, _ fixture: ProvisioningFixture
    ) async throws -> String {
        if subject.hasPrefix("create") { return "$aws/certificates/\(subject)" }
        var name = subject
        switch subject {
        case "disabled", "hooked", "slow":
            if subject == "slow" {
                try await fixture.putHook()
                fixture.hook.answer(.timedOut)
            }
            try await fixture.put(
                template: ProvisioningFixture.body, hook: subject == "disabled" ? nil : "gate",
                enabled: subject != "disabled", name: TemplateName(checked: subject))
        case "taken":
            let (_, other) = try await fixture.create()
            _ = try await fixture.register(other, ["SerialNumber": "T", "Site": "elsewhere"])
            name = "sensor"
        case "broken disk":
            fixture.store.failNextCommits(FleetError(.internalFailure, "disk full"))
            name = "sensor"
        case "lost race":
            fixture.store.failNextCommits(FleetError(.throttled, "queue full"))
            name = "sensor"
        default: break
        }
        return "$aws/provisioning-templates/\(name)/provision/json"
    }

    @Test func oneMoreThanTheBoundIsToldToComeBack() async throws {
        let fixture = try await ProvisioningFixture(inFlightMax: 0)
        let reply = try await self.ask(fixture, "$aws/certificates/create/json", [])
        #expect(reply.object["statusCode"] == 429)
        #expect(reply.object["errorCode"] == "TooManyRequests")
        #expect(
            reply.object["errorMessage"]?.stringValue?.contains("retry after 2 seconds") == true)
    }

    @Test func refusalsReachTheAuditLog() async throws {
        let fixture = try await ProvisioningFixture()
        _ = try await self.ask(fixture, "$aws/certificates/create/json", Array("[]".utf8))
        _ = try await self.ask(
            fixture, "$aws/provisioning-templates/sensor/provision/json", Array("{}".utf8))
        fixture.provisioner.stopRecordingRefusals()
        await fixture.provisioner.recordRefusals()
        #expect(
            fixture.store.refusals.map(\.action) == ["CreateKeysAndCertificate", "RegisterThing"])
        #expect(fixture.store.refusals.first?.actor.identity == fixture.claim.principal.rawValue)
    }

    @Test func thePrivateKeyIsNowhereButInTheReply() async throws {
        let fixture = try await ProvisioningFixture()
        let reply = try await self.ask(fixture, "$aws/certificates/create/json", [])
        let token = try #require(reply.object["certificateOwnershipToken"]?.stringValue)
        let kept = "\(fixture.store.log)\(fixture.events.all)"
        #expect(!kept.contains("TOP/SECRET"))
        #expect(!kept.contains(token))
    }

    @Test(arguments: [
        ("$aws/certificates/create/json", true), ("$aws/certificates/create/cbor", true),
        ("$aws/certificates/create-from-csr/json", true),
        ("$aws/provisioning-templates/x/provision/cbor", true),
        ("$aws/certificates/create", false), ("$aws/certificates/create/xml", false),
        ("$aws/certificates/create/json/accepted", false),
        ("$aws/certificates/delete/json", false), ("$aws/certificates//json", false),
        ("$aws/provisioning-templates//provision/json", false),
        ("$aws/provisioning-templates/x/deprovision/json", false),
        ("$aws/provisioning-templates/x/y/provision/json", false),
        ("aws/certificates/create/json", false), ("$AWS/certificates/create/json", false),
        ("/$aws/certificates/create/json", false), ("", false), ("/", false), ("json", false),
    ])
    func onlyRequestTopicsAreRequests(_ topic: String, _ expected: Bool) async throws {
        let service = try await ProvisioningFixture().service
        #expect(service.isRequest(topic: topic) == expected)
    }

    @Test(arguments: [
        ("$aws/certificates/create/json/accepted", true),
        ("$aws/certificates/create/json/rejected", true),
        ("$aws/certificates/create-from-csr/cbor/+", true),
        ("$aws/certificates/create/json/#", true), ("$aws/certificates/create/#", true),
        ("$aws/certificates/create/+/accepted", true),
        ("$aws/provisioning-templates/x/provision/json/accepted", true),
        ("$aws/provisioning-templates/+/provision/json/+", true),
        ("$aws/provisioning-templates/x/provision/#", true),
        ("$aws/certificates/create/json", false), ("$aws/certificates/create/accepted", false),
        ("$aws/certificates/#", false), ("$aws/#", false), ("#", false), ("+/#", false),
        ("$aws/+/create/json/accepted", false), ("$aws/certificates/+/json/accepted", false),
        ("$aws/certificates/create/json/accepted/more", false),
        ("$aws/certificates/create/json/done", false), ("$aws/certificates/create/#/x", false),
        ("$aws/provisioning-templates/#", false),
        ("$aws/provisioning-templates/x/provision/json", false),
        ("$aws/provisioning-templates/a+b/provision/json/accepted", false),
        ("$aws/provisioning-templates//provision/json/accepted", false),
        ("$aws/things/x/shadow/#", false), ("", false),
    ])
    func onlyReplyTopicsAreSubscribable(_ filter: String, _ expected: Bool) async throws {
        let service = try await ProvisioningFixture().service
        #expect(service.isReply(filter: filter) == expected)
    }
}
