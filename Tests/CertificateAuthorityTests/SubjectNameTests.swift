import Foundation
import SwiftASN1
import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct SubjectNameTests {
    private func request(_ rdns: [UInt8]...) throws -> String {
        var request = CraftedRequest()
        request.subject = tlv(0x30, rdns.flatMap { $0 })
        return try request.pem()
    }

    private func subject(_ rdns: [UInt8]...) throws -> String? {
        var request = CraftedRequest()
        request.subject = tlv(0x30, rdns.flatMap { $0 })
        return try SigningRequest(pem: request.pem(), rules: KeyRules()).subject?.description
    }

    private func utf8(_ arc: UInt8, _ text: String) -> [UInt8] {
        CraftedRequest.name(arc, tag: 0x0C, Array(text.utf8))
    }

    @Test func onlyWhitelistedAttributesAreKept() throws {
        let email = tlv(
            0x31,
            tlv(
                0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x01],
                tlv(0x16, Array("a@b.example".utf8))))
        let title = self.utf8(12, "Dr")
        #expect(
            try self.subject(email, self.utf8(3, "unit"), title, self.utf8(7, "Ulm"))
                == "L=Ulm,CN=unit")
        #expect(try self.subject(email, title) == nil)
        #expect(try self.subject() == nil)
    }

    @Test func everyStringTypeBecomesTheProfiles() throws {
        let bmp: [UInt8] = [0x00, 0x41, 0x00, 0xDC]
        #expect(try self.subject(CraftedRequest.name(3, tag: 0x1E, bmp)) == "CN=AÜ")
        for tag: UInt8 in [0x0C, 0x13, 0x14, 0x16] {
            #expect(try self.subject(CraftedRequest.name(3, tag: tag, [0x41])) == "CN=A")
        }
        // Multi-valued: each attribute gets an RDN of its own.
        let pair = tlv(
            0x31, tlv(0x30, [0x06, 0x03, 0x55, 0x04, 0x03], [0x0C, 0x01, 0x41]),
            tlv(0x30, [0x06, 0x03, 0x55, 0x04, 0x0A], [0x0C, 0x01, 0x42]))
        #expect(try self.subject(pair) == "O=B,CN=A")
    }

    @Test func countryAndSerialNumberArePrintableStrings() throws {
        let name = try SubjectName([.init(.country, "DE"), .init(.serialNumber, "A-1")])
        let der = try name.der()
        #expect(der.indices.contains { der[$0...].starts(with: [0x13, 0x02, 0x44, 0x45]) })
        #expect(der.indices.contains { der[$0...].starts(with: [0x13, 0x03, 0x41, 0x2D, 0x31]) })
    }

    @Test(arguments: [
        (SubjectAttribute.commonName, 64), (.organization, 64), (.organizationalUnit, 64),
        (.serialNumber, 64), (.stateOrProvince, 128), (.locality, 128),
    ])
    func upperBoundCountsCharacters(attribute: SubjectAttribute, bound: Int) throws {
        let letter = attribute == .serialNumber ? "a" : "ü"
        _ = try SubjectName([.init(attribute, String(repeating: letter, count: bound))])
        let refused = try refusal {
            try SubjectName([.init(attribute, String(repeating: letter, count: bound + 1))])
        }
        #expect(refused.message.contains("\(bound + 1) characters, more than \(bound)"))
    }

    @Test func unfitAttributeIsAnInvalidRequest() throws {
        let cases: [([UInt8], String)] = [
            (self.utf8(3, ""), "CN is empty"),
            (self.utf8(3, String(repeating: "x", count: 65)), "CN has 65 characters"),
            (self.utf8(3, "a\u{0}b"), "control character"),
            (self.utf8(3, "a\nb"), "control character"),
            (self.utf8(3, "a\u{85}b"), "control character"),
            (self.utf8(6, "D"), "no country code"), (self.utf8(6, "de"), "no country code"),
            (self.utf8(6, "Your Country"), "no country code"),
            (self.utf8(5, "a_b"), "not a PrintableString"),
            (CraftedRequest.name(3, tag: 0x0C, [0xFF, 0xFE]), "not a valid UTF8String"),
            (CraftedRequest.name(3, tag: 0x0C, [0xC0, 0x80]), "not a valid UTF8String"),
            (CraftedRequest.name(3, tag: 0x13, [0x5F]), "not a valid UTF8String"),
            (CraftedRequest.name(3, tag: 0x1E, [0x00]), "not a valid UTF8String"),
            (CraftedRequest.name(3, tag: 0x1E, [0xD8, 0x00]), "not a valid UTF8String"),
            (CraftedRequest.name(3, tag: 0x02, [0x01]), "not a valid UTF8String"),
            ((0..<17).flatMap { self.utf8(11, "unit \($0)") }, "17 attributes"),
            ((0..<65).flatMap { self.utf8(12, "\($0)") }, "no Name"),
        ]
        for (subject, reason) in cases {
            let pem = try self.request(subject)
            let refused = try refusal { try SigningRequest(pem: pem, rules: KeyRules()) }
            #expect(refused.code == .invalidCSR)
            #expect(refused.message.contains(reason), "\(reason): \(refused.message)")
        }
    }

    @Test func metacharactersStayOneString() async throws {
        let hostile = "\",\"isCA\":true,\"x\":\"${a}+#/$;<>\\=, "
        let deployment = try Deployment.shared.get()
        let issued = try await deployment.issuer().issue(
            csr: self.request(self.utf8(3, hostile)), at: noon)
        let facts = try CertificateFacts(pem: issued.pem)
        #expect(facts.subjectAttributes == ["CommonName": [hostile]])
        #expect(!facts.isAuthority)
    }

    @Test func escapesAreThoseOfTheStandard() {
        let cases = [
            ("a,b", "a\\,b"), (" a ", "\\ a\\ "), ("#a#", "\\#a#"), ("a+b=c", "a\\+b\\=c"),
            ("a\"b\\c", "a\\\"b\\\\c"), ("a;<>", "a\\;\\<\\>"), ("a\nb", "a\\0ab"),
            ("\u{85}", "\\c2\\85"), ("", ""), (" ", "\\ "), ("Grün", "Grün"),
        ]
        for (text, escaped) in cases { #expect(DistinguishedName.escaped(text) == escaped) }
    }

    @Test func alternativeNamesAreHostsOrAddresses() throws {
        #expect(try SubjectAlternativeName("127.0.0.1") == .address([127, 0, 0, 1]))
        #expect(
            try SubjectAlternativeName("::1")
                == .address([UInt8](repeating: 0, count: 15) + [1]))
        #expect(try SubjectAlternativeName("Gateway.Example") == .dns("gateway.example"))
        #expect(try SubjectAlternativeName("*.example.org") == .dns("*.example.org"))
        #expect(try SubjectAlternativeName("::1").description == "::1")
        for text in [
            "", ".", "a..b", "-a", "a-", "a b", "a_b", "*.org", "a.*.b", "ü", "a\u{0}b",
            String(repeating: "a", count: 64), "example.org.",
        ] {
            _ = try refusal { try SubjectAlternativeName(text) }
        }
    }
}
