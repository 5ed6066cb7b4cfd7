/// Reads one JSON document (RFC 8259) strictly: no comments, no trailing comma, no repeated key,
/// nothing after the value, valid UTF-8 throughout.
///
/// One pass over contiguous bytes by recursive descent. The depth limit bounds the recursion; the
/// byte limit is looked at before anything is read.
package struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var valuesCount = 0

    package static func parse(
        _ text: String, limits: JSONLimits = .standard
    ) throws(JSONError) -> JSONValue {
        try Self.parse(Array(text.utf8), limits: limits)
    }

    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = .standard
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.bytesMax else {
            throw JSONError(
                code: .tooLarge,
                message: "the document has \(bytes.count) bytes; at most \(limits.bytesMax)",
                offsetBytes: limits.bytesMax, line: 1, column: 1)
        }
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var parser = JSONParser(bytes: buffer, limits: limits)
            do throws(JSONError) { return .success(try parser.document()) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func document() throws(JSONError) -> JSONValue {
        // RFC 8259 section 8.1: a writer must not begin with one, and a reader may pass over it.
        // Some do and some do not, so whoever wrote it is told.
        guard !self.bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw self.error(
                .unexpectedByte,
                "the text begins with a byte order mark; save it as UTF-8 without one")
        }
        self.skipWhitespace()
        let value = try self.value(depth: 0)
        self.skipWhitespace()
        guard self.position == self.bytes.count else {
            throw self.error(.trailingBytes, "unexpected text after the document")
        }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard let byte = self.peek() else { throw self.endError("a value") }
        self.valuesCount += 1
        guard self.valuesCount <= self.limits.valuesMax else {
            throw self.error(.tooLarge, "more than \(self.limits.valuesMax) values")
        }
        switch byte {
        case UInt8(ascii: "{"): return .object(try self.object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try self.array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try self.number())
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        default: throw self.error(.unexpectedByte, "expected a value, found \(self.found(byte))")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        try self.checkDepth(depth)
        self.position += 1
        var object = JSONObject()
        self.skipWhitespace()
        if self.take(UInt8(ascii: "}")) { return object }
        while true {
            self.skipWhitespace()
            guard let byte = self.peek() else { throw self.endError("a key") }
            guard byte == UInt8(ascii: "\"") else {
                throw self.error(
                    .unexpectedByte, "expected a key in quotes, found \(self.found(byte))")
            }
            let keyPosition = self.position
            let key = try self.string()
            self.skipWhitespace()
            try self.expect(UInt8(ascii: ":"), "':' after the key \(key.quoted)")
            self.skipWhitespace()
            let value = try self.value(depth: depth)
            guard object.append(key, value) else {
                self.position = keyPosition
                throw self.error(.duplicateKey, "the key \(key.quoted) appears twice in one object")
            }
            self.skipWhitespace()
            if self.take(UInt8(ascii: "}")) { return object }
            try self.expect(UInt8(ascii: ","), "',' or '}'")
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        try self.checkDepth(depth)
        self.position += 1
        var elements: [JSONValue] = []
        self.skipWhitespace()
        if self.take(UInt8(ascii: "]")) { return elements }
        while true {
            self.skipWhitespace()
            elements.append(try self.value(depth: depth))
            self.skipWhitespace()
            if self.take(UInt8(ascii: "]")) { return elements }
            try self.expect(UInt8(ascii: ","), "',' or ']'")
        }
    }

    private mutating func literal(
        _ text: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        let matches = text.withUTF8Buffer { expected in
            self.bytes.count - self.position >= expected.count
                && (0..<expected.count).allSatisfy {
                    self.bytes[self.position + $0] == expected[$0]
                }
        }
        guard matches else { throw self.error(.unexpectedByte, "expected \(text)") }
        self.position += text.utf8CodeUnitCount
        return value
    }
}

// MARK: Scalars

extension JSONParser {
    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = self.position
        _ = self.take(UInt8(ascii: "-"))
        if !self.take(UInt8(ascii: "0")) { try self.digits() }
        if self.take(UInt8(ascii: ".")) { try self.digits() }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            try self.digits()
        }
        let text = String(
            decoding: UnsafeBufferPointer(rebasing: self.bytes[start..<self.position]),
            as: UTF8.self)
        return JSONNumber(validated: text)
    }

    private mutating func digits() throws(JSONError) {
        let start = self.position
        while let byte = self.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            self.position += 1
        }
        guard self.position > start else { throw self.error(.invalidNumber, "expected a digit") }
    }

    private mutating func string() throws(JSONError) -> String {
        let opening = self.position
        self.position += 1
        let start = self.position
        self.skipPlainCharacters()
        if self.peek() == UInt8(ascii: "\"") {
            let raw = self.bytes[start..<self.position]
            self.position += 1
            return try self.decodeUTF8(UnsafeBufferPointer(rebasing: raw), at: opening)
        }
        var unescaped = Array(self.bytes[start..<self.position])
        while true {
            guard let byte = self.peek() else { throw self.endError("'\"'") }
            switch byte {
            case UInt8(ascii: "\""):
                self.position += 1
                let result: Result<String, JSONError> = unescaped.withUnsafeBufferPointer {
                    buffer in
                    do throws(JSONError) {
                        return .success(try self.decodeUTF8(buffer, at: opening))
                    } catch { return .failure(error) }
                }
                return try result.get()
            case UInt8(ascii: "\\"): try self.escape(into: &unescaped)
            case 0..<0x20:
                throw self.error(
                    .controlCharacter, "a control character in a string must be escaped")
            default:
                let run = self.position
                self.skipPlainCharacters()
                unescaped.append(contentsOf: self.bytes[run..<self.position])
            }
        }
    }

    /// To the next quote, escape or control character, or the document's end.
    private mutating func skipPlainCharacters() {
        var index = self.position
        while index < self.bytes.count {
            let byte = self.bytes[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            index += 1
        }
        self.position = index
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
        self.position += 1
        guard let byte = self.peek() else { throw self.endError("an escape") }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): try self.unicodeEscape(into: &bytes)
        default:
            self.position -= 1
            throw self.error(.invalidEscape, "unknown escape '\\\(self.found(byte))'")
        }
    }

    /// A lone surrogate has no UTF-8 form, so it is refused rather than replaced: a replaced
    /// character would make two different documents equal.
    private mutating func unicodeEscape(into bytes: inout [UInt8]) throws(JSONError) {
        let high = try self.hexQuad()
        var scalar = UInt32(high)
        if (0xD800...0xDBFF).contains(high) {
            guard self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) else {
                throw self.error(.invalidEscape, "a high surrogate without its low one")
            }
            let low = try self.hexQuad()
            guard (0xDC00...0xDFFF).contains(low) else {
                throw self.error(.invalidEscape, "a high surrogate without its low one")
            }
            scalar = 0x10000 + (UInt32(high) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
        }
        guard let unicode = Unicode.Scalar(scalar) else {
            throw self.error(.invalidEscape, "a low surrogate on its own")
        }
        bytes.append(contentsOf: UTF8.encode(unicode) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func hexQuad() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = self.peek() else { throw self.endError("four hex digits") }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw self.error(.invalidEscape, "expected four hex digits after \\u")
            }
            value = value << 4 | UInt16(digit)
            self.position += 1
        }
        return value
    }

    private func decodeUTF8(
        _ buffer: UnsafeBufferPointer<UInt8>, at offset: Int
    ) throws(JSONError) -> String {
        // What is ASCII is valid, and made without a look at its type: nearly every string is.
        if buffer.allSatisfy({ $0 < 0x80 }) { return String(decoding: buffer, as: UTF8.self) }
        guard let text = String(validating: buffer, as: UTF8.self) else {
            throw self.error(.invalidUTF8, "the string is not valid UTF-8", at: offset)
        }
        return text
    }
}

// MARK: Cursor

extension JSONParser {
    private func peek() -> UInt8? {
        self.position < self.bytes.count ? self.bytes[self.position] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek() == byte else { return false }
        self.position += 1
        return true
    }

    /// - Parameter what: put into words only where it is missing.
    private mutating func expect(
        _ byte: UInt8, _ what: @autoclosure () -> String
    ) throws(JSONError) {
        guard let found = self.peek() else { throw self.endError(what()) }
        guard found == byte else {
            throw self.error(.unexpectedByte, "expected \(what()), found \(self.found(found))")
        }
        self.position += 1
    }

    private mutating func skipWhitespace() {
        while let byte = self.peek(),
            byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        {
            self.position += 1
        }
    }

    private func checkDepth(_ depth: Int) throws(JSONError) {
        guard depth <= self.limits.depthMax else {
            throw self.error(.tooDeep, "nested deeper than \(self.limits.depthMax)")
        }
    }

    private func found(_ byte: UInt8) -> String {
        (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }

    private func endError(_ expected: String) -> JSONError {
        self.error(.unexpectedEnd, "the document ends where \(expected) was expected")
    }

    private func error(_ code: JSONError.Code, _ message: String, at offset: Int? = nil)
        -> JSONError
    {
        let offset = offset ?? self.position
        var line = 1
        var lineStart = 0
        for index in 0..<min(offset, self.bytes.count) where self.bytes[index] == 0x0A {
            line += 1
            lineStart = index + 1
        }
        return JSONError(
            code: code, message: message, offsetBytes: offset, line: line,
            column: offset - lineStart + 1)
    }
}

extension String {
    /// Foreign text quoted in an error message: short, and without control characters.
    var quoted: String {
        let clean = self.unicodeScalars.prefix(64).map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : String(scalar)
        }.joined()
        return self.unicodeScalars.count > 64 ? "\"\(clean)…\"" : "\"\(clean)\""
    }
}
