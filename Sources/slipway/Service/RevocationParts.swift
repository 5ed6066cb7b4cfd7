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
    private let options: RevocationAuthority.Settings
    private let store: SQLiteFleetStore

    init(
        _ settings: ResolvedSettings, authorities: IssuingAuthorities,
        responder: CertificateProfile, store: SQLiteFleetStore, logger: Logger
    ) throws(FleetError) {
        var options = RevocationAuthority.Settings()
        options.lifeSeconds = Int64(settings.integer("revocation.lifeSeconds"))
        options.publication = try Self.publication(settings)
        options.responder = responder
        self.options = options
        self.store = store
        var all: [RevocationAuthority] = []
        for issuing in authorities.all {
            all.append(try Self.voice(of: issuing, store, options))
        }
        self.authorities = try RevocationAuthorities(all)
        self.host = settings.text("revocation.host")
        self.port = settings.integer("revocation.port")
        self.server = RevocationServer(
            host: self.host, port: self.port, prefix: options.publication?.path ?? "",
            publisher: self.authorities, clock: SystemClock(), logger: logger)
    }

    private static func voice(
        of issuing: IssuingAuthority, _ store: SQLiteFleetStore,
        _ options: RevocationAuthority.Settings
    ) throws(FleetError) -> RevocationAuthority {
        try RevocationAuthority(
            authority: SigningAuthority(sharing: issuing.authority), store: store,
            clock: SystemClock(), entropy: SystemEntropy(), settings: options)
    }

    /// Speaks for these from now on, by a responder like this.
    func use(
        _ issuing: IssuingAuthorities, responder: CertificateProfile
    ) throws(FleetError) {
        let (store, options) = (self.store, self.options)
        try self.authorities.use(issuing.all.map(\.certificate.id)) { id throws(FleetError) in
            guard let found = issuing.authority(with: id) else {
                preconditionFailure("It was asked for those that are there.")
            }
            return try Self.voice(of: found, store, options)
        }
        for voice in self.authorities.all { voice.use(responder: responder) }
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
            group.addTask { await self.keepSigned(authorities) }
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

    /// Signs the whole lists and the answers in demand anew in time, asked or not, and says so
    /// where that fails until three quarters of a list's life are over.
    private func keepSigned(_ authorities: RevocationAuthorities) async {
        await cancelWhenGracefulShutdown { await self.signInTime(authorities) }
    }

    private func signInTime(_ authorities: RevocationAuthorities) async {
        var supervisions: [CertificateID: RevocationSupervision] = [:]
        let fresh = RevocationSupervision(
            lifeSeconds: self.lifeSeconds, start: SystemClock().now)
        while !Task.isCancelled {
            for authority in authorities.all {
                var supervision =
                    supervisions[authority.issuerID]
                    ?? RevocationSupervision(
                        lifeSeconds: self.lifeSeconds, start: SystemClock().now)
                await self.look(at: authority, &supervision)
                supervisions[authority.issuerID] = supervision
            }
            // Only a stop cuts the sleep short, and ends the loop with it.
            try? await Task.sleep(for: .seconds(fresh.intervalSeconds))
        }
    }

    private func look(
        at authority: RevocationAuthority, _ supervision: inout RevocationSupervision
    ) async {
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
    }
}
