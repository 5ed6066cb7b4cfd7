import CertificateAuthority
import Fleet
import Foundation

/// Makes the authorities and identities of an installation, each once.
struct Ceremony: Sendable {
    let installation: Installation
    let gatewayNames: [String]
    let profiles: CertificateProfiles
    let passphrase: Secret<WipedBytes>
    let clock: any WallClock
    let entropy: any Entropy
    /// The root is made and kept on another machine.
    var isRootElsewhere = false
    /// Where keys are that lie in no file.
    var tokens: Tokens?

    private var folder: AuthorityFolder {
        AuthorityFolder(installation: self.installation, tokens: self.tokens)
    }

    /// What was made now, file by file; empty where everything was there.
    func run() throws(FleetError) -> [String] {
        try PrivateFile.makeFolder(self.installation.pki)
        var made = try self.found()
        let manifest = try self.folder.manifest()
        if manifest.issuing.isEmpty, !manifest.awaited.isEmpty { return made }
        let gateway = self.folder.pair("gateway")
        let claim = self.folder.pair("claim-demo")
        let needsGateway = try Self.isAbsent(gateway)
        // The claim's key is the factory's, and need not stay here.
        let needsClaim = if case .absent = try claim.state() { true } else { false }
        guard PrivateFile.exists(self.installation.rootCertificate) else {
            throw FleetError(
                .notFound,
                "the root CA's certificate '\(self.installation.rootCertificate)' is missing: "
                    + "put it back; every device trusts it")
        }
        // Opened even where nothing is to be signed: a passphrase that does not fit, or a key that
        // cannot be read, is told here and not when the service starts.
        let authorities = try self.folder.openIssuing(self.passphrase)
        try self.profiles.check(against: authorities)
        if needsGateway {
            let identity = try GatewayIdentity(self.gatewayNames, self.circumstances)
                .make(self.profiles, of: authorities)
            try identity.key.expose { key throws(FleetError) in
                try gateway.create(key: key.withBytes { Array($0) }, certificate: identity.chain)
            }
            made.append("gateway")
        }
        if needsClaim {
            let profile = self.profiles.claim
            let issuer = try Self.issuer(
                .claims, profile, of: authorities, at: self.clock.now)
            let identity = try AuthorityCeremony.identity(
                under: issuer.authority, profile, self.circumstances)
            try identity.privateKeyPEM.expose { key throws(FleetError) in
                try claim.create(
                    key: key.withBytes { Array($0) }, certificate: identity.certificate.pem)
            }
            made.append("claim-demo")
        }
        return made
    }

    /// Who signs by `profile`: whom it names, or whoever followed; else who is for `use`.
    static func issuer(
        _ use: AuthorityUse, _ profile: CertificateProfile, of authorities: IssuingAuthorities,
        at now: UnixTime
    ) throws(FleetError) -> IssuingAuthority {
        let found =
            profile.issuer.map { authorities.successor(of: $0, at: now) }
            ?? authorities.current(for: use, at: now)
        guard let found else {
            throw FleetError(
                .notFound,
                "no issuing CA is for \(use.rawValue): make one with 'slipway ca create NAME --for "
                    + "\(use.rawValue)'")
        }
        return found
    }

    // MARK: Founding

    /// The root and the issuing CA of a folder that has none, and the list that names them.
    private func found() throws(FleetError) -> [String] {
        guard self.folder.isUnfounded else { return try self.finishStandard() }
        let strangers = self.folder.keysBeyondTheStandard()
        guard strangers.isEmpty else {
            throw FleetError(
                .invalidRequest,
                "'\(self.installation.authorities)' is missing, and there are keys of further CAs "
                    + "(\(strangers.joined(separator: ", "))): put the list back")
        }
        guard !self.isRootElsewhere else { return try self.request() }
        let made = try self.makeStandard()
        try self.folder.write(.standard)
        return made
    }

    /// A standard issuing CA that has vanished whole is made anew, as the list promises it.
    private func finishStandard() throws(FleetError) -> [String] {
        let manifest = try self.folder.manifest()
        guard let issuing = manifest["issuing-ca"], !issuing.isAwaited, issuing.keyURI == nil
        else { return [] }
        return try self.makeStandard()
    }

    private func makeStandard() throws(FleetError) -> [String] {
        let issuing = self.folder.pair("issuing-ca")
        guard try Self.isAbsent(issuing) else { return [] }
        // The root's key is needed here and nowhere else; it may leave this machine after.
        var made = try self.makeRootIfAbsent()
        let root = try self.folder.open(
            AuthorityManifest.Entry(name: "root-ca", role: .root), self.passphrase)
        let authority = try AuthorityCeremony.issuingAuthority(
            under: root, self.profiles.authority, passphrase: self.passphrase,
            self.circumstances)
        try issuing.create(
            key: authority.encryptedKeyPEM.utf8, certificate: authority.certificatePEM)
        made.append("issuing-ca")
        return made
    }

    private func request() throws(FleetError) -> [String] {
        let order = AuthorityOrder(
            name: "issuing-ca", key: .p256, uses: Set(AuthorityUse.allCases),
            profile: self.profiles.authority)
        try AuthorityWorkshop(folder: self.folder, passphrase: self.passphrase, clock: self.clock)
            .request(order, to: self.installation.authorityRequest("issuing-ca"))
        return ["issuing-ca.csr: to be signed where the root is"]
    }

    private var circumstances: AuthorityCeremony.Circumstances {
        AuthorityCeremony.Circumstances(now: self.clock.now, entropy: self.entropy)
    }

    private func makeRootIfAbsent() throws(FleetError) -> [String] {
        let root = self.folder.pair("root-ca")
        switch try root.state() {
        case .present: return []
        case .certificateOnly:
            throw FleetError(
                .invalidRequest,
                "a new issuing CA needs the root's key: put '\(self.installation.rootKey)' back")
        case .absent:
            let authority = try AuthorityCeremony.root(
                passphrase: self.passphrase, self.circumstances)
            try root.create(
                key: authority.encryptedKeyPEM.utf8, certificate: authority.certificatePEM)
            return ["root-ca"]
        }
    }

    private static func isAbsent(_ pair: KeyAndCertificate) throws(FleetError) -> Bool {
        switch try pair.state() {
        case .absent: return true
        case .present: return false
        case .certificateOnly:
            throw FleetError(
                .invalidRequest,
                "'\(pair.folder)/\(pair.name).pem' is there without its key: put the key back, "
                    + "or move the certificate away as well to have a new pair made")
        }
    }
}
