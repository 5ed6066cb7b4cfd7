import Testing

@testable import CertificateAuthority
@testable import Fleet

/// What the signer's linter lets pass before a signature, it lets pass after.
@Suite struct CertificateLintTests {
    private let deployment: Deployment
    private let issuing: CertificateFacts

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.issuing = self.deployment.issuing.certificate
    }

    private func signed(_ profile: CertificateProfile) throws -> CertificateFacts {
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let authority = try self.deployment.openIssuing()
        let issued = try authority.sign(
            authority.prepare(
                profile, subject: nil, key: key, at: noon, entropy: SeededEntropy(9)))
        return try CertificateFacts(pem: issued.pem)
    }

    @Test func everythingThatIsSignedHereIsSound() throws {
        let root = self.deployment.root.certificate
        #expect(CertificateLint.findings(in: root, issuedBy: root) == [])
        #expect(CertificateLint.findings(in: self.issuing, issuedBy: root) == [])
        var profiles: [CertificateProfile] = [.device, .claim]
        profiles.append(
            try .gateway([.init("localhost"), .init("127.0.0.1"), .init("::1")]))
        for shards in [1, 16, 256] {
            var published = CertificateProfile.device
            published.publication = try RevocationPublication(
                url: "http://pki.example:8080/of/crl", shards: shards)
            profiles.append(published)
        }
        for profile in profiles {
            let certificate = try self.signed(profile)
            let findings = CertificateLint.findings(in: certificate, issuedBy: self.issuing)
            #expect(findings == [], "\(profile)")
        }
    }

    @Test func changedSignatureIsFound() throws {
        var der = try self.signed(.device).der
        der[der.count - 1] ^= 0x01
        let findings = CertificateLint.findings(
            in: try CertificateFacts(der: der), issuedBy: self.issuing)
        #expect(findings.count == 1)
        #expect(findings.first?.hasPrefix("signature: ") == true)
    }

    @Test func foreignCertificateBreaksTheRules() throws {
        let folder = try TemporaryFolder()
        try folder.openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out",
            "ca.pem", "-subj", "/CN=Foreign", "-set_serial", "1")
        let foreign = try CertificateFacts(pem: folder.read("ca.pem"))
        let findings = CertificateLint.findings(in: foreign, issuedBy: foreign)
        #expect(findings.contains(ProfileLint.Rule.serial.rawValue))
        #expect(findings.contains(ProfileLint.Rule.keyUsage.rawValue))
    }
}
