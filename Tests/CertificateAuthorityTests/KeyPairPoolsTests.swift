import Testing

@testable import CertificateAuthority
@testable import Fleet

/// The kind of a key that is made, by what its certificate may have.
@Suite struct KeyPairPoolsTests {
    @Test(arguments: [
        ([String](), KeyPairKind.rsa2048), (["EC-P256", "RSA-2048"], .rsa2048),
        (["EC-P384"], .p384), (["Ed25519", "EC-P521", "EC-P256"], .p521), (["RSA-3072"], .rsa3072),
        (["RSA-4096"], .rsa4096),
    ])
    func theOwnKindGoesBeforeTheFirstThatIsMade(_ types: [String], _ kind: KeyPairKind) throws {
        #expect(try KeyPairPools.kind(of: types, preferring: .rsa2048) == kind)
    }

    @Test func whatIsNotMadeIsRefused() {
        let refusal = #expect(throws: FleetError.self) {
            _ = try KeyPairPools.kind(of: ["Ed25519"], preferring: .p256)
        }
        #expect(refusal?.code == .invalidCSR)
        #expect(refusal?.message.contains("send a certificate signing request") == true)
    }

    @Test func anotherKindHasAPoolOfItsOwn() async throws {
        let pools = try KeyPairPools(.init(kind: .p256, depth: 1, servingThreads: 1))
        defer { pools.shutdown() }
        for type in ["EC-P384", "EC-P256", "EC-P521", "EC-P384"] {
            let pair = try await pools.next(of: [type])
            #expect(try SubjectKey(der: pair.publicKey, rules: KeyRules()).typeName == type)
        }
        #expect(pools.standard.counts.taken == 1)
    }

    @Test func nothingIsMadeAfterTheEnd() async throws {
        let pools = try KeyPairPools(.init(kind: .p256, depth: 0))
        pools.shutdown()
        for type in ["EC-P384", "EC-P256"] {
            await #expect(throws: FleetError.self) { _ = try await pools.next(of: [type]) }
        }
    }
}
