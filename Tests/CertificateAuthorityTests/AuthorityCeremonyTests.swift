import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct AuthorityCeremonyTests {
    private let deployment: Deployment
    private let folder: TemporaryFolder
    private let circumstances = AuthorityCeremony.Circumstances(
        now: noon, entropy: SeededEntropy(11))

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.folder = try TemporaryFolder()
        try self.folder.write("root.pem", self.deployment.root.certificatePEM)
        try self.folder.write("issuing.pem", self.deployment.issuing.certificatePEM)
        try self.folder.write("issuing.key", self.deployment.issuing.encryptedKeyPEM)
    }

    @Test func authoritiesAreWhatOpenSSLExpects() throws {
        try self.folder.openssl(
            "verify", "-x509_strict", "-attime", "\(noon.seconds)", "-CAfile", "root.pem",
            "root.pem")
        try self.folder.openssl(
            "verify", "-x509_strict", "-attime", "\(noon.seconds)", "-CAfile", "root.pem",
            "issuing.pem")
        let root = try self.folder.openssl("x509", "-in", "root.pem", "-noout", "-text")
        #expect(root.contains("CA:TRUE, pathlen:1"))
        #expect(root.contains("Not After : Nov 16 12:00:00 2056 GMT"))
        let issuing = try self.folder.openssl("x509", "-in", "issuing.pem", "-noout", "-text")
        #expect(issuing.contains("CA:TRUE, pathlen:0"))
        #expect(issuing.contains("Certificate Sign, CRL Sign"))
        #expect(!issuing.contains("Extended Key Usage"))
    }

    @Test func recordsMatchTheCertificates() {
        let (root, issuing) = (self.deployment.root, self.deployment.issuing)
        #expect(root.record.role == .root && issuing.record.role == .issuing)
        #expect(issuing.record.id == issuing.certificate.id)
        #expect(issuing.certificate.isSigned(by: root.certificate))
        #expect(root.certificate.isSigned(by: root.certificate))
        #expect(!root.certificate.isSigned(by: issuing.certificate))
    }

    @Test func gatewayServesItsNamesAndNothingElse() throws {
        let authority = try self.deployment.openIssuing()
        let profile = try CertificateProfile.gateway([
            .init("localhost"), .init("127.0.0.1"), .init("::1"), .init("Gateway.Example"),
        ])
        let made = try AuthorityCeremony.identity(under: authority, profile, self.circumstances)
        try self.folder.write("gateway.pem", made.certificate.pem)
        let key = made.privateKeyPEM.expose { secret in
            secret.withBytes { String(decoding: $0, as: UTF8.self) }
        }
        try self.folder.write("gateway.key", key)
        for name in ["localhost", "gateway.example"] {
            try self.folder.openssl(
                "verify", "-x509_strict", "-purpose", "sslserver", "-attime", "\(noon.seconds)",
                "-verify_hostname", name, "-CAfile", "root.pem", "-untrusted", "issuing.pem",
                "gateway.pem")
        }
        try self.folder.openssl(
            "verify", "-attime", "\(noon.seconds)", "-verify_ip", "::1", "-CAfile", "root.pem",
            "-untrusted", "issuing.pem", "gateway.pem")
        try self.folder.openssl(
            "verify", "-attime", "\(noon.seconds)", "-verify_hostname", "other", "-CAfile",
            "root.pem", "-untrusted", "issuing.pem", "gateway.pem", fails: true)
        try self.folder.openssl(
            "verify", "-purpose", "sslclient", "-attime", "\(noon.seconds)", "-CAfile",
            "root.pem", "-untrusted", "issuing.pem", "gateway.pem", fails: true)
        try self.folder.openssl("pkey", "-in", "gateway.key", "-pubout", "-out", "a.pem")
        try self.folder.openssl(
            "x509", "-in", "gateway.pem", "-noout", "-pubkey", "-out", "b.pem")
        #expect(try self.folder.read("a.pem") == self.folder.read("b.pem"))
        let facts = try CertificateFacts(pem: made.certificate.pem)
        #expect(
            facts.subjectAlternativeNames == [
                "DNSName": ["localhost", "gateway.example"], "IPAddress": ["127.0.0.1", "::1"],
            ])
    }

    @Test func claimIsAClient() throws {
        let authority = try self.deployment.openIssuing()
        let made = try AuthorityCeremony.identity(under: authority, .claim, self.circumstances)
        try self.folder.write("claim.pem", made.certificate.pem)
        try self.folder.openssl(
            "verify", "-x509_strict", "-purpose", "sslclient", "-attime", "\(noon.seconds)",
            "-CAfile", "root.pem", "-untrusted", "issuing.pem", "claim.pem")
        #expect("\(made)".contains("PRIVATE") == false)
    }

    @Test func keyOfAnotherCertificateIsRefused() throws {
        do {
            _ = try AuthorityCeremony.open(
                certificatePEM: self.deployment.root.certificatePEM,
                encryptedKeyPEM: self.deployment.issuing.encryptedKeyPEM,
                passphrase: secret(Deployment.passphrase))
            Issue.record("opened")
        } catch {
            #expect((error as? FleetError)?.code == .certificateValidation)
        }
    }

    @Test func leafIsNoAuthority() throws {
        let key = try SigningKey()
        let authority = try self.deployment.openIssuing()
        let issued = try authority.sign(
            authority.prepare(
                .device, subject: nil, key: key.publicKey, at: noon, entropy: SeededEntropy(12)))
        let facts = try CertificateFacts(pem: issued.pem)
        do {
            _ = try SigningAuthority(certificate: facts, key: key)
            Issue.record("a leaf became an authority")
        } catch {
            #expect(error.message.contains("no authority's certificate"))
        }
    }

    @Test func profilesOutOfBoundsAreRefused() throws {
        let subject = try SubjectName([.init(.commonName, "x")])
        for (validity, backdate) in [(0, 0), (-1, 0), (Int64.max, 0), (1, -1), (1, Int64.max)] {
            _ = try refusal {
                try CertificateProfile(
                    role: .device, validitySeconds: Int64(validity),
                    backdateSeconds: Int64(backdate), subject: subject)
            }
        }
        _ = try refusal { try CertificateProfile.gateway([]) }
    }

    @Test func authorityMadeByOpenSSLIsOpened() async throws {
        for (name, recipe) in [("rsa", KeyRecipe.rsa2048), ("p384", KeyRecipe.p384)] {
            let folder = try TemporaryFolder()
            _ = try folder.request(key: recipe)
            let key = try #require(
                FileManager.default.contentsOfDirectory(atPath: folder.path)
                    .first { $0.hasSuffix(".key") })
            try folder.openssl(
                "req", "-x509", "-key", key, "-subj", "/O=Acme/CN=\(name) CA", "-days", "3650",
                "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-out", "ca.pem")
            try folder.openssl(
                "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", key, "-out", "ca.key", "-passout",
                "pass:hush")
            let authority = try AuthorityCeremony.open(
                certificatePEM: folder.read("ca.pem"), encryptedKeyPEM: folder.read("ca.key"),
                passphrase: secret("hush"))
            let now = authority.certificate.notBefore.advanced(bySeconds: 60)
            let issuer = try Issuer(authority: authority, entropy: SeededEntropy(13))
            let issued = try await issuer.issue(csr: CraftedRequest().pem(), at: now)
            try folder.write("device.pem", issued.pem)
            try folder.openssl(
                "verify", "-x509_strict", "-purpose", "sslclient", "-attime", "\(now.seconds)",
                "-CAfile", "ca.pem", "device.pem")
        }
    }
}
