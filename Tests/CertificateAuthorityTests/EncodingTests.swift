import Foundation
import SwiftASN1
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct EncodingTests {
    @Test func base64MatchesFoundation() {
        let random = SeededEntropy(21)
        for count in 0..<200 {
            let bytes = random.bytes(count: count)
            let text = Base64.encode(bytes)
            #expect(String(decoding: text, as: UTF8.self) == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text) == bytes)
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "A===", "AA=", "AAA==", "AAAA=", "AB==", "AAB=", "AA=A", "=AAA", "AA-_",
        "AA==AA==", "AAAA\u{0}", "ÄÖ",
    ])
    func base64ThatIsNotCanonicalIsRefused(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }

    @Test func pemSurvivesARoundTrip() throws {
        let random = SeededEntropy(22)
        for count in [1, 47, 48, 49, 96, 1000] {
            let block = PEMBlock(label: "X", bytes: random.bytes(count: count))
            let lines = block.text.split(separator: "\n")
            #expect(lines.allSatisfy { $0.utf8.count <= 64 })
            #expect(try PEMBlock(parsing: block.text).bytes == block.bytes)
        }
    }

    @Test func civilTimeAgreesWithTheClock() {
        let random = SeededEntropy(23)
        for _ in 0..<5000 {
            let seconds = Int64(random.below(253_402_300_799 + 631_152_000)) - 631_152_000
            let time = UnixTime(seconds: seconds)
            let civil = CivilTime(time)
            #expect(civil.unixTime == time)
            let text =
                "\(pad(civil.year, 4))-\(pad(civil.month, 2))-\(pad(civil.day, 2))"
                + "T\(pad(civil.hour, 2)):\(pad(civil.minute, 2)):\(pad(civil.second, 2)).000Z"
            #expect(text == time.description)
        }
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
    }

    /// Forms that RFC 5280 4.1.2.5 forbids.
    @Test(arguments: [
        ("20261124120000Z", UInt8(0x18)), ("20501124120000.5Z", 0x18), ("2611241200Z", 0x17),
        ("261124120000+0000", 0x17), ("261324120000Z", 0x17), ("260230120000Z", 0x17),
        ("20500101000060Z", 0x18), ("", 0x17), ("", 0x18),
    ])
    func timeInAnotherFormIsRefused(text: String, tag: UInt8) throws {
        let node = try DER.parse(tlv(tag, Array(text.utf8)))
        #expect(throws: (any Error).self) { try CivilTime(derEncoded: node) }
    }

    @Test func everyTruncatedOrMutatedCertificateIsReadWithoutATrap() throws {
        let deployment = try Deployment.shared.get()
        let der = deployment.issuing.certificate.der
        for count in der.indices {
            _ = try refusal { try CertificateFacts(der: Array(der.prefix(count))) }
        }
        let random = SeededEntropy(24)
        for _ in 0..<5000 {
            var changed = der
            changed[random.below(der.count)] = UInt8(random.below(256))
            if let facts = try? CertificateFacts(der: changed), changed != der {
                #expect(!facts.isSigned(by: deployment.root.certificate))
            }
        }
    }

    @Test func factsOfAForeignCertificateAreRead() throws {
        let folder = try TemporaryFolder()
        _ = try folder.request(key: KeyRecipe.p256)
        let key = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path)
                .first { $0.hasSuffix(".key") })
        try folder.openssl(
            "req", "-x509", "-utf8", "-key", key, "-set_serial", "0x00ff01", "-subj",
            "/C=DE/ST=Bayern/O=Acme, Inc./OU=a/OU=b/CN=unit/GN=Ada/title=Dr", "-addext",
            "subjectAltName=email:a@b.example,URI:https://b.example/x,DNS:b.example,IP:10.0.0.1",
            "-out", "x.pem")
        let facts = try CertificateFacts(pem: folder.read("x.pem"))
        #expect(facts.serialNumber == "ff01")
        #expect(
            facts.subjectAttributes == [
                "Country": ["DE"], "State": ["Bayern"], "Organization": ["Acme, Inc."],
                "OrganizationalUnit": ["a", "b"], "CommonName": ["unit"], "GivenName": ["Ada"],
                "Title": ["Dr"],
            ])
        #expect(facts.subject.contains("OU=b,OU=a,O=Acme\\, Inc.,ST=Bayern,C=DE"))
        #expect(
            facts.subjectAlternativeNames == [
                "RFC822Name": ["a@b.example"],
                "UniformResourceIdentifier": ["https://b.example/x"], "DNSName": ["b.example"],
                "IPAddress": ["10.0.0.1"],
            ])
        #expect(facts.isAuthority)
        #expect(facts.isSigned(by: facts))
    }
}
