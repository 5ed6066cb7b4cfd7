import Fleet
import HummingbirdCore
package import Logging
package import NIOCore
import NIOSSL

/// EST on a port of its own: HTTPS with the service's certificate, which a client checks with the
/// authorities that it has, and which asks the client for one of its own. Whoever shows none may
/// read what is public.
package struct ESTServer: Sendable {
    package static let connectionsMax = 1024
    package static let idleSecondsMax: Int64 = 30

    private let host: String
    private let port: Int
    private let identity: ControlServer.TLSIdentity
    private let services: ESTServices
    private let logger: Logger

    package init(
        host: String, port: Int, identity: ControlServer.TLSIdentity, services: ESTServices,
        logger: Logger
    ) {
        self.host = host
        self.port = port
        self.identity = identity
        self.services = services
        self.logger = logger
    }

    /// Serves until the surrounding task is cancelled or shut down gracefully.
    /// - Parameter onRunning: called once requests are answered, with the address that is bound.
    package func run(onRunning: @escaping @Sendable (SocketAddress?) async -> Void) async throws {
        var configuration = try self.identity.configuration()
        configuration.certificateVerification = .optionalVerification
        // Names of authorities are not sent, and so a client shows what it has: which ones are
        // believed is asked for each, and operators register more.
        configuration.trustRoots = .certificates([])
        configuration.renegotiationSupport = .none
        let tls = try NIOSSLContext(configuration: configuration)
        let (services, logger) = (self.services, self.logger)
        let seats = ConnectionSeats(max: ControlServer.seatsMax)
        let responder = ESTResponder(services: services, seats: seats, logger: logger)
        try await HTTPService(
            address: .hostname(self.host, port: self.port), connectionsMax: Self.connectionsMax,
            idleSecondsMax: Self.idleSecondsMax, seats: seats, clock: services.clock,
            logger: logger, bodyBytesMax: ESTResponder.bodyBytesMax,
            respond: HTTPService.offTheLoop { await responder.respond(to: $0, over: $1) }
        ).run(
            through: { channel in
                ESTChannel(
                    base: channel, tls: tls,
                    verify: { await Self.verify($0, from: $1, by: services, logger) })
            }, onRunning: onRunning)
    }

    /// Whom the gateway would let through TLS, and nobody else.
    private static func verify(
        _ chain: [NIOSSLCertificate], from address: String, by services: ESTServices,
        _ logger: Logger
    ) async -> NIOSSLVerificationResult {
        guard let der = try? chain.first?.toDERBytes() else { return .failed }
        do throws(FleetError) {
            try await services.gate.recognize(der, from: address)
            return .certificateVerified
        } catch {
            logger.info(
                "a client's certificate is refused",
                metadata: ["message": "\(error.message)"])
            return .failed
        }
    }
}
