import JSON

/// The fleet provisioning topics and documents as a device sees them (AWS: device provisioning
/// MQTT API). Written from the standard's side of the wire: nothing here is shared with the
/// service, so an error there cannot hide behind the same error here.
struct ProvisioningDialogue: Sendable {
    /// A reply's topics: one when it went well, one when it did not.
    struct Call: Sendable {
        let topic: String
        var accepted: String { self.topic + "/accepted" }
        var rejected: String { self.topic + "/rejected" }
    }

    /// What a create call gives.
    struct CreateReply: Sendable {
        let certificatePEM: String
        let ownershipToken: String
        /// Only where the service made the key.
        let privateKeyPEM: String?
    }

    private static let thingNameBytesMax = 128
    private static let errorCodeCharactersMax = 64
    /// Far above any reply of section 1.3, far below what could hurt a run of thousands.
    private static let replyLimits = JSONLimits(bytesMax: 128 * 1024, depthMax: 16)

    let format: PayloadFormat
    let template: String

    func create(_ kind: DeviceKind) -> Call {
        switch kind {
        case .csr: Call(topic: "$aws/certificates/create-from-csr/\(self.format.rawValue)")
        case .keys: Call(topic: "$aws/certificates/create/\(self.format.rawValue)")
        }
    }

    var register: Call {
        Call(
            topic: "$aws/provisioning-templates/\(self.template)/provision/\(self.format.rawValue)")
    }

    /// The service's own call, beside the standard's.
    var renew: Call { Call(topic: "$slipway/certificates/renew/\(self.format.rawValue)") }

    func renewReply(_ payload: [UInt8]) throws(DeviceFailure) -> String {
        let document = try self.decode(payload, step: .renew)
        guard let certificate = document["certificatePem"]?.stringValue,
            document["certificateId"]?.stringValue != nil
        else {
            throw DeviceFailure(
                .renew, .malformedAnswer, "the reply lacks certificateId or certificatePem")
        }
        return certificate
    }

    /// The four filters a device subscribes to before it asks anything.
    func replyFilters(_ kind: DeviceKind) -> [String] {
        [self.create(kind), self.register].flatMap { [$0.accepted, $0.rejected] }
    }

    func createRequest(signingRequestPEM: String?) -> [UInt8] {
        guard let signingRequestPEM else { return self.encode([:]) }
        return self.encode(["certificateSigningRequest": .string(signingRequestPEM)])
    }

    func registerRequest(token: String, parameters: [(name: String, value: String)]) -> [UInt8] {
        let members = JSONObject(parameters.map { ($0.name, JSONValue.string($0.value)) })
        return self.encode([
            "certificateOwnershipToken": .string(token), "parameters": .object(members),
        ])
    }

    /// The first message of a member of the fleet.
    func hello(serial: String) -> [UInt8] { self.encode(["serial": .string(serial)]) }

    func createReply(_ payload: [UInt8], kind: DeviceKind) throws(DeviceFailure) -> CreateReply {
        let document = try self.decode(payload, step: .create)
        guard let certificate = document["certificatePem"]?.stringValue,
            let token = document["certificateOwnershipToken"]?.stringValue,
            document["certificateId"]?.stringValue != nil
        else {
            throw DeviceFailure(
                .create, .malformedAnswer,
                "the reply lacks certificateId, certificatePem or certificateOwnershipToken")
        }
        let key = document["privateKey"]?.stringValue
        guard (key != nil) == (kind == .keys) else {
            throw DeviceFailure(
                .create, .malformedAnswer,
                key == nil ? "the reply lacks privateKey" : "a CSR's reply holds a privateKey")
        }
        return CreateReply(certificatePEM: certificate, ownershipToken: token, privateKeyPEM: key)
    }

    /// The thing name, which becomes a client id, a topic level and a file name here: a service
    /// that answers with anything but AWS's own alphabet is not believed.
    func thingName(_ payload: [UInt8]) throws(DeviceFailure) -> String {
        let document = try self.decode(payload, step: .register)
        guard let name = document["thingName"]?.stringValue, !name.isEmpty,
            name.utf8.count <= Self.thingNameBytesMax, name.utf8.allSatisfy(\.isNameByte),
            document["deviceConfiguration"]?.objectValue != nil
        else {
            throw DeviceFailure(
                .register, .malformedAnswer,
                "the reply lacks a thingName of [a-zA-Z0-9:_-] or a deviceConfiguration")
        }
        return name
    }

    /// The refusal in a `/rejected` reply: statusCode, errorCode, errorMessage.
    func rejection(_ payload: [UInt8], step: SimulationStep) -> DeviceFailure {
        do throws(DeviceFailure) {
            let document = try self.decode(payload, step: step)
            guard let status = document["statusCode"]?.intValue,
                let code = document["errorCode"]?.stringValue,
                let message = document["errorMessage"]?.stringValue
            else {
                return DeviceFailure(
                    step, .malformedAnswer,
                    "the refusal lacks statusCode, errorCode or errorMessage")
            }
            let name = DeviceFailure.printable(code, charactersMax: Self.errorCodeCharactersMax)
            return DeviceFailure(
                step, .rejected(statusCode: status, errorCode: name), message,
                retryAfterSeconds: document["retryAfterSeconds"]?.intValue)
        } catch { return error }
    }

    private func encode(_ document: JSONValue) -> [UInt8] {
        switch self.format {
        case .json: JSONPrinter.bytes(document)
        case .cbor: CBOREncoder.encode(document)
        }
    }

    private func decode(
        _ payload: [UInt8], step: SimulationStep
    ) throws(DeviceFailure) -> JSONValue {
        switch self.format {
        case .json:
            do { return try JSONParser.parse(payload, limits: Self.replyLimits) } catch {
                throw DeviceFailure(step, .malformedAnswer, "the reply is no JSON: \(error)")
            }
        case .cbor:
            do { return try CBORDecoder.decode(payload, limits: Self.replyLimits) } catch {
                throw DeviceFailure(step, .malformedAnswer, "the reply is no CBOR: \(error)")
            }
        }
    }
}
