import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct SigningKeyTests {
    private func failure(_ body: () throws -> Void) -> SigningKeyError? {
        do {
            try body()
            return nil
        } catch {
            return error as? SigningKeyError
        }
    }

    @Test func savedKeyIsOpenedByOpenSSLAndByOurselves() throws {
        let folder = try TemporaryFolder()
        let key = try SigningKey()
        let pem = try key.encryptedPEM(passphrase: secret("opensesame"))
        #expect(pem.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"))
        try folder.write("ca.key", pem)
        try folder.openssl("pkey", "-in", "ca.key", "-passin", "pass:wrong", "-noout", fails: true)
        let text = try folder.openssl(
            "pkey", "-in", "ca.key", "-passin", "pass:opensesame", "-noout", "-text")
        #expect(text.contains("NIST CURVE: P-256"))
        let structure = try folder.openssl("asn1parse", "-in", "ca.key")
        for part in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc"] {
            #expect(structure.contains(part), "\(structure)")
        }
        let again = try SigningKey(encryptedPEM: pem, passphrase: secret("opensesame"))
        #expect(again.publicKey.fingerprint == key.publicKey.fingerprint)
    }

    @Test(arguments: [
        KeyRecipe.p256, KeyRecipe.p384, KeyRecipe.p521, KeyRecipe.rsa2048, KeyRecipe.ed25519,
    ])
    func keyEncryptedByOpenSSLIsOpened(recipe: [String]) throws {
        let folder = try TemporaryFolder()
        _ = try folder.request(key: recipe)
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path)
                .first { $0.hasSuffix(".key") })
        try folder.openssl(
            "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", name, "-out", "enc.pem", "-passout",
            "pass:hush")
        _ = try SigningKey(encryptedPEM: folder.read("enc.pem"), passphrase: secret("hush"))
    }

    @Test func wrongPassphraseIsToldFromADamagedOrOtherFile() throws {
        let key = try SigningKey()
        let pem = try key.encryptedPEM(passphrase: secret("right"))
        let open = { (text: String, passphrase: String) in
            self.failure {
                _ = try SigningKey(encryptedPEM: text, passphrase: secret(passphrase))
            }
        }
        #expect(open(pem, "wrong") == .wrongPassphrase)
        #expect(open(pem, "") == .emptyPassphrase)
        #expect(
            open("nonsense", "right")
                == .notPEM(
                    "it does not start with a line -----BEGIN ...-----"))
        #expect(
            open("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "right")
                == .notEncrypted("PRIVATE KEY"))
        #expect(
            open("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "right")
                == .notAPrivateKey("it is a 'CERTIFICATE'"))
        let hollow = PEMBlock(label: "ENCRYPTED PRIVATE KEY", bytes: [0x30, 0x00]).text
        #expect(
            open(hollow, "right")
                == .notAPrivateKey("its content is no EncryptedPrivateKeyInfo (RFC 5958)"))
    }

    @Test func emptyPassphraseSavesNothing() throws {
        #expect(
            self.failure { _ = try SigningKey().encryptedPEM(passphrase: secret("")) }
                == .emptyPassphrase)
    }

    @Test func unsuitableKeyIsRefused() throws {
        let folder = try TemporaryFolder()
        for (recipe, reason) in [
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "curve"),
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "1024 bits"),
        ] {
            try folder.write("none", "")
            _ = try folder.request(key: recipe)
            let name = try #require(
                FileManager.default.contentsOfDirectory(atPath: folder.path)
                    .first { $0.hasSuffix(".key") })
            try folder.openssl(
                "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", name, "-out", "enc.pem",
                "-passout", "pass:hush")
            try FileManager.default.removeItem(atPath: folder.path + "/" + name)
            let pem = try folder.read("enc.pem")
            let error = self.failure {
                _ = try SigningKey(encryptedPEM: pem, passphrase: secret("hush"))
            }
            guard case .unsuitable(let text) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(text.contains(reason))
        }
    }

    @Test func messagesHoldNoPassphrase() throws {
        let pem = try SigningKey().encryptedPEM(passphrase: secret("right"))
        let error = self.failure {
            _ = try SigningKey(encryptedPEM: pem, passphrase: secret("swordfish"))
        }
        #expect(error?.description.contains("swordfish") == false)
    }
}
