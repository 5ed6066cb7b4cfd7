import AsyncHTTPClient
import ControlPlane
import Fleet
import Foundation
import HTTPTypes
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix

/// Speaks to a running service: over its Unix socket, as the operator of its own machine, or over
/// HTTP with an access key, and then with that key's rights.
struct ControlClient: Sendable {
    /// A collected answer. Listings come in pages, so none is larger.
    static let answerBytesMax = 8 << 20
    /// One request; a million serial numbers take seconds.
    static let requestSecondsMax: Int64 = 600
    /// How often a request is sent that a service is too busy for. AWS allows ten or so of a kind
    /// in a second, and each wait is up to twice as long as the one before.
    static let attemptsMax = 10
    static let firstWaitMilliseconds: Int64 = 100
    static let waitMillisecondsMax: Int64 = 10_000

    private enum Place: Sendable {
        case socket(String)
        case endpoint(ControlEndpoint)
    }

    private let place: Place

    init(_ endpoint: ControlEndpoint) { self.place = .endpoint(endpoint) }
    private init(socket: String) { self.place = .socket(socket) }

    /// nil where nothing listens.
    static func connect(socket: String) async -> ControlClient? {
        guard await Self.listens(socket) else { return nil }
        let client = ControlClient(socket: socket)
        guard let status = OperationTable.operation("DescribeService") else { return nil }
        do throws(FleetError) {
            _ = try await client.perform(status, path: [:], query: [:], body: .null, stream: nil)
            return client
        } catch { return nil }
    }

    /// A service that was killed leaves its socket behind, and the HTTP client would try that again
    /// and again until its time is up; the kernel says at once that nobody listens.
    private static func listens(_ socket: String) async -> Bool {
        guard FileManager.default.fileExists(atPath: socket) else { return false }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: socket).get()
            try await channel.close()
            return true
        } catch { return false }
    }

    func perform(
        _ operation: ControlPlane.Operation, path: [String: String], query: [String: String],
        headers: [String: String] = [:], body: JSONValue, stream: FileChunks?
    ) async throws(FleetError) -> JSONValue {
        var attempt = 1
        while true {
            do throws(FleetError) {
                return try await self.send(
                    operation, path: path, query: query, headers: headers, body: body,
                    stream: stream)
            } catch {
                // What was throttled was not done.
                guard error.code == .throttled, stream == nil, attempt < Self.attemptsMax
                else { throw error }
                await Self.wait(before: attempt + 1)
                attempt += 1
            }
        }
    }

    /// Spread over the second half of the wait, since others were sent away at the same moment.
    private static func wait(before attempt: Int) async {
        let longest = min(
            Self.firstWaitMilliseconds << Int64(attempt - 2), Self.waitMillisecondsMax)
        try? await Task.sleep(for: .milliseconds(Int64.random(in: (longest / 2)...longest)))
    }

    private func send(
        _ operation: ControlPlane.Operation, path: [String: String], query: [String: String],
        headers: [String: String], body: JSONValue, stream: FileChunks?
    ) async throws(FleetError) -> JSONValue {
        let bytes = body == .null ? [] : JSONPrinter.bytes(body)
        do {
            var request = try self.request(
                operation, path: path, query: query, headers: headers,
                body: stream == nil ? .bytes(bytes) : .streamed)
            if let stream {
                request.body = .stream(stream.map { ByteBuffer(bytes: $0) }, length: .unknown)
            } else if !bytes.isEmpty {
                request.body = .bytes(ByteBuffer(bytes: bytes))
            }
            let response = try await self.client.execute(
                request, timeout: .seconds(Self.requestSecondsMax))
            return try await Self.answer(of: response)
        } catch let error as FleetError {
            throw error
        } catch { throw self.unanswered(error) }
    }

    /// Fetches a file and hands it on as it arrives.
    /// - Parameter sink: called once the service has agreed, and not before.
    func download(
        _ operation: ControlPlane.Operation, path: [String: String],
        to sink: @Sendable () throws(FleetError) -> ReportSink
    ) async throws(FleetError) {
        do {
            let request = try self.request(
                operation, path: path, query: [:], headers: [:], body: .bytes([]))
            let response = try await self.client.execute(
                request, timeout: .seconds(Self.requestSecondsMax))
            guard response.status == .ok else {
                _ = try await Self.answer(of: response)
                return
            }
            let sink = try sink()
            for try await piece in response.body { try sink.write(Array(piece.readableBytesView)) }
        } catch let error as FleetError {
            throw error
        } catch { throw self.unanswered(error) }
    }

    private var client: HTTPClient {
        switch self.place {
        case .socket: HTTPClient.shared
        case .endpoint(let endpoint): endpoint.client
        }
    }

    /// The socket's path, or the URL.
    var name: String {
        switch self.place {
        case .socket(let socket): socket
        case .endpoint(let endpoint): endpoint.url
        }
    }

    var isLocal: Bool {
        if case .socket = self.place { true } else { false }
    }

    private func unanswered(_ error: any Error) -> FleetError {
        FleetError(
            .serviceUnavailable,
            "the service at '\(self.name)' did not answer: \(Self.cause(of: error))")
    }

    /// The libraries' errors are texts for their programmers; where one has a cause that a person
    /// can mend, that is said in its place.
    private static func cause(of error: any Error) -> String {
        let text = "\(error)"
        let causes = [
            ("Connection refused", "nobody listens there; is it running, with this api.port?"),
            ("remoteConnectionClosed", "it hung up; is that its api.port, or is it https://?"),
            ("WRONG_VERSION_NUMBER", "it speaks no TLS; write http://, or serve with api.tls"),
            (
                "CERTIFICATE_VERIFY_FAILED",
                "its certificate is of no authority that is known here; name the file of its "
                    + "authority in AWS_CA_BUNDLE"
            ),
            ("UnknownHost", "no host of that name is known"),
        ]
        return causes.first { text.contains($0.0) }?.1 ?? text
    }

    /// Addressed, and over HTTP signed.
    private func request(
        _ operation: ControlPlane.Operation, path: [String: String], query: [String: String],
        headers: [String: String], body: SignedRequest.Body
    ) throws(FleetError) -> HTTPClientRequest {
        let target = operation.path.filled(path)
        let parameters = query.sorted { $0.key < $1.key }
            .map { "\($0.key.percentEncoded)=\($0.value.percentEncoded)" }
            .joined(separator: "&")
        let uri = parameters.isEmpty ? target : "\(target)?\(parameters)"
        var all = headers.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        var request: HTTPClientRequest
        switch self.place {
        case .socket(let socket):
            guard let url = URL(httpURLWithSocketPath: socket, uri: uri) else {
                throw FleetError(.invalidRequest, "'\(uri.clipped)' is no path")
            }
            request = HTTPClientRequest(url: url.absoluteString)
            all.append((ControlServer.operatorHeader, NSUserName()))
        case .endpoint(let endpoint):
            request = HTTPClientRequest(url: endpoint.url + uri)
            let signed = SignedRequest(
                method: operation.method.rawValue, path: target, query: parameters,
                headers: all + [("host", endpoint.host)], body: body)
            all += endpoint.signer.headers(signing: signed, at: SystemClock().now)
        }
        request.method = .RAW(value: operation.method.rawValue)
        for header in all { request.headers.add(name: header.name, value: header.value) }
        return request
    }

    private static func answer(
        of response: HTTPClientResponse
    ) async throws -> JSONValue {
        let answer = try await response.body.collect(upTo: Self.answerBytesMax)
        return try Self.read(
            Array(answer.readableBytesView), status: Int(response.status.code),
            code: response.headers.first(name: "x-amzn-ErrorType"))
    }

    private static func read(
        _ bytes: [UInt8], status: Int, code: String?
    ) throws(FleetError) -> JSONValue {
        let answer: JSONValue
        do throws(JSONError) {
            answer =
                bytes.isEmpty
                ? .null
                : try JSONParser.parse(bytes, limits: JSONLimits(bytesMax: Self.answerBytesMax))
        } catch {
            // A service that has the operation answers in JSON, refusals included.
            throw FleetError(
                status <= 501 ? .unknownOperation : Self.code(status),
                "the service answered \(status) with no JSON: \(error)")
        }
        guard status != 200 else { return answer }
        // AWS's own services say more behind a colon, or in the body.
        let name =
            code?.prefix { $0 != ":" }.description ?? answer["__type"]?.stringValue
            ?? answer["type"]?.stringValue
        // A service that has the operation says which error it is.
        let isNowhere = name == nil && status == 404
        throw FleetError(
            isNowhere ? .unknownOperation : name.flatMap(FleetError.Code.init) ?? Self.code(status),
            (answer["message"] ?? answer["Message"])?.stringValue
                ?? "the service answered \(status)")
    }

    /// What an answer means that names no error.
    private static func code(_ status: Int) -> FleetError.Code {
        switch status {
        case 404: .notFound
        case 405, 501: .unsupportedOperation
        case 429: .throttled
        case 502, 503, 504: .serviceUnavailable
        default: .internalFailure
        }
    }
}
