import CertificateAuthority
import Fleet
import Foundation
import JSON

/// The authorities of an installation as they lie in `pki/`.
struct AuthorityFolder: Sendable {
    let installation: Installation
    /// Whoever opens keys brings them.
    var tokens: Tokens?

    /// Nothing has been made here yet, as far as this folder knows.
    var isUnfounded: Bool { !PrivateFile.exists(self.installation.authorities) }

    /// - Throws: `FleetError.notFound` where there is none; `.invalidRequest` where it does not
    ///   hold. Neither is guessed around: what is not in it issues nothing and signs no CRL.
    func manifest() throws(FleetError) -> AuthorityManifest {
        let file = self.installation.authorities
        let bytes = try PrivateFile.read(file, as: "the list of authorities")
        do throws(FleetError) { return try AuthorityManifest(json: bytes) } catch {
            throw FleetError(
                .invalidRequest, "'\(file)': \(error.message); put it right, or a copy back")
        }
    }

    /// The caller holds the lock on `pki/`.
    func write(_ manifest: AuthorityManifest) throws(FleetError) {
        let file = self.installation.authorities
        let next = "\(file).next"
        unlink(next)
        try PrivateFile.create(
            next, JSONPrinter.bytes(manifest.json, style: .pretty) + [UInt8(ascii: "\n")])
        try PrivateFile.rename(next, to: file)
    }

    /// Encrypted keys that are no CA's of `slipway init`: with them in the folder a missing
    /// manifest is a lost one.
    func keysBeyondTheStandard() -> [String] {
        let standard = Set(AuthorityManifest.standard.entries.map { "\($0.name).key" })
        let files =
            (try? FileManager.default.contentsOfDirectory(atPath: self.installation.pki)) ?? []
        return files.sorted().filter { file in
            file.hasSuffix(".key") && !standard.contains(file)
                && String(
                    decoding: FileManager.default.contents(
                        atPath: "\(self.installation.pki)/\(file)") ?? Data(), as: UTF8.self
                ).hasPrefix("-----BEGIN ENCRYPTED")
        }
    }

    func pair(_ name: String) -> KeyAndCertificate {
        KeyAndCertificate(folder: self.installation.pki, name: name)
    }

    // MARK: Certificates

    func certificate(_ entry: AuthorityManifest.Entry) throws(FleetError) -> CertificateFacts {
        let what = entry.role == .root ? "the root CA's certificate" : "the CA's certificate"
        return try PrivateFile.certificate(
            self.installation.authorityCertificate(entry.name), as: what)
    }

    /// By name, in the manifest's order.
    func roots(
        _ manifest: AuthorityManifest
    ) throws(FleetError) -> [(name: String, certificate: CertificateFacts)] {
        var roots: [(String, CertificateFacts)] = []
        for entry in manifest.roots { roots.append((entry.name, try self.certificate(entry))) }
        return roots
    }

    /// Every certificate that devices' chains may lead through.
    func anchors(_ manifest: AuthorityManifest) throws(FleetError) -> [CertificateFacts] {
        try (manifest.roots + manifest.issuing).map { entry throws(FleetError) in
            try self.certificate(entry)
        }
    }

    /// What decides who signs what, which takes no key to read.
    func rota(_ manifest: AuthorityManifest) throws(FleetError) -> IssuingRota {
        IssuingRota(
            try manifest.issuing.map { entry throws(FleetError) in
                try IssuingTerms(
                    name: entry.name, certificate: try self.certificate(entry), uses: entry.uses,
                    begin: entry.begin, replaces: entry.replaces,
                    isRetired: entry.retiredAt != nil)
            })
    }

    /// The anchors in PEM.
    func trustAnchors(_ manifest: AuthorityManifest) throws(FleetError) -> String {
        try self.anchors(manifest).map(\.pem).joined()
    }

    // MARK: Keys

    /// Every issuing CA, each shown to be one, and one of a root's that is here: devices trust the
    /// roots, and would refuse a gateway, and be refused by it, whose chain leads elsewhere.
    /// - Throws: `FleetError.invalidRequest` naming the file, and what is wrong with it.
    func openIssuing(
        _ passphrase: Secret<WipedBytes>
    ) throws(FleetError) -> IssuingAuthorities {
        let manifest = try self.manifest()
        guard !manifest.issuing.isEmpty else {
            let awaited = manifest.awaited.map { "'\($0.name)'" }.joined(separator: ", ")
            throw FleetError(
                .notFound,
                awaited.isEmpty
                    ? "there is no issuing CA: make one with 'slipway ca create'"
                    : "the certificate of \(awaited) is to come from the root: have the request "
                        + "signed there, then 'slipway ca accept FILE'")
        }
        let roots = try self.roots(manifest)
        var all: [IssuingAuthority] = []
        for entry in manifest.issuing {
            all.append(try self.issuing(entry, under: roots, passphrase))
        }
        do throws(FleetError) { return try IssuingAuthorities(all) } catch {
            throw FleetError(
                .invalidRequest, "'\(self.installation.authorities)': \(error.message)")
        }
    }

    private func issuing(
        _ entry: AuthorityManifest.Entry,
        under roots: [(name: String, certificate: CertificateFacts)],
        _ passphrase: Secret<WipedBytes>
    ) throws(FleetError) -> IssuingAuthority {
        let file = self.installation.authorityCertificate(entry.name)
        let authority = try self.open(entry, passphrase)
        guard authority.role == .issuing else {
            throw FleetError(
                .invalidRequest,
                "'\(file)' is no issuing CA's certificate, whose path length is 0: put the right "
                    + "one back")
        }
        guard roots.contains(where: { authority.certificate.isSigned(by: $0.certificate) })
        else {
            let names = roots.map { "'\(self.installation.authorityCertificate($0.name))'" }
            throw FleetError(
                .invalidRequest,
                "'\(file)' is not signed by \(names.joined(separator: " or ")): put the root "
                    + "back that signed it")
        }
        return try IssuingAuthority(
            name: entry.name, authority: authority, uses: entry.uses, begin: entry.begin,
            replaces: entry.replaces, isRetired: entry.retiredAt != nil)
    }

    func token(at uri: KeyURI) throws(FleetError) -> TokenSigner {
        guard let tokens = self.tokens else {
            throw FleetError(.internalFailure, "a key on a token was asked for without tokens")
        }
        return try tokens.signer(for: uri)
    }

    /// - Throws: `FleetError.invalidRequest` naming the file, and what is wrong with it. A token is
    ///   asked for nothing: where it is lost, whoever is to be signed for is told.
    func open(
        _ entry: AuthorityManifest.Entry, _ passphrase: Secret<WipedBytes>
    ) throws(FleetError) -> SigningAuthority {
        let certificate = self.installation.authorityCertificate(entry.name)
        let key = self.installation.authorityKey(entry.name)
        let certificatePEM = String(
            decoding: try PrivateFile.read(
                certificate, as: "the certificate of the \(entry.role.rawValue) CA"),
            as: UTF8.self)
        if let uri = entry.keyURI {
            do throws(FleetError) {
                return try AuthorityCeremony.open(
                    certificatePEM: certificatePEM, token: self.token(at: uri))
            } catch {
                throw FleetError(.invalidRequest, "'\(certificate)': \(error.message)")
            }
        }
        let keyPEM = String(
            decoding: try PrivateFile.read(key, as: "the key of the \(entry.role.rawValue) CA"),
            as: UTF8.self)
        do {
            return try AuthorityCeremony.open(
                certificatePEM: certificatePEM, encryptedKeyPEM: keyPEM, passphrase: passphrase)
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
