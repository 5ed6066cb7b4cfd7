import CertificateAuthority
import ControlPlane
import Fleet
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The authorities that EST tells clients to trust (`cacerts`): those that there are when somebody
/// asks.
final class ESTTrust: Sendable {
    private let present: Mutex<[CertificateFacts]>

    init(_ installation: Installation) throws(FleetError) {
        let folder = AuthorityFolder(installation: installation)
        self.present = Mutex(try folder.anchors(try folder.manifest()))
    }

    var anchors: [CertificateFacts] { self.present.withLock { $0 } }

    func use(_ anchors: [CertificateFacts]) { self.present.withLock { $0 = anchors } }
}

/// Enrolment over HTTPS where it is switched on.
struct ESTEndpoint: Sendable {
    private let server: ESTServer
    private let host: String
    private let port: Int
    private let logger: Logger

    /// - Returns: nil where `est.enabled` is false.
    init?(
        composition: Composition, identity: ControlServer.TLSIdentity, trust: ESTTrust
    ) {
        let settings = composition.settings
        guard settings.flag("est.enabled") else { return nil }
        self.host = settings.text("est.host")
        self.port = settings.integer("est.port")
        self.logger = composition.logger
        self.server = ESTServer(
            host: self.host, port: self.port, identity: identity,
            services: ESTServices(
                provisioner: composition.provisioner, gate: composition.broker,
                encoding: EnrolmentCoder(
                    anchors: { trust.anchors },
                    rules: KeyRules(allowsEd25519: settings.flag("keys.ed25519"))),
                standardTemplate: settings.text("est.template"), clock: SystemClock()),
            logger: composition.logger)
    }

    fileprivate func run() async throws {
        do {
            try await self.server.run { bound in
                let host = self.host.contains(":") ? "[\(self.host)]" : self.host
                self.logger.notice(
                    "EST is served",
                    metadata: [
                        "url": "https://\(host):\(bound?.port ?? self.port)/.well-known/est"
                    ])
            }
        } catch {
            throw FleetError(
                .serviceUnavailable,
                "EST cannot be served on \(self.host):\(self.port): \(error); another program may "
                    + "have the port: choose one with --est-port")
        }
    }
}

/// Serves EST until asked to stop.
struct ESTService: Service {
    let endpoint: ESTEndpoint

    func run() async throws { try await self.endpoint.run() }
}
