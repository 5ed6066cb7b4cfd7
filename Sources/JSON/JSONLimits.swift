/// What a document may cost before it is refused. Each limit has its unit in its name.
package struct JSONLimits: Sendable {
    /// The document's length. Default 1 MiB.
    package var bytesMax: Int
    /// How deep arrays and objects may nest. Default 64: the parser recurses, so this bounds the
    /// stack as well.
    package var depthMax: Int
    /// Values of a JSON text, arrays and objects among them. A value may be a byte in the text and
    /// a hundred in memory. By default as many as the length lets be.
    package var valuesMax: Int

    package init(bytesMax: Int = 1 << 20, depthMax: Int = 64, valuesMax: Int = .max) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.valuesMax = valuesMax
    }

    package static let standard = JSONLimits()
}

/// Why a document is not JSON, and where: line and column count from 1, in bytes within the line.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case tooLarge, tooDeep, invalidUTF8, unexpectedEnd, unexpectedByte, invalidNumber,
            invalidEscape, controlCharacter, duplicateKey, trailingBytes
    }
    package let code: Code
    package let message: String
    package let offsetBytes: Int
    package let line: Int
    package let column: Int

    package init(code: Code, message: String, offsetBytes: Int, line: Int, column: Int) {
        self.code = code
        self.message = message
        self.offsetBytes = offsetBytes
        self.line = line
        self.column = column
    }

    package var description: String { "line \(self.line), column \(self.column): \(self.message)" }
}
