import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Certificates that the `openssl` command made, as factories make them.
@Suite struct ForeignCertificateTests {
    private let inspector = ForeignCertificateInspector()

    /// A factory's authority, and what it signs.
    private struct Factory {
        let folder: TemporaryFolder
        let authorityPEM: String

        init(_ key: [String], subject: String = "/O=Acme/CN=Factory CA") throws {
            self.folder = try TemporaryFolder()
            try Self.run(self.folder, ["genpkey", "-out", "ca.key"] + key)
            try Self.run(
                self.folder,
                [
                    "req", "-x509", "-new", "-key", "ca.key", "-subj", subject, "-days", "30",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "ca.pem",
                ])
            self.authorityPEM = try self.folder.read("ca.pem")
        }

        /// - Parameter extensions: lines of an openssl extension file; none makes no extensions.
        func sign(
            _ key: [String] = KeyRecipe.p256, subject: String = "/CN=unit-1",
            extensions: String? = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature",
            options: [String] = []
        ) throws -> String {
            try self.folder.write("unit.csr", try self.folder.request(key: key, subject: subject))
            var arguments = [
                "x509", "-req", "-in", "unit.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "10", "-out", "unit.pem",
            ]
            if let extensions {
                try self.folder.write("unit.ext", extensions)
                arguments += ["-extfile", "unit.ext"]
            }
            try Self.run(self.folder, arguments + options)
            return try self.folder.read("unit.pem")
        }

        private static func run(_ folder: TemporaryFolder, _ arguments: [String]) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments = arguments
            process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
            process.standardInput = FileHandle.nullDevice
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(
                decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "openssl \(arguments): \(text)")
        }
    }

    // MARK: Accepted

    @Test(arguments: [
        KeyRecipe.p256, KeyRecipe.p384, KeyRecipe.p521, KeyRecipe.rsa2048, KeyRecipe.ed25519,
    ])
    func certificateOfEachKindOfAuthorityIsVerified(recipe: [String]) throws {
        let factory = try Factory(recipe)
        let pem = try factory.sign(
            extensions: "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid")
        try self.inspector.verify(pem, issuedBy: factory.authorityPEM)
        let leaf = try self.inspector.inspect(pem)
        let authority = try self.inspector.inspect(factory.authorityPEM)
        #expect(leaf.subject == "CN=unit-1")
        #expect(leaf.commonName == "unit-1")
        #expect(leaf.issuer == authority.subject)
        #expect(leaf.authorityKeyID == authority.subjectKeyID)
        #expect(leaf.authorityKeyID?.count == 40)
        #expect(leaf.version == 3)
        #expect(!leaf.isAuthority)
        #expect(authority.isAuthority)
        try leaf.requireDevice(at: leaf.notBefore)
        try authority.requireAuthority(at: authority.notBefore)
    }

    @Test func factsAreWhatOpenSSLSays() throws {
        let factory = try Factory(KeyRecipe.p256)
        let pem = try factory.sign(KeyRecipe.rsa2048, subject: "/C=DE/O=Acme/CN=unit-7")
        let leaf = try self.inspector.inspect(pem)
        let said = try factory.folder.openssl(
            "x509", "-in", "unit.pem", "-noout", "-serial", "-fingerprint", "-sha256")
        let fingerprint = leaf.id.rawValue.uppercased()
        let pairs = stride(from: 0, to: 64, by: 2).map {
            String(fingerprint.dropFirst($0).prefix(2))
        }
        #expect(said.contains(pairs.joined(separator: ":")))
        #expect(said.contains("serial=\(leaf.serialNumber.uppercased())"))
        #expect(leaf.subjectAttributes["Organization"] == ["Acme"])
        #expect(leaf.subject == "CN=unit-7,O=Acme,C=DE")
        #expect(leaf.pem == pem)
    }

    @Test func carriageReturnsAndSpaceAroundAreNoDifference() throws {
        let factory = try Factory(KeyRecipe.p256)
        let dressed = "\r\n" + factory.authorityPEM.replacing("\n", with: "\r\n") + "  \n"
        let plain = try self.inspector.inspect(factory.authorityPEM)
        #expect(try self.inspector.inspect(dressed) == plain)
    }

    /// RFC 7468 section 5.2. What `openssl ca`, and so easy-rsa, writes.
    @Test func whatACertificateSaysMayStandBeforeIt() throws {
        let factory = try Factory(KeyRecipe.p256)
        let pem = try factory.sign()
        let told = try factory.folder.openssl("x509", "-in", "unit.pem", "-text")
        #expect(told.hasPrefix("Certificate:"))
        let inspected = try self.inspector.inspect(told)
        #expect(try self.inspector.inspect(pem) == inspected)
        #expect(inspected.pem == pem)
        try self.inspector.verify(told, issuedBy: factory.authorityPEM)
        // Which of two is meant nobody says.
        let refused = try refusal { try self.inspector.inspect(pem + told) }
        #expect(refused.message.contains("something follows"))
    }

    // MARK: Refused

    @Test func anotherSignerOfTheSameNameIsRefused() throws {
        let factory = try Factory(KeyRecipe.p256)
        let impostor = try Factory(KeyRecipe.p256)
        let pem = try impostor.sign()
        let refused = try refusal {
            try self.inspector.verify(pem, issuedBy: factory.authorityPEM)
        }
        #expect(refused.code == .certificateValidation)
        #expect(refused.message.contains("signature does not verify"))
    }

    @Test func anotherIssuersNameIsRefused() throws {
        let factory = try Factory(KeyRecipe.p256)
        let other = try Factory(KeyRecipe.p256, subject: "/CN=Other CA")
        let pem = try other.sign()
        let refused = try refusal {
            try self.inspector.verify(pem, issuedBy: factory.authorityPEM)
        }
        #expect(refused.message.contains("names 'CN=Other CA' as its issuer"))
    }

    @Test func deviceSignsNobody() throws {
        let factory = try Factory(KeyRecipe.p256)
        let leaf = try factory.sign(subject: "/O=Acme/CN=Factory CA")
        let refused = try refusal {
            try self.inspector.verify(factory.authorityPEM, issuedBy: leaf)
        }
        #expect(refused.message.contains("no authority's"))
        let facts = try self.inspector.inspect(leaf)
        let asAuthority = try refusal { try facts.requireAuthority(at: facts.notBefore) }
        #expect(asAuthority.code == .certificateValidation)
        #expect(asAuthority.message.contains("CA:TRUE"))
    }

    @Test func authorityWhoseKeyUsageForbidsSigningIsNone() throws {
        let factory = try Factory(KeyRecipe.p256)
        let pem = try factory.sign(
            extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature")
        let facts = try self.inspector.inspect(pem)
        #expect(!facts.isAuthority)
        #expect(throws: FleetError.self) { try facts.requireAuthority(at: facts.notBefore) }
    }

    @Test func authorityIsNoDevice() throws {
        let factory = try Factory(KeyRecipe.p256)
        let facts = try self.inspector.inspect(factory.authorityPEM)
        let refused = try refusal { try facts.requireDevice(at: facts.notBefore) }
        #expect(refused.code == .certificateValidation)
        #expect(refused.message.contains("authority's, and no device's"))
    }

    @Test func validityEndsWhereItSays() throws {
        let factory = try Factory(KeyRecipe.p256)
        let leaf = try self.inspector.inspect(factory.sign())
        let last = UnixTime(milliseconds: leaf.notAfter.milliseconds - 1)
        try leaf.requireDevice(at: last)
        let refused = try refusal { try leaf.requireDevice(at: leaf.notAfter) }
        #expect(refused.code == .certificateValidation)
        #expect(refused.message.contains("expired at"))
        let authority = try self.inspector.inspect(factory.authorityPEM)
        #expect(throws: FleetError.self) {
            try authority.requireAuthority(at: authority.notAfter)
        }
    }

    /// What `openssl x509 -req` makes where it is told of no extensions.
    @Test func versionOneIsADevicesAndNoAuthoritys() throws {
        let factory = try Factory(KeyRecipe.p256)
        let facts = try self.inspector.inspect(factory.sign(extensions: nil))
        #expect(facts.version == 1)
        try facts.requireDevice(at: facts.notBefore)
        let refused = try refusal { try facts.requireAuthority(at: facts.notBefore) }
        #expect(refused.message.contains("version 1"))
    }

    @Test func weakKeysAreRefused() throws {
        let factory = try Factory(KeyRecipe.p256)
        let short = try factory.sign(["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
        let refused = try refusal { try self.inspector.inspect(short) }
        #expect(refused.code == .certificateValidation)
        #expect(refused.message.contains("1024 bits is weak"))
        let unknown = try factory.sign(
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"])
        #expect(try refusal { try self.inspector.inspect(unknown) }.message.contains("curve"))
    }

    @Test func authorityWithAWeakKeyVouchesForNobody() throws {
        let factory = try Factory(["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
        let pem = try factory.sign()
        let refused = try refusal {
            try self.inspector.verify(pem, issuedBy: factory.authorityPEM)
        }
        #expect(refused.message.contains("weak"))
    }

    @Test func brokenHashAndUnknownPaddingAreRefused() throws {
        let factory = try Factory(KeyRecipe.rsa2048)
        let old = try factory.sign(options: ["-sha1"])
        let refused = try refusal {
            try self.inspector.verify(old, issuedBy: factory.authorityPEM)
        }
        #expect(refused.message.contains("SHA-1"))
        let padded = try factory.sign(options: ["-sigopt", "rsa_padding_mode:pss"])
        #expect(
            try refusal {
                try self.inspector.verify(padded, issuedBy: factory.authorityPEM)
            }.message.contains("PSS"))
    }

    @Test func onlyOneBlockIsTaken() throws {
        let factory = try Factory(KeyRecipe.p256)
        let pem = try factory.sign()
        for text in [
            pem + factory.authorityPEM, "Bag Attributes " + pem, "", "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            pem.replacing("CERTIFICATE", with: "PRIVATE KEY"), String(pem.dropLast(40)),
            String(repeating: " ", count: Limits.certificatePEMBytesMax) + pem,
        ] {
            let refused = try refusal { try self.inspector.inspect(text) }
            #expect(refused.code == .certificateValidation)
            #expect(throws: FleetError.self) {
                try self.inspector.verify(text, issuedBy: factory.authorityPEM)
            }
            #expect(throws: FleetError.self) { try self.inspector.verify(pem, issuedBy: text) }
        }
    }

    /// A bit anywhere in the certificate is noticed, whether by the form or by the signature.
    @Test func everyAlteredByteIsNoticed() throws {
        let factory = try Factory(KeyRecipe.p256)
        let block = try PEMBlock(parsing: factory.sign())
        for position in block.bytes.indices {
            var der = block.bytes
            der[position] ^= 0x01
            let pem = PEMBlock(label: "CERTIFICATE", bytes: der).text
            #expect(throws: FleetError.self, "byte \(position)") {
                try self.inspector.verify(pem, issuedBy: factory.authorityPEM)
            }
        }
    }
}
