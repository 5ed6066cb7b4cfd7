import CertificateAuthority
import ControlPlane
import Fleet
import Logging
import NIOCore
import SQLiteStorage
import ServiceLifecycle

/// What says to the world who is revoked: the signer of lists and answers, and its HTTP port.
struct RevocationParts: Sendable {
    /// One for each issuing CA.
    let authorities: RevocationAuthorities
    let server: RevocationServer
    private let host: String
    private let port: Int

    init(
        _ settings: ResolvedSettings, authorities: IssuingAuthorities,
        responder: CertificateProfile, store: SQLiteFleetStore, logger: Logger
    ) throws(FleetError) {
        var options = RevocationAuthority.Settings()
        options.lifeSeconds = Int64(settings.integer("revocation.lifeSeconds"))
        options.publication = try Self.publication(settings)
        options.responder = responder
        var all: [RevocationAuthority] = []
        for issuing in authorities.all {
            all.append(
                try RevocationAuthority(
                    authority: SigningAuthority(sharing: issuing.authority), store: store,
                    clock: SystemClock(), entropy: SystemEntropy(), settings: options))
        }
        self.authorities = try RevocationAuthorities(all)
        self.host = settings.text("revocation.host")
        self.port = settings.integer("revocation.port")
        self.server = RevocationServer(
            host: self.host, port: self.port, publisher: self.authorities, clock: SystemClock(),
            logger: logger)
    }

    /// What is written into certificates; nil where no URL is set.
    static func publication(
        _ settings: ResolvedSettings
    ) throws(FleetError) -> RevocationPublication? {
        let url = settings.text("revocation.url")
        guard !url.isEmpty else { return nil }
        return try RevocationPublication(
            url: url, shards: settings.integer("revocation.shards"))
    }

    fileprivate func url(_ bound: SocketAddress?) -> String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "http://\(host):\(bound?.port ?? self.port)"
    }

    fileprivate func failure(_ error: any Error) -> FleetError {
        FleetError(
            .serviceUnavailable,
            "CRL and OCSP cannot be served on \(self.host):\(self.port): \(error); another "
                + "program may have the port: choose one with --revocation-port")
    }
}

/// Serves CRL and OCSP until asked to stop, and hears of revocations.
struct RevocationService: Service {
    let parts: RevocationParts
    let store: SQLiteFleetStore
    let logger: Logger
    let lifeSeconds: Int64

    func run() async throws {
        let commits = self.store.changes(after: try await self.store.latestSequence())
        let (authorities, parts, logger) = (self.parts.authorities, self.parts, self.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    for await commit in commits where Self.revokes(commit) {
                        await authorities.note()
                    }
                }
            }
            for authority in authorities.all {
                group.addTask { await self.keepSigned(authority) }
            }
            group.addTask {
                do {
                    try await parts.server.run { bound in
                        for authority in authorities.all {
                            logger.notice(
                                "CRL and OCSP are served",
                                metadata: [
                                    "crl": "\(parts.url(bound))/crl/\(authority.listName)",
                                    "ocsp": "\(parts.url(bound))/ocsp",
                                ])
                        }
                    }
                } catch { throw parts.failure(error) }
            }
            try await group.waitForAll()
        }
    }

    private static func revokes(_ commit: Commit) -> Bool {
        commit.changes.contains { change in
            switch change {
            case .putRevocation, .releaseHold, .setCertificateStatus(_, .revoked, _, _): true
            default: false
            }
        }
    }

    /// Signs the whole list and the answers in demand anew in time, asked or not, and says so where
    /// that fails until three quarters of a list's life are over.
    private func keepSigned(_ authority: RevocationAuthority) async {
        await cancelWhenGracefulShutdown { await self.signInTime(authority) }
    }

    private func signInTime(_ authority: RevocationAuthority) async {
        var supervision = RevocationSupervision(
            lifeSeconds: self.lifeSeconds, start: SystemClock().now)
        while !Task.isCancelled {
            let list = try? await authority.list(named: authority.listName)
            if let age = supervision.look(at: list, SystemClock().now) {
                self.logger.critical(
                    "the CRL is not signed anew; it ends soon",
                    metadata: [
                        "crl": "\(authority.listName)", "ageSeconds": "\(age)",
                        "lifeSeconds": "\(self.lifeSeconds)",
                    ])
            }
            await authority.signAnswersAhead()
            try? await Task.sleep(for: .seconds(supervision.intervalSeconds))
        }
    }
}
