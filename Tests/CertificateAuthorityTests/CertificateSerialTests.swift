import Testing

@testable import CertificateAuthority
@testable import Fleet

@Suite struct CertificateSerialTests {
    /// The kernel's, as the service has it, a word at a time.
    private struct SystemWords: Entropy {
        func bytes(count: Int) -> [UInt8] {
            var generator = SystemRandomNumberGenerator()
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count + 8)
            while bytes.count < count {
                withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
            }
            bytes.removeLast(bytes.count - count)
            return bytes
        }
    }

    /// RFC 5280 4.1.2.2: unique for each issuer, which 152 random bits make it.
    @Test func aMillionSerialsAreAMillion() throws {
        let count = 1_000_000
        let entropy = SystemWords()
        var seen: Set<[UInt8]> = []
        seen.reserveCapacity(count)
        for _ in 0..<count { seen.insert(try CertificateSerial(from: entropy).bytes) }
        #expect(seen.count == count)
        #expect(seen.allSatisfy { $0.count == 20 && $0[0] == CertificateSerial.firstOctet })
    }
}
