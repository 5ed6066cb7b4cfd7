import JSON
import Testing

@testable import DeviceSimulation

@Suite struct DialogueTests {
    private static let formats = PayloadFormat.allCases

    private func encode(_ document: JSONValue, _ format: PayloadFormat) -> [UInt8] {
        switch format {
        case .json: JSONPrinter.bytes(document)
        case .cbor: CBOREncoder.encode(document)
        }
    }

    @Test func topicsAreAWSs() {
        let dialogue = ProvisioningDialogue(format: .cbor, template: "pumps")
        #expect(dialogue.create(.keys).topic == "$aws/certificates/create/cbor")
        #expect(dialogue.create(.csr).topic == "$aws/certificates/create-from-csr/cbor")
        #expect(
            dialogue.replyFilters(.csr) == [
                "$aws/certificates/create-from-csr/cbor/accepted",
                "$aws/certificates/create-from-csr/cbor/rejected",
                "$aws/provisioning-templates/pumps/provision/cbor/accepted",
                "$aws/provisioning-templates/pumps/provision/cbor/rejected",
            ])
    }

    /// The examples of AWS's CBOR form, byte for byte.
    @Test func cborRequestsAreTheStandardsBytes() {
        let dialogue = ProvisioningDialogue(format: .cbor, template: "pumps")
        #expect(dialogue.createRequest(signingRequestPEM: nil) == [0xA0])
        let expected: [UInt8] =
            [0xA2, 0x78, 0x19] + Array("certificateOwnershipToken".utf8) + [0x62, 0x54, 0x31, 0x6A]
            + Array("parameters".utf8) + [0xA1, 0x6C] + Array("SerialNumber".utf8)
            + [0x62, 0x41, 0x37]
        #expect(
            dialogue.registerRequest(token: "T1", parameters: [("SerialNumber", "A7")]) == expected
        )
    }

    @Test(arguments: Self.formats)
    func createReplyIsRead(format: PayloadFormat) throws {
        let dialogue = ProvisioningDialogue(format: format, template: "pumps")
        let payload = self.encode(
            [
                "certificateId": "ab", "certificatePem": "PEM", "privateKey": "KEY",
                "certificateOwnershipToken": "T", "somethingNew": 1,
            ], format)
        let reply = try dialogue.createReply(payload, kind: .keys)
        #expect(reply.certificatePEM == "PEM")
        #expect(reply.privateKeyPEM == "KEY")
        #expect(reply.ownershipToken == "T")
    }

    /// A CSR's reply must hold no key: one that does would have travelled for nothing.
    @Test(arguments: Self.formats)
    func keyInTheWrongReplyIsRefused(format: PayloadFormat) {
        let dialogue = ProvisioningDialogue(format: format, template: "pumps")
        var document: JSONObject = [
            "certificateId": "ab", "certificatePem": "PEM", "certificateOwnershipToken": "T",
        ]
        #expect(throws: DeviceFailure.self) {
            try dialogue.createReply(self.encode(.object(document), format), kind: .keys)
        }
        document["privateKey"] = "KEY"
        #expect(throws: DeviceFailure.self) {
            try dialogue.createReply(self.encode(.object(document), format), kind: .csr)
        }
    }

    @Test(arguments: Self.formats, ["", "../../etc", "a/b", "a b", "ü", "+"])
    func thingNameOutsideTheAlphabetIsNotBelieved(format: PayloadFormat, name: String) {
        let dialogue = ProvisioningDialogue(format: format, template: "pumps")
        let payload = self.encode(
            ["thingName": .string(name), "deviceConfiguration": [:]], format)
        #expect(throws: DeviceFailure.self) { try dialogue.thingName(payload) }
    }

    @Test(arguments: Self.formats)
    func rejectionIsTalliedByItsCodeAlone(format: PayloadFormat) {
        let dialogue = ProvisioningDialogue(format: format, template: "pumps")
        let failure = dialogue.rejection(
            self.encode(
                [
                    "statusCode": 403, "errorCode": "AccessDenied",
                    "errorMessage": "serial SN-1\u{1B}[2J is not listed",
                ], format), step: .register)
        #expect(failure.reason == "register: rejected 403 AccessDenied")
        #expect(failure.message == "serial SN-1?[2J is not listed")
        #expect(!failure.isWorthRetrying)
    }

    @Test(arguments: [[], [0xFF], Array("{".utf8), Array("[]".utf8), Array("{\"a\":1}".utf8)])
    func nonsenseIsAMalformedAnswer(payload: [UInt8]) {
        for format in Self.formats {
            let dialogue = ProvisioningDialogue(format: format, template: "pumps")
            #expect(dialogue.rejection(payload, step: .create).kind == .malformedAnswer)
        }
    }

    @Test(
        arguments: [
            (.rejected(statusCode: 429, errorCode: "TooManyRequests"), true),
            (.rejected(statusCode: 500, errorCode: "InternalFailure"), true),
            (.rejected(statusCode: 400, errorCode: "InvalidCertificateOwnershipToken"), true),
            (.rejected(statusCode: 400, errorCode: "InvalidParameters"), false),
            (.rejected(statusCode: 404, errorCode: "TemplateNotFound"), false),
            (.connectionLost, true), (.timedOut, true), (.handshake, true),
            (.subscribeRefused(code: 0x87), false), (.stopped, false),
        ] as [(DeviceFailure.Kind, Bool)])
    func deviceTriesAgainWhereItMayHelp(kind: DeviceFailure.Kind, isWorthRetrying: Bool) {
        #expect(DeviceFailure(.register, kind, "").isWorthRetrying == isWorthRetrying)
    }
}
