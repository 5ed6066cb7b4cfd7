import Fleet
import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore

/// Serves the operation table over HTTP, on the operator's Unix socket or on a port.
///
/// The two differ in who is believed to be calling, and in nothing else. The socket lies in a
/// folder that only the service's own user may enter, so whoever reaches it is that user.
package struct ControlServer: Sendable {
    /// Connections held at once; more wait in the kernel's queue.
    package static let connectionsMax = 1024
    /// A connection that neither sends nor takes a byte for so long is closed.
    package static let idleSecondsMax: Int64 = 60
    package static let operatorHeader = "x-slipway-operator"

    package enum Place: Sendable {
        case socket(path: String)
        case port(host: String, port: Int)
    }

    private let place: Place
    private let responder: OperationResponder
    private let logger: Logger

    package init(
        place: Place, services: ControlPlaneServices,
        operations: [Operation] = OperationTable.all,
        identify: @escaping CallerIdentification, logger: Logger
    ) {
        self.place = place
        self.responder = OperationResponder(
            index: OperationIndex(operations), services: services, identify: identify,
            logger: logger)
        self.logger = logger
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameter onRunning: called once requests are answered, with the address that is bound.
    package func run(onRunning: @escaping @Sendable (SocketAddress?) async -> Void) async throws {
        var quiet = self.logger
        quiet.logLevel = .warning
        let address: BindAddress =
            switch self.place {
            case .socket(let path): .unixDomainSocket(path: path)
            case .port(let host, let port): .hostname(host, port: port)
            }
        let application = Application(
            responder: self.responder,
            server: .http1(configuration: .init(idleTimeout: .seconds(Self.idleSecondsMax))),
            configuration: ApplicationConfiguration(
                address: address, serverName: "slipway",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)),
            onServerRunning: { channel in await onRunning(channel.localAddress) },
            logger: quiet)
        try await application.run()
    }
}

/// What the server knows of a connection beside what came over it.
struct OperationContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = .init(source: source)
        self.channel = source.channel
    }

    /// The client's address without its port; nil on a Unix socket.
    var sourceAddress: String? { self.channel.remoteAddress?.ipAddress }
}
