/// Writes a value as JSON text. Every style yields a document that `JSONParser` reads back equal.
package enum JSONPrinter {
    package enum Style: Sendable {
        /// One line, members in their order.
        case compact
        /// Two spaces a level, members in their order: for people.
        case pretty
        /// One line, members sorted by the bytes of their keys: for digests.
        case canonical
    }

    package static func print(_ value: JSONValue, style: Style = .compact) -> String {
        String(decoding: Self.bytes(value, style: style), as: UTF8.self)
    }

    package static func bytes(_ value: JSONValue, style: Style = .compact) -> [UInt8] {
        var output: [UInt8] = []
        Self.write(value, style: style, level: 0, into: &output)
        return output
    }

    private static func write(
        _ value: JSONValue, style: Style, level: Int, into output: inout [UInt8]
    ) {
        switch value {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .number(let number): output.append(contentsOf: number.text.utf8)
        case .string(let text): Self.append(text, to: &output)
        case .array(let elements):
            Self.writeGroup("[", "]", elements, style, level, into: &output) {
                Self.write($0, style: style, level: level + 1, into: &$1)
            }
        case .object(let object):
            var members = object.members
            if style == .canonical {
                members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            Self.writeGroup("{", "}", members, style, level, into: &output) {
                Self.append($0.key, to: &$1)
                $1.append(UInt8(ascii: ":"))
                if style == .pretty { $1.append(0x20) }
                Self.write($0.value, style: style, level: level + 1, into: &$1)
            }
        }
    }

    private static func writeGroup<Element>(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ elements: [Element], _ style: Style,
        _ level: Int, into output: inout [UInt8],
        _ writeElement: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: open))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if style == .pretty { Self.newLine(level + 1, into: &output) }
            writeElement(element, &output)
        }
        if style == .pretty, !elements.isEmpty { Self.newLine(level, into: &output) }
        output.append(UInt8(ascii: close))
    }

    private static func newLine(_ level: Int, into output: inout [UInt8]) {
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: level * 2))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// A string in its quotes.
    static func append(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            // Most texts need no escape and are copied whole, the others in the runs between.
            var copied = 0
            while let index = Self.firstToEscape(in: bytes, from: copied) {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<index]))
                Self.writeEscape(bytes[index], into: &output)
                copied = index + 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied...]))
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Every byte of every answer comes by here: eight are looked at together.
    private static func firstToEscape(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Int? {
        var index = start
        let raw = UnsafeRawBufferPointer(bytes)
        while index + 8 <= raw.count,
            !Self.mayNeedEscape(raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        {
            index += 8
        }
        while index < bytes.count {
            if Self.needsEscape(bytes[index]) { return index }
            index += 1
        }
        return nil
    }

    /// Whether a byte of eight does: subtracting from each what it must reach borrows from its
    /// highest bit where it is less, or where one below it was.
    private static func mayNeedEscape(_ eight: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        func hasLess(_ bytes: UInt64, than bound: UInt64) -> UInt64 {
            (bytes &- ones &* bound) & ~bytes
        }
        let found =
            hasLess(eight, than: 0x20)
            | hasLess(eight ^ (ones &* UInt64(UInt8(ascii: "\""))), than: 1)
            | hasLess(eight ^ (ones &* UInt64(UInt8(ascii: "\\"))), than: 1)
            | hasLess(eight ^ (ones &* 0x7F), than: 1)
        return found & (ones &* 0x80) != 0
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func writeEscape(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
        case 0x0A: output.append(contentsOf: "\\n".utf8)
        case 0x0D: output.append(contentsOf: "\\r".utf8)
        case 0x09: output.append(contentsOf: "\\t".utf8)
        default:
            output.append(contentsOf: "\\u00".utf8)
            output.append(Self.hexDigits[Int(byte >> 4)])
            output.append(Self.hexDigits[Int(byte & 0x0F)])
        }
    }
}

extension JSONValue: CustomStringConvertible {
    package var description: String { JSONPrinter.print(self) }
}
