import Fleet
import Provisioning
import TestSupport
import Testing

@Suite struct OwnershipTokenTests {
    let certificate = CertificateID(sha256: FakeIssuer.digest("certificate"))
    let claim = CertificateID(sha256: FakeIssuer.digest("claim"))

    private func mint(key: UInt8 = 1) throws -> OwnershipTokenMint {
        try OwnershipTokenMint(
            key: Secret(WipedBytes([UInt8](repeating: key, count: 32))), entropy: SeededEntropy())
    }

    @Test func aTokenSaysWhatItWasMadeOf() throws {
        let mint = try self.mint()
        let now = ManualClock.start
        let minted = mint.mint(certificate: self.certificate, claim: self.claim, at: now)
        #expect(minted.text.utf8.count == 162)
        #expect(minted.text.utf8.count <= Limits.ownershipTokenBytesMax)
        let contents = try #require(mint.contents(of: minted.text))
        #expect(contents.certificate == self.certificate)
        #expect(contents.claim == self.claim)
        #expect(contents.issuedAt == now)
        #expect(contents.hash == minted.hash)
        #expect(OwnershipTokenMint.hash(of: minted.text) == minted.hash)
    }

    @Test func noTwoTokensAreAlike() throws {
        let mint = try self.mint()
        let texts = (0..<100).map { _ in
            mint.mint(certificate: self.certificate, claim: self.claim, at: ManualClock.start).text
        }
        #expect(Set(texts).count == 100)
    }

    @Test func anyChangedCharacterMakesItUnknown() throws {
        let mint = try self.mint()
        let text = mint.mint(
            certificate: self.certificate, claim: self.claim, at: ManualClock.start
        ).text
        for index in text.indices {
            for replacement in ["A", "_", "=", "é", ""] where String(text[index]) != replacement {
                let forged = text.replacingCharacters(at: index, with: replacement)
                #expect(mint.contents(of: forged) == nil)
            }
        }
    }

    @Test func aTokenOfAnotherServiceIsUnknown() throws {
        let text = try self.mint(key: 2).mint(
            certificate: self.certificate, claim: self.claim, at: ManualClock.start
        ).text
        #expect(try self.mint().contents(of: text) == nil)
    }

    @Test(arguments: [0, 16, 31, 33, 64])
    func aKeyOfAnotherLengthIsRefused(_ count: Int) {
        #expect(throws: FleetError.self) {
            try OwnershipTokenMint(
                key: Secret(WipedBytes([UInt8](repeating: 1, count: count))),
                entropy: SeededEntropy())
        }
    }
}

extension String {
    fileprivate func replacingCharacters(at index: Index, with text: String) -> String {
        String(self[..<index]) + text + String(self[self.index(after: index)...])
    }
}
