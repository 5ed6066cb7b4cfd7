/// Where the values of a document stand in its text. Parsing keeps no positions, so that it pays
/// nothing for them: this is a second pass, made once there is something to say about a place.
package struct JSONSourceMap: Sendable {
    /// Counted from 1, the column in bytes within its line, as `JSONError` counts.
    package struct Position: Hashable, Sendable, Comparable, CustomStringConvertible {
        package let line: Int
        package let column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }

        package var description: String { "line \(self.line), column \(self.column)" }
        package static func < (left: Self, right: Self) -> Bool {
            (left.line, left.column) < (right.line, right.column)
        }
    }

    fileprivate struct Place {
        let keyOffset: Int?
        let valueOffset: Int
    }

    private let places: [JSONPointer: Place]
    private let lineStarts: [Int]

    /// - Parameter text: a document that `JSONParser` has read. Of any other text, the map knows
    ///   what stands before the first fault.
    package init(of text: String, depthMax: Int = JSONLimits.standard.depthMax) {
        let bytes = Array(text.utf8)
        self.lineStarts = [0] + bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
        var scanner = PlaceScanner(bytes: bytes, depthMax: depthMax)
        _ = scanner.value(at: .root, keyOffset: nil)
        self.places = scanner.places
    }

    /// Where the member named by the pointer begins, its key if `key` is set and it has one. A
    /// place that the document does not have is looked for in what would hold it.
    package func position(of pointer: JSONPointer, key: Bool = false) -> Position {
        var tokens = pointer.tokens
        var wantsKey = key
        while true {
            if let place = self.places[JSONPointer(tokens: tokens)] {
                let offset = (wantsKey ? place.keyOffset : nil) ?? place.valueOffset
                return self.position(ofByte: offset)
            }
            guard tokens.popLast() != nil else { return Position(line: 1, column: 1) }
            wantsKey = false
        }
    }

    private func position(ofByte offset: Int) -> Position {
        var low = 0
        var high = self.lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return Position(line: low + 1, column: offset - self.lineStarts[low] + 1)
    }
}

/// Walks a text by its brackets, quotes and commas; what is between them was checked by the parser.
private struct PlaceScanner {
    private let bytes: [UInt8]
    private let depthMax: Int
    private var index = 0
    private(set) var places: [JSONPointer: JSONSourceMap.Place] = [:]

    init(bytes: [UInt8], depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
    }

    /// False at the first fault.
    mutating func value(at pointer: JSONPointer, keyOffset: Int?) -> Bool {
        self.skipWhitespace()
        guard let byte = self.peek, pointer.tokens.count <= self.depthMax else { return false }
        self.places[pointer] = JSONSourceMap.Place(keyOffset: keyOffset, valueOffset: self.index)
        switch byte {
        case UInt8(ascii: "{"): return self.members(at: pointer)
        case UInt8(ascii: "["): return self.elements(at: pointer)
        case UInt8(ascii: "\""): return self.string() != nil
        default:
            while let byte = self.peek, !" \t\r\n,]}".utf8.contains(byte) { self.index += 1 }
            return true
        }
    }

    private mutating func members(at pointer: JSONPointer) -> Bool {
        self.index += 1
        self.skipWhitespace()
        if self.take(UInt8(ascii: "}")) { return true }
        repeat {
            self.skipWhitespace()
            let keyOffset = self.index
            guard let key = self.string() else { return false }
            self.skipWhitespace()
            guard self.take(UInt8(ascii: ":")),
                self.value(at: pointer.appending(key), keyOffset: keyOffset)
            else { return false }
            self.skipWhitespace()
        } while self.take(UInt8(ascii: ","))
        return self.take(UInt8(ascii: "}"))
    }

    private mutating func elements(at pointer: JSONPointer) -> Bool {
        self.index += 1
        self.skipWhitespace()
        if self.take(UInt8(ascii: "]")) { return true }
        var count = 0
        repeat {
            guard self.value(at: pointer.appending(count), keyOffset: nil) else { return false }
            count += 1
            self.skipWhitespace()
        } while self.take(UInt8(ascii: ","))
        return self.take(UInt8(ascii: "]"))
    }

    private mutating func string() -> String? {
        guard self.peek == UInt8(ascii: "\"") else { return nil }
        let start = self.index
        self.index += 1
        while let byte = self.peek {
            self.index += byte == UInt8(ascii: "\\") ? 2 : 1
            guard byte == UInt8(ascii: "\"") else { continue }
            return (try? JSONParser.parse(Array(self.bytes[start..<self.index])))?.stringValue
        }
        return nil
    }

    private var peek: UInt8? {
        self.index < self.bytes.count ? self.bytes[self.index] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.peek == byte else { return false }
        self.index += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = self.peek, " \t\r\n".utf8.contains(byte) { self.index += 1 }
    }
}
