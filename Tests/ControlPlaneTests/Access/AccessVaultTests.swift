import Fleet
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct AccessVaultTests {
    private static func vault(_ seed: UInt64 = 1) throws -> AccessVault {
        try AccessVault(
            key: Secret(WipedBytes(SeededEntropy(seed: seed).bytes(count: 32))),
            entropy: SeededEntropy(seed: seed + 100))
    }

    private static func text(_ secret: Secret<WipedBytes>) -> String {
        secret.expose { $0.withBytes { String(decoding: $0, as: UTF8.self) } }
    }

    @Test func whatIsMadeHasTheFormOfAWS() throws {
        let vault = try Self.vault()
        var ids: Set<AccessKeyID> = []
        for _ in 0..<100 {
            let made = try vault.make()
            ids.insert(made.id)
            #expect(made.id.rawValue.hasPrefix("AKIA"))
            #expect(made.id.rawValue.utf8.count == 20)
            #expect(
                made.id.rawValue.dropFirst(4).allSatisfy {
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains($0)
                })
            let secret = Self.text(made.secret)
            #expect(secret.utf8.count == 40)
            #expect(
                secret.allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || "+/".contains($0))
                })
        }
        #expect(ids.count == 100)
    }

    @Test func aSealedSecretOpens() throws {
        let vault = try Self.vault()
        let made = try vault.make()
        #expect(Self.text(try vault.open(made.sealed, of: made.id)) == Self.text(made.secret))
    }

    @Test func aSecretIsNotInWhatIsStored() throws {
        let made = try Self.vault().make()
        let secret = Array(Self.text(made.secret).utf8)
        let stored = try #require(made.sealed.ciphertext)
        #expect(!(0...stored.count - secret.count).contains { stored[$0...].starts(with: secret) })
        #expect(!"\(made)".contains(Self.text(made.secret)))
    }

    @Test func aSecretIsBoundToItsKeyAndItsID() throws {
        let vault = try Self.vault()
        let made = try vault.make()
        let other = try vault.make()
        #expect(throws: FleetError.self) { try vault.open(made.sealed, of: other.id) }
        #expect(throws: FleetError.self) { try Self.vault(2).open(made.sealed, of: made.id) }
    }

    @Test func anAlteredSecretDoesNotOpen() throws {
        let vault = try Self.vault()
        let made = try vault.make()
        let sealed = try #require(made.sealed.ciphertext)
        for index in sealed.indices {
            var altered = sealed
            altered[index] ^= 1
            #expect(throws: FleetError.self) {
                try vault.open(SealedSecret(digest: "", ciphertext: altered), of: made.id)
            }
        }
        #expect(throws: FleetError.self) {
            try vault.open(SealedSecret(digest: "", ciphertext: []), of: made.id)
        }
        #expect(throws: FleetError.self) {
            try vault.open(SealedSecret(digest: made.sealed.digest, ciphertext: nil), of: made.id)
        }
    }

    @Test(arguments: [0, 31, 33]) func aKeyOfAnotherLengthIsRefused(count: Int) {
        #expect(throws: FleetError.self) {
            try AccessVault(
                key: Secret(WipedBytes([UInt8](repeating: 1, count: count))),
                entropy: SeededEntropy())
        }
    }
}
