import SwiftASN1
import TestSupport
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// Entries are written as DER by hand. The library's serializer says what they should be.
@Suite struct RevocationListEncodingTests {
    private struct Entry {
        let serial: [UInt8]
        let time: UnixTime
        let reason: RevocationReason
    }

    /// Serial numbers of every length, leading zeros and high bits among them, times on both sides
    /// of 2050, where UTCTime ends (RFC 5280 5.1.2.6), and every reason.
    private func randomEntries(_ count: Int, seed: UInt64) -> [Entry] {
        let random = SeededEntropy(seed)
        let reasons = RevocationReason.allCases
        return (0..<count).map { number in
            var serial = random.bytes(count: 1 + random.below(20))
            if number % 7 == 0 { serial[0] = 0 }
            if number % 5 == 0 { serial[0] |= 0x80 }
            return Entry(
                serial: serial, time: UnixTime(seconds: Int64(random.below(5_000_000_000))),
                reason: reasons[random.below(reasons.count)])
        }
    }

    private func library(_ entries: [Entry]) throws -> [UInt8] {
        let reasonCode: ASN1ObjectIdentifier = [2, 5, 29, 21]
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { list in
            for entry in entries {
                try list.appendConstructedNode(identifier: .sequence) { fields in
                    try fields.serialize(entry.serial.drop { $0 == 0 })
                    try fields.serialize(CivilTime(entry.time))
                    guard entry.reason != .unspecified else { return }
                    try fields.appendConstructedNode(identifier: .sequence) { extensions in
                        try extensions.appendConstructedNode(identifier: .sequence) { field in
                            try field.serialize(reasonCode)
                            try field.serialize(
                                ASN1OctetString(contentBytes: [0x0A, 0x01, entry.reason.code]))
                        }
                    }
                }
            }
        }
        return serializer.serializedBytes
    }

    private func written(_ entries: [Entry]) throws -> [UInt8] {
        let authority = try Deployment.shared.get().openIssuing()
        var rows = RevocationEntries()
        for entry in entries {
            let isTaken = rows.append(
                hex: entry.serial.hex, revokedAt: entry.time, reason: entry.reason.code)
            #expect(isTaken)
        }
        var body = try RevocationListBody(
            issuer: authority.identity, number: RevocationListNumber(7), from: noon,
            until: noon.advanced(bySeconds: 86_400), distributionPoint: nil, expected: 1)
        body.append(rows)
        let signed = body.statement().withSigned { Array($0) }
        guard var fields = DERFields(try DER.parse(signed)) else { return [] }
        // Version, algorithm, issuer, thisUpdate, nextUpdate.
        for _ in 0..<5 { _ = fields.next() }
        guard let list = fields.next(.sequence) else { return [] }
        return Array(list.encodedBytes)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func entriesAreWhatTheLibraryWrites(seed: UInt64) throws {
        // Zero has no octet but one; the library is not asked for what no authority issues.
        let entries = self.randomEntries(1_500, seed: seed).filter { entry in
            entry.serial.contains { $0 != 0 }
        }
        #expect(try self.written(entries) == self.library(entries))
    }

    @Test(arguments: ["", "5", "5g", "5G", "53 0", "é", String(repeating: "00", count: 256)])
    func serialNumberThatIsNoneIsNotTaken(_ text: String) {
        var rows = RevocationEntries()
        let isTaken = rows.append(hex: text, revokedAt: noon, reason: 1)
        #expect(!isTaken)
        #expect(rows == RevocationEntries())
    }
}
