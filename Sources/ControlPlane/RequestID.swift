import Fleet

/// What a request is called in its answer, in the log and in the access log: a UUID of random bits
/// (RFC 9562 5.4), as AWS's are.
enum RequestID {
    private static let digits = Array("0123456789abcdef".utf8)
    /// The bytes before which its text has a hyphen.
    private static let hyphens = [4, 6, 8, 10]

    static func text(_ entropy: any Entropy) -> String {
        var bytes = entropy.bytes(count: 16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return String(unsafeUninitializedCapacity: 36) { text in
            var count = 0
            func write(_ byte: UInt8) {
                text[count] = byte
                count += 1
            }
            for (index, byte) in bytes.enumerated() {
                if Self.hyphens.contains(index) { write(UInt8(ascii: "-")) }
                write(Self.digits[Int(byte >> 4)])
                write(Self.digits[Int(byte & 0x0F)])
            }
            return count
        }
    }
}
