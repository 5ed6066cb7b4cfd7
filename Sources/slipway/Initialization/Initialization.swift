import CertificateAuthority
import Fleet
import Foundation
import Hooks
import JSON
import SQLiteStorage

/// `slipway init`: everything an installation needs before it can serve.
struct Initialization: Sendable {
    struct Report: Sendable {
        let installation: Installation
        let made: [String]
        /// The first credential, where it was made now: its secret is told this once.
        let credential: CredentialsFile?
        /// The file that has to be signed by a root elsewhere before this can go on.
        var request: String?

        var json: JSONValue {
            var object: JSONObject = [
                "directory": .string(self.installation.root),
                "made": .array(self.made.map { .string($0) }),
            ]
            if let request { object["request"] = .string(request) }
            if let credential {
                object["credential"] = [
                    "user": .string(AccessFounding.user.rawValue),
                    "accessKeyId": .string(credential.id.rawValue),
                    "secretAccessKey": .string(credential.secretText),
                ]
            }
            return .object(object)
        }

        func tell() {
            guard !self.made.isEmpty || self.request != nil else {
                return Terminal.say("everything is there already; nothing was changed")
            }
            for item in self.made { Terminal.say("made \(item)") }
            if let request {
                Terminal.say("carry \(request) to the root and have it signed there:")
                Terminal.say("  slipway ca sign issuing-ca.csr --out issuing-ca.pem")
                Terminal.say("then here:")
                Terminal.say("  slipway ca accept issuing-ca.pem --root-sha256 DIGEST")
                return Terminal.say("  slipway init")
            }
            Terminal.say("keys and certificates are in \(self.installation.pki)")
            Terminal.say("the fleet is in \(self.installation.database)")
            guard let credential else { return }
            Terminal.say("")
            Terminal.say("the first credential, an administrator's; its secret is told this once:")
            Terminal.say("  access key id      \(credential.id)")
            Terminal.say("  secret access key  \(credential.secretText)")
            Terminal.say(
                "both are in \(self.installation.awsCredentials) too, for aws and boto3: "
                    + "eval \"$(slipway env)\"")
        }
    }

    private static let tokenKeyBytes = 32
    private static let passphraseBytes = 24

    let settings: ResolvedSettings
    let installation: Installation
    let realm: Realm

    init(_ settings: ResolvedSettings) throws(FleetError) {
        self.settings = settings
        self.installation = Installation(settings)
        self.realm = try Realm(
            region: settings.text("realm.region"), account: settings.text("realm.account"))
    }

    /// The passphrase of the CA keys, made where nobody has named one and none was made before.
    func passphrase() throws(FleetError) -> Secret<WipedBytes> {
        try PrivateFile.makeFolder(self.installation.pki)
        let lock = try PrivateFile.lock(self.installation.pki)
        defer { close(lock) }
        PrivateFile.sweepUnfinished(self.installation.defaultPassphrase)
        let source = PassphraseSource(self.settings, self.installation)
        if source.makesItsOwn, !PrivateFile.exists(source.defaultFile) {
            try self.refuseLostPassphrase(source.defaultFile)
            let passphrase = SystemEntropy().bytes(count: Self.passphraseBytes).hex + "\n"
            try PrivateFile.create(source.defaultFile, passphrase.utf8)
        }
        return try source.read()
    }

    func run(
        passphrase: Secret<WipedBytes>, pin: Secret<WipedBytes>?, isRootElsewhere: Bool = false
    ) async throws(FleetError) -> Report {
        let clock = SystemClock()
        let entropy = SystemEntropy()
        var made: [String] = []
        try PrivateFile.makeFolder(self.installation.data)
        // Two at once could pair the key of one with the certificate of the other.
        let lock = try PrivateFile.lock(self.installation.pki)
        defer { close(lock) }
        for file in [
            self.installation.tokenKey, self.installation.demoSerials,
            self.installation.accessKey, self.installation.awsCredentials,
        ] {
            PrivateFile.sweepUnfinished(file)
        }
        let folder = ProfileFolder(self.settings, self.installation)
        made += try folder.writeShipped()
        let ceremony = Ceremony(
            installation: self.installation, gatewayNames: GatewayIdentity.names(self.settings),
            profiles: try folder.load(), passphrase: passphrase, clock: clock, entropy: entropy,
            isRootElsewhere: isRootElsewhere,
            tokens: try TokenParts.tokens(self.settings, self.installation, pin: pin))
        made += try ceremony.run()
        let manifest = try AuthorityFolder(installation: self.installation).manifest()
        if manifest.issuing.isEmpty, let awaited = manifest.awaited.first {
            return Report(
                installation: self.installation, made: made, credential: nil,
                request: self.installation.authorityRequest(awaited.name))
        }
        if !PrivateFile.exists(self.installation.tokenKey) {
            try PrivateFile.create(
                self.installation.tokenKey, entropy.bytes(count: Self.tokenKeyBytes))
            made.append("the ownership token key")
        }
        let store = try FleetDatabase.open(
            self.installation.database, .exclusive, isNew: true)
        let credential: CredentialsFile?
        do throws(FleetError) {
            made += try await self.found(store, clock)
            credential = try await AccessFounding(
                installation: self.installation, store: store, clock: clock, entropy: entropy,
                actor: Self.actor
            ).run()
            if let credential { made.append("access key \(credential.id)") }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        return Report(installation: self.installation, made: made, credential: credential)
    }

    private func found(
        _ store: SQLiteFleetStore, _ clock: SystemClock
    ) async throws(FleetError) -> [String] {
        let actor = Self.actor
        let made = try await FleetFounding(
            installation: self.installation, realm: self.realm, store: store, clock: clock,
            actor: actor
        ).run()
        let pool = HookPool(settings: .standard(cores: 1), lookup: HookSketch())
        let caller = WebhookCaller(
            scripts: pool, secrets: "\(self.installation.pki)/webhooks",
            authorities: self.installation.pki)
        let loaded: Result<[String], FleetError>
        do throws(FleetError) {
            loaded = .success(
                try await FleetFiles(
                    store: store, clock: clock, realm: self.realm,
                    limits: self.settings.templateLimits, check: { await caller.check($0) }
                ).load(
                    templates: self.installation.templates, hooks: self.installation.hooks,
                    by: actor
                ).changes)
        } catch { loaded = .failure(error) }
        await caller.shutdown()
        await pool.shutdown()
        return made + (try loaded.get())
    }

    private static var actor: Actor {
        Actor(kind: .operator, identity: NSUserName(), sourceAddress: "local")
    }

    /// A new passphrase would not open keys that were locked with another.
    private func refuseLostPassphrase(_ file: String) throws(FleetError) {
        let further = AuthorityFolder(installation: self.installation).keysBeyondTheStandard().map {
            "\(self.installation.pki)/\($0)"
        }
        for key in [self.installation.rootKey, self.installation.issuingKey] + further
        where PrivateFile.exists(key) {
            throw FleetError(
                .invalidRequest,
                "'\(file)' is missing, and '\(key)' is locked with a passphrase: put the file "
                    + "back, or say where the passphrase is")
        }
    }
}
