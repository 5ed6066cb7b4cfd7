/// As much of DER (X.690) as it takes to find the alternative names of a certificate that has been
/// accepted already: tag, length, contents, one after the other.
struct DERReader {
    struct Element {
        let tag: UInt8
        let contents: ArraySlice<UInt8>

        var elements: DERReader { DERReader(self.contents) }
        /// The contents of a string; nil where they are not UTF-8, of which the strings that
        /// certificates use nearly always are (IA5String, PrintableString, UTF8String).
        var text: String? { String(validating: self.contents, as: UTF8.self) }
    }

    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.rest = bytes }

    /// The next element; nil at the end, and at anything that is no DER.
    mutating func next() -> Element? {
        guard let tag = self.rest.popFirst(), tag & 0x1F != 0x1F, let length = self.length(),
            length <= self.rest.count
        else { return nil }
        let contents = self.rest.prefix(length)
        self.rest = self.rest.dropFirst(length)
        return Element(tag: tag, contents: contents)
    }

    mutating func next(_ tag: UInt8) -> Element? {
        guard let element = self.next(), element.tag == tag else { return nil }
        return element
    }

    private mutating func length() -> Int? {
        guard let first = self.rest.popFirst() else { return nil }
        guard first & 0x80 != 0 else { return Int(first) }
        let count = Int(first & 0x7F)
        guard (1...3).contains(count) else { return nil }
        var length = 0
        for _ in 0..<count {
            guard let byte = self.rest.popFirst() else { return nil }
            length = length << 8 | Int(byte)
        }
        return length
    }
}

/// RFC 7468: the bytes between the lines that begin and end a certificate.
enum PEMText {
    static func certificate(_ pem: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var isInside = false
        for line in pem.utf8.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            if line.first == UInt8(ascii: "-") {
                if isInside { return bytes }
                isInside = line.elementsEqual("-----BEGIN CERTIFICATE-----".utf8)
                continue
            }
            guard isInside else { continue }
            for byte in line {
                if byte == UInt8(ascii: "=") { break }
                guard let digit = Self.digit(byte) else { return nil }
                bits = bits << 6 | digit
                count += 6
                if count >= 8 {
                    count -= 8
                    bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                }
            }
        }
        return nil
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
