/// Reads a small, strict part of YAML 1.2 into the tree that JSON is: what people write by hand and
/// review, and nothing that means other than it looks.
///
/// There are block mappings and block sequences, `[a, b]` of scalars on one line, comments, and
/// scalars: plain ones, 'single' and "double" quoted ones (with JSON's escapes). A plain scalar is
/// text, but for `true`, `false`, `null` and whole numbers. Tabs, anchors, aliases, tags, block
/// scalars, more than one document, repeated keys and uneven indentation are refused with their
/// line.
package struct YAMLReader {
    private struct Line {
        let number: Int
        let indent: Int
        let text: String
    }

    /// A file of settings larger than this is none.
    package static let bytesMax = 256 << 10
    private static let depthMax = 16

    private var lines: ArraySlice<Line> = []

    /// - Throws: `YAMLError` with the line.
    package static func parse(_ bytes: [UInt8]) throws(YAMLError) -> JSONValue {
        guard bytes.count <= Self.bytesMax else {
            throw YAMLError(line: 1, message: "the file has more than \(Self.bytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw YAMLError(line: 1, message: "the file is not UTF-8")
        }
        var reader = YAMLReader()
        reader.lines = try Self.lines(of: text)[...]
        guard let first = reader.lines.first else {
            throw YAMLError(line: 1, message: "the file is empty")
        }
        guard first.indent == 0 else {
            throw YAMLError(line: first.number, message: "the first line is indented")
        }
        let value = try reader.block(indent: 0, depth: 0)
        if let rest = reader.lines.first {
            throw YAMLError(line: rest.number, message: "it fits nothing above it")
        }
        return value
    }

    private static func lines(of text: String) throws(YAMLError) -> [Line] {
        var lines: [Line] = []
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, raw) in all.enumerated() {
            let number = index + 1
            guard !raw.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else { throw YAMLError(line: number, message: "it has a tab or control character") }
            let indent = raw.prefix { $0 == " " }.count
            let content = Self.uncommented(raw.dropFirst(indent))
            if content.isEmpty { continue }
            guard !content.hasPrefix("---"), content != "..." else {
                throw YAMLError(line: number, message: "one document, without markers")
            }
            lines.append(Line(number: number, indent: indent, text: content))
        }
        return lines
    }

    /// A comment begins the line or follows a space, outside quotes.
    private static func uncommented(_ line: Substring) -> String {
        var quote: Character?
        var isEscaped = false
        var previous: Character = " "
        var end = line.endIndex
        for index in line.indices {
            let character = line[index]
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if open == "\"", character == "\\" {
                    isEscaped = true
                } else if character == open {
                    quote = nil
                }
            } else if character == "#", previous == " " {
                end = index
                break
            } else if character == "\"" || character == "'",
                " [,:".contains(previous)
            {
                quote = character
            }
            previous = character
        }
        var content = line[..<end]
        while content.last == " " { content.removeLast() }
        return String(content)
    }

    // MARK: Blocks

    private mutating func block(indent: Int, depth: Int) throws(YAMLError) -> JSONValue {
        guard let first = self.lines.first else { return .null }
        guard depth < Self.depthMax else {
            throw YAMLError(line: first.number, message: "it is nested too deep")
        }
        return first.text == "-" || first.text.hasPrefix("- ")
            ? try self.sequence(indent: indent, depth: depth)
            : try self.mapping(indent: indent, depth: depth)
    }

    private mutating func mapping(indent: Int, depth: Int) throws(YAMLError) -> JSONValue {
        var object = JSONObject()
        while let line = self.lines.first, line.indent == indent {
            guard let (key, rest) = try Self.pair(line) else {
                throw YAMLError(line: line.number, message: "expected 'key: value'")
            }
            self.lines.removeFirst()
            let value = try self.value(rest, of: line, indent: indent, depth: depth)
            guard object.append(key, value) else {
                throw YAMLError(line: line.number, message: "'\(key)' is there already")
            }
        }
        return .object(object)
    }

    private mutating func sequence(indent: Int, depth: Int) throws(YAMLError) -> JSONValue {
        var elements: [JSONValue] = []
        while let line = self.lines.first, line.indent == indent,
            line.text == "-" || line.text.hasPrefix("- ")
        {
            self.lines.removeFirst()
            let rest = String(line.text.dropFirst().drop { $0 == " " })
            let shift = line.text.count - rest.count
            let inner = Line(number: line.number, indent: indent + shift, text: rest)
            if !rest.isEmpty, rest.hasPrefix("- ") {
                throw YAMLError(line: line.number, message: "a list within a list's line")
            }
            if !rest.isEmpty, try Self.pair(inner) != nil {
                // A mapping whose first pair stands beside the dash.
                self.lines.insert(inner, at: self.lines.startIndex)
                elements.append(try self.mapping(indent: inner.indent, depth: depth + 1))
            } else {
                elements.append(try self.value(rest, of: line, indent: indent, depth: depth))
            }
        }
        return .array(elements)
    }

    /// What follows a key or a dash: on its line, or indented below it.
    private mutating func value(
        _ rest: String, of line: Line, indent: Int, depth: Int
    ) throws(YAMLError) -> JSONValue {
        let next = self.lines.first
        guard rest.isEmpty else {
            if let next, next.indent > indent {
                throw YAMLError(
                    line: next.number, message: "a value on the line above and one below it")
            }
            return try Self.scalarOrList(rest, line.number)
        }
        guard let next, next.indent > indent else {
            // Lists may stand at their key's own column.
            if let next, next.indent == indent, next.text.hasPrefix("- "),
                !line.text.hasPrefix("-")
            {
                return try self.sequence(indent: indent, depth: depth + 1)
            }
            return .null
        }
        return try self.block(indent: next.indent, depth: depth + 1)
    }

    /// `key: rest`, or nil where the line is no pair.
    private static func pair(_ line: Line) throws(YAMLError) -> (key: String, rest: String)? {
        let text = line.text
        guard let first = text.first, first != "\"", first != "'", first != "[", first != "{",
            let colon = text.indices.first(where: { index in
                text[index] == ":"
                    && (text.index(after: index) == text.endIndex
                        || text[text.index(after: index)] == " ")
            })
        else { return nil }
        let key = String(text[..<colon])
        guard
            key.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }), !key.isEmpty
        else { throw YAMLError(line: line.number, message: "a key has letters, digits, - and _") }
        return (key, String(text[text.index(after: colon)...].drop { $0 == " " }))
    }

    // MARK: Scalars

    private static func scalarOrList(
        _ text: String, _ line: Int
    ) throws(YAMLError) -> JSONValue {
        guard text.hasPrefix("[") else { return try Self.scalar(text, line) }
        guard text.hasSuffix("]") else {
            throw YAMLError(line: line, message: "a list in brackets ends on its line")
        }
        let inside = String(text.dropFirst().dropLast())
        if inside.allSatisfy({ $0 == " " }) { return .array([]) }
        var elements: [JSONValue] = []
        for piece in try Self.pieces(of: inside, line) {
            guard !piece.isEmpty else { throw YAMLError(line: line, message: "an empty element") }
            guard !piece.hasPrefix("["), !piece.hasPrefix("{") else {
                throw YAMLError(line: line, message: "a list in brackets holds scalars only")
            }
            elements.append(try Self.scalar(piece, line))
        }
        return .array(elements)
    }

    private static func pieces(of text: String, _ line: Int) throws(YAMLError) -> [String] {
        var pieces = [""]
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil }
                pieces[pieces.count - 1].append(character)
            } else if character == "," {
                pieces.append("")
            } else {
                if character == "\"" || character == "'" { quote = character }
                pieces[pieces.count - 1].append(character)
            }
        }
        guard quote == nil else { throw YAMLError(line: line, message: "a quote is not closed") }
        return pieces.map { piece in
            var content = piece.drop { $0 == " " }
            while content.last == " " { content.removeLast() }
            return String(content)
        }
    }

    private static func scalar(_ text: String, _ line: Int) throws(YAMLError) -> JSONValue {
        switch text.first {
        case "\"":
            guard case .string(let value)? = try? JSONParser.parse(text) else {
                throw YAMLError(line: line, message: "a double-quoted text that does not hold")
            }
            return .string(value)
        case "'":
            let inside = text.dropFirst().dropLast().replacing("''", with: "\u{0}")
            guard text.count >= 2, text.hasSuffix("'"), !inside.contains("'") else {
                throw YAMLError(line: line, message: "a single-quoted text that does not hold")
            }
            return .string(String(inside.replacing("\u{0}", with: "'")))
        case "&", "*", "!", "|", ">", "%", "@", "`", "{", "}", "]", ",", "?":
            throw YAMLError(
                line: line,
                message: "a plain text cannot begin with '\(text.prefix(1))': put it in quotes")
        default: break
        }
        guard !text.contains(": "), !text.hasSuffix(":") else {
            throw YAMLError(line: line, message: "a colon in a plain text: put it in quotes")
        }
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null", "~": return .null
        default: break
        }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let isNumber =
            !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
            && (digits == "0" || digits.first != "0")
        if isNumber, let number = Int(text) { return .int(number) }
        return .string(text)
    }
}

/// Why a file is not in the part of YAML that is read here.
package struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let message: String

    package var description: String { "line \(self.line): \(self.message)" }
}
