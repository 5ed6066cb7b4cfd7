/// The SHA-256 of a certificate's DER as 64 lower-case hex digits: the principal's one true name.
/// Never the common name, which anyone may choose.
package struct CertificateID: Hashable, Sendable, CustomStringConvertible, Comparable {
    package static let rule = "64 hex digits"
    package let rawValue: String

    /// - Throws: `FleetError.invalidRequest` unless `candidate` is 64 hex digits; upper case is
    ///   folded, as AWS clients send both.
    package init(_ candidate: String) throws(FleetError) {
        guard candidate.utf8.count == 64, let folded = candidate.foldedHex else {
            throw FleetError(
                .invalidRequest, "'\(candidate.clipped)' is no certificate id: \(Self.rule)")
        }
        self.rawValue = folded
    }

    /// The id for a digest that has just been computed.
    package init(sha256 digest: some Sequence<UInt8>) {
        let text = digest.hex
        precondition(text.utf8.count == 64, "A SHA-256 digest has 32 bytes.")
        self.rawValue = text
    }

    package var description: String { self.rawValue }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The SHA-256 of a SubjectPublicKeyInfo's DER, in lower-case hex: what tells a key seen before.
package struct PublicKeyFingerprint: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(sha256 digest: some Sequence<UInt8>) { self.rawValue = digest.hex }

    package init(_ candidate: String) throws(FleetError) {
        guard candidate.utf8.count == 64, let folded = candidate.foldedHex else {
            throw FleetError(
                .invalidRequest,
                "'\(candidate.clipped)' is no public key fingerprint: 64 hex digits")
        }
        self.rawValue = folded
    }

    package var description: String { self.rawValue }
}

extension Sequence<UInt8> {
    /// Two lower-case hex digits a byte.
    package var hex: String { Array(self).digits }
}

extension [UInt8] {
    /// Apart from `hex`, which is compiled for any sequence and would ask it for each byte through
    /// a table: a digest is written out some five times for each certificate.
    fileprivate var digits: String {
        func digit(_ value: UInt8) -> UInt8 {
            value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
        }
        var output: [UInt8] = []
        output.reserveCapacity(self.count * 2)
        for byte in self {
            output.append(digit(byte >> 4))
            output.append(digit(byte & 0x0F))
        }
        return String(decoding: output, as: UTF8.self)
    }
}

extension String {
    /// The text with A-F folded to a-f, nil where it holds anything but hex digits.
    var foldedHex: String? {
        // What is folded already, as everything that comes from the store, is not copied.
        let isFolded = self.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        if isFolded { return self }
        var output: [UInt8] = []
        for byte in self.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                output.append(byte)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): output.append(byte | 0x20)
            default: return nil
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
