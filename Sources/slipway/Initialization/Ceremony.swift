import CertificateAuthority
import Fleet
import Foundation

/// Makes the authorities and identities of an installation, each once.
struct Ceremony: Sendable {
    let installation: Installation
    let gatewayNames: [String]
    let passphrase: Secret<WipedBytes>
    let clock: any WallClock
    let entropy: any Entropy

    /// What was made now, file by file; empty where everything was there.
    func run() throws(FleetError) -> [String] {
        var made: [String] = []
        try PrivateFile.makeFolder(self.installation.pki)
        let issuing = self.pair("issuing-ca")
        if try Self.isAbsent(issuing) {
            // The root's key is needed here and nowhere else; it may leave this machine after.
            made += try self.makeRootIfAbsent()
            let root = try self.open(
                "root", self.installation.rootCertificate, self.installation.rootKey)
            let authority = try AuthorityCeremony.issuingAuthority(
                under: root, passphrase: self.passphrase, self.circumstances)
            try issuing.create(
                key: authority.encryptedKeyPEM.utf8, certificate: authority.certificatePEM)
            made.append("issuing-ca")
        }
        let gateway = self.pair("gateway")
        let claim = self.pair("claim-demo")
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
        let authority = try self.openIssuing()
        if needsGateway {
            var names: [SubjectAlternativeName] = []
            for name in self.gatewayNames { names.append(try SubjectAlternativeName(name)) }
            let identity = try AuthorityCeremony.identity(
                under: authority, .gateway(names), self.circumstances)
            // The gateway presents its issuer too, so that a client needs the root alone.
            let chain = identity.certificate.pem + authority.certificate.pem
            try identity.privateKeyPEM.expose { key throws(FleetError) in
                try gateway.create(key: key.withBytes { Array($0) }, certificate: chain)
            }
            made.append("gateway")
        }
        if needsClaim {
            let identity = try AuthorityCeremony.identity(
                under: authority, .claim, self.circumstances)
            try identity.privateKeyPEM.expose { key throws(FleetError) in
                try claim.create(
                    key: key.withBytes { Array($0) }, certificate: identity.certificate.pem)
            }
            made.append("claim-demo")
        }
        return made
    }

    /// Opens the issuing CA, once it is shown to be one, and the root's own: devices trust the
    /// root, and would refuse a gateway, and be refused by it, whose chain leads elsewhere.
    /// - Throws: `FleetError.invalidRequest` naming the file, and what is wrong with it.
    func openIssuing() throws(FleetError) -> SigningAuthority {
        let file = self.installation.issuingCertificate
        let authority = try self.open("issuing", file, self.installation.issuingKey)
        guard authority.role == .issuing else {
            throw FleetError(
                .invalidRequest,
                "'\(file)' is no issuing CA's certificate, whose path length is 0: put the right "
                    + "one back")
        }
        let root = try PrivateFile.certificate(
            self.installation.rootCertificate, as: "the root CA's certificate")
        guard authority.certificate.isSigned(by: root) else {
            throw FleetError(
                .invalidRequest,
                "'\(file)' is not signed by '\(self.installation.rootCertificate)': put the root "
                    + "back that signed it")
        }
        return authority
    }

    private var circumstances: AuthorityCeremony.Circumstances {
        AuthorityCeremony.Circumstances(now: self.clock.now, entropy: self.entropy)
    }

    private func pair(_ name: String) -> KeyAndCertificate {
        KeyAndCertificate(folder: self.installation.pki, name: name)
    }

    private func makeRootIfAbsent() throws(FleetError) -> [String] {
        let root = self.pair("root-ca")
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

    private func open(
        _ what: String, _ certificate: String, _ key: String
    ) throws(FleetError) -> SigningAuthority {
        let certificatePEM = String(
            decoding: try PrivateFile.read(certificate, as: "the \(what) CA's certificate"),
            as: UTF8.self)
        let keyPEM = String(
            decoding: try PrivateFile.read(key, as: "the \(what) CA's key"), as: UTF8.self)
        do {
            return try AuthorityCeremony.open(
                certificatePEM: certificatePEM, encryptedKeyPEM: keyPEM,
                passphrase: self.passphrase)
        } catch let error as FleetError {
            throw FleetError(.invalidRequest, "'\(certificate)': \(error.message)")
        } catch {
            throw FleetError(
                .invalidRequest,
                "'\(key)': \(error). Give the right passphrase with --pki-passphrase-file, "
                    + "--pki-passphrase-descriptor or \(PassphraseSource.environmentName)")
        }
    }
}
