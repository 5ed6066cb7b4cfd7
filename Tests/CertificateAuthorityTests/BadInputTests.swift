import Crypto
import Foundation
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// An OCSP request put together field by field (RFC 6960 4.1.1).
struct OCSPRequestBytes {
    private static let sha1: [UInt8] = tlv(
        0x30, [0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A], [0x05, 0x00])

    let issuer: CertificateFacts
    var serial: [UInt8]
    var nonce: [UInt8]?
    var count = 1
    var trailing: [UInt8] = []

    init(issuer: CertificateFacts, serial: [UInt8], nonce: [UInt8]? = nil) {
        self.issuer = issuer
        self.serial = serial
        self.nonce = nonce
    }

    var der: [UInt8] {
        get throws {
            let name = Array(Insecure.SHA1.hash(data: self.issuer.subjectName))
            let key = try StatusAnswer.keyHash(of: self.issuer)
            let identifier = tlv(
                0x30, Self.sha1, tlv(0x04, name), tlv(0x04, key), tlv(0x02, self.serial))
            let list = (0..<self.count).flatMap { _ in tlv(0x30, identifier) }
            var body = tlv(0x30, list)
            if let nonce {
                let oid: [UInt8] = [0x06, 0x09, 0x2B, 6, 1, 5, 5, 7, 0x30, 1, 2]
                body += tlv(0xA2, tlv(0x30, tlv(0x30, oid, tlv(0x04, tlv(0x04, nonce)))))
            }
            return tlv(0x30, tlv(0x30, body)) + self.trailing
        }
    }
}

/// What comes from outside and is wrong: refused with a reason, and never a trap.
@Suite struct BadInputTests {
    private static let seed: UInt64 = 20_261_126

    private enum Parser: CaseIterable {
        case request, certificate, status

        /// nil where it was read.
        func refusal(_ der: [UInt8]) -> FleetError.Code? {
            do throws(FleetError) {
                switch self {
                case .request: _ = try SigningRequest(der: der, rules: KeyRules())
                case .certificate: _ = try CertificateFacts(der: der)
                case .status:
                    guard StatusRequest(der: der) != nil else {
                        throw FleetError(.invalidRequest, "malformedRequest")
                    }
                }
                return nil
            } catch { return error.code }
        }

        var code: FleetError.Code {
            switch self {
            case .request: .invalidCSR
            case .certificate: .certificateValidation
            case .status: .invalidRequest
            }
        }

        func good() throws -> [UInt8] {
            let deployment = try Deployment.shared.get()
            switch self {
            case .request: return try CraftedRequest().der()
            case .certificate: return deployment.issuing.certificate.der
            case .status:
                return try OCSPRequestBytes(
                    issuer: deployment.issuing.certificate, serial: [0x12, 0x34],
                    nonce: Array(repeating: 1, count: 32)
                ).der
            }
        }
    }

    private func expectRefused(
        _ parser: Parser, _ der: [UInt8], _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(
            parser.refusal(der) == parser.code, "\(parser): \(der.prefix(24))",
            sourceLocation: location)
    }

    @Test func whatIsGoodIsRead() throws {
        for parser in Parser.allCases { #expect(parser.refusal(try parser.good()) == nil) }
    }

    @Test func malformedIsRefused() {
        let encodings: [[UInt8]] = [
            [], [0x00], [0x30], [0x30, 0x00], [0x05, 0x00], [0x30, 0x03, 0x02, 0x01],
            Array("-----BEGIN".utf8), [UInt8](repeating: 0x30, count: 3000),
            [UInt8](repeating: 0xFF, count: 64), tlv(0x30, [0x30, 0x00]),
        ]
        for parser in Parser.allCases {
            for der in encodings { self.expectRefused(parser, der) }
        }
    }

    @Test func hugeLengthIsRefused() {
        let lengths: [[UInt8]] = [
            [0x84, 0x7F, 0xFF, 0xFF, 0xFF], [0x88] + [UInt8](repeating: 0x7F, count: 8),
            [0x88] + [UInt8](repeating: 0xFF, count: 8),
            [0x90] + [UInt8](repeating: 0x01, count: 16),
            [0xFE] + [UInt8](repeating: 0x01, count: 126), [0xFF],
        ]
        for parser in Parser.allCases {
            for length in lengths {
                self.expectRefused(parser, [0x30] + length)
                self.expectRefused(parser, [0x30] + length + [0x30, 0x00])
                self.expectRefused(parser, tlv(0x30, [0x30] + length))
            }
        }
    }

    /// A length whose sign bit is set, and an INTEGER below zero where none may be.
    @Test func negativeLengthAndNegativeNumberAreRefused() throws {
        for parser in Parser.allCases {
            self.expectRefused(parser, [0x30, 0x84, 0x80, 0x00, 0x00, 0x00])
            self.expectRefused(parser, [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x01, 0x00])
            self.expectRefused(parser, [0x30, 0x81, 0xFF])
        }
        var request = OCSPRequestBytes(
            issuer: try Deployment.shared.get().issuing.certificate, serial: [0xFF])
        self.expectRefused(.status, try request.der)
        request.serial = []
        self.expectRefused(.status, try request.der)
    }

    @Test func indefiniteAndLongFormLengthIsRefused() throws {
        for parser in Parser.allCases {
            let good = try parser.good()
            let content = Array(good.dropFirst(good[1] < 0x80 ? 2 : 2 + Int(good[1] & 0x7F)))
            self.expectRefused(parser, [0x30, 0x80] + content + [0x00, 0x00])
            // The length in more octets than it needs (X.690 10.1).
            let count = content.count
            self.expectRefused(
                parser, [0x30, 0x83, 0x00, UInt8(count >> 8), UInt8(count & 0xFF)] + content)
        }
    }

    @Test func trailingDataIsRefused() throws {
        for parser in Parser.allCases {
            for tail: [UInt8] in [[0x00], [0x05, 0x00], [0x30, 0x00], [0xFF, 0xFF]] {
                self.expectRefused(parser, try parser.good() + tail)
            }
        }
    }

    @Test func hugeInputIsRefusedUnread() throws {
        for parser in Parser.allCases {
            let filling = [UInt8](repeating: 0, count: 1 << 20)
            self.expectRefused(parser, tlv(0x30, filling))
            self.expectRefused(parser, try parser.good() + filling)
        }
    }

    @Test func requestOfEmptySequencesIsRefused() {
        let shapes: [[UInt8]] = [
            tlv(0x30, [0x30, 0x00], [0x30, 0x00], [0x30, 0x00]),
            tlv(0x30, [0x30, 0x00], [0x30, 0x00], [0x03, 0x01, 0x00]),
            tlv(
                0x30, tlv(0x30, [0x02, 0x01, 0x00], [0x30, 0x00], [0x30, 0x00], [0xA0, 0x00]),
                [0x30, 0x00], [0x03, 0x01, 0x00]),
        ]
        for der in shapes { self.expectRefused(.request, der) }
    }

    @Test func requestWithAnEmptyKeyOrSignatureIsRefused() throws {
        var request = CraftedRequest()
        request.publicKey = [0x30, 0x00]
        self.expectRefused(.request, try request.der())
        request = CraftedRequest()
        self.expectRefused(
            .request, tlv(0x30, request.info, request.algorithm, [0x03, 0x01, 0x00]))
        self.expectRefused(.request, tlv(0x30, request.info, request.algorithm, [0x03, 0x00]))
    }

    @Test func requestSignedByAnotherKeyIsRefused() throws {
        var request = CraftedRequest()
        request.publicKey = CraftedRequest().publicKey
        self.expectRefused(.request, try request.der())
    }

    @Test func requestWithASignatureOfZerosIsRefused() throws {
        let request = CraftedRequest()
        // ECDSA-Sig-Value with r = s = 0, the forgery of CVE-2022-21449.
        let zeros = tlv(0x30, [0x02, 0x01, 0x00], [0x02, 0x01, 0x00])
        self.expectRefused(
            .request, tlv(0x30, request.info, request.algorithm, tlv(0x03, [0x00], zeros)))
    }

    @Test func requestWithAKeyOffTheCurveIsRefused() throws {
        var request = CraftedRequest()
        // The last octet of the point's y.
        request.publicKey[request.publicKey.count - 1] ^= 1
        let refused = try refusal {
            try SigningRequest(der: request.der(), rules: KeyRules())
        }
        #expect(refused.code == .invalidCSR && refused.message.contains("not on P-256"))
    }

    @Test func requestWithSixteenThousandNamesIsRefused() throws {
        var request = CraftedRequest()
        let names = tlv(0x30, (0..<16_000).flatMap { tlv(0x82, Array("h\($0).example".utf8)) })
        let item = tlv(0x30, [0x06, 0x03, 0x55, 0x1D, 0x11], tlv(0x04, names))
        request.attributes = tlv(
            0xA0,
            tlv(
                0x30, [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E],
                tlv(0x31, tlv(0x30, item))))
        self.expectRefused(.request, try request.der())
    }

    @Test func statusRequestForTooManyIsRefused() throws {
        var request = OCSPRequestBytes(
            issuer: try Deployment.shared.get().issuing.certificate, serial: [0x01])
        request.count = StatusRequest.certificatesMax
        #expect(StatusRequest(der: try request.der)?.certificates.count == request.count)
        request.count += 1
        self.expectRefused(.status, try request.der)
        request.count = 0
        self.expectRefused(.status, try request.der)
    }

    @Test(arguments: [0, 1, 32, 128, 129, 4000]) func nonceHasABound(count: Int) throws {
        let request = OCSPRequestBytes(
            issuer: try Deployment.shared.get().issuing.certificate, serial: [0x01],
            nonce: Array(repeating: 9, count: count))
        let isRead = StatusRequest(der: try request.der) != nil
        #expect(isRead == (1...StatusRequest.nonceBytesMax).contains(count))
    }

    @Test func everyTruncationIsRefused() throws {
        for parser in Parser.allCases {
            let good = try parser.good()
            for count in 0..<good.count { self.expectRefused(parser, Array(good.prefix(count))) }
        }
    }

    /// Whatever is done to the octets, the answer is an object or a refusal with the right code.
    @Test func mutatedInputIsReadOrRefusedWithoutATrap() throws {
        let random = SeededEntropy(Self.seed)
        for parser in Parser.allCases {
            let good = try parser.good()
            for _ in 0..<4000 {
                var der = good
                for _ in 0...random.below(4) {
                    guard !der.isEmpty else { break }
                    let position = random.below(der.count)
                    switch random.below(6) {
                    case 0: der[position] ^= 1 << UInt8(random.below(8))
                    case 1: der[position] = UInt8(random.below(256))
                    case 2: der.remove(at: position)
                    case 3: der.insert(UInt8(random.below(256)), at: position)
                    case 4: der.removeSubrange(position...)
                    default: der.insert(contentsOf: random.bytes(count: 9), at: position)
                    }
                }
                if let code = parser.refusal(der) {
                    #expect(code == parser.code, "\(parser), seed \(Self.seed)")
                }
            }
        }
    }

    /// Nested and random tags, not near anything that is meant.
    @Test func randomTreesAreRefusedWithoutATrap() {
        let random = SeededEntropy(Self.seed + 1)
        func tree(_ depth: Int) -> [UInt8] {
            guard depth > 0, random.below(4) > 0 else {
                return tlv(UInt8(random.below(256)), random.bytes(count: random.below(12)))
            }
            let children = (0..<random.below(5)).flatMap { _ in tree(depth - 1) }
            return tlv([0x30, 0x31, 0xA0, 0xA3][random.below(4)], children)
        }
        for parser in Parser.allCases {
            for _ in 0..<2000 { self.expectRefused(parser, tree(6)) }
        }
    }
}
