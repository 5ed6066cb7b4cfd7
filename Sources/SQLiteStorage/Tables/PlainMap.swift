/// An object of texts as the store writes it, read without a tree: what nearly every row with
/// attributes or tags holds.
enum PlainMap {
    /// nil for whatever has an escape, a space or a second member of a name in it: the parser's
    /// to read, or to refuse.
    static func read(_ text: String) -> [String: String]? {
        var text = text
        return text.withUTF8 { bytes in
            var reader = Reader(bytes: bytes)
            return reader.map()
        }
    }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

        mutating func map() -> [String: String]? {
            guard self.take(UInt8(ascii: "{")) else { return nil }
            var map: [String: String] = [:]
            if self.take(UInt8(ascii: "}")) { return self.isAtEnd ? map : nil }
            repeat {
                guard let key = self.string(), self.take(UInt8(ascii: ":")),
                    let value = self.string(), map.updateValue(value, forKey: key) == nil
                else { return nil }
            } while self.take(UInt8(ascii: ","))
            return self.take(UInt8(ascii: "}")) && self.isAtEnd ? map : nil
        }

        private var isAtEnd: Bool { self.position == self.bytes.count }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard self.position < self.bytes.count, self.bytes[self.position] == byte else {
                return false
            }
            self.position += 1
            return true
        }

        /// A string between its quotes, of what needs no escape.
        private mutating func string() -> String? {
            guard self.take(UInt8(ascii: "\"")) else { return nil }
            let start = self.position
            while self.position < self.bytes.count {
                switch self.bytes[self.position] {
                case UInt8(ascii: "\""):
                    let text = String(
                        decoding: UnsafeBufferPointer(
                            rebasing: self.bytes[start..<self.position]), as: UTF8.self)
                    self.position += 1
                    return text
                case UInt8(ascii: "\\"), ..<0x20: return nil
                default: self.position += 1
                }
            }
            return nil
        }
    }
}
