import Foundation
import TestSupport
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Authorities of every kind of key, with constraints, side by side; judged by OpenSSL.
@Suite struct AuthorityHierarchyTests {
    private let deployment: Deployment
    private let circumstances = AuthorityCeremony.Circumstances(
        now: noon, entropy: CertificateAuthorityTests.SeededEntropy(21))

    init() throws { self.deployment = try Deployment.shared.get() }

    private func issuing(
        _ kind: AuthorityKeyKind = .p256, _ name: String = "Acme Device CA",
        under root: borrowing SigningAuthority,
        _ change: (inout CertificateProfile) throws -> Void = { _ in }
    ) throws -> SigningAuthority {
        var profile = CertificateProfile.issuingAuthority
        profile.subject = try SubjectName(parsing: "CN=\(name),O=Acme")
        try change(&profile)
        let made = try AuthorityCeremony.issuingAuthority(
            under: root, profile, key: kind, passphrase: secret("hush"), self.circumstances)
        return try AuthorityCeremony.open(
            certificatePEM: made.certificatePEM, encryptedKeyPEM: made.encryptedKeyPEM,
            passphrase: secret("hush"))
    }

    private func leaf(
        of authority: borrowing SigningAuthority, _ profile: CertificateProfile = .device,
        subject: String = "CN=device"
    ) throws -> CertificateFacts {
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let issued = try authority.sign(
            authority.prepare(
                profile, subject: try SubjectName(parsing: subject), key: key, at: noon,
                entropy: CertificateAuthorityTests.SeededEntropy(22)))
        return try CertificateFacts(pem: issued.pem)
    }

    private func verify(
        _ leaf: CertificateFacts, _ issuing: CertificateFacts, _ root: CertificateFacts,
        fails: Bool = false
    ) throws {
        let folder = try CertificateAuthorityTests.TemporaryFolder()
        try folder.write("root.pem", root.pem)
        try folder.write("issuing.pem", issuing.pem)
        try folder.write("leaf.pem", leaf.pem)
        try folder.openssl(
            "verify", "-x509_strict", "-purpose", "sslclient", "-attime", "\(noon.seconds)",
            "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem", fails: fails)
    }

    @Test(arguments: AuthorityKeyKind.allCases)
    func everyKindOfKeySignsAsRootAndAsIssuer(kind: AuthorityKeyKind) throws {
        let made = try AuthorityCeremony.root(
            .rootAuthority, key: kind, passphrase: secret("hush"), self.circumstances)
        let root = try AuthorityCeremony.open(
            certificatePEM: made.certificatePEM, encryptedKeyPEM: made.encryptedKeyPEM,
            passphrase: secret("hush"))
        let issuing = try self.issuing(kind, under: root)
        let leaf = try self.leaf(of: issuing)
        try self.verify(leaf, issuing.certificate, root.certificate)
        for (certificate, issuer) in [
            (root.certificate, root.certificate), (issuing.certificate, root.certificate),
            (leaf, issuing.certificate),
        ] {
            #expect(CertificateLint.findings(in: certificate, issuedBy: issuer) == [])
        }
        // Another handle on the key signs as the first does, and outlives it.
        let shared = SigningAuthority(sharing: issuing)
        try self.verify(self.leaf(of: shared), issuing.certificate, root.certificate)
    }

    @Test func nameConstraintsBindTheIssuerHereAndInOpenSSL() throws {
        let root = try self.deployment.openRoot()
        let issuing = try self.issuing(under: root) {
            $0.nameConstraints = try NameConstraints(parsing: [
                "permit:name:O=Acme", "permit:dns:plant.example", "exclude:dns:x.plant.example",
                "permit:ip:10.0.0.0/8",
            ])
        }
        #expect(
            CertificateLint.findings(in: issuing.certificate, issuedBy: root.certificate) == [])
        var profile = CertificateProfile.device
        profile.alternativeNames = [try AlternativeNameTemplate("dns:${CN}")]
        let sound = try self.leaf(of: issuing, profile, subject: "O=Acme,CN=a.plant.example")
        try self.verify(sound, issuing.certificate, root.certificate)
        #expect(CertificateLint.findings(in: sound, issuedBy: issuing.certificate) == [])
        for subject in [
            "O=Other,CN=a.plant.example", "O=Acme,CN=a.example", "O=Acme,CN=b.x.plant.example",
            "O=Acme,CN=notplant.example",
        ] {
            let refused = try refusal { try self.leaf(of: issuing, profile, subject: subject) }
            #expect(refused.code == .invalidCSR)
            #expect(refused.message.contains("name constraints"), "\(refused)")
        }
        // A common name that looks like a host is taken for one (openssl verify does).
        _ = try refusal { try self.leaf(of: issuing, subject: "O=Acme,CN=host.other.example") }
        profile.alternativeNames = [try AlternativeNameTemplate("ip:${serialNumber}")]
        _ = try self.leaf(of: issuing, profile, subject: "O=Acme,serialNumber=10.1.2.3")
        _ = try refusal {
            try self.leaf(of: issuing, profile, subject: "O=Acme,serialNumber=11.1.2.3")
        }
    }

    @Test func constraintsThatAreNoneAreRefused() throws {
        for text in [
            "permit", "permit:dns", "allow:dns:a.b", "permit:dns:*.a", "permit:ip:10.0.0.1",
            "permit:ip:10.0.0.0/33", "permit:mail:a", "permit:name:X=1",
        ] {
            _ = try refusal { try NameConstraints(parsing: [text]) }
        }
        _ = try refusal { try NameConstraints(parsing: []) }
    }

    /// What an authority may not do is refused before its key is asked, and by the linter if
    /// somebody forgets.
    @Test func constraintsOfAFormNotUnderstoodAreNotSignedUnder() throws {
        let folder = try CertificateAuthorityTests.TemporaryFolder()
        try folder.openssl("genpkey", "-algorithm", "ED25519", "-out", "plain.key")
        try folder.openssl(
            "req", "-x509", "-key", "plain.key", "-subj", "/CN=Mail CA", "-days", "30", "-addext",
            "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
            "nameConstraints=critical,permitted;email:acme.example", "-out", "ca.pem")
        try folder.openssl(
            "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", "plain.key", "-out", "ca.key",
            "-passout", "pass:hush")
        let error = #expect(throws: FleetError.self) {
            _ = try AuthorityCeremony.open(
                certificatePEM: folder.read("ca.pem"), encryptedKeyPEM: folder.read("ca.key"),
                passphrase: secret("hush"))
        }
        #expect(error?.message.contains("not understood") == true)
    }

    // MARK: Which one issues

    private func members(
        _ list: [(String, Set<AuthorityUse>, UnixTime?, String?)]
    ) throws -> IssuingAuthorities {
        let root = try self.deployment.openRoot()
        var all: [IssuingAuthority] = []
        for (name, uses, begin, replaces) in list {
            all.append(
                try IssuingAuthority(
                    name: name, authority: try self.issuing(.p256, name, under: root),
                    uses: uses, begin: begin, replaces: replaces))
        }
        return try IssuingAuthorities(all)
    }

    @Test func theLastThatBeganIssuesAndTheDateIsKept() async throws {
        let date = noon.advanced(bySeconds: 3600)
        let all = try self.members([
            ("old", [.claims, .devices], nil, nil), ("new", [.devices], date, "old"),
        ])
        #expect(all.current(for: .devices, at: noon)?.name == "old")
        #expect(all.current(for: .devices, at: date)?.name == "new")
        #expect(all.current(for: .claims, at: date)?.name == "old")
        #expect(all.current(for: .servers, at: date) == nil)
        #expect(all.successor(of: "old", at: noon)?.name == "old")
        #expect(all.successor(of: "old", at: date)?.name == "new")
        var special = CertificateProfile.device
        special.name = "special"
        special.issuer = "old"
        let issuer = try Issuer(
            authorities: all,
            profiles: IssuingProfiles(
                device: .device, claim: .claim, named: ["special": special]),
            entropy: CertificateAuthorityTests.SeededEntropy(23))
        let csr = try CraftedRequest().pem()
        let old = try #require(all["old"]?.certificate)
        let new = try #require(all["new"]?.certificate)
        #expect(try await issuer.issue(csr: csr, at: noon).issuerID == old.id)
        #expect(try await issuer.issue(csr: csr, at: date).issuerID == new.id)
        // A template that names an issuer gets it; a profile follows the rotation.
        let named = CertificateChoice(issuer: old.subject, profile: nil)
        #expect(try await issuer.issue(csr: csr, as: named, at: date).issuerID == old.id)
        let chosen = CertificateChoice(issuer: nil, profile: "special")
        let made = try await issuer.issue(csr: csr, as: chosen, at: date)
        #expect(made.issuerID == new.id && made.profile == "special")
        await #expect(throws: FleetError.self) {
            try await issuer.issue(
                csr: csr, as: CertificateChoice(issuer: nil, profile: "none"), at: date)
        }
        let claim = try await issuer.issueClaim(
            publicKey: CraftedRequest().publicKey, validitySeconds: 60, at: date)
        #expect(claim.issuerID == old.id)
    }

    @Test func twoForTheSameFromTheSameMomentAreRefused() throws {
        _ = try refusal {
            try self.members([("a", [.devices], nil, nil), ("b", [.devices], nil, nil)])
        }
        _ = try refusal { try self.members([("a", [], nil, nil), ("a", [], nil, nil)]) }
    }

    // MARK: A root elsewhere

    @Test func requestIsSignedWhereTheRootIs() throws {
        let root = try self.deployment.openRoot()
        for kind in [AuthorityKeyKind.p384, .ed25519, .rsa3072] {
            let made = try AuthorityCeremony.request(
                subject: try SubjectName(parsing: "CN=Far CA,O=Acme"), key: kind,
                passphrase: secret("hush"))
            let folder = try CertificateAuthorityTests.TemporaryFolder()
            try folder.write("far.csr", made.requestPEM)
            try folder.openssl("req", "-in", "far.csr", "-verify", "-noout")
            let certificate = try AuthorityCeremony.issuingAuthority(
                under: root, .issuingAuthority, request: made.requestPEM, self.circumstances)
            #expect(certificate.subject == "O=Acme,CN=Far CA")
            let authority = try AuthorityCeremony.open(
                certificatePEM: certificate.pem, encryptedKeyPEM: made.encryptedKeyPEM,
                passphrase: secret("hush"))
            try self.verify(self.leaf(of: authority), certificate, root.certificate)
        }
    }

    @Test func successorsAreNumbered() throws {
        var certificate = self.deployment.issuing.certificate
        #expect(try certificate.successorSubject().description == "CN=Slipway Issuing CA 2")
        let root = try self.deployment.openRoot()
        certificate = try self.issuing(.p256, "Acme 9", under: root).certificate
        #expect(try certificate.successorSubject().description == "O=Acme,CN=Acme 10")
    }

    // MARK: Revocation

    @Test func everyIssuerSpeaksForItself() async throws {
        let all = try self.members([("a", [.devices], nil, nil), ("b", [.claims], nil, nil)])
        let clock = ManualClock(noon)
        let store = InMemoryFleetStore(clock: clock)
        var voices: [RevocationAuthority] = []
        for one in all.all {
            voices.append(
                try RevocationAuthority(
                    authority: SigningAuthority(sharing: one.authority), store: store,
                    clock: clock, entropy: CertificateAuthorityTests.SeededEntropy(24),
                    settings: RevocationAuthority.Settings()))
        }
        let publisher = try RevocationAuthorities(voices)
        let folder = try CertificateAuthorityTests.TemporaryFolder()
        try folder.write("root.pem", self.deployment.root.certificatePEM)
        for (one, voice) in zip(all.all, voices) {
            let list = try #require(try await publisher.list(named: voice.listName))
            try Data(list.der).write(to: URL(fileURLWithPath: folder.path + "/list.der"))
            try folder.write("issuing.pem", one.certificate.pem)
            try folder.openssl(
                "crl", "-inform", "DER", "-in", "list.der", "-CAfile", "issuing.pem", "-noout")
            let leaf = try self.leaf(of: one.authority)
            try folder.write("leaf.pem", leaf.pem)
            try folder.openssl(
                "ocsp", "-issuer", "issuing.pem", "-cert", "leaf.pem", "-reqout", "request.der",
                "-no_nonce")
            let request = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/request.der"))
            let answer = await publisher.answer(ocsp: Array(request))
            try Data(answer.der).write(to: URL(fileURLWithPath: folder.path + "/answer.der"))
            let text = try folder.openssl(
                "ocsp", "-respin", "answer.der", "-issuer", "issuing.pem", "-cert", "leaf.pem",
                "-CAfile", "root.pem", "-verify_other", "issuing.pem", "-attime",
                "\(noon.seconds)", "-no_nonce")
            #expect(text.contains("Response verify OK"), "\(text)")
        }
        #expect(try await publisher.list(named: "0000000000000000.crl") == nil)
    }
}
