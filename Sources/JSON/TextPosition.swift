/// Places in texts that are no JSON, or are not told in bytes.
extension JSONSourceMap.Position {
    package static let start = Self(line: 1, column: 1)

    /// Where a byte of a text stands.
    package init(ofByte offset: Int, in text: some Sequence<UInt8>) {
        var line = 1
        var column = 1
        for byte in text.prefix(offset) {
            column += 1
            guard byte == 0x0A else { continue }
            line += 1
            column = 1
        }
        self.init(line: line, column: column)
    }

    /// Where bytes stop being UTF-8 (RFC 3629); nil where they are it to the end.
    package init?(endOfUTF8In bytes: [UInt8]) {
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let scalar): offset += scalar.count
            case .emptyInput: return nil
            case .error:
                self.init(ofByte: offset, in: bytes)
                return
            }
        }
    }

    /// The columns of these places counted in UTF-16 code units, as formats for code hosts have
    /// them.
    package static func utf16Columns(
        of positions: some Sequence<Self>, in text: String
    ) -> [Self: Int] {
        var columns: [Self: Int] = [:]
        var wanted = Array(Set(positions).sorted().reversed())
        var place = Self.start
        var column = 1
        for byte in text.utf8 {
            while let next = wanted.last, next <= place {
                columns[next] = column
                wanted.removeLast()
            }
            guard !wanted.isEmpty else { break }
            if byte == 0x0A {
                place = Self(line: place.line + 1, column: 1)
                column = 1
                continue
            }
            place = Self(line: place.line, column: place.column + 1)
            // One for the first byte of each scalar, and one more for what is two surrogates.
            if byte & 0xC0 != 0x80 { column += byte >= 0xF0 ? 2 : 1 }
        }
        for position in wanted { columns[position] = column }
        return columns
    }
}
