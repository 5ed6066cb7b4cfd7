/// The variable byte integer (1.5.5; "remaining length" in 3.1.1): seven bits a byte, least
/// significant first, four bytes at most.
package enum VariableByteInteger {
    /// 268,435,455: the most that four bytes carry.
    package static let maximum = 0x0FFF_FFFF
    package static let bytesMax = 4

    package static func byteCount(of value: Int) -> Int {
        if value < 0x80 {
            1
        } else if value < 0x4000 {
            2
        } else if value < 0x20_0000 {
            3
        } else {
            4
        }
    }

    /// What the bytes seen so far amount to.
    package enum Progress: Hashable, Sendable {
        case incomplete
        /// A fifth byte would follow ([MQTT-1.5.5-1]).
        case tooLong
        /// `isMinimal` is false where a shorter encoding of the same value exists; MQTT 5 forbids
        /// that, 3.1.1 says nothing of it.
        case value(Int, byteCount: Int, isMinimal: Bool)
    }

    /// Reads from the front of `bytes`, and never past the fourth.
    package static func read(_ bytes: some Sequence<UInt8>) -> Progress {
        var value = 0
        var count = 0
        for byte in bytes {
            value |= Int(byte & 0x7F) << (7 * count)
            count += 1
            if byte & 0x80 == 0 {
                return .value(
                    value, byteCount: count, isMinimal: count == Self.byteCount(of: value))
            }
            if count == Self.bytesMax { return .tooLong }
        }
        return .incomplete
    }
}
