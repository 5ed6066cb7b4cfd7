import ControlPlane
import Fleet
import MQTTBroker
import NIOCore
import ServiceLifecycle
import Synchronization

/// Where the service can be reached, once it can.
struct ServiceAddresses: Sendable {
    let gateway: BoundAddress
    /// The AWS IoT API, as a URL.
    let api: String
}

/// The AWS IoT API on its port: the operation table for whoever signs their requests.
struct APIEndpoint: Sendable {
    let server: ControlServer
    private let host: String
    private let port: Int
    private let isTLS: Bool

    /// - Throws: `FleetError.invalidRequest` where the settings would send private keys in the
    ///   clear over a network.
    init(
        composition: Composition, services: ControlPlaneServices,
        identity: ControlServer.TLSIdentity
    ) throws(FleetError) {
        let settings = composition.settings
        self.host = settings.text("api.host")
        self.port = settings.integer("api.port")
        self.isTLS = settings.flag("api.tls")
        guard self.isTLS || Self.isLoopback(self.host) else {
            throw FleetError(
                .invalidRequest,
                "api.host '\(self.host)' is no loopback address, and plain HTTP would show private "
                    + "keys to the network: set --api-tls true")
        }
        self.server = ControlServer(
            place: .port(
                host: self.host, port: self.port,
                tls: self.isTLS ? identity : nil),
            services: services,
            identify: composition.registration.links.orElse(composition.access.control.identify),
            log: composition.access.log, logger: composition.logger)
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    static func identity(
        _ installation: Installation
    ) throws(FleetError) -> ControlServer.TLSIdentity {
        let material = try Composition.tlsMaterial(installation)
        return try ControlServer.TLSIdentity(
            chain: material.certificateChain, key: material.privateKey)
    }

    fileprivate func url(_ bound: SocketAddress?) -> String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isTLS ? "https" : "http")://\(host):\(bound?.port ?? self.port)"
    }

    fileprivate func failure(_ error: any Error) -> FleetError {
        FleetError(
            .serviceUnavailable,
            "the AWS IoT API cannot be served on \(self.host):\(self.port): \(error); another "
                + "program may have the port: choose one with --api-port")
    }
}

/// Serves the API until asked to stop.
struct APIService: Service {
    let endpoint: APIEndpoint
    let onReady: @Sendable (_ url: String) -> Void

    func run() async throws {
        let endpoint = self.endpoint
        let onReady = self.onReady
        do {
            try await endpoint.server.run { onReady(endpoint.url($0)) }
        } catch {
            throw endpoint.failure(error)
        }
    }
}

/// Tells once that all parts are ready, each of which says so for itself.
final class Readiness: Sendable {
    private struct State {
        var left: Int
        var api = ""
    }

    private let state: Mutex<State>
    private let onReady: @Sendable (_ api: String) async -> Void

    init(parts: Int, onReady: @escaping @Sendable (_ api: String) async -> Void) {
        self.state = Mutex(State(left: parts))
        self.onReady = onReady
    }

    /// - Parameter api: the API's URL, from the part that knows it.
    func reached(_ api: String?) {
        let ready = self.state.withLock { state -> String? in
            if let api { state.api = api }
            state.left -= 1
            return state.left == 0 ? state.api : nil
        }
        guard let ready else { return }
        // Not awaited: a server accepts nobody until its callback returns.
        Task { await self.onReady(ready) }
    }
}
