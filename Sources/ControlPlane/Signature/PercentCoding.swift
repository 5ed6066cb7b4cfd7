/// Percent-encoding, of paths and as Signature Version 4 does it (AWS: UriEncode): all but RFC
/// 3986's unreserved characters, in upper-case hex, byte by byte.
enum PercentCoding {
    private static let hex = Array("0123456789ABCDEF".utf8)

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func append(_ byte: UInt8, to output: inout [UInt8]) {
        if Self.isUnreserved(byte) {
            output.append(byte)
        } else {
            output.append(UInt8(ascii: "%"))
            output.append(Self.hex[Int(byte >> 4)])
            output.append(Self.hex[Int(byte & 0x0F)])
        }
    }

    /// The bytes that `encoded` stands for in a query. A `+` is a space, as forms write it and as
    /// operations read it; signers write `%20`, and `%2B` for a plus. A `%` that two hex digits do
    /// not follow is itself.
    static func decoded(_ encoded: some Collection<UInt8>) -> [UInt8] {
        Self.decoding(encoded, plusIsSpace: true).bytes
    }

    /// - Parameter plusIsSpace: whether a `+` stands for a space.
    /// - Returns: the bytes, and whether two hex digits followed every `%`.
    static func decoding(
        _ encoded: some Collection<UInt8>, plusIsSpace: Bool
    ) -> (bytes: [UInt8], isWellFormed: Bool) {
        var output: [UInt8] = []
        output.reserveCapacity(encoded.count)
        var isWellFormed = true
        var rest = encoded[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                let isSpace = plusIsSpace && byte == UInt8(ascii: "+")
                output.append(isSpace ? UInt8(ascii: " ") : byte)
                continue
            }
            if let high = rest.first.flatMap(Self.value),
                let low = rest.dropFirst().first.flatMap(Self.value)
            {
                output.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                output.append(byte)
                isWellFormed = false
            }
        }
        return (output, isWellFormed)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
