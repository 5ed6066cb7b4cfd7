import Fleet
import HTTPTypes
import HummingbirdCore
import JSON
import Logging
import NIOCore

/// Turns an HTTP request into an operation's, and what comes of it into a response.
struct OperationResponder: Sendable {
    /// A collected body. Files are streamed and have no such limit.
    static let bodyBytesMax = 1 << 20
    /// The request line's path and query.
    static let targetBytesMax = 16 << 10
    /// From the head to the end of a collected body.
    static let bodySecondsMax: Int64 = 30

    let index: OperationIndex
    let services: ControlPlaneServices
    let requestIDs: RequestIDs
    let identify: CallerIdentification
    /// Told whose connection is at work.
    let seats: ConnectionSeats
    let logger: Logger
    /// `http` or `https`; nil on the operator's socket, where no URL leads.
    let scheme: String?

    /// Where every call is noted; nil where none is.
    let log: AccessLog?

    /// What has become known of a call, for those who write it down.
    private struct Call {
        var operation: Operation?
        var resource: ARN?
        var actor: Actor?
    }

    func respond(to request: Request, over connection: RequestConnection) async -> Response {
        let clock = ContinuousClock()
        let began = clock.now
        let requestID = self.requestIDs.next()
        var call = Call()
        var refused: FleetError?
        let response: Response
        do throws(FleetError) {
            switch try await self.answer(request, connection, &call) {
            case .value(let value): response = Self.response(value, requestID)
            case .file(let file): response = Self.response(file, requestID)
            case .text(let bytes): response = Self.response(bytes, requestID)
            case .secret(let secret):
                response = Self.response(secret, requestID, over: connection.channel)
            }
        } catch {
            self.logger.info(
                "operation refused",
                metadata: [
                    "operation": "\(call.operation?.name ?? "-")",
                    "code": "\(error.code.rawValue)", "message": "\(error.message)",
                    "request": "\(requestID)",
                ])
            refused = error
            response = ErrorResponse.response(
                to: error, resource: self.resource(of: call, error), requestID)
        }
        self.log?.note(
            AccessLogEntry(
                time: self.services.clock.now, requestID: requestID, actor: call.actor,
                sourceAddress: connection.sourceAddress, operation: call.operation?.action,
                target: call.resource,
                outcome: AccessLogEntry.Outcome(
                    status: response.status.code, code: refused?.code,
                    microseconds: (clock.now - began).wholeMicroseconds)))
        // RFC 9110 9.3.2: what followed would be taken for the next response's head.
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// What a refusal is about. A certificate that is registered has no name before it is read:
    /// the refusal says which one it was.
    private func resource(of call: Call, _ error: FleetError) -> ARN? {
        guard call.resource == .everything, error.code == .alreadyExists,
            let text = error.resource, let id = try? CertificateID(text)
        else { return call.resource }
        let realm = self.services.realm
        return call.operation?.name == "RegisterCACertificate"
            ? realm.authority(id) : realm.certificate(id)
    }

    private func answer(
        _ request: Request, _ connection: RequestConnection, _ call: inout Call
    ) async throws(FleetError) -> Operation.Answer {
        guard (request.head.path ?? "").utf8.count <= Self.targetBytesMax else {
            throw FleetError(
                .invalidRequest, "the path and query are longer than \(Self.targetBytesMax) bytes")
        }
        // RFC 9112 3.2. The first is the authority by now; any more are left among the fields.
        guard !request.headers.contains(where: { $0.name.canonicalName == "host" }) else {
            throw FleetError(.invalidRequest, "the request has more than one Host header")
        }
        // What is signed is the normalized path, and so that is the one to route by.
        var signed = SignedRequest(request.head, body: .streamed)
        let match = try self.index.match(request.method, signed.normalizedPath)
        call.operation = match.operation
        let body = match.operation.streams ? nil : try await self.collect(request, connection)
        if let body { signed = signed.carrying(.bytes(body)) }
        let caller = try await self.identify(signed, connection.sourceAddress)
        call.actor = caller.actor
        self.seats.begin(connection.channel)
        let operationRequest = OperationRequest(
            actor: caller.actor, labels: match.labels, origin: self.origin(signed),
            query: try QueryText.parameters(of: signed.query),
            headers: Self.principalHeaders(request.headers), body: try Self.json(body),
            stream: match.operation.streams
                ? Self.stream(request, signed) : OperationRequest.emptyStream,
            authorize: caller.authorize)
        let resource = try match.operation.target(operationRequest, self.services.realm)
        call.resource = resource
        try caller.authorize(match.operation.action, resource)
        let operation = match.operation
        if operation.isBrief {
            return try await operation.answer(operationRequest, self.services)
        }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            () async throws(FleetError) -> Operation.Answer in
            try await operation.answer(operationRequest, self.services)
        }
    }

    /// Where the client thinks it speaks to; nil on the operator's socket.
    private func origin(_ request: SignedRequest) -> String? {
        guard let scheme, let host = request.values(of: "host").first else { return nil }
        return "\(scheme)://\(host)"
    }

    /// The body as it arrives; where its hash was signed, held against that.
    private static func stream(
        _ request: Request, _ signed: SignedRequest
    ) -> OperationRequest.Stream {
        let chunks = request.body.map { Array($0.readableBytesView) }
        guard let hash = signed.declaredBodySHA256 else { return chunks }
        return SignedBody(chunks, expectedSHA256: hash)
    }

    private func collect(
        _ request: Request, _ connection: RequestConnection
    ) async throws(FleetError) -> [UInt8] {
        try await CollectedBody.read(
            request, over: connection, bytesMax: Self.bodyBytesMax,
            secondsMax: Self.bodySecondsMax)
    }

    private static func json(_ body: [UInt8]?) throws(FleetError) -> JSONValue {
        guard let body, !body.isEmpty else { return .null }
        do throws(JSONError) { return try JSONParser.parse(body) } catch {
            throw FleetError(.invalidRequest, "the body is no JSON: \(error)")
        }
    }

    private static func principalHeaders(_ headers: HTTPFields) -> [String: String] {
        var found: [String: String] = [:]
        for field in headers where field.name.canonicalName.hasPrefix("x-amzn-") {
            found[field.name.canonicalName] = field.value
        }
        return found
    }

    private static func response(_ file: OperationFile, _ requestID: String) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = file.contentType
        headers[.requestID] = requestID
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: Int(file.bytesCount)) { writer in
                try await file.pieces { try await writer.write(ByteBuffer(bytes: $0)) }
                try await writer.finish(nil)
            })
    }

    private static func response(
        _ answer: SecretAnswer, _ requestID: String, over channel: any Channel
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        headers[.requestID] = requestID
        return Response(status: .ok, headers: headers, body: answer.responseBody(over: channel))
    }

    private static func response(_ answer: JSONValue, _ requestID: String) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.requestID] = requestID
        guard answer == .null else {
            return Self.response(JSONPrinter.bytes(answer), requestID)
        }
        return Response(status: .ok, headers: headers)
    }

    private static func response(_ json: [UInt8], _ requestID: String) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.requestID] = requestID
        return Response(
            status: .ok, headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: json)))
    }
}

extension HTTPField.Name {
    /// AWS: what its clients show people as the request's id.
    static let requestID = Self("x-amzn-RequestId") ?? .eTag
}

/// `application/x-www-form-urlencoded`, as the query of an HTTP request has it.
enum QueryText {
    /// Parameters of the signature are no parameters of the operation.
    private static let signaturePrefix = "X-Amz-"

    static func parameters(of query: String) throws(FleetError) -> [String: String] {
        guard !query.isEmpty else { return [:] }
        var parameters: [String: String] = [:]
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false
            ).map { Substring($0) }
            guard let name = parts[0].percentDecoded(plusIsSpace: true),
                let value = parts.count > 1 ? parts[1].percentDecoded(plusIsSpace: true) : ""
            else {
                throw FleetError(
                    .invalidRequest,
                    "the query is not percent-encoded UTF-8: '\(String(Substring(pair)).clipped)'")
            }
            if name.hasPrefix(Self.signaturePrefix) { continue }
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw FleetError(
                    .invalidRequest, "the query parameter '\(name.clipped)' is given twice")
            }
        }
        return parameters
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }
}
