import CertificateAuthority
import ControlPlane
import Fleet
import Logging
import NIOCore
import ServiceLifecycle

/// Enrolment over HTTPS where it is switched on.
struct ESTEndpoint: Sendable {
    private let server: ESTServer
    private let host: String
    private let port: Int
    private let logger: Logger

    /// - Returns: nil where `est.enabled` is false.
    init?(
        composition: Composition, identity: ControlServer.TLSIdentity
    ) throws(FleetError) {
        let settings = composition.settings
        guard settings.flag("est.enabled") else { return nil }
        let installation = composition.installation
        self.host = settings.text("est.host")
        self.port = settings.integer("est.port")
        self.logger = composition.logger
        let folder = AuthorityFolder(installation: installation)
        let root = try PrivateFile.read(
            installation.rootCertificate, as: "the root CA's certificate")
        let rootFacts = try CertificateFacts(pem: String(decoding: root, as: UTF8.self))
        let issuer = composition.issuer
        self.server = ESTServer(
            host: self.host, port: self.port, identity: identity,
            anchors: Array(try folder.trustAnchors(try folder.manifest()).utf8),
            services: ESTServices(
                provisioner: composition.provisioner, gate: composition.broker,
                encoding: EnrolmentCoder(
                    anchors: { [rootFacts] + issuer.authorities.all.map(\.certificate) },
                    rules: KeyRules(allowsEd25519: settings.flag("keys.ed25519"))),
                standardTemplate: settings.text("est.template")),
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
