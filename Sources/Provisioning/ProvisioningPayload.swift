package import Fleet
import JSON

/// Requests and replies of the dialogue as bytes, in JSON and in CBOR.
enum ProvisioningPayload {
    /// Deep enough for `parameters`, and for whatever samples send along.
    private static let limits = JSONLimits(bytesMax: Limits.payloadBytesMax, depthMax: 16)

    // MARK: Requests

    static let csrField = "certificateSigningRequest"
    static let tokenField = "certificateOwnershipToken"
    private static let parametersField = "parameters"
    /// Of all requests together: what belongs to another request is at least known.
    private static let knownFields: Set<String> = [
        Self.csrField, Self.tokenField, Self.parametersField,
    ]

    /// AWS documents an empty payload and its own libraries send `{}`; samples send any object.
    /// Keys that are not known are ignored, with whatever their values are.
    static func object(
        _ payload: [UInt8], as format: ProvisioningTopic.Format
    ) throws(FleetError) -> JSONObject {
        if payload.isEmpty { return JSONObject() }
        let value: JSONValue
        switch format {
        case .json:
            do { value = try JSONParser.parse(payload, limits: Self.limits) } catch {
                throw FleetError(.invalidPayload, "the payload is no JSON: \(error)")
            }
        case .cbor:
            do {
                value = try CBORDecoder.decode(
                    payload, limits: Self.limits, knownMembers: Self.knownFields)
            } catch {
                throw FleetError(.invalidPayload, "the payload is no CBOR: \(error)")
            }
        }
        guard let object = value.objectValue else {
            throw FleetError(
                .invalidPayload, "the payload is \(value.kindName); it must be an object")
        }
        return object
    }

    static func csr(in object: JSONObject) throws(FleetError) -> String {
        let field = Self.csrField
        guard let text = try Self.text(field, in: object), !text.isEmpty else {
            throw FleetError(.invalidPayload, "\(field) is missing")
                .because(.fieldMissing, parameter: field)
        }
        guard text.count <= Limits.csrCharactersMax else {
            throw FleetError(
                .invalidCSR,
                "\(field) has \(text.count) characters; at most \(Limits.csrCharactersMax)"
            ).because(.csrTooLong, parameter: field)
        }
        return text
    }

    /// Nothing, for a certificate of the key that the connection has proven; or a request.
    static func renewalKey(in object: JSONObject) throws(FleetError) -> RenewalKey {
        guard try Self.text(Self.csrField, in: object) != nil else { return .same }
        return .request(try Self.csr(in: object))
    }

    /// A missing token is an empty one: that is how the service names it (AWS).
    static func registerThing(
        _ object: JSONObject, template: String
    ) throws(FleetError) -> RegisterThingRequest {
        let token = try Self.text(Self.tokenField, in: object) ?? ""
        return RegisterThingRequest(
            template: template, ownershipToken: Secret(token),
            parameters: try Self.parameters(in: object))
    }

    /// Those parameters that are texts, whatever else there is.
    static func texts(in object: JSONObject) -> [String: String] {
        let members = object[Self.parametersField]?.objectValue?.members ?? []
        return Dictionary(
            members.compactMap { member in member.value.stringValue.map { (member.key, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    private static func parameters(in object: JSONObject) throws(FleetError) -> [String: String] {
        let members: JSONObject
        switch object[Self.parametersField] {
        case nil, .null: return [:]
        case .object(let found): members = found
        case .bool, .number, .string, .array:
            let kind = object[Self.parametersField]?.kindName ?? ""
            throw FleetError(.invalidPayload, "parameters is \(kind); it must be an object")
                .because(.fieldOfWrongKind, parameter: Self.parametersField)
        }
        var parameters: [String: String] = [:]
        for (name, value) in members.members {
            guard let text = value.stringValue else {
                throw FleetError(
                    .invalidPayload,
                    "parameters/\(name.clipped) is \(value.kindName); it must be a string"
                ).because(.fieldOfWrongKind, parameter: name)
            }
            parameters[name] = text
        }
        try ParameterRules.check(parameters)
        return parameters
    }

    private static func text(
        _ field: String, in object: JSONObject
    ) throws(FleetError) -> String? {
        switch object[field] {
        case nil, .null: return nil
        case .string(let text): return text
        case .some(let value):
            throw FleetError(
                .invalidPayload, "\(field) is \(value.kindName); it must be a string"
            ).because(.fieldOfWrongKind, parameter: field)
        }
    }

    // MARK: Replies

    static func encode(_ object: JSONObject, as format: ProvisioningTopic.Format) -> [UInt8] {
        switch format {
        case .json: JSONPrinter.bytes(.object(object))
        case .cbor: CBOREncoder.encode(.object(object))
        }
    }

    /// What an accepted reply says of the time, in seconds since 1970: a device without a clock of
    /// its own may set it before it checks anything. AWS's reply has no such member, and its
    /// clients pass over it.
    static let serverTimeField = "serverTime"

    /// The accepted reply of RegisterThing.
    static func encode(
        registered answer: JSONObject, as format: ProvisioningTopic.Format, at now: UnixTime
    ) -> ReservedReply.Payload {
        var object = answer
        object[Self.serverTimeField] = .int(Int(now.seconds))
        return .open(Self.encode(object, as: format))
    }

    /// The accepted reply of a renewal.
    static func encode(
        _ renewed: RenewedCertificate, as format: ProvisioningTopic.Format, at now: UnixTime
    ) -> ReservedReply.Payload {
        .open(
            Self.encode(
                [
                    "certificateId": .string(renewed.certificate.rawValue),
                    "certificatePem": .string(renewed.pem),
                    "notAfter": .int(Int(renewed.notAfter.seconds)),
                    "renewedCertificateId": .string(renewed.predecessor.rawValue),
                    "renewedCertificateRetiresAt": .int(Int(renewed.overlapEndsAt.seconds)),
                    Self.serverTimeField: .int(Int(now.seconds)),
                ], as: format))
    }

    /// The accepted reply of both create operations.
    static func encode(
        _ created: CreatedCertificate, as format: ProvisioningTopic.Format, at now: UnixTime
    ) -> ReservedReply.Payload {
        var object: JSONObject = [
            "certificateId": .string(created.certificate.rawValue),
            "certificatePem": .string(created.pem),
        ]
        object["certificateOwnershipToken"] = created.ownershipToken.expose { .string($0) }
        object[Self.serverTimeField] = .int(Int(now.seconds))
        let open = Self.encode(object, as: format)
        guard let key = created.privateKeyPEM else { return .open(open) }
        return .secret(Secret(key.expose { Self.insert(pem: $0, into: open, as: format) }))
    }

    /// Puts the private key into a reply that is otherwise complete, byte by byte: made into a
    /// String or a tree on the way, it would leave copies that nobody wipes.
    private static func insert(
        pem: WipedBytes, into open: [UInt8], as format: ProvisioningTopic.Format
    ) -> WipedBytes {
        // Line ends take two bytes in JSON.
        WipedBytes(capacity: open.count + pem.count * 2 + 32) { buffer in
            var output = Cursor(buffer: buffer)
            switch format {
            case .json:
                // The object ends in `}` and is not empty.
                output.write(open.dropLast())
                output.write(",\"privateKey\":\"".utf8)
                pem.withBytes { for byte in $0 { output.write(jsonStringByte: byte) } }
                output.write("\"}".utf8)
            case .cbor:
                // RFC 8949 section 3: a map of four members begins with A4, one of five with A5.
                output.write(CollectionOfOne(0xA5))
                output.write(open.dropFirst())
                output.write(CBOREncoder.encode("privateKey"))
                output.write(Self.textHead(pem.count))
                pem.withBytes { output.write($0) }
            }
            return output.count
        }
    }

    /// Writes to memory that is somebody else's to wipe; what finds no room is left out.
    private struct Cursor {
        let buffer: UnsafeMutableBufferPointer<UInt8>
        var count = 0

        mutating func write(_ bytes: some Sequence<UInt8>) {
            for byte in bytes where self.count < self.buffer.count {
                self.buffer[self.count] = byte
                self.count += 1
            }
        }

        /// A byte of PEM, which is printable ASCII and line ends.
        mutating func write(jsonStringByte byte: UInt8) {
            switch byte {
            case 0x0A: self.write("\\n".utf8)
            case 0x0D: self.write("\\r".utf8)
            default: self.write(CollectionOfOne(byte))
            }
        }
    }

    /// RFC 8949 section 3.1: the head of a text string, with the shortest length that holds it.
    private static func textHead(_ count: Int) -> [UInt8] {
        switch count {
        case ..<24: [0x60 | UInt8(count)]
        case ..<0x100: [0x78, UInt8(count)]
        case ..<0x1_0000: [0x79, UInt8(count >> 8), UInt8(count & 0xFF)]
        default:
            [0x7A] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
        }
    }
}

extension FleetError {
    /// The same refusal, met by a request that had a signing request in it: whatever is wrong with
    /// the one is at the field that holds it.
    var ofSigningRequest: FleetError {
        guard self.code == .invalidCSR, self.parameter == nil else { return self }
        var error = self
        error.parameter = ProvisioningPayload.csrField
        return error
    }
}

/// A refusal as a device reads it: the one table of status and error codes.
package struct Rejection: Hashable, Sendable {
    package let statusCode: Int
    package let errorCode: String
    package let errorMessage: String
    /// The same refusal as a number of our own, and what goes with it.
    package let reason: RefusalReason
    /// The name of the parameter at fault.
    package let parameter: String?
    /// The word of a hook's own for why it refused.
    package let hookReasonCode: String?

    package init(_ error: FleetError) {
        self.reason = error.explainedReason
        self.parameter = error.parameter
        self.hookReasonCode = error.hookReasonCode
        (self.statusCode, self.errorCode) = Self.code(error.code)
        self.errorMessage = error.message
    }

    /// The status that a refusal is told with.
    static func status(of code: FleetError.Code) -> Int { Self.code(code).0 }

    /// AWS publishes no list. These are the status values that its C library knows, with names
    /// seen in the field where there are any.
    private static func code(_ code: FleetError.Code) -> (Int, String) {
        switch code {
        case .invalidPayload: (400, "InvalidPayload")
        case .invalidCSR: (400, "InvalidCSR")
        case .invalidParameters: (400, "InvalidParameters")
        case .invalidOwnershipToken: (400, "InvalidCertificateOwnershipToken")
        case .accessDenied, .unauthorized, .claimRefused: (403, "AccessDenied")
        case .hookTimeout: (403, "HookTimeout")
        case .templateDisabled: (403, "TemplateDisabled")
        case .templateNotFound: (404, "TemplateNotFound")
        case .resourceConflict: (409, "ResourceConflict")
        case .tooManyRequests, .throttled, .limitExceeded, .conflict, .serviceUnavailable,
            .claimBusy:
            (429, "TooManyRequests")
        case .invalidRequest, .notFound, .alreadyExists, .deleteConflict, .versionConflict,
            .versionsLimitExceeded, .certificateState, .certificateValidation,
            .certificateConflict, .registrationCodeValidation, .transferConflict,
            .transferAlreadyCompleted, .invalidQuery, .invalidAggregation, .indexNotReady,
            .notConfigured, .unknownOperation, .unsupportedOperation,
            .malformedPolicy, .resourceRegistrationFailure, .internalFailure,
            .missingAuthenticationToken, .incompleteSignature, .invalidSignature,
            .unrecognizedClient, .expiredToken, .notAllowed:
            (500, "InternalFailure")
        }
    }

    /// AWS's three members as they always are, and ours behind them.
    func object(correlationID: String) -> JSONObject {
        var object = self.standard
        for (name, value) in self.explanation.members { object[name] = value }
        object["correlationId"] = .string(correlationID)
        return object
    }

    /// For whoever takes little: AWS's three members and the reason's number.
    var brief: JSONObject {
        var object = self.standard
        object["reasonCode"] = .int(self.reason.rawValue)
        return object
    }

    private var standard: JSONObject {
        [
            "statusCode": .int(self.statusCode), "errorCode": .string(self.errorCode),
            "errorMessage": .string(self.errorMessage),
        ]
    }

    /// Our own members: the reason by number and name, and what can be done about it.
    var explanation: JSONObject {
        let told = self.reason.explanation
        var object: JSONObject = [
            "reasonCode": .int(self.reason.rawValue), "reason": .string(self.reason.name),
            "step": .string(told.step.rawValue),
        ]
        object["parameter"] = self.parameter.map { .string($0) }
        object["hookReasonCode"] = self.hookReasonCode.map { .string($0) }
        object["retryable"] = .bool(told.isRetryable)
        object["retryAfterSeconds"] = told.retryAfterSeconds.map { .int($0) }
        return object
    }
}
