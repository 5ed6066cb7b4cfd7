import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

@testable import CertificateAuthority
@testable import Fleet

@Suite struct IssuerTests {
    private let deployment: Deployment
    private let folder: TemporaryFolder

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.folder = try TemporaryFolder()
        try self.folder.write("root.pem", self.deployment.root.certificatePEM)
        try self.folder.write("issuing.pem", self.deployment.issuing.certificatePEM)
    }

    private func verify(_ name: String, purpose: String, fails: Bool = false) throws {
        try self.folder.openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-attime", "\(noon.seconds)",
            "-CAfile", "root.pem", "-untrusted", "issuing.pem", name, fails: fails)
    }

    @Test(arguments: [KeyRecipe.p256, KeyRecipe.p384, KeyRecipe.p521, KeyRecipe.rsa2048])
    func deviceCertificateHasTheProfile(recipe: [String]) async throws {
        let csr = try self.folder.request(
            key: recipe, subject: "/C=DE/O=Acme/OU=Line 1/CN=unit-7/serialNumber=A1", "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil.example",
            "-addext", "keyUsage=keyCertSign")
        let issued = try await self.deployment.issuer().issue(csr: csr, at: noon)
        try self.folder.write("device.pem", issued.pem)
        try self.verify("device.pem", purpose: "sslclient")
        try self.verify("device.pem", purpose: "sslserver", fails: true)
        let text = try self.folder.openssl(
            "x509", "-in", "device.pem", "-noout", "-text", "-nameopt", "RFC2253")
        for part in [
            "Version: 3", "Issuer: CN=Slipway Issuing CA",
            "Subject: serialNumber=A1,CN=unit-7,OU=Line 1,O=Acme,C=DE",
            "Not Before: Nov 24 11:55:00 2026 GMT", "Not After : Nov 21 12:00:00 2036 GMT",
            "X509v3 Basic Constraints: critical\n                CA:FALSE",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
            "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
            "X509v3 Authority Key Identifier", "X509v3 Subject Key Identifier",
            "ecdsa-with-SHA256",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        #expect(!text.contains("evil") && !text.contains("CA:TRUE"))
        #expect(text.components(separatedBy: "X509v3 ").count == 1 + 1 + 5)
        #expect(issued.subject == "serialNumber=A1,CN=unit-7,OU=Line 1,O=Acme,C=DE")
        #expect(issued.issuerID == self.deployment.issuing.certificate.id)
        let fingerprint = try self.folder.openssl(
            "x509", "-in", "device.pem", "-noout", "-fingerprint", "-sha256")
        #expect(
            fingerprint.replacingOccurrences(of: ":", with: "").lowercased()
                .contains(issued.id.rawValue))
        let serial = try self.folder.openssl("x509", "-in", "device.pem", "-noout", "-serial")
        #expect(serial.lowercased() == "serial=\(issued.serialNumber)\n")
    }

    @Test func anotherParserReadsTheSame() async throws {
        let csr = try CraftedRequest().pem()
        let issued = try await self.deployment.issuer().issue(csr: csr, at: noon)
        let certificate = try X509.Certificate(pemEncoded: issued.pem)
        #expect(certificate.version == .v3)
        #expect(certificate.subject.description == issued.subject)
        #expect(Int64(certificate.notValidAfter.timeIntervalSince1970) == issued.notAfter.seconds)
        let issuer = try X509.Certificate(pemEncoded: self.deployment.issuing.certificatePEM)
        #expect(issuer.publicKey.isValidSignature(certificate.signature, for: certificate))
        #expect(certificate.issuer == issuer.subject)
        let facts = try CertificateFacts(pem: issued.pem)
        var read = facts.issued(by: issued.issuerID)
        #expect(issued.profile == "device")
        read.profile = issued.profile
        #expect(read == issued)
        #expect(facts.isSigned(by: self.deployment.issuing.certificate))
        #expect(!facts.isSigned(by: self.deployment.root.certificate))
    }

    @Test func serverMadeKeyGetsTheProfilesSubject() async throws {
        for kind in KeyPairKind.allCases {
            let pair = try KeyPairMaker.make(kind)
            let issued = try await self.deployment.issuer().issue(
                publicKey: pair.publicKey, at: noon)
            #expect(issued.subject == "CN=Slipway Device")
            try self.folder.write("device.pem", issued.pem)
            try self.verify("device.pem", purpose: "sslclient")
        }
    }

    /// `Slipway.Certificate` of a template that is known when the certificate is made.
    @Test func templateShapesTheCertificate() async throws {
        let csr = try self.folder.request(key: KeyRecipe.p256, subject: "/O=Acme/CN=unit-7")
        var choice = CertificateChoice.standard
        choice.validityDaysMax = 30
        choice.keyTypes = ["EC-P256"]
        choice.subject = [.init("CN", "pump-7"), .init("c", "AT"), .init("title", "none")]
        choice.alternativeNames = ["pump-7.example", "10.0.0.7", "urn:dev:ser:7", "not a name"]
        let issued = try await self.deployment.issuer().issue(csr: csr, as: choice, at: noon)
        try self.folder.write("device.pem", issued.pem)
        try self.verify("device.pem", purpose: "sslclient")
        let text = try self.folder.openssl(
            "x509", "-in", "device.pem", "-noout", "-text", "-nameopt", "RFC2253")
        for part in [
            "CN=pump-7", "O=Acme", "C=AT", "Not After : Dec 24 12:00:00 2026 GMT",
            "DNS:pump-7.example", "IP Address:10.0.0.7", "URI:urn:dev:ser:7",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        #expect(!text.contains("unit-7") && !text.contains("not a name"))
        choice.keyTypes = ["RSA-2048"]
        let refusal = await #expect(throws: FleetError.self) {
            try await self.deployment.issuer().issue(csr: csr, as: choice, at: noon)
        }
        #expect(refusal?.code == .invalidCSR)
    }

    /// What a profile fixes goes before what a template wants: it is narrowed and never widened.
    @Test func templateNeverWidensAProfilesKeys() {
        var profile = CertificateProfile.device
        var choice = CertificateChoice.standard
        choice.keyTypes = ["RSA-2048", "EC-P384"]
        #expect(profile.narrowed(by: choice).keyTypes == ["RSA-2048", "EC-P384"])
        profile.keyTypes = ["EC-P256", "EC-P384"]
        #expect(profile.narrowed(by: choice).keyTypes == ["EC-P384"])
        profile.keyTypes = ["EC-P256"]
        #expect(profile.narrowed(by: choice).keyTypes == ["EC-P256"])
    }

    /// A dry run decides as issuing does: what is foretold is made, and what would be refused is
    /// refused in the same words.
    @Test func whatIsForetoldIsWhatIsMade() async throws {
        let issuer = try self.deployment.issuer()
        let csr = try self.folder.request(key: KeyRecipe.p256, subject: "/O=Acme/CN=unit-7")
        var wanted = CertificateChoice(issuer: "CN=Slipway Issuing CA", profile: nil)
        wanted.validityDaysMax = 30
        wanted.subject = [.init("CN", "pump-7")]
        wanted.alternativeNames = ["pump-7.example"]
        for choice in [CertificateChoice.standard, wanted] {
            let told = try issuer.forecast.certificate(csr: csr, as: choice, at: noon)
            let made = try await issuer.issue(csr: csr, as: choice, at: noon)
            #expect(told.authority?.id == made.issuerID)
            #expect(told.profile == made.profile)
            #expect(told.request?.subject == made.subject)
            #expect(told.request?.publicKey == made.publicKey)
            #expect(told.validitySeconds == made.notAfter.seconds - made.notBefore.seconds)
            #expect(try self.keyless().certificate(csr: csr, as: choice, at: noon) == told)
        }
        let without = try issuer.forecast.certificate(csr: nil, as: wanted, at: noon)
        #expect(without.authority?.id == self.deployment.issuing.certificate.id)
        #expect(without.request == nil)
    }

    /// By the authority's certificate alone, as a dry run beside a folder has it.
    private func keyless() throws -> IssuingForecast {
        let certificate = self.deployment.issuing.certificate
        let terms = try IssuingTerms(
            name: "issuing-ca", certificate: certificate, uses: Set(AuthorityUse.allCases),
            begin: nil, replaces: nil, isRetired: false)
        return IssuingForecast(
            rota: IssuingRota([terms]), profiles: try self.deployment.issuer().profiles,
            rules: KeyRules(), authorityKeys: [certificate.publicKey], entropy: SeededEntropy(3))
    }

    /// The linter and the names that are the authority's own included.
    @Test func whatIssuingRefusesIsRefusedInTheSameWords() async throws {
        let issuer = try self.deployment.issuer()
        let csr = try self.folder.request(key: KeyRecipe.p256, subject: "/O=Acme/CN=unit-7")
        let own = try self.folder.request(
            key: KeyRecipe.p256, subject: "/CN=Slipway Issuing CA")
        var otherKey = CertificateChoice.standard
        otherKey.keyTypes = ["RSA-2048"]
        let nobodys = CertificateChoice(issuer: nil, profile: "nobody's")
        for (csr, choice) in [(csr, nobodys), (csr, otherKey), (own, CertificateChoice.standard)] {
            let made = await #expect(throws: FleetError.self) {
                _ = try await issuer.issue(csr: csr, as: choice, at: noon)
            }
            for forecast in [issuer.forecast, try self.keyless()] {
                let told = #expect(throws: FleetError.self) {
                    _ = try forecast.certificate(csr: csr, as: choice, at: noon)
                }
                #expect(told == made)
            }
        }
    }

    @Test func sameRequestGivesDistinctCertificates() async throws {
        let csr = try CraftedRequest().pem()
        let issuer = try self.deployment.issuer()
        let first = try await issuer.issue(csr: csr, at: noon)
        let second = try await issuer.issue(csr: csr, at: noon)
        #expect(first.id != second.id)
        #expect(first.serialNumber != second.serialNumber)
        #expect(first.publicKey == second.publicKey)
    }

    @Test func authoritysOwnKeyIsRefused() async throws {
        let issuer = try self.deployment.issuer()
        for made in [self.deployment.root, self.deployment.issuing] {
            let key = made.certificate.publicKeyDER
            await #expect {
                _ = try await issuer.issue(publicKey: key, at: noon)
            } throws: {
                ($0 as? FleetError)?.code == .invalidCSR
            }
        }
        let root = try self.deployment.openRoot()
        let own = try SubjectKey(
            der: self.deployment.root.certificate.publicKeyDER, rules: KeyRules())
        let refused = try refusal {
            try root.prepare(
                .issuingAuthority, subject: nil, key: own, at: noon, entropy: SeededEntropy(3))
        }
        #expect(refused.code == .invalidCSR)
    }

    /// A name a device chose is the device's mistake, and it is told so: an internal failure would
    /// have it try again for ever.
    @Test func authoritysOwnNameIsRefused() async throws {
        let csr = try self.folder.request(key: KeyRecipe.p256, subject: "/CN=Slipway Issuing CA")
        let issuer = try self.deployment.issuer()
        await #expect {
            _ = try await issuer.issue(csr: csr, at: noon)
        } throws: {
            ($0 as? FleetError)?.code == .invalidCSR
                && ($0 as? FleetError)?.message.contains("authority's own name") == true
        }
    }

    @Test func validityIsClampedToTheIssuers() async throws {
        let profile = try CertificateProfile(
            role: .device, validitySeconds: 100 * CertificateProfile.yearSeconds,
            backdateSeconds: 100 * CertificateProfile.daySeconds,
            subject: SubjectName([.init(.commonName, "x")]))
        let issued = try await self.deployment.issuer(profile: profile).issue(
            csr: CraftedRequest().pem(), at: noon)
        #expect(issued.notBefore == self.deployment.issuing.certificate.notBefore)
        #expect(issued.notAfter == self.deployment.issuing.certificate.notAfter)
    }

    @Test(arguments: [
        (Int64(2_524_607_999), UInt8(0x17), "491231235959Z"),
        (Int64(2_524_608_000), UInt8(0x18), "20500101000000Z"),
        (Int64(2_524_608_001), UInt8(0x18), "20500101000001Z"),
    ])
    func timesAfter2049AreGeneralized(end: Int64, tag: UInt8, text: String) async throws {
        let profile = try CertificateProfile(
            role: .device, validitySeconds: end - noon.seconds,
            subject: SubjectName([.init(.commonName, "x")]))
        let issued = try await self.deployment.issuer(profile: profile).issue(
            csr: CraftedRequest().pem(), at: noon)
        #expect(issued.notAfter == UnixTime(seconds: end))
        let der = try PEMBlock(parsing: issued.pem).bytes
        let expected = [tag, UInt8(text.utf8.count)] + Array(text.utf8)
        #expect(der.indices.contains { der[$0...].starts(with: expected) })
    }

    @Test func issuerOutsideItsValidityIssuesNothing() async throws {
        let issuer = try self.deployment.issuer()
        let csr = try CraftedRequest().pem()
        let certificate = self.deployment.issuing.certificate
        for moment in [
            certificate.notBefore.advanced(bySeconds: -1), certificate.notAfter,
            UnixTime(seconds: 0), UnixTime(milliseconds: .max), UnixTime(milliseconds: .min),
        ] {
            await #expect(throws: FleetError.self) { try await issuer.issue(csr: csr, at: moment) }
        }
        _ = try await issuer.issue(csr: csr, at: certificate.notBefore)
    }

    /// Many draws: positive, 20 octets, none twice, every random bit both ways about
    /// half the time (5 sigma at 1e5 draws is 0.8 percent).
    /// Anchors A4 row 8.
    @Test func serialNumbersAreSound() throws {
        let seed: UInt64 = 99
        let entropy = SeededEntropy(seed)
        var seen: Set<[UInt8]> = []
        var ones = [Int](repeating: 0, count: 160)
        let draws = 100_000
        for _ in 0..<draws {
            let bytes = try CertificateSerial(from: entropy).bytes
            #expect(bytes.count == 20 && bytes[0] > 0 && bytes[0] < 0x80)
            seen.insert(bytes)
            for (index, byte) in bytes.enumerated() {
                for bit in 0..<8 where byte & (1 << UInt8(bit)) != 0 { ones[index * 8 + bit] += 1 }
            }
        }
        #expect(seen.count == draws)
        let random = ones.filter { (draws * 49 / 100...draws * 51 / 100).contains($0) }
        #expect(random.count >= 136, "seed \(seed)")
    }

    @Test func shortEntropyIssuesNothing() throws {
        struct Dry: Entropy { func bytes(count: Int) -> [UInt8] { [1, 2, 3] } }
        struct Stuck: Entropy {
            func bytes(count: Int) -> [UInt8] { [UInt8](repeating: 7, count: count) }
        }
        let authority = try self.deployment.openIssuing()
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        for entropy: any Entropy in [Dry(), Stuck()] {
            let refused = try refusal {
                try authority.prepare(.device, subject: nil, key: key, at: noon, entropy: entropy)
            }
            #expect(refused.code == .internalFailure)
        }
    }

    @Test func rootSignsOnlyIssuingAuthorities() throws {
        let root = self.deployment.root.certificate
        let issuing = self.deployment.issuing.certificate
        #expect(root.isAuthority && root.pathLength == 1)
        #expect(issuing.isAuthority && issuing.pathLength == 0)
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let authority = try self.deployment.openRoot()
        for profile in [CertificateProfile.device, .claim, .rootAuthority] {
            _ = try refusal {
                try authority.prepare(
                    profile, subject: nil, key: key, at: noon, entropy: SeededEntropy(4))
            }
        }
        let below = try self.deployment.openIssuing()
        for profile in [CertificateProfile.issuingAuthority, .rootAuthority] {
            _ = try refusal {
                try below.prepare(
                    profile, subject: nil, key: key, at: noon, entropy: SeededEntropy(4))
            }
        }
        _ = try refusal {
            try Issuer(authority: self.deployment.openRoot(), entropy: SeededEntropy(5))
        }
    }

    /// Anchors A4 row 10.
    @Test func whatWasPreparedIsWhatIsSigned() throws {
        let authority = try self.deployment.openIssuing()
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let prepared = try authority.prepare(
            .device, subject: nil, key: key, at: noon, entropy: SeededEntropy(6))
        let tbs = prepared.tbs
        let issued = try authority.sign(prepared)
        let certificate = try PEMBlock(parsing: issued.pem).bytes
        #expect(
            try X509.Certificate(derEncoded: certificate).tbsCertificateBytes.elementsEqual(tbs))
    }

    @Test func anotherAuthoritysApprovalIsNotSigned() throws {
        let root = try self.deployment.openRoot()
        let issuing = try self.deployment.openIssuing()
        let key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        let prepared = try issuing.prepare(
            .device, subject: nil, key: key, at: noon, entropy: SeededEntropy(6))
        do {
            _ = try root.sign(prepared)
            Issue.record("signed")
        } catch {
            #expect(error.message.contains("another authority"))
        }
    }

    @Test func manyIssueAtOnce() async throws {
        let issuer = try self.deployment.issuer()
        let csr = try CraftedRequest().pem()
        let ids = try await withThrowingTaskGroup(of: CertificateID.self) { group in
            for _ in 0..<200 {
                group.addTask { try await issuer.issue(csr: csr, at: noon).id }
            }
            return try await group.reduce(into: Set<CertificateID>()) { $0.insert($1) }
        }
        #expect(ids.count == 200)
    }
}
