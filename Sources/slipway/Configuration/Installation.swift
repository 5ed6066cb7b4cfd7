import Fleet
import Foundation

/// Where everything of one installation lies, as absolute paths.
struct Installation: Sendable {
    let root: String
    private(set) var pki: String
    let data: String
    let templates: String
    let hooks: String
    private let region: String
    private let account: String

    init(_ settings: ResolvedSettings) {
        let root = URL(fileURLWithPath: settings.text("directory")).standardizedFileURL.path
        self.root = root
        func place(_ key: String) -> String { Self.absolute(settings.text(key), in: root) }
        self.pki = place("pki.directory")
        self.data = place("data.directory")
        self.templates = place("templates.directory")
        self.hooks = place("hooks.directory")
        self.region = settings.text("realm.region")
        self.account = settings.text("realm.account")
    }

    /// - Throws: `FleetError.invalidRequest` where the settings name none.
    var realm: Realm {
        get throws(FleetError) { try Realm(region: self.region, account: self.account) }
    }

    static func absolute(_ path: String, in root: String) -> String {
        path.hasPrefix("/") ? path : "\(root)/\(path)"
    }

    /// The same, with the authorities in another folder.
    func with(pki: String) -> Installation {
        var copy = self
        copy.pki = pki
        return copy
    }

    /// Which authorities there are.
    var authorities: String { "\(self.pki)/authorities.json" }
    /// How certificates are made.
    var profiles: String { "\(self.pki)/profiles" }
    func authorityCertificate(_ name: String) -> String { "\(self.pki)/\(name).pem" }
    func authorityKey(_ name: String) -> String { "\(self.pki)/\(name).key" }
    func authorityRequest(_ name: String) -> String { "\(self.pki)/\(name).csr" }

    var rootCertificate: String { "\(self.pki)/root-ca.pem" }
    var rootKey: String { "\(self.pki)/root-ca.key" }
    var issuingKey: String { "\(self.pki)/issuing-ca.key" }
    var gatewayCertificate: String { "\(self.pki)/gateway.pem" }
    var gatewayKey: String { "\(self.pki)/gateway.key" }
    var claimCertificate: String { "\(self.pki)/claim-demo.pem" }
    var claimKey: String { "\(self.pki)/claim-demo.key" }
    var defaultPassphrase: String { "\(self.pki)/ca.passphrase" }

    var database: String { "\(self.data)/fleet.db" }
    var tokenKey: String { "\(self.data)/ownership-token.key" }
    /// Seals the secrets of access keys; it lies beside the database so that a copy of the
    /// database alone reveals none.
    var accessKey: String { "\(self.data)/access.key" }
    /// The first credential, in the form that AWS's tools read.
    var awsCredentials: String { "\(self.data)/aws-credentials" }
    var accessLog: String { "\(self.data)/access.log" }
    /// Every request of the provisioning dialogue, step by step (`slipway trace`).
    var attemptLog: String { "\(self.data)/attempts.log" }
    /// What the gateway refused beside the dialogue.
    var connectionLog: String { "\(self.data)/connections.log" }
    /// Every revocation, for a database that is restored and lacks the newest.
    var revocationJournal: String { "\(self.data)/revocations.log" }
    var registrationTasks: String { "\(self.data)/tasks" }
    var demoSerials: String { "\(self.data)/demo-serials.txt" }
    var demoDevices: String { "\(self.data)/demo-devices" }
    /// Unix socket paths end at 107 bytes (unix(7)), so this one is kept short.
    var controlSocket: String { "\(self.data)/control.sock" }
    static let socketPathBytesMax = 107
}
