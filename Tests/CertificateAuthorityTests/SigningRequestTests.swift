import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct SigningRequestTests {
    @Test(arguments: [
        (KeyRecipe.p256, "-sha256"), (KeyRecipe.p256, "-sha384"), (KeyRecipe.p384, "-sha384"),
        (KeyRecipe.p384, "-sha256"), (KeyRecipe.p521, "-sha512"), (KeyRecipe.rsa2048, "-sha256"),
        (KeyRecipe.rsa2048, "-sha384"), (KeyRecipe.rsa2048, "-sha512"),
    ])
    func requestOfAnotherToolIsAccepted(recipe: [String], hash: String) throws {
        let folder = try TemporaryFolder()
        let pem = try folder.request(key: recipe, subject: "/C=DE/O=Acme/CN=unit 7", hash)
        let request = try SigningRequest(pem: pem, rules: KeyRules())
        #expect(request.subject?.description == "CN=unit 7,O=Acme,C=DE")
    }

    @Test func ed25519IsAcceptedBySettingOnly() throws {
        let folder = try TemporaryFolder()
        let pem = try folder.request(key: KeyRecipe.ed25519)
        let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
        #expect(refused.code == .invalidCSR)
        #expect(refused.message.contains("Ed25519"))
        _ = try SigningRequest(pem: pem, rules: KeyRules(allowsEd25519: true))
    }

    @Test(arguments: [
        (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "-sha256", "1024 bits"),
        (
            KeyRecipe.rsa2048 + ["-pkeyopt", "rsa_keygen_pubexp:3"], "-sha256",
            "exponent is not 65537"
        ),
        (
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "-sha256",
            "none of P-256"
        ),
        (
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"], "-sha256",
            "none of P-256"
        ),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"], "-sha256", "none of P-256"),
        (KeyRecipe.p256 + ["-pkeyopt", "ec_param_enc:explicit"], "-sha256", "curve is not named"),
        (["-algorithm", "ED448"], "-sha256", "none of RSA"),
        (KeyRecipe.p256, "-sha1", "SHA-1, which is broken"),
        (KeyRecipe.rsa2048, "-sha1", "SHA-1, which is broken"),
        (KeyRecipe.rsa2048, "-md5", "MD5, which is broken"),
        (KeyRecipe.p256, "-sha224", "is not accepted"),
    ])
    func weakKeyOrSignatureIsRefusedByName(
        recipe: [String], hash: String, reason: String
    ) throws {
        let folder = try TemporaryFolder()
        let pem = try folder.request(key: recipe, hash)
        let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
        #expect(refused.code == .invalidCSR)
        #expect(refused.message.contains(reason), "\(refused.message)")
    }

    @Test func probabilisticRSASignatureIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        let pem = try folder.request(
            key: KeyRecipe.rsa2048, "-sigopt", "rsa_padding_mode:pss")
        let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
        #expect(refused.message.contains("RSASSA-PSS"))
    }

    @Test func craftedRequestIsAccepted() throws {
        let request = try SigningRequest(pem: CraftedRequest().pem(), rules: KeyRules())
        #expect(request.subject?.description == "CN=device")
    }

    @Test(arguments: ["\r\n", "\n"])
    func lineEndsAndSurroundingSpaceAreTolerated(lineEnd: String) throws {
        let pem = try CraftedRequest().pem().replacingOccurrences(of: "\n", with: lineEnd)
        _ = try SigningRequest(pem: "\n \t" + pem + " \r\n\n", rules: KeyRules())
        _ = try SigningRequest(
            pem: pem.trimmingCharacters(in: .whitespacesAndNewlines), rules: KeyRules())
        _ = try SigningRequest(
            pem: pem.replacingOccurrences(
                of: "CERTIFICATE REQUEST", with: "NEW CERTIFICATE REQUEST"),
            rules: KeyRules())
    }

    /// RFC 7468, section 2.
    @Test(arguments: ["\r\n", "\n"])
    func textInLinesBeforeTheRequestIsPassedOver(lineEnd: String) throws {
        let folder = try TemporaryFolder()
        let explained = try folder.request(key: KeyRecipe.p256, "-text")
        #expect(!explained.hasPrefix("-----"))
        let crafted = try CraftedRequest().pem()
        for text in [explained, "subject: me\n" + crafted] {
            let request = try SigningRequest(
                pem: text.replacingOccurrences(of: "\n", with: lineEnd), rules: KeyRules())
            #expect(request.subject != nil)
        }
    }

    @Test func textThatIsNotOneRequestIsRefused() throws {
        let pem = try CraftedRequest().pem()
        let texts = [
            ("", "does not start with"),
            ("hello", "does not start with"),
            ("-----BEGIN CERTIFICATE REQUEST-----", "no line -----END"),
            ("-----BEGIN CERTIFICATE REQUEST-----\n-----END X-----", "no line -----END"),
            (pem + pem, "something follows"),
            ("subject: me " + pem, "does not start with"),
            ("me -----BEGIN X-----\n" + pem, "does not start with"),
            ("me\n-----BEGIN X-----\n" + pem, "no line -----END"),
            ("me\n-----BEGIN X-----\n-----END X-----\n" + pem, "something follows"),
            ("me\n", "does not start with"),
            ("me\n" + pem + "me", "something follows"),
            (pem + "me", "something follows"),
            (
                pem.replacingOccurrences(of: "CERTIFICATE REQUEST", with: "CERTIFICATE"),
                "not a 'CERTIFICATE REQUEST'"
            ),
            (
                pem.replacingOccurrences(of: "CERTIFICATE REQUEST", with: "RSA PRIVATE KEY"),
                "not a 'CERTIFICATE REQUEST'"
            ),
            (
                pem.replacingOccurrences(of: "-----\nM", with: "-----\nProc-Type: 4\n\nM"),
                "no line -----END"
            ),
            (pem.replacingOccurrences(of: "-----\nM", with: "-----\n*"), "not base64"),
            (
                "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
                "not DER"
            ),
            (String(repeating: "A", count: 4097), "4097 characters, more than 4096"),
            (pem + String(repeating: "\n", count: 4096), "characters, more than 4096"),
        ]
        for (text, reason) in texts {
            let refused = try refusal { try SigningRequest(pem: text, rules: KeyRules()) }
            #expect(refused.code == .invalidCSR)
            #expect(refused.message.contains(reason), "\(refused.message)")
        }
    }

    /// Anchors A4 row 3: every SEQUENCE and SET that must hold something, holding nothing.
    @Test func malformedFieldIsRefused() throws {
        var requests: [(String, CraftedRequest)] = []
        func add(_ reason: String, _ change: (inout CraftedRequest) -> Void) {
            var request = CraftedRequest()
            change(&request)
            requests.append((reason, request))
        }
        add("version is not 1") { $0.version = [0x02, 0x01, 0x01] }
        add("no CertificationRequestInfo") { $0.version = [] }
        add("no CertificationRequestInfo") { $0.subject = [] }
        add("no CertificationRequestInfo") { $0.publicKey = [] }
        add("no SubjectPublicKeyInfo") { $0.publicKey = [0x30, 0x00] }
        add("no SubjectPublicKeyInfo") { $0.publicKey = tlv(0x30, [0x30, 0x00], [0x03, 0x00]) }
        add("no SubjectPublicKeyInfo") { $0.publicKey = tlv(0x30, [0x30, 0x00], [0x03, 0x01, 0]) }
        add("no Name") { $0.subject = tlv(0x30, [0x31, 0x00]) }
        add("no Name") { $0.subject = tlv(0x30, tlv(0x31, [0x30, 0x00])) }
        add("no Name") { $0.subject = tlv(0x30, [0x30, 0x00]) }
        add("attributes are malformed") { $0.attributes = [0x30, 0x00] }
        add("attributes are malformed") { $0.attributes = tlv(0xA0, [0x30, 0x00]) }
        add("attributes are malformed") {
            $0.attributes = tlv(0xA0, tlv(0x30, [0x06, 0x03, 0x55, 0x04, 0x03], [0x31, 0x00]))
        }
        add("attributes are malformed") { $0.attributes += [0x05, 0x00] }
        add("not DER") { $0.trailing = [0x00] }
        add("not DER") { $0.trailing = [0x05, 0x00] }
        add("parameters it must not have") {
            $0.algorithm = tlv(
                0x30, [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02], [0x05, 0x00])
        }
        add("does not fit its public key") {
            $0.algorithm = tlv(
                0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B],
                [0x05, 0x00])
        }
        add("does not verify") {
            $0.algorithm = tlv(
                0x30, [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03])
        }
        add("not accepted") { $0.algorithm = tlv(0x30, [0x06, 0x03, 0x55, 0x04, 0x03]) }
        add("no AlgorithmIdentifier") { $0.algorithm = [0x30, 0x00] }
        for (reason, request) in requests {
            let pem = try request.pem()
            let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
            #expect(refused.code == .invalidCSR)
            #expect(refused.message.contains(reason), "\(reason): \(refused.message)")
        }
    }

    @Test func missingAttributesAreTolerated() throws {
        var request = CraftedRequest()
        request.attributes = []
        _ = try SigningRequest(pem: request.pem(), rules: KeyRules())
    }

    @Test func anotherKeysRequestIsRefused() throws {
        var request = CraftedRequest()
        request.publicKey = CraftedRequest().publicKey
        let pem = try request.pem()
        let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
        #expect(refused.message.contains("signature does not verify"))
    }

    @Test func sixteenThousandAlternativeNamesAreRefused() throws {
        var request = CraftedRequest()
        let names = tlv(0x30, (0..<16_000).flatMap { tlv(0x82, Array("host\($0)".utf8)) })
        let item = tlv(0x30, [0x06, 0x03, 0x55, 0x1D, 0x11], tlv(0x04, names))
        request.attributes = tlv(
            0xA0,
            tlv(
                0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E],
                tlv(0x31, tlv(0x30, item))))
        let (pem, der) = (try request.pem(), try request.der())
        #expect(try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }.code == .invalidCSR)
        #expect(try refusal { try SigningRequest(der: der, rules: KeyRules()) }.code == .invalidCSR)
    }

    @Test func hugeAndIndefiniteLengthsAreRefused() throws {
        let encodings: [[UInt8]] = [
            [], [0x30], [0x30, 0x80], [0x30, 0x80, 0x00, 0x00], [0x30, 0x00],
            [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x30, 0x88] + [UInt8](repeating: 0xFF, count: 8),
            [0x30, 0x89] + [UInt8](repeating: 0x7F, count: 9), [0x30, 0x81, 0x00],
            [0x30, 0xFF], [0x1F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x00],
            [UInt8](repeating: 0x30, count: 3000),
            (0..<1500).flatMap { _ in [0x30, 0x80] as [UInt8] },
            tlv(0x30, [0x30, 0x00], [0x30, 0x00], [0x30, 0x00]),
            tlv(0x30, [0x30, 0x00], [0x30, 0x00], [0x03, 0x01, 0x00]),
        ]
        for der in encodings {
            let refused = try refusal { try SigningRequest(der: der, rules: KeyRules()) }
            #expect(refused.code == .invalidCSR)
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let der = try CraftedRequest().der()
        for count in 0..<der.count {
            let refused = try refusal {
                try SigningRequest(der: Array(der.prefix(count)), rules: KeyRules())
            }
            #expect(refused.code == .invalidCSR)
        }
    }

    /// Any change inside a valid request must be refused: nothing in it is unsigned but the outer
    /// algorithm and the signature's own spelling.
    @Test(arguments: [KeyRecipe.p256, KeyRecipe.p384, KeyRecipe.rsa2048])
    func mutatedRequestIsRefusedWithoutATrap(recipe: [String]) throws {
        let folder = try TemporaryFolder()
        let block = try PEMBlock(
            parsing: folder.request(
                key: recipe, subject: "/C=DE/O=Acme/CN=unit", "-addext",
                "subjectAltName=DNS:a.example,IP:10.0.0.1"))
        let seed: UInt64 = 20_261_124
        let random = SeededEntropy(seed)
        var accepted = 0
        for _ in 0..<7000 {
            var der = block.bytes
            for _ in 0...random.below(3) {
                let position = random.below(der.count)
                switch random.below(5) {
                case 0: der[position] ^= 1 << UInt8(random.below(8))
                case 1: der[position] = UInt8(random.below(256))
                case 2: der.remove(at: position)
                case 3: der.insert(UInt8(random.below(256)), at: position)
                default:
                    let end = min(der.count, position + random.below(16))
                    der.replaceSubrange(position..<end, with: [0x30, 0x00])
                }
            }
            if der == block.bytes { continue }
            if (try? SigningRequest(der: der, rules: KeyRules())) != nil { accepted += 1 }
        }
        #expect(accepted == 0, "seed \(seed)")
    }
}
