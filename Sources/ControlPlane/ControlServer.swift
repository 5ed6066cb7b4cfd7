import Fleet
import HTTPTypes
import Hummingbird
import JSON
package import Logging
import NIOCore

/// Serves the operation table over HTTP on a Unix domain socket.
///
/// The socket lies in a folder that only the service's own user may enter, so whoever reaches it
/// is that user; the operator's name for the audit log comes in a header.
package struct ControlServer: Sendable {
    /// A collected body. Large files are streamed and have no such limit.
    package static let bodyBytesMax = 1 << 20
    package static let operatorHeader = "x-slipway-operator"

    private let socketPath: String
    private let services: ControlPlaneServices
    private let operations: [Operation]
    private let logger: Logger

    package init(
        socketPath: String, services: ControlPlaneServices,
        operations: [Operation] = OperationTable.all, logger: Logger
    ) {
        self.socketPath = socketPath
        self.services = services
        self.operations = operations
        self.logger = logger
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameter onRunning: called once requests are answered.
    package func run(onRunning: @escaping @Sendable () async -> Void) async throws {
        let router = Router()
        for operation in self.operations { self.register(operation, on: router) }
        var quiet = self.logger
        quiet.logLevel = .warning
        let application = Application(
            router: router,
            configuration: .init(
                address: .unixDomainSocket(path: self.socketPath), serverName: "slipway"),
            onServerRunning: { _ in await onRunning() },
            logger: quiet)
        try await application.run()
    }

    private func register(_ operation: Operation, on router: Router<BasicRequestContext>) {
        let services = self.services
        let logger = self.logger
        router.on(RouterPath(operation.path), method: operation.method) {
            request, context -> Response in
            do throws(FleetError) {
                let operationRequest = try await Self.request(request, context, operation)
                let answer = try await operation.handle(operationRequest, services)
                return Response(
                    status: .ok, headers: [.contentType: "application/json"],
                    body: .init(byteBuffer: .init(bytes: JSONPrinter.bytes(answer))))
            } catch {
                logger.info(
                    "operation refused",
                    metadata: [
                        "operation": "\(operation.name)", "code": "\(error.code.rawValue)",
                        "message": "\(error.message)",
                    ])
                return ErrorResponse.response(to: error)
            }
        }
    }

    private static func request(
        _ request: Request, _ context: BasicRequestContext, _ operation: Operation
    ) async throws(FleetError) -> OperationRequest {
        var pathParameters: [String: String] = [:]
        for (name, value) in context.parameters { pathParameters[String(name)] = String(value) }
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
        let header = HTTPField.Name(Self.operatorHeader)
        let actor = Actor(
            kind: .operator, identity: header.flatMap { request.headers[$0] } ?? "unnamed",
            sourceAddress: "local")
        var body = JSONValue.null
        var stream = OperationRequest.emptyStream
        switch operation.body {
        case .none: break
        case .collected:
            body = try await Self.collected(request.body)
        case .streamed:
            stream = request.body.map { Array($0.readableBytesView) }
        }
        return OperationRequest(
            actor: actor, pathParameters: pathParameters, query: query, body: body,
            stream: stream)
    }

    private static func collected(_ body: RequestBody) async throws(FleetError) -> JSONValue {
        let buffer: ByteBuffer
        do { buffer = try await body.collect(upTo: Self.bodyBytesMax) } catch {
            throw FleetError(
                .invalidRequest, "the body is longer than \(Self.bodyBytesMax) bytes")
        }
        guard buffer.readableBytes > 0 else { return .null }
        do throws(JSONError) {
            return try JSONParser.parse(Array(buffer.readableBytesView))
        } catch {
            throw FleetError(.invalidRequest, "the body is no JSON: \(error)")
        }
    }
}
