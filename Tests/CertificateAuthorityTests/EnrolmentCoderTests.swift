import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// What EST says in bytes, read by openssl.
@Suite struct EnrolmentCoderTests {
    private let deployment: Deployment
    private let folder: TemporaryFolder
    private let coder: EnrolmentCoder

    init() throws {
        let deployment = try Deployment.shared.get()
        self.deployment = deployment
        self.folder = try TemporaryFolder()
        self.coder = EnrolmentCoder(
            anchors: { [deployment.root.certificate, deployment.issuing.certificate] },
            rules: KeyRules())
    }

    private func base64(_ der: [UInt8]) -> String {
        Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    }

    private func certificates(_ der: [UInt8]) throws -> String {
        try self.folder.write("p7.b64", self.base64(der) + "\n")
        try self.folder.openssl("base64", "-d", "-in", "p7.b64", "-out", "p7.der")
        return try self.folder.openssl("pkcs7", "-inform", "DER", "-in", "p7.der", "-print_certs")
    }

    @Test func theAuthoritiesAreACertsOnlyMessage() throws {
        let printed = try self.certificates(self.coder.authorities())
        #expect(printed.components(separatedBy: "BEGIN CERTIFICATE").count == 3)
        #expect(printed.contains("Slipway Root CA") && printed.contains("Slipway Issuing CA"))
        // The other reader of the format.
        try self.folder.openssl(
            "cms", "-inform", "DER", "-in", "p7.der", "-cmsout", "-print", "-noout")
    }

    @Test func aCertificateComesBackAsItWas() async throws {
        let issued = try await self.deployment.issuer().issue(
            csr: try CraftedRequest().pem(), at: noon)
        let printed = try self.certificates(self.coder.certificate(issued.pem))
        #expect(printed.contains(issued.pem))
        #expect(throws: FleetError.self) { try self.coder.certificate("no certificate") }
    }

    @Test(arguments: [KeyPairKind.p256, .rsa2048])
    func aPrivateKeyIsHandedOutAsPKCS8(kind: KeyPairKind) throws {
        let pair = try KeyPairMaker.make(kind)
        let encoded = try pair.privateKeyPEM.expose { pem in
            try self.coder.privateKey(pem).expose { bytes in
                bytes.withBytes { String(decoding: $0, as: UTF8.self) }
            }
        }
        #expect(encoded.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 64 })
        try self.folder.write("key.b64", encoded.replacing("\r\n", with: "\n") + "\n")
        try self.folder.openssl("base64", "-d", "-in", "key.b64", "-out", "key.der")
        try self.folder.openssl(
            "pkcs8", "-inform", "DER", "-in", "key.der", "-nocrypt", "-out", "key.pem")
        let made = try self.folder.openssl("pkey", "-in", "key.pem", "-pubout")
        let expected = PEMBlock(label: "PUBLIC KEY", bytes: pair.publicKey).text
        #expect(made == expected)
    }

    @Test(arguments: [
        "", "x", "-----BEGIN RSA PRIVATE KEY-----\n!\n-----END", "-----BEGIN OTHER-----",
    ])
    func whatIsNoKeyIsRefused(text: String) {
        #expect(throws: FleetError.self) {
            try self.coder.privateKey(WipedBytes(Array(text.utf8)))
        }
    }

    @Test func aRequestIsReadForItsSubject() throws {
        let csr = try self.folder.request(
            key: KeyRecipe.p256, subject: "/C=DE/ST=Hessen/O=Acme/CN=unit/serialNumber=S1")
        let der = try PEMBlock(parsing: csr).bytes
        let presented = try self.coder.request(der)
        #expect(
            presented.subject == [
                "Country": ["DE"], "StateName": ["Hessen"], "Organization": ["Acme"],
                "CommonName": ["unit"], "SerialNumber": ["S1"],
            ])
        #expect(try PEMBlock(parsing: presented.pem).bytes == der)
        #expect(throws: FleetError.self) { try self.coder.request(Array(der.dropLast())) }
        #expect(throws: FleetError.self) { try self.coder.request(der + [0]) }
        #expect(throws: FleetError.self) { try self.coder.request([]) }
    }
}

/// The next certificate of a device.
@Suite struct IssuerRenewalTests {
    private let deployment: Deployment
    private let folder: TemporaryFolder

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.folder = try TemporaryFolder()
    }

    @Test func theSubjectStaysAndTheKeyIsTheOneThatWasAsked() async throws {
        let issuer = try self.deployment.issuer()
        let subject = "/O=Acme/CN=unit-7/serialNumber=A1"
        let first = try await issuer.issue(
            csr: self.folder.request(key: KeyRecipe.p256, subject: subject), at: noon)
        let later = noon.advanced(bySeconds: 86_400)
        let same = try await issuer.renew(first.pem, for: .same, profile: nil, at: later)
        #expect(same.publicKey == first.publicKey)
        #expect(same.subject == first.subject)
        #expect(same.serialNumber != first.serialNumber)
        #expect(same.notAfter > first.notAfter)

        let csr = try self.folder.request(key: KeyRecipe.p384, subject: subject)
        let rekeyed = try await issuer.renew(first.pem, for: .request(csr), profile: nil, at: later)
        #expect(rekeyed.publicKey == (try issuer.publicKey(ofCSR: csr)))
        #expect(rekeyed.subject == first.subject)
        let bare = try self.folder.request(key: KeyRecipe.p384, subject: "/")
        #expect(
            try await issuer.renew(first.pem, for: .request(bare), profile: nil, at: later).subject
                == first.subject)

        let pair = try KeyPairMaker.make(.p256)
        let made = try await issuer.renew(
            first.pem, for: .made(pair.publicKey), profile: nil, at: later)
        #expect(made.subject == first.subject)
    }

    @Test func anotherSubjectIsRefused() async throws {
        let issuer = try self.deployment.issuer()
        let first = try await issuer.issue(
            csr: self.folder.request(key: KeyRecipe.p256, subject: "/CN=unit-7"), at: noon)
        for subject in ["/CN=unit-8", "/CN=unit-7/O=Acme", "/O=Acme/CN=unit-7"] {
            let csr = try self.folder.request(key: KeyRecipe.p256, subject: subject)
            do throws(FleetError) {
                _ = try await issuer.renew(first.pem, for: .request(csr), profile: nil, at: noon)
                Issue.record("it was issued for \(subject)")
            } catch { #expect(error.reason == .renewalOfAnotherSubject) }
        }
    }

    @Test func aCertificateOfOurOwnAuthorityIsNotRenewed() async throws {
        let issuer = try self.deployment.issuer()
        await #expect(throws: FleetError.self) {
            try await issuer.renew(
                self.deployment.issuing.certificatePEM, for: .same, profile: nil, at: noon)
        }
    }
}
