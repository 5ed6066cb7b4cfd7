/// RFC 4648 section 6, for whole groups of five bytes: no padding arises.
enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func text(_ bytes: [UInt8]) -> String { bytes.digits(Self.alphabet, bitsPerDigit: 5) }
}

/// RFC 4648 section 4, without padding, and strictly: one text for one value.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, byte) in Self.alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }()

    static func text(_ bytes: [UInt8]) -> String { bytes.digits(Self.alphabet, bitsPerDigit: 6) }

    /// nil for anything that `text` would not have written.
    static func bytes(_ text: String) -> [UInt8]? {
        var output: [UInt8] = []
        var bits = 0
        var bitsCount = 0
        for byte in text.utf8 {
            guard let value = Self.values[Int(byte)] else { return nil }
            bits = bits << 6 | Int(value)
            bitsCount += 6
            if bitsCount >= 8 {
                bitsCount -= 8
                output.append(UInt8(bits >> bitsCount))
                bits &= 1 << bitsCount - 1
            }
        }
        // What is left over must be no whole character, and no bits that say nothing.
        return bitsCount < 6 && bits == 0 ? output : nil
    }
}

extension [UInt8] {
    /// Digits of `bitsPerDigit` bits each, the last one filled up with zeros.
    fileprivate func digits(_ alphabet: [UInt8], bitsPerDigit: Int) -> String {
        var output: [UInt8] = []
        var bits = 0
        var bitsCount = 0
        for byte in self {
            bits = bits << 8 | Int(byte)
            bitsCount += 8
            while bitsCount >= bitsPerDigit {
                bitsCount -= bitsPerDigit
                output.append(alphabet[bits >> bitsCount])
                bits &= 1 << bitsCount - 1
            }
        }
        if bitsCount > 0 { output.append(alphabet[bits << (bitsPerDigit - bitsCount)]) }
        return String(decoding: output, as: UTF8.self)
    }
}
