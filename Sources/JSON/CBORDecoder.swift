/// Reads one CBOR data item (RFC 8949) into the tree that JSON documents are read into, so that a
/// dialogue has one meaning whichever of the two forms a device speaks.
///
/// It takes what JSON can say: maps with text keys, arrays, text, integers, finite floats,
/// booleans and null, each of definite or indefinite length; tags are passed over. Byte strings,
/// `undefined`, other simple values and non-finite floats have no JSON form and are refused rather
/// than guessed at. A claimed length never reserves memory: only bytes that are there do.
///
/// A reader that knows which members of the document's map it will look at says so: what has no
/// JSON form stands as null in the others, which must be well-formed all the same.
package struct CBORDecoder {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private let knownMembers: Set<String>?
    private var position = 0
    /// Whether what is read belongs to a member that nobody will look at.
    private var isPassedOver = false

    /// - Parameter knownMembers: the members of the outermost map that matter; nil for all.
    package static func decode(
        _ bytes: [UInt8], limits: JSONLimits = .standard, knownMembers: Set<String>? = nil
    ) throws(CBORError) -> JSONValue {
        guard bytes.count <= limits.bytesMax else {
            throw CBORError(
                code: .tooLarge,
                message: "the document has \(bytes.count) bytes; at most \(limits.bytesMax)",
                offsetBytes: limits.bytesMax)
        }
        let result: Result<JSONValue, CBORError> = bytes.withUnsafeBufferPointer { buffer in
            var decoder = CBORDecoder(
                bytes: buffer, limits: limits, knownMembers: knownMembers)
            do throws(CBORError) { return .success(try decoder.document()) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(
        bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, knownMembers: Set<String>?
    ) {
        self.bytes = bytes
        self.limits = limits
        self.knownMembers = knownMembers
    }

    private mutating func document() throws(CBORError) -> JSONValue {
        let value = try self.item(depth: 0)
        guard self.position == self.bytes.count else {
            throw self.error(.trailingBytes, "unexpected bytes after the document")
        }
        return value
    }

    private mutating func item(depth: Int) throws(CBORError) -> JSONValue {
        var start = self.position
        var head = try self.head()
        // RFC 8949 section 3.4: a decoder that knows no tag may still use what is inside. A loop,
        // since tags may follow one another as far as the document goes.
        while head.type == .tag {
            _ = try self.definite(head, at: start)
            start = self.position
            head = try self.head()
        }
        switch head.type {
        case .unsigned:
            return .number(JSONNumber(validated: String(try self.definite(head, at: start))))
        case .negative: return .number(Self.negative(try self.definite(head, at: start)))
        case .byteString:
            guard self.isPassedOver else {
                throw self.error(
                    .unsupportedItem, "a byte string; send text strings (major type 3)", at: start)
            }
            try self.passBytes(head, at: start)
            return .null
        case .textString: return .string(try self.text(head, at: start))
        case .array: return .array(try self.array(head, at: start, depth: depth + 1))
        case .map: return .object(try self.map(head, at: start, depth: depth + 1))
        case .simpleOrFloat: return try self.simpleOrFloat(head, at: start)
        case .tag: throw self.error(.notWellFormed, "a tag without a data item", at: start)
        }
    }
}

// MARK: Heads

extension CBORDecoder {
    /// The first byte of an item, and the argument that follows it (RFC 8949 section 3).
    private struct Head {
        let type: CBORMajorType
        /// The low five bits of the first byte.
        let info: UInt8
        /// nil for an indefinite length, or the "break" of one.
        let argument: UInt64?
    }

    private static let breakByte: UInt8 = 0xFF
    private static let indefiniteInfo: UInt8 = 31

    private mutating func head() throws(CBORError) -> Head {
        let start = self.position
        guard start < self.bytes.count else {
            throw self.error(.unexpectedEnd, "the document ends where a data item was expected")
        }
        let first = self.bytes[start]
        let info = first & 0x1F
        guard let type = CBORMajorType(rawValue: first >> 5) else {
            throw self.error(.notWellFormed, "no such major type")
        }
        self.position += 1
        switch info {
        case 0..<24: return Head(type: type, info: info, argument: UInt64(info))
        case 24...27:
            let argument = try self.bigEndian(byteCount: 1 << Int(info - 24), at: start)
            return Head(type: type, info: info, argument: argument)
        case Self.indefiniteInfo: return Head(type: type, info: info, argument: nil)
        default:
            throw self.error(
                .notWellFormed, "additional information \(info) is reserved", at: start)
        }
    }

    private mutating func bigEndian(
        byteCount: Int, at start: Int
    ) throws(CBORError) -> UInt64 {
        guard self.bytes.count - self.position >= byteCount else {
            throw self.error(.unexpectedEnd, "the document ends inside a data item", at: start)
        }
        var value: UInt64 = 0
        for _ in 0..<byteCount {
            value = value << 8 | UInt64(self.bytes[self.position])
            self.position += 1
        }
        return value
    }

    private func definite(_ head: Head, at start: Int) throws(CBORError) -> UInt64 {
        guard let argument = head.argument else {
            throw self.error(
                .notWellFormed, "an indefinite length where none is allowed", at: start)
        }
        return argument
    }

    private mutating func takeBreak() -> Bool {
        guard self.position < self.bytes.count, self.bytes[self.position] == Self.breakByte
        else { return false }
        self.position += 1
        return true
    }
}

// MARK: Items

extension CBORDecoder {
    /// The value is -1 - n, for n up to 2^64 - 1 (RFC 8949 section 3.1, major type 1).
    private static func negative(_ argument: UInt64) -> JSONNumber {
        let (next, overflow) = argument.addingReportingOverflow(1)
        return JSONNumber(validated: overflow ? "-18446744073709551616" : "-\(next)")
    }

    private mutating func text(_ head: Head, at start: Int) throws(CBORError) -> String {
        if let length = head.argument { return try self.chunk(length, at: start) }
        var text = ""
        while !self.takeBreak() {
            let chunkStart = self.position
            let chunk = try self.head()
            // RFC 8949 section 3.2.3: chunks are of the same type, of definite length, and each
            // is valid UTF-8 by itself.
            guard chunk.type == .textString, let length = chunk.argument else {
                throw self.error(
                    .notWellFormed, "a chunk of a text string must be a definite text string",
                    at: chunkStart)
            }
            text += try self.chunk(length, at: chunkStart)
        }
        return text
    }

    private mutating func chunk(_ length: UInt64, at start: Int) throws(CBORError) -> String {
        let count = try self.present(length, of: "text", at: start)
        let raw = self.bytes[self.position..<self.position + count]
        guard
            let text = String(validating: UnsafeBufferPointer(rebasing: raw), as: UTF8.self)
        else { throw self.error(.invalidUTF8, "the text string is not valid UTF-8", at: start) }
        self.position += count
        return text
    }

    /// The length of a string, all of which is there.
    private func present(
        _ length: UInt64, of kind: String, at start: Int
    ) throws(CBORError) -> Int {
        guard let count = Int(exactly: length), count <= self.bytes.count - self.position else {
            throw self.error(
                .unexpectedEnd, "a \(kind) string of \(length) bytes runs past the document",
                at: start)
        }
        return count
    }

    private mutating func passBytes(_ head: Head, at start: Int) throws(CBORError) {
        if let length = head.argument {
            self.position += try self.present(length, of: "byte", at: start)
            return
        }
        while !self.takeBreak() {
            let chunkStart = self.position
            let chunk = try self.head()
            // RFC 8949 section 3.2.3, as for text.
            guard chunk.type == .byteString, let length = chunk.argument else {
                throw self.error(
                    .notWellFormed, "a chunk of a byte string must be a definite byte string",
                    at: chunkStart)
            }
            self.position += try self.present(length, of: "byte", at: chunkStart)
        }
    }

    private mutating func array(
        _ head: Head, at start: Int, depth: Int
    ) throws(CBORError) -> [JSONValue] {
        try self.checkDepth(depth, at: start)
        var elements: [JSONValue] = []
        var remaining = try self.count(head, itemsEach: 1, at: start)
        while try self.hasNext(&remaining) { elements.append(try self.item(depth: depth)) }
        return elements
    }

    private mutating func map(
        _ head: Head, at start: Int, depth: Int
    ) throws(CBORError) -> JSONObject {
        try self.checkDepth(depth, at: start)
        var object = JSONObject()
        var remaining = try self.count(head, itemsEach: 2, at: start)
        while try self.hasNext(&remaining) {
            let keyStart = self.position
            let keyHead = try self.head()
            guard keyHead.type == .textString else {
                guard self.isPassedOver else {
                    throw self.error(
                        .keyNotText, "a map's key must be a text string", at: keyStart)
                }
                self.position = keyStart
                _ = try self.item(depth: depth)
                _ = try self.item(depth: depth)
                continue
            }
            let key = try self.text(keyHead, at: keyStart)
            // The outermost map is the only one at this depth.
            if depth == 1, let known = self.knownMembers {
                self.isPassedOver = !known.contains(key)
            }
            guard object.append(key, try self.item(depth: depth)) else {
                throw self.error(
                    .duplicateKey, "the key \(key.quoted) appears twice in one map", at: keyStart)
            }
            if depth == 1 { self.isPassedOver = false }
        }
        return object
    }

    /// How many entries follow; nil where a break will tell. Each item takes a byte at the least,
    /// so a count beyond the document is refused at once.
    private func count(
        _ head: Head, itemsEach: UInt64, at start: Int
    ) throws(CBORError) -> UInt64? {
        guard let count = head.argument else { return nil }
        guard count <= UInt64(self.bytes.count - self.position) / itemsEach else {
            throw self.error(
                .unexpectedEnd, "\(count) entries are claimed, more than the document holds",
                at: start)
        }
        return count
    }

    private mutating func hasNext(_ remaining: inout UInt64?) throws(CBORError) -> Bool {
        guard let count = remaining else { return !self.takeBreak() }
        guard count > 0 else { return false }
        remaining = count - 1
        return true
    }

    private mutating func simpleOrFloat(
        _ head: Head, at start: Int
    ) throws(CBORError) -> JSONValue {
        guard let argument = head.argument else {
            throw self.error(.notWellFormed, "a break outside an indefinite length", at: start)
        }
        switch head.info {
        case 20: return .bool(false)
        case 21: return .bool(true)
        case 22: return .null
        case 25: return try self.float(CBORHalf.value(UInt16(truncatingIfNeeded: argument)), start)
        case 26:
            let single = Float(bitPattern: UInt32(truncatingIfNeeded: argument))
            return try self.float(Double(single), start)
        case 27: return try self.float(Double(bitPattern: argument), start)
        default:
            // RFC 8949 section 3.3: values below 32 are never spelled with two bytes.
            if self.isPassedOver, head.info < 24 || argument >= 32 { return .null }
            throw self.error(
                .unsupportedItem, "the simple value \(argument) has no meaning here", at: start)
        }
    }

    private func float(_ value: Double, _ start: Int) throws(CBORError) -> JSONValue {
        guard let number = JSONNumber(value) else {
            if self.isPassedOver { return .null }
            throw self.error(.unsupportedItem, "a float that is not finite", at: start)
        }
        return .number(number)
    }

    private func checkDepth(_ depth: Int, at start: Int) throws(CBORError) {
        guard depth <= self.limits.depthMax else {
            throw self.error(.tooDeep, "nested deeper than \(self.limits.depthMax)", at: start)
        }
    }

    private func error(_ code: CBORError.Code, _ message: String, at offset: Int? = nil)
        -> CBORError
    {
        CBORError(code: code, message: message, offsetBytes: offset ?? self.position)
    }
}
