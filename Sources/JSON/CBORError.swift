/// Why bytes are not a CBOR document we take, and where: the offset counts bytes from 0.
package struct CBORError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case tooLarge, tooDeep, unexpectedEnd, notWellFormed, invalidUTF8, unsupportedItem,
            keyNotText, duplicateKey, trailingBytes
    }
    package let code: Code
    package let message: String
    package let offsetBytes: Int

    package init(code: Code, message: String, offsetBytes: Int) {
        self.code = code
        self.message = message
        self.offsetBytes = offsetBytes
    }

    package var description: String { "byte \(self.offsetBytes): \(self.message)" }
}

/// The three bits that open every data item (RFC 8949 section 3.1).
enum CBORMajorType: UInt8 {
    case unsigned, negative, byteString, textString, array, map, tag, simpleOrFloat
}
