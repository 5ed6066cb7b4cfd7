import CertificateAuthority
import ControlPlane
import Fleet
import Foundation
import Hooks
import JSON
import Logging
import MQTTBroker
import Provisioning
import SQLiteStorage

/// Every part of the running service, made in the order in which they need each other. What
/// fails here fails before a port is open.
struct Composition: Sendable {
    let settings: ResolvedSettings
    let installation: Installation
    let files: OpenFiles
    let realm: Realm
    let store: SQLiteFleetStore
    let tokens: WatchedTokens
    let issuer: Issuer
    let keyPairs: KeyPairPools
    let hooks: HookPool
    let webhooks: WebhookCaller
    let provisioner: Provisioner
    let sweep: PendingSweep
    let attempts: AttemptLog
    let connections: ConnectionLog
    let access: AccessParts
    let registration: RegistrationParts
    let revocation: RevocationParts
    let canary = CanaryRecord()
    let broker: BrokerServer
    let logger: Logger
    let clock = SystemClock()

    /// RSA key pairs that may be owed at once: at a fifth of a second each, what is beyond would
    /// wait longer than a device does. A P-256 pair takes microseconds.
    private static let rsaWaitersMax = 64
    private static let p256WaitersMax = 8192
    private static let reservedInFlightMore = 1024

    init(
        _ settings: ResolvedSettings, logger: Logger, passphrase: Secret<WipedBytes>,
        pin: Secret<WipedBytes>?
    ) async throws(FleetError) {
        self.files = try OpenFiles.raise()
        let installation = Installation(settings)
        let (clock, entropy) = (SystemClock(), SystemEntropy())
        let realm = try Realm(
            region: settings.text("realm.region"), account: settings.text("realm.account"))
        self.settings = settings
        self.installation = installation
        self.realm = realm
        self.logger = logger
        self.tokens = try WatchedTokens(settings, installation, pin: pin, logger: logger)
        let authorities = try Self.authorities(installation, self.tokens, passphrase)
        let profiles = try ProfileFolder(settings, installation).load()
        try profiles.check(against: authorities)
        let issuer = try Issuer(
            authorities: authorities,
            profiles: profiles.issuing(try RevocationParts.publication(settings)),
            rules: KeyRules(allowsEd25519: settings.flag("keys.ed25519")),
            authorityKeys: try Self.rootKeys(installation), entropy: entropy)
        self.issuer = issuer
        let mint = try Self.mint(installation, entropy)
        self.store = try await FleetDatabase.take(installation, logger)
        self.access = try AccessParts(settings, realm, store: self.store, logger: logger)
        self.hooks = Self.hookPool(settings, store: self.store)
        self.webhooks = WebhookCaller(
            scripts: self.hooks, secrets: "\(installation.pki)/webhooks",
            authorities: installation.pki)
        let webhooks = self.webhooks
        let folders = FleetFiles(
            store: self.store, clock: clock, realm: realm, limits: settings.templateLimits,
            check: { await webhooks.check($0) })
        try await Self.load(folders, of: installation, logger)
        try await Self.registerAuthorities(
            self.store, installation, realm, authorities, logger: logger)

        self.keyPairs = try Self.keyPairs(settings)
        try await Self.refuseBrokenHooks(self.webhooks, self.store)
        self.attempts = try AttemptLog(path: installation.attemptLog, logger: logger)
        self.connections = try ConnectionLog(
            path: installation.connectionLog, entropy: entropy, logger: logger)
        let log = ProvisioningLog(logger: logger, attempts: self.attempts)
        self.provisioner = Provisioner(
            ports: Self.ports(
                store: self.store, issuer: issuer, keyPairs: self.keyPairs,
                webhooks: self.webhooks),
            mint: mint,
            settings: Self.provisioning(settings, realm), observe: { log.note($0) })
        try await EnrolmentParts.seedClock(of: self.provisioner, from: self.store)
        self.sweep = PendingSweep(store: self.store, clock: clock)
        self.registration = try RegistrationParts(
            settings, installation, store: self.store,
            issuer: ClockedIssuer(issuer, clockOf: self.provisioner), logger: logger)
        self.revocation = try RevocationParts(
            settings, authorities: authorities, responder: profiles.responder,
            store: self.store, logger: logger)
        var dependencies = BrokerDependencies(
            store: self.store, connectivity: self.store,
            services: [ProvisioningService(provisioner: self.provisioner)],
            clock: clock, entropy: entropy, realm: realm, logger: logger,
            trust: RenewalParts.trust(
                settings, store: self.store, direct: self.registration.direct, realm: realm))
        dependencies.clones = EnrolmentParts.clones(settings, self.store, log)
        dependencies.journal = self.connections
        self.broker = try Self.broker(
            installation, settings: Self.brokerSettings(settings, self.files),
            dependencies: dependencies)
    }

    private static func ports(
        store: SQLiteFleetStore, issuer: Issuer, keyPairs: KeyPairPools, webhooks: WebhookCaller
    ) -> Provisioner.Ports {
        var ports = Provisioner.Ports(
            store: store, issuer: issuer, keyPairs: keyPairs, hook: webhooks,
            clock: SystemClock(), entropy: SystemEntropy())
        ports.signing = Provisioner.Signing(
            signer: webhooks, inspector: ForeignCertificateInspector())
        return ports
    }

    private static func authorities(
        _ installation: Installation, _ tokens: WatchedTokens, _ passphrase: Secret<WipedBytes>
    ) throws(FleetError) -> IssuingAuthorities {
        try AuthorityFolder(installation: installation, tokens: tokens.tokens)
            .openIssuing(passphrase)
    }

    private static func load(
        _ files: FleetFiles, of installation: Installation, _ logger: Logger
    ) async throws(FleetError) {
        let report = try await files.load(
            templates: installation.templates, hooks: installation.hooks, by: .service("serve"))
        for change in report.changes { logger.notice("loaded", metadata: ["what": "\(change)"]) }
        for name in report.passedOver {
            logger.warning(
                """
                nothing is loaded of this: settings stand beside a template of their name, and \
                templates in no folder of their own
                """,
                metadata: ["file": "\(installation.templates)/\(name)"])
        }
        for name in report.leftDeleted {
            logger.notice(
                """
                the template stays deleted, as its file is what it was then; change the file, or \
                bring it back with 'slipway template put'
                """,
                metadata: ["template": "\(name)"])
        }
    }

    private static func keyPairs(
        _ settings: ResolvedSettings
    ) throws(FleetError) -> KeyPairPools {
        let kind = settings.keyPairKind
        let processors = ProcessInfo.processInfo.activeProcessorCount
        var pool = KeyPairPool.Settings(
            kind: kind, depth: settings.integer("keys.ready"), servingThreads: processors,
            waitersMax: kind == .p256 ? Self.p256WaitersMax : Self.rsaWaitersMax)
        pool.processors = processors
        return try KeyPairPools(pool)
    }

    private static func provisioning(
        _ settings: ResolvedSettings, _ realm: Realm
    ) -> Provisioner.Settings {
        var provisioning = Provisioner.Settings(
            realm: realm, inFlightMax: settings.integer("provisioning.inFlightMax"),
            requiresHookApproval: settings.flag("rights.fourEyes"))
        provisioning.enrolment = EnrolmentParts.settings(settings)
        provisioning.renewal = RenewalParts.settings(settings)
        return provisioning
    }

    private static func mint(
        _ installation: Installation, _ entropy: SystemEntropy
    ) throws(FleetError) -> OwnershipTokenMint {
        let key = Secret(
            WipedBytes(
                try PrivateFile.read(installation.tokenKey, as: "the ownership token key")))
        do throws(FleetError) { return try OwnershipTokenMint(key: key, entropy: entropy) } catch {
            throw FleetError(
                error.code,
                "'\(installation.tokenKey)': \(error.message): put the right file back, or move "
                    + "it away and run 'slipway init' (devices then ask for new tokens)")
        }
    }

    private static func rootKeys(
        _ installation: Installation
    ) throws(FleetError) -> Set<PublicKeyFingerprint> {
        let folder = AuthorityFolder(installation: installation)
        return Set(try folder.roots(try folder.manifest()).map { $0.certificate.publicKey })
    }

    /// What was made since the last start comes into the store. A store that knows none of the
    /// authorities is another fleet's.
    private static func registerAuthorities(
        _ store: SQLiteFleetStore, _ installation: Installation, _ realm: Realm,
        _ authorities: IssuingAuthorities, logger: Logger
    ) async throws(FleetError) {
        let ids = authorities.all.map(\.certificate.id)
        let view = try await store.load(Set(ids.map { .authority($0) }))
        guard ids.contains(where: { view.authority($0) != nil }) else {
            throw FleetError(
                .invalidRequest,
                "the database knows none of the issuing CAs (\(ids[0]) is one): run "
                    + "'slipway init'")
        }
        let made = try await FleetFounding(
            installation: installation, realm: realm, store: store, clock: SystemClock(),
            actor: .service("serve")
        ).registerAuthorities()
        for authority in made { logger.notice("registered", metadata: ["what": "\(authority)"]) }
    }

    private static func hookPool(
        _ settings: ResolvedSettings, store: SQLiteFleetStore
    ) -> HookPool {
        var hookSettings = HookSettings.standard(
            cores: ProcessInfo.processInfo.activeProcessorCount)
        let workers = settings.integer("hook.workers")
        if workers > 0 { hookSettings.workers = workers }
        hookSettings.deadlineMilliseconds = settings.integer("hook.deadlineMilliseconds")
        return HookPool(settings: hookSettings, lookup: StoreAllowlistLookup(store: store))
    }

    /// A hook that does not load would deny every device; better to say so before the first comes.
    private static func refuseBrokenHooks(
        _ hooks: WebhookCaller, _ store: SQLiteFleetStore
    ) async throws(FleetError) {
        for case .hook(let script) in try await store.page(ListQuery(.hooks)).records {
            guard let problem = await hooks.check(script) else { continue }
            throw FleetError(
                .invalidRequest, "the hook '\(script.name)' does not load: \(problem)")
        }
    }

    /// This program as the kernel knows it, whatever the shell called it.
    static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
    }

    private static func broker(
        _ installation: Installation, settings: BrokerSettings, dependencies: BrokerDependencies
    ) throws(FleetError) -> BrokerServer {
        let material = try Self.tlsMaterial(installation)
        do throws(FleetError) {
            return try BrokerServer(
                settings: settings, tls: material, dependencies: dependencies)
        } catch {
            throw FleetError(
                error.code,
                "\(error.message) ('\(installation.gatewayCertificate)' and its .key, "
                    + "'\(installation.rootCertificate)'): put the file back, or move both of "
                    + "the gateway's away and run 'slipway init' to have new ones made")
        }
    }

    static func tlsMaterial(
        _ installation: Installation
    ) throws(FleetError) -> TLSMaterial {
        let folder = AuthorityFolder(installation: installation)
        try folder.pair("gateway").finishReplacing()
        return TLSMaterial(
            certificateChain: try PrivateFile.read(
                installation.gatewayCertificate, as: "the gateway's certificate"),
            privateKey: Secret(
                WipedBytes(
                    try PrivateFile.read(installation.gatewayKey, as: "the gateway's key"))),
            trustAnchors: Array(try folder.trustAnchors(try folder.manifest()).utf8))
    }

    private static func brokerSettings(
        _ settings: ResolvedSettings, _ files: OpenFiles
    ) -> BrokerSettings {
        var broker = BrokerSettings()
        broker.host = settings.text("listen.host")
        broker.port = settings.integer("listen.port")
        let loops = settings.integer("listen.loops")
        broker.loops = loops > 0 ? loops : ProcessInfo.processInfo.activeProcessorCount
        broker.connectionsMax = min(
            settings.integer("listen.connectionsMax"), files.connectionsMax)
        // More than provisioning takes on, so that what is too much is told so, not kept waiting.
        broker.reservedInFlightMax =
            settings.integer("provisioning.inFlightMax") + Self.reservedInFlightMore
        broker.renewalGraceSeconds = RenewalParts.graceSeconds(settings)
        broker.handshakeSecondsMax = Int64(settings.integer("listen.handshakeSeconds"))
        broker.connectSecondsMax = Int64(settings.integer("listen.connectSeconds"))
        broker.filtersPerSubscribeMax = settings.integer("listen.filtersPerSubscribeMax")
        broker.subscriptionsPerConnectionMax = settings.integer(
            "listen.subscriptionsPerConnectionMax")
        return broker
    }

    /// For a service that has its ports: one that has not has another thing to say, in one line.
    func warnOfFewConnections() {
        let wanted = self.settings.integer("listen.connectionsMax")
        guard self.files.connectionsMax < wanted else { return }
        self.logger.warning(
            "fewer connections than listen.connectionsMax: raise the limit of open files",
            metadata: [
                "connectionsMax": "\(self.files.connectionsMax)", "wanted": "\(wanted)",
                "openFilesMax": "\(self.files.max)",
            ])
    }

    var revocationJournal: RevocationJournal {
        RevocationJournal(
            path: self.installation.revocationJournal, store: self.store, logger: self.logger)
    }

    /// The reverse of making, once the gateway and the socket are closed.
    func close() async {
        await self.webhooks.shutdown()
        await self.hooks.shutdown()
        self.keyPairs.shutdown()
        self.tokens.tokens.close()
        self.access.log.close()
        self.attempts.close()
        self.connections.close()
        await self.store.close()
    }

    /// What the control plane's operations use.
    /// - Parameter port: the gateway's, for clients that ask where devices connect.
    func controlServices(
        port: Int?, live: LiveAuthorities,
        status: @escaping @Sendable () async -> JSONObject
    ) -> ControlPlaneServices {
        var services = ControlPlaneServices(
            store: self.store, drafts: self.store, clock: self.clock, entropy: SystemEntropy(),
            realm: self.realm)
        services.templateLimits = self.settings.templateLimits
        services.issuing = ControlPlaneServices.Issuing(
            issuer: ClockedIssuer(self.issuer, clockOf: self.provisioner),
            keyPairs: self.keyPairs, inspector: ForeignCertificateInspector())
        services.endpoint = self.endpoint(port: port)
        services.revocationPlanMax = self.settings.integer("revocation.planMax")
        services.access = self.access.services
        services.attributesWithoutTypeMax = self.settings.integer("registry.attributesWithoutType")
        services.registration = self.registration.services
        services.registrationFiles = self.registration.files
        let hooks = self.hooks
        let webhooks = self.webhooks
        services.checkHook = { await webhooks.check($0) }
        services.testHook = { script, tests async throws(FleetError) in
            guard !Webhook.describes(script) else {
                throw FleetError(.invalidRequest, "a webhook's tests are its service's own")
            }
            let results = try await HookTestFile(json: tests).run(script, in: hooks)
            return (
                results.count,
                results.flatMap { result in result.failures.map { "\(result.name): \($0)" } }
            )
        }
        let store = self.store
        let foresight = CertificateForesight(self.settings, issuer: self.issuer)
        var surroundings = DryRun.Surroundings()
        surroundings.asksWebhooks = true
        services.trial = DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) },
            askHook: { await webhooks.run($0, request: $1) },
            foresee: { enquiry throws(FleetError) in try foresight.certificate(enquiry) },
            clock: self.clock,
            realm: self.realm, requiresHookApproval: self.settings.flag("rights.fourEyes"),
            templateLimits: self.settings.templateLimits,
            enrolment: EnrolmentParts.settings(self.settings), names: DryRun.names(in: store),
            surroundings: surroundings)
        services.serialParameter = self.settings.text("enrolment.serialParameter")
        services.reloadAuthorities = { actor async throws(FleetError) in
            try await live.reload(by: actor)
        }
        services.status = status
        return services
    }

    /// AWS: endpointAddress is a host name, and its clients add 8883. Only another port is said.
    private func endpoint(port: Int?) -> String? {
        guard let name = self.settings.list("gateway.names").first, let port else { return nil }
        return port == Self.standardPort ? name : "\(name):\(port)"
    }

    private static let standardPort = 8883
}
