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
        self.appendHeader(tag, count: content.count, to: &output)
        output += content
    }

    /// Tag, the count of length octets, and as many of them as an Int has.
    static let headerOctetsMax = 10
    /// What follows a list's entries, roughly: extensions, an algorithm, a signature.
    static let tailOctets = 4096

    /// Octets that tag and length of `count` octets take.
    static func headerCount(_ count: Int) -> Int {
        count < 0x80 ? 2 : 2 + (Int.bitWidth - count.leadingZeroBitCount + 7) / 8
    }

    static func appendHeader(_ tag: UInt8, count: Int, to output: inout [UInt8]) {
        if count < 0x80 {
            output.append(tag)
            output.append(UInt8(truncatingIfNeeded: count))
        } else {
            output += self.header(tag, count: count)
        }
    }

    /// Writes `octets` into the room that ends at `start`, which then begins with them.
    static func put(_ octets: [UInt8], before start: inout Int, in buffer: inout [UInt8]) {
        let begin = start - octets.count
        precondition(begin >= 0, "The buffer was made with room for every header.")
        for (offset, octet) in octets.enumerated() { buffer[begin + offset] = octet }
        start = begin
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
        var output: [UInt8] = []
        self.append(CivilTime(time), to: &output)
        return output
    }

    /// As OCSP writes every time (RFC 6960 4.2.2.1).
    static func generalizedTime(_ time: UnixTime) -> [UInt8] {
        var output: [UInt8] = []
        self.append(CivilTime(time), isUTC: false, to: &output)
        return output
    }

    /// Octets that `append(_:to:)` writes of it.
    static func timeOctets(_ civil: CivilTime) -> Int { Self.isUTC(civil) ? 15 : 17 }

    /// Without an array of its own: a long list has as many times as entries.
    static func append(_ civil: CivilTime, to output: inout [UInt8]) {
        self.append(civil, isUTC: Self.isUTC(civil), to: &output)
    }

    private static func isUTC(_ civil: CivilTime) -> Bool {
        CivilTime.yearRange.lowerBound...CivilTime.utcTimeYearMax ~= civil.year
    }

    private static func append(_ civil: CivilTime, isUTC: Bool, to output: inout [UInt8]) {
        output.append(isUTC ? 0x17 : 0x18)
        output.append(isUTC ? 13 : 15)
        if !isUTC { self.append(twoDigits: civil.year / 100 % 100, to: &output) }
        self.append(twoDigits: civil.year % 100, to: &output)
        self.append(twoDigits: civil.month, to: &output)
        self.append(twoDigits: civil.day, to: &output)
        self.append(twoDigits: civil.hour, to: &output)
        self.append(twoDigits: civil.minute, to: &output)
        self.append(twoDigits: civil.second, to: &output)
        output.append(UInt8(ascii: "Z"))
    }

    private static func append(twoDigits number: Int, to output: inout [UInt8]) {
        let number = UInt8(truncatingIfNeeded: abs(number) % 100)
        output.append(UInt8(ascii: "0") + number / 10)
        output.append(UInt8(ascii: "0") + number % 10)
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
}

/// What an authority says of certificates' standing: the bytes to sign of a CRL or an OCSP answer.
/// Only this module's encoders make one, so that the signing function takes nothing else.
struct StatusStatement: ~Copyable, Sendable {
    /// From `start` what is signed, and before it room for the outer SEQUENCE's header.
    private var octets: [UInt8]
    private var start: Int
    /// What follows the signature inside the outer SEQUENCE.
    private let trailer: [UInt8]

    init(octets: [UInt8], start: Int, trailer: [UInt8]) {
        self.octets = octets
        self.start = start
        self.trailer = trailer
    }

    init(tbs: [UInt8], trailer: [UInt8]) {
        var octets = [UInt8](repeating: 0, count: StatusDER.headerOctetsMax)
        octets += tbs
        self.init(octets: octets, start: StatusDER.headerOctetsMax, trailer: trailer)
    }

    func withSigned<Value, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let start = self.start
        return try self.octets.withUnsafeBufferPointer { octets throws(Failure) in
            try body(UnsafeBufferPointer(rebasing: octets[start...]))
        }
    }

    /// With its signature, DER: in the same buffer, so that there is no second copy of a large
    /// list.
    consuming func sealed(algorithm: [UInt8], signature: [UInt8]) -> [UInt8] {
        self.octets += algorithm
        self.octets += StatusDER.wrapped(0x03, [0] + signature)
        self.octets += self.trailer
        let header = StatusDER.header(
            StatusDER.sequence, count: self.octets.count - self.start)
        StatusDER.put(header, before: &self.start, in: &self.octets)
        self.octets.removeSubrange(..<self.start)
        return self.octets
    }
}
