package import Fleet
import HummingbirdCore
import HummingbirdTLS
package import Logging
package import NIOCore
import NIOSSL
import Synchronization

/// Serves the operation table over HTTP, on the operator's Unix socket or on a port.
///
/// The two differ in who is believed to be calling, and in nothing else. The socket lies in a
/// folder that only the service's own user may enter, so whoever reaches it is that user.
package struct ControlServer: Sendable {
    /// Connections held at once; more wait in the kernel's queue.
    package static let connectionsMax = 1024
    /// From this many on, one that is idle goes for each that comes. The rest are for those that
    /// are still being closed.
    static let seatsMax = 960
    /// TLS waits so long for its client's farewell, which one that is to go may never say.
    static let farewellSecondsMax: Int64 = 1
    /// A connection that neither sends nor takes a byte for so long is closed.
    package static let idleSecondsMax: Int64 = 60
    package static let operatorHeader = "x-slipway-operator"

    package enum Place: Sendable {
        case socket(path: String)
        /// - Parameter tls: nil for plain HTTP, which only a loopback address should speak.
        case port(host: String, port: Int, tls: TLSIdentity?)

        fileprivate var scheme: String? {
            switch self {
            case .socket: nil
            case .port(_, _, let tls): tls == nil ? "http" : "https"
            }
        }

        fileprivate var address: BindAddress {
            switch self {
            case .socket(let path): .unixDomainSocket(path: path)
            case .port(let host, let port, _): .hostname(host, port: port)
            }
        }
    }

    /// The server's certificate with its chain, and its key: what a handshake finds here when it
    /// begins.
    package final class TLSIdentity: Sendable {
        private let present: Mutex<NIOSSLContextConfigurationOverride>

        /// - Throws: `FleetError.certificateValidation` for what is no chain, or no key.
        package init(chain: [UInt8], key: Secret<WipedBytes>) throws(FleetError) {
            self.present = Mutex(try Self.read(chain, key))
        }

        /// Shows these from the next handshake on.
        package func use(chain: [UInt8], key: Secret<WipedBytes>) throws(FleetError) {
            let next = try Self.read(chain, key)
            self.present.withLock { $0 = next }
        }

        fileprivate var shown: NIOSSLContextConfigurationOverride {
            self.present.withLock { $0 }
        }

        private static func read(
            _ chain: [UInt8], _ key: Secret<WipedBytes>
        ) throws(FleetError) -> NIOSSLContextConfigurationOverride {
            do {
                var shown = NIOSSLContextConfigurationOverride()
                shown.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain)
                    .map { .certificate($0) }
                shown.privateKey = .privateKey(
                    try key.expose { bytes in
                        try bytes.withBytes { try NIOSSLPrivateKey(bytes: Array($0), format: .pem) }
                    })
                return shown
            } catch {
                // The library's error could quote what it could not parse.
                throw FleetError(
                    .certificateValidation,
                    "the server's certificate and key in PEM cannot be read")
            }
        }
    }

    private let place: Place
    private let responder: OperationResponder
    private let logger: Logger

    package init(
        place: Place, services: ControlPlaneServices,
        operations: [Operation] = OperationTable.all,
        identify: @escaping CallerIdentification, log: AccessLog? = nil, logger: Logger
    ) {
        self.place = place
        self.responder = OperationResponder(
            index: OperationIndex(operations), services: services,
            requestIDs: RequestIDs(services.entropy), identify: identify,
            seats: ConnectionSeats(max: Self.seatsMax), logger: logger, scheme: place.scheme,
            log: log)
        self.logger = logger
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameter onRunning: called once requests are answered, with the address that is bound.
    package func run(onRunning: @escaping @Sendable (SocketAddress?) async -> Void) async throws {
        let responder = self.responder
        let service = HTTPService(
            address: self.place.address, connectionsMax: Self.connectionsMax,
            idleSecondsMax: Self.idleSecondsMax, seats: responder.seats,
            clock: responder.services.clock, logger: self.logger,
            bodyBytesMax: OperationResponder.bodyBytesMax,
            respond: { await responder.respond(to: $0, over: $1) })
        switch self.place {
        case .socket, .port(_, _, nil): try await service.run(onRunning: onRunning)
        case .port(_, _, let tls?):
            try await service.run(
                through: { try TLSChannel($0, tlsConfiguration: tls.configuration()) },
                onRunning: onRunning)
        }
    }
}

extension ControlServer.TLSIdentity {
    /// TLS 1.2 and 1.3. The client shows no certificate: who calls is known by a signature.
    func configuration() throws(FleetError) -> TLSConfiguration {
        let shown = self.shown
        guard let chain = shown.certificateChain, let key = shown.privateKey else {
            throw FleetError(.internalFailure, "the server has no certificate to show")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .seconds(ControlServer.farewellSecondsMax)
        configuration.sslContextCallback = { _, promise in promise.succeed(self.shown) }
        return configuration
    }
}
