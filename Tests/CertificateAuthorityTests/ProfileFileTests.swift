import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// `pki/profiles/*.yaml`: what they say is what is signed, and what they do not say right is told.
@Suite struct ProfileFileTests {
    private static let defaults = ProfileFile.Defaults(
        deviceValiditySeconds: 86_400, deviceBackdateSeconds: 60)

    private func profile(_ yaml: String, name: String = "test") throws -> CertificateProfile {
        try ProfileFile(name: name, yaml: Array(yaml.utf8), defaults: Self.defaults).profile
    }

    private func issued(
        _ profile: CertificateProfile, subject: String? = nil, noEnd: Bool = false
    ) throws -> (leaf: CertificateFacts, issuer: CertificateFacts, root: CertificateFacts) {
        let circumstances = AuthorityCeremony.Circumstances(now: noon, entropy: SeededEntropy(31))
        var rootProfile = CertificateProfile.rootAuthority
        var issuingProfile = CertificateProfile.issuingAuthority
        rootProfile.hasNoEnd = noEnd
        issuingProfile.hasNoEnd = noEnd
        let passphrase = secret("hush")
        let madeRoot = try AuthorityCeremony.root(
            rootProfile, passphrase: passphrase, circumstances)
        let root = try AuthorityCeremony.open(
            certificatePEM: madeRoot.certificatePEM, encryptedKeyPEM: madeRoot.encryptedKeyPEM,
            passphrase: passphrase)
        let made = try AuthorityCeremony.issuingAuthority(
            under: root, issuingProfile, passphrase: passphrase, circumstances)
        let authority = try AuthorityCeremony.open(
            certificatePEM: made.certificatePEM, encryptedKeyPEM: made.encryptedKeyPEM,
            passphrase: passphrase)
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let leaf = try authority.sign(
            authority.prepare(
                profile, subject: try subject.map { try SubjectName(parsing: $0) }, key: key,
                at: noon, entropy: SeededEntropy(32)))
        return (try CertificateFacts(pem: leaf.pem), made.certificate, root.certificate)
    }

    @Test func shippedProfilesHold() throws {
        for (name, yaml) in ShippedProfiles.all {
            let file = try ProfileFile(
                name: name, yaml: Array(yaml.utf8), defaults: Self.defaults)
            #expect(file.profile.name == name)
        }
        #expect(Set(ShippedProfiles.all.map(\.name)).count == 6)
    }

    @Test func everythingThatAProfileCanSayIsInTheCertificate() throws {
        let profile = try self.profile(
            """
            use: device
            validity: 30d
            backdate: 1h
            keys: [EC-P256]
            subject:
              from-request: true
              require: [CN, serialNumber]
              set: "O=Acme, C=DE"
            alternative-names:
              - "dns:${CN}.devices.example"
              - "uri:urn:dev:ser:${serialNumber}"
              - ip:10.0.0.7
            policies: [1.3.6.1.4.1.55555.1]
            extensions:
              - oid: 1.3.6.1.4.1.55555.2
                text: "batch of ${serialNumber}"
            """)
        let made = try self.issued(profile, subject: "CN=pump,O=Evil,serialNumber=A7")
        #expect(made.leaf.subject == "C=DE,O=Acme,serialNumber=A7,CN=pump")
        #expect(made.leaf.notAfter == noon.advanced(bySeconds: 30 * 86_400))
        #expect(made.leaf.notBefore == made.issuer.notBefore)
        let folder = try TemporaryFolder()
        try folder.write("leaf.pem", made.leaf.pem)
        let text = try folder.openssl("x509", "-in", "leaf.pem", "-noout", "-text")
        for part in [
            "DNS:pump.devices.example", "URI:urn:dev:ser:A7", "IP Address:10.0.0.7",
            "Policy: 1.3.6.1.4.1.55555.1", "1.3.6.1.4.1.55555.2", "batch of A7",
        ] {
            #expect(text.contains(part), "\(part): \(text)")
        }
        try folder.write("root.pem", made.root.pem)
        try folder.write("issuing.pem", made.issuer.pem)
        try folder.openssl(
            "verify", "-x509_strict", "-purpose", "sslclient", "-attime", "\(noon.seconds)",
            "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem")
        #expect(CertificateLint.findings(in: made.leaf, issuedBy: made.issuer) == [])
        for subject in ["CN=pump", "serialNumber=A7", "CN=not a host,serialNumber=A7"] {
            let refused = try refusal { try self.issued(profile, subject: subject) }
            #expect(refused.code == .invalidCSR && refused.message.contains("'test'"))
        }
    }

    @Test func keysOfAnotherKindAreRefused() throws {
        let profile = try self.profile("use: device\nkeys: [RSA-2048]")
        let refused = try refusal { try self.issued(profile) }
        #expect(refused.code == .invalidCSR && refused.message.contains("EC-P256"))
    }

    /// IEEE 802.1AR 8.1: 99991231235959Z, and no certificate outlives its issuer.
    @Test func initialIdentityHasNoEndAndNeedsAnIssuerWithoutOne() throws {
        let yaml = try #require(ShippedProfiles.all.first { $0.name == "idevid" }).yaml
        let profile = try self.profile(yaml, name: "idevid")
        let made = try self.issued(profile, subject: "serialNumber=A7", noEnd: true)
        #expect(made.leaf.notAfter == CivilTime.latest)
        let folder = try TemporaryFolder()
        try folder.write("leaf.pem", made.leaf.pem)
        let structure = try folder.openssl("asn1parse", "-in", "leaf.pem")
        #expect(structure.contains("99991231235959Z"))
        #expect(CertificateLint.findings(in: made.leaf, issuedBy: made.issuer) == [])
        let refused = try refusal { try self.issued(profile, subject: "serialNumber=A7") }
        #expect(refused.code == .certificateState)
        #expect(refused.message.contains("ends at 2051"), "\(refused)")
        _ = try refusal { try self.issued(profile, subject: "CN=A7", noEnd: true) }
    }

    @Test func othersAreCutShortWithTheirIssuer() throws {
        let profile = try self.profile("use: device\nvalidity: 100y")
        let made = try self.issued(profile)
        #expect(made.leaf.notAfter == made.issuer.notAfter)
    }

    @Test(arguments: [
        ("use: rocket", "use"), ("validity: 1y", "use"), ("use: claim", "validity"),
        ("use: device\nvalidity: long", "validity"), ("use: device\nvaliditty: 1y", "validitty"),
        ("use: device\nkeys: [EC-P265]", "EC-P265"), ("use: device\nkeys: EC-P256", "keys"),
        ("use: device\nsubject: x", "subject"),
        ("use: device\nsubject:\n  require: [XX]", "XX"),
        ("use: device\nsubject:\n  set: nothing", "set"),
        ("use: device\nsubject:\n  set: C=Germany", "country"),
        ("use: device\nalternative-names: [\"mail:x\"]", "alternative-names"),
        ("use: device\nalternative-names: [\"dns:${XX}\"]", "alternative-names"),
        ("use: server\nvalidity: 1y\nalternative-names: [\"dns:a\"]", "alternative-names"),
        ("use: device\npolicies: [x]", "object identifier"),
        ("use: device\npolicies: [1.2.3, 1.2.3]", "twice"),
        ("use: device\nextensions:\n  - oid: 2.5.29.19\n    text: x", "2.5.29.19"),
        ("use: device\nextensions:\n  - oid: 1.2.3", "number 1"),
        ("use: device\nname-constraints: [\"permit:dns:a\"]", "name-constraints"),
        ("use: device\npast-issuer: ignore", "past-issuer"), ("use: device\n\tx: 1", "line 2"),
    ])
    func whatIsWrongIsNamed(_ yaml: String, _ part: String) throws {
        let refused = try refusal { try self.profile(yaml) }
        #expect(refused.code == .invalidRequest)
        #expect(refused.message.contains(part), "\(refused.message)")
    }

    // MARK: The twin

    @Test func twinIsReadAsTheCertificateWillBe() throws {
        let authority = try Deployment.shared.get().openIssuing()
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let tbs = try authority.prepare(
            .device, subject: nil, key: key, at: noon, entropy: SeededEntropy(33)
        ).tbs
        #expect(try CertificateTwin.findings(in: tbs, .ecdsaSHA256) == [])
        // Of another scheme than the bytes say, and of no bytes at all.
        #expect(try CertificateTwin.findings(in: tbs, .ed25519) != [])
        #expect(try CertificateTwin.findings(in: [0x30, 0], .ecdsaSHA256) != [])
    }

    /// The linter here lets it pass, libcrypto does not: an extension whose inside is no DER.
    @Test func whatLibcryptoCannotReadIsNotSigned() throws {
        let issuer = try Deployment.shared.get().openIssuing().identity
        var body = CertificateBody(
            serial: try CertificateSerial(from: SeededEntropy(34)), issuer: issuer,
            notBefore: noon, notAfter: noon.advanced(bySeconds: 60),
            subject: SubjectName(commonName: "Slipway Device"),
            key: try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules()),
            role: .device)
        body.additions = [
            CertificateExtension(identifier: OID.certificatePolicies, value: [0x30, 0x03, 0x02])
        ]
        let refused = try refusal { try ProfileLint.approve(body) }
        #expect(refused.code == .internalFailure && refused.message.contains("twin"), "\(refused)")
    }
}
