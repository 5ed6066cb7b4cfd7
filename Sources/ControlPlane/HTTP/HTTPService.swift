import Fleet
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A server of HTTP/1.1, as all of this module are: where it listens, whom it lets in and who
/// answers. Accepting and shutting down are Hummingbird's, the wire is SwiftNIO's.
struct HTTPService: Sendable {
    /// Answers a request; it is the only one of its connection then.
    typealias Responder = @Sendable (Request, RequestConnection) async -> Response

    let address: BindAddress
    /// Connections held at once; more wait in the kernel's queue.
    let connectionsMax: Int
    /// A connection that neither sends nor takes a byte for so long is closed.
    let idleSecondsMax: Int64
    let seats: ConnectionSeats
    let clock: any WallClock
    let logger: Logger
    /// The longest body that is collected; who asks whether to send a longer one is not invited.
    let bodyBytesMax: Int
    let respond: Responder

    /// `responder` off the event loop: what signs, makes keys or writes a list of a million takes
    /// longer than all connections of a loop may be kept waiting.
    static func offTheLoop(_ responder: @escaping Responder) -> Responder {
        { request, connection in
            await withTaskExecutorPreference(globalConcurrentExecutor) {
                await responder(request, connection)
            }
        }
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameters:
    ///   - security: what is put before the plain connection, such as TLS.
    ///   - onRunning: called once requests are answered, with the address that is bound.
    func run(
        through security: (RequestChannel) throws -> any ServerChildChannel = { $0 },
        onRunning: @escaping @Sendable (SocketAddress?) async -> Void
    ) async throws {
        var quiet = self.logger
        quiet.logLevel = .warning
        let channel = RequestChannel(
            seats: self.seats, idle: .seconds(self.idleSecondsMax),
            fields: GeneralFields(clock: self.clock), bodyBytesMax: self.bodyBytesMax,
            respond: self.respond)
        let server = try security(channel).server(
            configuration: ServerConfiguration(
                address: self.address,
                availableConnectionsDelegate: MaximumAvailableConnections(self.connectionsMax)),
            onServerRunning: { await onRunning($0.localAddress) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        try await server.run()
    }
}
