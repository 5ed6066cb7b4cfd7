import CertificateAuthority
import Fleet
import Foundation

/// An authority that is to be made.
struct AuthorityOrder: Sendable {
    let name: String
    var key = AuthorityKeyKind.p256
    /// A key that is on a token already; nil: one is made and lies in `pki/`.
    var keyURI: KeyURI?
    var uses: Set<AuthorityUse> = []
    /// With the authority's own subject.
    var profile: CertificateProfile
    /// It issues from then on; nil: from when it is made.
    var begin: UnixTime?
    var replaces: String?
    /// The root that signs it.
    var root = "root-ca"
}

/// Makes authorities, follows and retires them, and exchanges files with a root that is elsewhere.
/// Its caller holds the lock on `pki/`.
struct AuthorityWorkshop: Sendable {
    let folder: AuthorityFolder
    let passphrase: Secret<WipedBytes>
    let clock: any WallClock
    var entropy: any Entropy = SystemEntropy()

    private var circumstances: AuthorityCeremony.Circumstances {
        AuthorityCeremony.Circumstances(now: self.clock.now, entropy: self.entropy)
    }

    private func manifest() throws(FleetError) -> AuthorityManifest {
        self.folder.isUnfounded ? AuthorityManifest() : try self.folder.manifest()
    }

    // MARK: Making

    /// A root of its own. Its key signs issuing CAs and nothing else, and may leave this machine.
    func makeRoot(_ order: AuthorityOrder) throws(FleetError) -> CertificateFacts {
        var manifest = try self.manifest()
        guard order.name == "root-ca" || manifest["root-ca"] != nil else {
            throw FleetError(
                .invalidRequest, "the first root is called root-ca: devices find it by that name")
        }
        try manifest.add(
            AuthorityManifest.Entry(name: order.name, role: .root, keyURI: order.keyURI))
        try self.refuseTaken(order.name)
        try self.refuseSameSubject(
            order.profile.subject.description, in: manifest, except: order.name)
        if let uri = order.keyURI {
            let certificate = try AuthorityCeremony.root(
                order.profile, signing: try self.key(at: uri, for: order.name, in: manifest),
                self.circumstances)
            return try self.keep(certificate, of: order, manifest)
        }
        let made = try AuthorityCeremony.root(
            order.profile, key: order.key, passphrase: self.passphrase, self.circumstances)
        try self.folder.pair(order.name).create(
            key: made.encryptedKeyPEM.utf8, certificate: made.certificatePEM)
        try self.folder.write(manifest)
        return made.certificate
    }

    func create(_ order: AuthorityOrder) throws(FleetError) -> CertificateFacts {
        var manifest = try self.manifest()
        guard let root = manifest[order.root], root.role == .root else {
            throw FleetError(
                .notFound,
                "there is no root '\(order.root)' here: make one with 'slipway ca create NAME "
                    + "--root', or have a request signed elsewhere with --request-out")
        }
        try manifest.add(self.entry(order, in: manifest))
        try Self.refuseAmbiguous(manifest)
        try self.refuseTaken(order.name)
        try self.refuseSameSubject(
            order.profile.subject.description, in: manifest, except: order.name)
        let signer = try self.folder.open(root, self.passphrase)
        if let uri = order.keyURI {
            let key = try self.key(at: uri, for: order.name, in: manifest)
            let certificate = try AuthorityCeremony.issuingAuthority(
                under: signer, order.profile, for: key, self.circumstances)
            return try self.keep(certificate, of: order, manifest)
        }
        let made = try AuthorityCeremony.issuingAuthority(
            under: signer, order.profile, key: order.key, passphrase: self.passphrase,
            self.circumstances)
        try self.folder.pair(order.name).create(
            key: made.encryptedKeyPEM.utf8, certificate: made.certificatePEM)
        try self.folder.write(manifest)
        return made.certificate
    }

    /// A key on a token, which has signed once and is no other authority's: two of one key could
    /// not be told apart by whoever follows the chain.
    private func key(
        at uri: KeyURI, for name: String, in manifest: AuthorityManifest
    ) throws(FleetError) -> SigningKey {
        let key = try SigningKey(asking: self.folder.token(at: uri))
        try self.refuseSameKey(key.publicKey.fingerprint, in: manifest, except: name)
        return key
    }

    private func refuseSameKey(
        _ key: PublicKeyFingerprint, in manifest: AuthorityManifest, except name: String
    ) throws(FleetError) {
        for entry in manifest.roots + manifest.issuing where entry.name != name {
            guard try self.folder.certificate(entry).publicKey == key else { continue }
            throw FleetError(
                .alreadyExists, "its key is that of '\(entry.name)': each has one of its own")
        }
    }

    private func keep(
        _ certificate: CertificateFacts, of order: AuthorityOrder, _ manifest: AuthorityManifest
    ) throws(FleetError) -> CertificateFacts {
        try PrivateFile.create(
            self.folder.installation.authorityCertificate(order.name), certificate.pem.utf8)
        try self.folder.write(manifest)
        return certificate
    }

    private func entry(
        _ order: AuthorityOrder, in manifest: AuthorityManifest
    ) -> AuthorityManifest.Entry {
        let isFirst = manifest.entries.allSatisfy { $0.uses.isDisjoint(with: order.uses) }
        return AuthorityManifest.Entry(
            name: order.name, role: .issuing, uses: order.uses,
            begin: order.begin ?? (isFirst ? nil : self.clock.now), replaces: order.replaces,
            keyURI: order.keyURI)
    }

    // MARK: A root that is elsewhere

    /// Makes the key, and the request that is to be carried to the root.
    func request(_ order: AuthorityOrder, to file: String) throws(FleetError) {
        var manifest = try self.manifest()
        var entry = self.entry(order, in: manifest)
        entry.isAwaited = true
        try manifest.add(entry)
        try self.refuseTaken(order.name)
        if let uri = order.keyURI {
            let key = try self.key(at: uri, for: order.name, in: manifest)
            try PrivateFile.create(
                file, AuthorityRequest.pem(subject: order.profile.subject, key: key).utf8)
            return try self.folder.write(manifest)
        }
        let made = try AuthorityCeremony.request(
            subject: order.profile.subject, key: order.key, passphrase: self.passphrase)
        try PrivateFile.create(file, made.requestPEM.utf8)
        try PrivateFile.create(
            self.folder.installation.authorityKey(order.name), made.encryptedKeyPEM.utf8)
        try self.folder.write(manifest)
    }

    /// Where the root is: the certificate for a request that was carried here.
    func sign(
        requestPEM: String, _ profile: CertificateProfile, root name: String
    ) throws(FleetError) -> (issued: CertificateFacts, root: CertificateFacts) {
        guard let entry = try self.folder.manifest()[name], entry.role == .root else {
            throw FleetError(.notFound, "there is no root '\(name)' here")
        }
        let root = try self.folder.open(entry, self.passphrase)
        let issued = try AuthorityCeremony.issuingAuthority(
            under: root, profile, request: requestPEM, self.circumstances)
        return (issued, root.certificate)
    }

    /// What has come of `accept`.
    struct Accepted: Sendable {
        let name: String
        let certificate: CertificateFacts
        /// Where the root was not known before.
        let newRoot: String?
        /// What this service's linter would not have signed; others sign by other rules.
        let findings: [String]
    }

    /// Takes in the certificate that the root's keepers made of a request.
    /// - Parameters:
    ///   - chain: the certificate, and its root where that is not known here yet.
    ///   - rootDigest: what the root's keepers say its SHA-256 is.
    func accept(
        _ chain: [CertificateFacts], rootDigest: String?
    ) throws(FleetError) -> Accepted {
        var manifest = try self.folder.manifest()
        guard let certificate = chain.first else {
            throw FleetError(.invalidRequest, "the file has no certificate")
        }
        let entry = try self.awaited(certificate, in: manifest)
        try Self.checkIssuing(certificate, at: self.clock.now)
        try self.refuseSameSubject(certificate.subject, in: manifest, except: entry.name)
        try self.refuseSameKey(certificate.publicKey, in: manifest, except: entry.name)
        var newRoot: String?
        let root: CertificateFacts
        if let known = try self.knownRoots(manifest).first(where: { certificate.isSigned(by: $0) })
        {
            root = known
        } else {
            root = try Self.newRoot(of: certificate, in: chain, digest: rootDigest)
            let name = manifest["root-ca"] == nil ? "root-ca" : "root-of-\(entry.name)"
            try manifest.add(AuthorityManifest.Entry(name: name, role: .root))
            try self.place(root, as: name)
            newRoot = name
        }
        try self.place(certificate, as: entry.name)
        manifest.change(entry.name) { $0.isAwaited = false }
        try Self.refuseAmbiguous(manifest)
        try self.folder.write(manifest)
        return Accepted(
            name: entry.name, certificate: certificate, newRoot: newRoot,
            findings: CertificateLint.findings(in: certificate, issuedBy: root))
    }

    private func knownRoots(
        _ manifest: AuthorityManifest
    ) throws(FleetError) -> [CertificateFacts] {
        var roots: [CertificateFacts] = []
        for root in manifest.roots { roots.append(try self.folder.certificate(root)) }
        return roots
    }

    private func awaited(
        _ certificate: CertificateFacts, in manifest: AuthorityManifest
    ) throws(FleetError) -> AuthorityManifest.Entry {
        for entry in manifest.awaited {
            if try self.publicKey(of: entry) == certificate.publicKey { return entry }
        }
        throw FleetError(
            .notFound,
            "no certificate of this key is awaited here (\(certificate.subject.clipped)): "
                + "'slipway ca create NAME --request-out FILE' makes a request")
    }

    private func publicKey(
        of entry: AuthorityManifest.Entry
    ) throws(FleetError) -> PublicKeyFingerprint {
        if let uri = entry.keyURI {
            return try SigningKey(asking: self.folder.token(at: uri)).publicKey.fingerprint
        }
        let file = self.folder.installation.authorityKey(entry.name)
        let pem = String(
            decoding: try PrivateFile.read(file, as: "the CA's key"), as: UTF8.self)
        do {
            return try SigningKey(encryptedPEM: pem, passphrase: self.passphrase)
                .publicKey.fingerprint
        } catch {
            throw FleetError(.invalidRequest, "'\(file)': \(error)")
        }
    }

    private static func checkIssuing(
        _ certificate: CertificateFacts, at now: UnixTime
    ) throws(FleetError) {
        guard certificate.isAuthority, certificate.pathLength == 0 else {
            throw FleetError(
                .certificateValidation,
                "it is no issuing CA's certificate: basicConstraints must say CA:TRUE, pathlen:0")
        }
        guard now < certificate.notAfter else {
            throw FleetError(.certificateValidation, "it ended at \(certificate.notAfter)")
        }
        // What a start would not take must not get into the list.
        _ = try IssuingTerms(
            name: "", certificate: certificate, uses: [], begin: nil, replaces: nil,
            isRetired: false)
    }

    /// A root is believed because somebody who knows it said so, and for nothing in the file.
    private static func newRoot(
        of certificate: CertificateFacts, in chain: [CertificateFacts], digest: String?
    ) throws(FleetError) -> CertificateFacts {
        guard
            let root = chain.dropFirst().first(where: {
                $0.isSigned(by: $0) && certificate.isSigned(by: $0)
            })
        else {
            throw FleetError(
                .certificateValidation,
                "no root that is known here signed it, and the file does not bring its root along")
        }
        guard let digest else {
            throw FleetError(
                .invalidRequest,
                "its root is not known here yet. Ask the root's keepers for its SHA-256; if it is "
                    + "\(root.id), accept it with --root-sha256 \(root.id)")
        }
        let plain = digest.lowercased().filter { $0 != ":" && $0 != " " }
        guard plain == root.id.rawValue else {
            throw FleetError(
                .certificateValidation,
                "the root in the file has the SHA-256 \(root.id), not the one that was given")
        }
        return root
    }

    private func place(_ certificate: CertificateFacts, as name: String) throws(FleetError) {
        let file = self.folder.installation.authorityCertificate(name)
        // A run that died between the certificate and the list is finished by the next.
        if PrivateFile.exists(file),
            try PrivateFile.certificate(file, as: "the certificate").id == certificate.id
        {
            return
        }
        try PrivateFile.create(file, certificate.pem.utf8)
    }

    // MARK: Ending

    /// It issues nothing from now on. Its certificate stays trusted, and its CRL and OCSP are
    /// signed for as long as it is in the list.
    func retire(_ name: String) throws(FleetError) {
        var manifest = try self.folder.manifest()
        guard let entry = manifest[name], entry.role == .issuing, !entry.isAwaited else {
            throw FleetError(.notFound, "there is no issuing CA '\(name.clipped)' here")
        }
        guard entry.retiredAt == nil else { return }
        let now = self.clock.now
        for use in AuthorityUse.allCases where entry.uses.contains(use) {
            let rest = manifest.issuing.filter {
                $0.name != name && $0.uses.contains(use) && $0.retiredAt == nil
                    && ($0.begin.map { $0 <= now } ?? true)
            }
            guard !rest.isEmpty else {
                throw FleetError(
                    .invalidRequest,
                    "'\(name)' is the only issuing CA for \(use.rawValue) at present: make "
                        + "another first, with 'slipway ca rotate \(name)'")
            }
        }
        manifest.change(name) { $0.retiredAt = now }
        try self.folder.write(manifest)
    }

    // MARK: Refusing

    private func refuseTaken(_ name: String) throws(FleetError) {
        let installation = self.folder.installation
        for file in [installation.authorityCertificate(name), installation.authorityKey(name)]
        where PrivateFile.exists(file) {
            throw FleetError(
                .alreadyExists,
                "'\(file)' is there, and the list of authorities does not know it: move it away, "
                    + "or choose another name", resource: file)
        }
    }

    /// Two issuers of one name would share it in every CRL and every template.
    private func refuseSameSubject(
        _ subject: String, in manifest: AuthorityManifest, except name: String
    ) throws(FleetError) {
        for entry in manifest.roots + manifest.issuing where entry.name != name {
            guard try self.folder.certificate(entry).subject == subject else { continue }
            throw FleetError(
                .alreadyExists,
                "'\(entry.name)' has the subject \(subject.clipped) already: give another with "
                    + "--subject")
        }
    }

    private static func refuseAmbiguous(_ manifest: AuthorityManifest) throws(FleetError) {
        for use in AuthorityUse.allCases {
            let begins = manifest.issuing.filter {
                $0.uses.contains(use) && $0.retiredAt == nil
            }.map(\.begin)
            guard Set(begins).count == begins.count else {
                throw FleetError(
                    .invalidRequest,
                    "two issuing CAs would be for \(use.rawValue) from the same moment: give "
                        + "--from another time")
            }
        }
    }
}
