import Crypto
import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct SubjectKeyTests {
    /// SubjectPublicKeyInfo for an RSA modulus, with the exponent 65537 unless told otherwise.
    private func rsa(_ modulus: [UInt8], exponent: [UInt8] = [0x01, 0x00, 0x01]) -> [UInt8] {
        let integer = (modulus.first ?? 0) >= 0x80 ? [0x00] + modulus : modulus
        return tlv(
            0x30,
            tlv(
                0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01],
                [0x05, 0x00]),
            tlv(0x03, [0x00], tlv(0x30, tlv(0x02, integer), tlv(0x02, exponent))))
    }

    private func ec(_ point: [UInt8], curve: [UInt8]) -> [UInt8] {
        tlv(
            0x30,
            tlv(0x30, [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01], curve),
            tlv(0x03, [0x00], point))
    }

    private let p256: [UInt8] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]

    private func message(_ der: [UInt8]) throws -> String {
        let refused = try refusal { try SubjectKey(der: der, rules: KeyRules()) }
        #expect(refused.code == .invalidCSR)
        return refused.message
    }

    @Test func pointOffTheCurveIsRefused() throws {
        var point = Array(P256.Signing.PrivateKey().publicKey.x963Representation)
        _ = try SubjectKey(der: self.ec(point, curve: self.p256), rules: KeyRules())
        point[64] ^= 0x01
        #expect(try self.message(self.ec(point, curve: self.p256)).contains("not on P-256"))
    }

    @Test func degeneratePointIsRefused() throws {
        let points: [[UInt8]] = [
            [], [0x00], [0x04], [0x04] + [UInt8](repeating: 0, count: 64),
            [0x04] + [UInt8](repeating: 0xFF, count: 64), [UInt8](repeating: 0x04, count: 66),
            [0x04] + [UInt8](repeating: 0x04, count: 96),
        ]
        for point in points { _ = try self.message(self.ec(point, curve: self.p256)) }
    }

    @Test func compressedPointIsRefusedSoThatAKeyHasOneFingerprint() throws {
        let key = P256.Signing.PrivateKey().publicKey
        let der = self.ec(Array(key.compressedRepresentation), curve: self.p256)
        #expect(try self.message(der).contains("uncompressed"))
    }

    @Test func fingerprintIsTheDigestOfTheEncoding() throws {
        let key = P256.Signing.PrivateKey().publicKey
        let found = try SubjectKey(der: Array(key.derRepresentation), rules: KeyRules())
        #expect(
            found.fingerprint
                == PublicKeyFingerprint(sha256: SHA256.hash(data: key.derRepresentation)))
        #expect(found.der == Array(key.derRepresentation))
    }

    /// Found by the first step of Fermat's method, and by one of the last.
    @Test(arguments: [Self.closePrimes, Self.primesFoundInTheEnd])
    func closePrimesAreRefused(_ modulus: String) throws {
        #expect(try self.message(self.rsa(hexBytes(modulus))).contains("too close"))
    }

    @Test func rocaModulusIsRefused() throws {
        #expect(try self.message(self.rsa(hexBytes(Self.roca))).contains("ROCA"))
    }

    @Test func modulusWithSmallFactorIsRefused() throws {
        // All ones: 2^2048 - 1 is divisible by 3; and an even one.
        #expect(
            try self.message(self.rsa([UInt8](repeating: 0xFF, count: 256)))
                .contains("divisible by 3"))
        #expect(
            try self.message(self.rsa([0x80] + [UInt8](repeating: 0x00, count: 255)))
                .contains("divisible by 2"))
        // The last prime that is tried, times 2^2040 + 3, which none of them divides.
        let large: [UInt8] = [0x02, 0xEF] + [UInt8](repeating: 0, count: 253) + [0x08, 0xCD]
        #expect(try self.message(self.rsa(large)).contains("divisible by 751"))
    }

    @Test(arguments: [(255, "2040 bits is weak"), (1025, "8200 bits is more than 8192")])
    func modulusOutOfBoundsIsRefused(count: Int, reason: String) throws {
        #expect(
            try self.message(self.rsa([UInt8](repeating: 0xFF, count: count))).contains(reason))
    }

    @Test func malformedRSAKeyIsRefused() throws {
        let prefix = tlv(
            0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01], [0x05, 0x00])
        let modulus = hexBytes(Self.closePrimes)
        let contents: [[UInt8]] = [
            [], [0x30, 0x00], tlv(0x30, [0x02, 0x00], [0x02, 0x00]),
            tlv(0x30, [0x02, 0x01, 0x00], [0x02, 0x01, 0x03]),
            tlv(0x30, [0x02, 0x01, 0xFF], [0x02, 0x01, 0x03]), tlv(0x30, tlv(0x02, modulus)),
            tlv(0x30, tlv(0x02, [0x00] + modulus), [0x02, 0x01, 0x03], [0x02, 0x01, 0x03]),
            tlv(0x30, tlv(0x02, [0x00, 0x00] + modulus), [0x02, 0x03, 0x01, 0x00, 0x01]),
        ]
        for content in contents {
            _ = try self.message(tlv(0x30, prefix, tlv(0x03, [0x00], content)))
            _ = try self.message(tlv(0x30, prefix, tlv(0x03, [0x04], content)))
        }
        #expect(
            try self.message(self.rsa([UInt8](repeating: 0xFD, count: 256), exponent: [0x03]))
                .contains("exponent is not 65537"))
    }

    @Test func rsaParametersMustBeNull() throws {
        let oid: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
        let bits = tlv(0x03, [0x00], [0x30, 0x00])
        for parameters: [UInt8] in [[], [0x30, 0x00], [0x05, 0x01, 0x00]] {
            #expect(
                try self.message(tlv(0x30, tlv(0x30, oid, parameters), bits)).contains("public key")
            )
        }
    }

    /// Two 1024-bit primes a few primes apart (made for this test).
    private static let closePrimes =
        "c6874ca6231eceace02367167133560099e8d39d0fba43d263c9bec704ec63ab8a2b3d9b3c4394f0"
        + "2877a2fd062bed40ed44d35b41daecdd8a3d99be93458aa83e633fb9ead05fee953f360f856cbe13"
        + "f663035d5482578f09f54e41075dc6afa1063323723e6d65fdff7154578eb4e234d03c7748e7d9a6"
        + "c7dbc182ddf184deebfa9410b9a9da6fa85781f2881674d8963fdaa8f659b50424b5a1b2ad7ea258"
        + "db75289580bca0c2dedfed2df57dfab2078dd116c3f7e41f021f0ada6efdba290826ee5f32a01305"
        + "f30f4da8a1918f43ff48a21b6409f9114631e7f7f9aa38a6a4beac63adc6b5dd4ef0bfbf6937d29b"
        + "903a0af611c48fc0944fa944b4bd2873"

    /// Two 1024-bit primes that the 96th step finds (made for this test).
    private static let primesFoundInTheEnd =
        "c6874ca6231eceace02367167133560099e8d39d0fba43d263c9bec704ec63ab8a2b3d9b3c4394f0"
        + "2877a2fd062bed40ed44d35b41daecdd8a3d99be93458abf23d5736fb8b149113778df84bd7359b0"
        + "aa0bec78d40971569365d2c810f74e99f4cb7411ce0799763fd9cafe2883e173142ad4408f4058cd"
        + "03ec58a7d783b89b9e9e4af5b4c9dc6f41e3b7fe1041a70a74d0dbb452e1067667c7b9245f0a2984"
        + "3bde6030c91dfdc0a8628359c1b37ef427dc484c8d6e6e7a2180bed6a18a0c3c5639ac4f64eed27c"
        + "47d72a0b29f04e8d8422268127de510477584bb7cba46a1219b0215ce28d9b0c1d86373ae8472fbc"
        + "81e57d409eef349242211b1b8291ce41"

    /// Both primes of the form k * M + (65537^a mod M), as the flawed generator drew them (made
    /// for this test).
    private static let roca =
        "aafa186a81ebca57ffe818dc3dd046a31721241d0b0b7cae59c3caa59ea69324422cf0b2034c3e14"
        + "b3e4298863d77776d60f9d5501f69178d407beff1e74a5202012ad73755d271702bae4a85b266333"
        + "e3c49eef1c17175ed3fdefbe3aea102837c5861fa6a54475c992ce539a743d3a40c0e6c7653ec68a"
        + "832346331e5440183de011c30a4bb8098383cd7a01e4c2444557fa53d3026ed9a757561f16e8796d"
        + "c2c4d29d0730306c959d5c72304d95cdbbdedaad30705630db0ae7b1f5374fc290a0827353a35c93"
        + "05200b7e4c7fc496c9d425a16badbd0e8bcebf6953bc0a5f400a14d6c104cad945f578518f6f3c9d"
        + "984900c509c10de08cc2beb2ec2b85bd"
}
