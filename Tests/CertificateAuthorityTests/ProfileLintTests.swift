import SwiftASN1
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// The linter sees what a stranger would see: each case is a sound certificate with one thing
/// wrong, and the linter names that thing.
@Suite struct ProfileLintTests {
    private let issuer: IssuerIdentity
    private let key: SubjectKey

    init() throws {
        let deployment = try Deployment.shared.get()
        self.issuer = try deployment.openIssuing().identity
        self.key = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
    }

    private func body(
        role: CertificateRole = .device, issuer: IssuerIdentity? = nil, key: SubjectKey? = nil,
        notBefore: UnixTime = noon, notAfter: UnixTime = noon.advanced(bySeconds: 86_400)
    ) throws -> CertificateBody {
        CertificateBody(
            serial: try CertificateSerial(from: SeededEntropy(8)), issuer: issuer ?? self.issuer,
            notBefore: notBefore, notAfter: notAfter,
            subject: SubjectName(commonName: "Slipway Device"), key: key ?? self.key, role: role)
    }

    private func rules(
        _ tbs: [UInt8], role: CertificateRole = .device
    ) -> Set<ProfileLint.Rule> {
        let lint = ProfileLint(role: role, issuer: self.issuer, key: self.key)
        return Set(lint.findings(in: tbs).map(\.rule))
    }

    @Test func soundCertificateHasNoFinding() throws {
        #expect(self.rules(try self.body().der()) == [])
        let names: [SubjectAlternativeName] = try [
            .init("localhost"), .init("::1"), .init("127.0.0.1"),
            .init(String(repeating: "a", count: 63) + "." + String(repeating: "b", count: 63)),
        ]
        let gateway = CertificateRole.gateway(names)
        #expect(self.rules(try self.body(role: gateway).der(), role: gateway) == [])
        #expect(self.rules(try self.body(role: .claim).der(), role: .claim) == [])
    }

    @Test func anotherRolesExtensionsAreFound() throws {
        let tbs = try self.body(role: .issuingAuthority).der()
        #expect(self.rules(tbs) == [.basicConstraints, .keyUsage, .extendedKeyUsage])
        let gateway = try CertificateRole.gateway([.init("localhost")])
        #expect(
            self.rules(try self.body(role: gateway).der())
                == [.extensionUnknown, .extendedKeyUsage])
        #expect(
            self.rules(try self.body().der(), role: gateway)
                == [.extendedKeyUsage, .alternativeName])
        let other = try CertificateRole.gateway([.init("other")])
        #expect(
            self.rules(try self.body(role: other).der(), role: gateway) == [.alternativeName])
    }

    @Test func anotherIssuersFactsAreFound() throws {
        let root = try Deployment.shared.get().openRoot().identity
        #expect(
            self.rules(try self.body(issuer: root).der())
                == [.issuerName, .authorityKeyIdentifier])
    }

    @Test func anotherKeyIsFound() throws {
        let other = try SubjectKey(der: CraftedRequest().publicKey, rules: KeyRules())
        #expect(
            self.rules(try self.body(key: other).der()) == [.publicKey, .subjectKeyIdentifier])
    }

    @Test func validityOutsideTheIssuersIsFound() throws {
        let early = self.issuer.notBefore.advanced(bySeconds: -1)
        let late = self.issuer.notAfter.advanced(bySeconds: 1)
        #expect(self.rules(try self.body(notBefore: early).der()) == [.validityNesting])
        #expect(self.rules(try self.body(notAfter: late).der()) == [.validityNesting])
        #expect(self.rules(try self.body(notAfter: noon).der()) == [.validityOrder])
    }

    /// Changes the one place where `old` stands.
    private func patched(_ old: [UInt8], _ new: [UInt8]) throws -> Set<ProfileLint.Rule> {
        var tbs = try self.body().der()
        let places = tbs.indices.filter { tbs[$0...].starts(with: old) }
        let place = try #require(places.count == 1 ? places.first : nil, "\(places)")
        tbs.replaceSubrange(place..<place + old.count, with: new)
        return self.rules(tbs)
    }

    @Test func patchedByteIsFound() throws {
        // Version, serial's sign, signature algorithm.
        #expect(try self.patched([0xA0, 3, 2, 1, 2], [0xA0, 3, 2, 1, 1]) == [.version])
        #expect(try self.patched([0x02, 20, 0x53], [0x02, 20, 0x00]).contains(.serial))
        #expect(try self.patched([0x02, 20, 0x53], [0x02, 20, 0x80]) == [.serial])
        #expect(try self.patched([0x3D, 4, 3, 2], [0x3D, 4, 3, 3]) == [.signatureAlgorithm])
        // Constraints: keyUsage's bits, its criticality, the purposes.
        #expect(try self.patched([3, 2, 7, 0x80], [3, 2, 7, 0x00]) == [.keyUsage])
        #expect(try self.patched([3, 2, 7, 0x80], [3, 2, 0, 0x80]) == [.keyUsage])
        #expect(
            try self.patched([0x55, 0x1D, 0x0F, 1, 1, 0xFF], [0x55, 0x1D, 0x0F, 1, 1, 0x00])
                == [.structure])
        #expect(try self.patched([7, 3, 2], [7, 3, 1]) == [.extendedKeyUsage])
        #expect(
            try self.patched([0x55, 0x1D, 0x25], [0x55, 0x1D, 0x11])
                == [.extendedKeyUsage, .extensionUnknown])
        #expect(
            try self.patched([0x55, 0x1D, 0x25], [0x55, 0x1D, 0x0F])
                == [.extendedKeyUsage, .extensionRepeated, .keyUsage])
        // Names: attribute, string type, content.
        let device = Array("Slipway Device".utf8)
        #expect(
            try self.patched([0x0C, 14] + device, [0x13, 14] + device) == [.subjectString])
        #expect(
            try self.patched([0x0C, 14] + device, [0x0C, 14, 0] + device.dropFirst())
                == [.subjectBounds])
        #expect(
            try self.patched(
                [0x55, 4, 3, 0x0C, 14] + device, [0x55, 4, 12, 0x0C, 14] + device
            ).contains(.subjectAttribute))
        #expect(
            try self.patched([0x0C, 14] + device, [0x0C, 14] + device.reversed()) == [])
    }

    @Test func everyTruncationAndBitFlipIsJudgedWithoutATrap() throws {
        let tbs = try self.body().der()
        for count in tbs.indices { #expect(self.rules(Array(tbs.prefix(count))) == [.structure]) }
        for position in tbs.indices {
            for bit: UInt8 in 0..<8 {
                var changed = tbs
                changed[position] ^= 1 << bit
                _ = self.rules(changed)
            }
        }
    }

    @Test func failedLintLeavesNothingToSign() throws {
        let body = try self.body(notAfter: noon)
        let refused = try refusal { try ProfileLint.approve(body) }
        #expect(refused.code == .internalFailure)
        #expect(refused.message.contains("notBefore not before notAfter"))
    }
}
