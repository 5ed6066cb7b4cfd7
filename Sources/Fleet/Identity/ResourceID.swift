/// What tells a thing, type or group from every other that ever had its name: a random UUID
/// (RFC 9562, version 4), given once when the record comes to be.
package struct ResourceID: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of randomness a new one takes.
    package static let bytesCount = 16

    package let rawValue: String

    /// What old audit records say of a thing, which had no id when they were written: the nil
    /// UUID (RFC 9562, 5.9), which is nobody's.
    package static let unknown = ResourceID(checked: "00000000-0000-0000-0000-000000000000")

    private init(checked rawValue: String) { self.rawValue = rawValue }

    /// - Parameter bytes: 16 unpredictable bytes.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == Self.bytesCount, "A UUID has 16 bytes.")
        var bytes = bytes
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.hex.utf8
        self.rawValue = String(unsafeUninitializedCapacity: digits.count + 4) { text in
            var count = 0
            for (index, digit) in digits.enumerated() {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    text[count] = UInt8(ascii: "-")
                    count += 1
                }
                text[count] = digit
                count += 1
            }
            return count
        }
    }

    /// - Throws: `FleetError.invalidRequest` unless `candidate` is a UUID in its text form, in
    ///   lower case.
    package init(_ candidate: String) throws(FleetError) {
        guard Self.isUUID(candidate) else {
            throw FleetError(.invalidRequest, "'\(candidate.clipped)' is no id: a UUID")
        }
        self.init(checked: candidate)
    }

    /// Every thing that is read comes by here, and a page of them does fifty times: bytes are
    /// counted by hand, since a sequence of numbered ones costs several times as much.
    private static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        var index = 0
        for byte in text.utf8 {
            switch index {
            case 8, 13, 18, 23:
                guard byte == UInt8(ascii: "-") else { return false }
            default:
                guard
                    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
                else { return false }
            }
            index += 1
        }
        return true
    }

    package var description: String { self.rawValue }
}

extension Entropy {
    /// An id that nothing has had before.
    package func resourceID() -> ResourceID {
        ResourceID(random: self.bytes(count: ResourceID.bytesCount))
    }
}
