/// Entries of a CRL on their way from the store to the list, one after the other in one row of
/// octets: a million records with texts of their own would cost more than the list they become.
package struct RevocationEntries: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// Big-endian, without a sign byte.
        package let serialNumber: ArraySlice<UInt8>
        package let revokedAt: UnixTime
        /// `RevocationReason.code`.
        package let reason: UInt8

        package init(serialNumber: ArraySlice<UInt8>, revokedAt: UnixTime, reason: UInt8) {
            self.serialNumber = serialNumber
            self.revokedAt = revokedAt
            self.reason = reason
        }
    }

    /// Where a page of them ends, in the order of (bucket, serial number).
    package struct Place: Hashable, Sendable {
        package let bucket: Int
        /// Lower-case hex.
        package let serialNumber: String

        package init(bucket: Int, serialNumber: String) {
            self.bucket = bucket
            self.serialNumber = serialNumber
        }
    }

    /// Of each: the serial number's length and octets, the time in eight octets, the reason.
    private var octets: [UInt8] = []
    package private(set) var count = 0
    /// The last entry's place; nil where there is none.
    package private(set) var last: Place?

    package init() {}

    /// Of no generic kind: a list of a million has forty million digits, and code that a module
    /// shares without its types looks up for each of them how it is read.
    /// - Parameter hex: lower-case digits, two for each octet.
    /// - Returns: false where they are none, or more than a length octet can count: the entry is
    ///   not taken then.
    package mutating func append(hex: String, revokedAt: UnixTime, reason: UInt8) -> Bool {
        var hex = hex
        return hex.withUTF8 { self.append($0, revokedAt, reason) }
    }

    private mutating func append(
        _ digits: UnsafeBufferPointer<UInt8>, _ revokedAt: UnixTime, _ reason: UInt8
    ) -> Bool {
        let (length, half) = digits.count.quotientAndRemainder(dividingBy: 2)
        guard half == 0, length > 0, length <= UInt8.max else { return false }
        let start = self.octets.count
        self.octets.append(UInt8(length))
        for index in 0..<length {
            guard let high = Self.nibble(digits[2 * index]),
                let low = Self.nibble(digits[2 * index + 1])
            else {
                self.octets.removeSubrange(start...)
                return false
            }
            self.octets.append(high << 4 | low)
        }
        let time = UInt64(bitPattern: revokedAt.milliseconds)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            self.octets.append(UInt8(truncatingIfNeeded: time >> shift))
        }
        self.octets.append(reason)
        self.count += 1
        return true
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Says where the page ends, once its last entry is in.
    package mutating func end(at place: Place) { self.last = place }

    package func forEach(_ body: (Entry) -> Void) {
        var position = self.octets.startIndex
        while position < self.octets.endIndex {
            let serialEnd = position + 1 + Int(self.octets[position])
            var time: UInt64 = 0
            for index in (serialEnd..<(serialEnd + 8)).reversed() {
                time = time << 8 | UInt64(self.octets[index])
            }
            body(
                Entry(
                    serialNumber: self.octets[(position + 1)..<serialEnd],
                    revokedAt: UnixTime(milliseconds: Int64(bitPattern: time)),
                    reason: self.octets[serialEnd + 8]))
            position = serialEnd + 9
        }
    }
}
