import Fleet

/// DER by hand (X.690), for lists of a million entries, where a serializer's closures would cost
/// more than the bytes.
enum StatusDER {
    static let sequence: UInt8 = 0x30
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06

    /// Tag, definite length in its shortest form (X.690 10.1), content.
    static func wrapped(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(content.count + 6)
        self.append(tag, content, to: &output)
        return output
    }

    static func append(_ tag: UInt8, _ content: [UInt8], to output: inout [UInt8]) {
        if content.count < 0x80 {
            output.append(tag)
            output.append(UInt8(truncatingIfNeeded: content.count))
        } else {
            output += self.header(tag, count: content.count)
        }
        output += content
    }

    /// Tag and length of `count` octets that follow.
    static func header(_ tag: UInt8, count: Int) -> [UInt8] {
        guard count >= 0x80 else { return [tag, UInt8(truncatingIfNeeded: count)] }
        var length = count
        var octets: [UInt8] = []
        while length > 0 {
            octets.append(UInt8(truncatingIfNeeded: length))
            length >>= 8
        }
        return [tag, 0x80 | UInt8(octets.count)] + octets.reversed()
    }

    /// A positive INTEGER of these big-endian octets (X.690 8.3).
    static func append(integer magnitude: [UInt8], to output: inout [UInt8]) {
        let minimal = magnitude.drop { $0 == 0 }
        let pad = (minimal.first ?? 0x80) < 0x80 ? 0 : 1
        output += self.header(0x02, count: minimal.count + pad)
        if pad == 1 { output.append(0) }
        output += minimal
    }

    static func integer(_ magnitude: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        self.append(integer: magnitude, to: &output)
        return output
    }

    static func integer(_ number: UInt64) -> [UInt8] {
        Self.integer((0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
    }

    /// UTCTime through 2049, GeneralizedTime after (RFC 5280 5.1.2.4).
    static func time(_ time: UnixTime) -> [UInt8] {
        let civil = CivilTime(time)
        guard CivilTime.yearRange.lowerBound...CivilTime.utcTimeYearMax ~= civil.year else {
            return Self.generalizedTime(time)
        }
        return Self.wrapped(
            0x17, Self.digits(civil.year % 100, 2) + Self.afterYear(civil))
    }

    /// As OCSP writes every time (RFC 6960 4.2.2.1).
    static func generalizedTime(_ time: UnixTime) -> [UInt8] {
        let civil = CivilTime(time)
        return Self.wrapped(0x18, Self.digits(civil.year, 4) + Self.afterYear(civil))
    }

    private static func afterYear(_ civil: CivilTime) -> [UInt8] {
        Self.digits(civil.month, 2) + Self.digits(civil.day, 2) + Self.digits(civil.hour, 2)
            + Self.digits(civil.minute, 2) + Self.digits(civil.second, 2) + [UInt8(ascii: "Z")]
    }

    private static func digits(_ number: Int, _ count: Int) -> [UInt8] {
        var rest = number
        var output = [UInt8](repeating: UInt8(ascii: "0"), count: count)
        for index in output.indices.reversed() {
            output[index] += UInt8(rest % 10)
            rest /= 10
        }
        return output
    }

    /// `SEQUENCE { OBJECT IDENTIFIER, critical BOOLEAN, OCTET STRING }`.
    /// - Parameter identifier: the OID's content octets.
    static func extensionField(
        _ identifier: [UInt8], critical: Bool, _ value: [UInt8]
    ) -> [UInt8] {
        Self.wrapped(
            Self.sequence,
            Self.wrapped(Self.objectIdentifier, identifier)
                + (critical ? [0x01, 0x01, 0xFF] : []) + Self.wrapped(Self.octetString, value))
    }

    /// DistributionPointName with one URI (RFC 5280 4.2.1.13), under the `[0]` of its holder.
    static func distributionPointName(_ url: String) -> [UInt8] {
        Self.wrapped(0xA0, Self.wrapped(0xA0, Self.wrapped(0x86, Array(url.utf8))))
    }

    /// Content octets of OIDs, which are all that DER by hand needs of them.
    enum Identifier {
        static let reasonCode: [UInt8] = [0x55, 0x1D, 0x15]
        static let crlNumber: [UInt8] = [0x55, 0x1D, 0x14]
        static let issuingDistributionPoint: [UInt8] = [0x55, 0x1D, 0x1C]
        static let authorityKeyIdentifier: [UInt8] = [0x55, 0x1D, 0x23]
        /// 1.3.6.1.5.5.7.48.1.1
        static let ocspBasic: [UInt8] = [0x2B, 6, 1, 5, 5, 7, 0x30, 1, 1]
        /// 1.3.6.1.5.5.7.48.1.2
        static let ocspNonce: [UInt8] = [0x2B, 6, 1, 5, 5, 7, 0x30, 1, 2]
    }

    /// The octets that lower-case hex names; nil for anything else.
    static func octets(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count.isMultiple(of: 2), !digits.isEmpty else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.nibble(digits[index]), let low = Self.nibble(digits[index + 1])
            else { return nil }
            output.append(high << 4 | low)
        }
        return output
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// What an authority says of certificates' standing: the bytes to sign of a CRL or an OCSP answer.
/// Only this module's encoders make one, so that the signing function takes nothing else.
struct StatusStatement {
    let tbs: [UInt8]
    /// What follows the signature inside the outer SEQUENCE.
    let trailer: [UInt8]
}
