/// Where values of a document stand in its text. Parsing keeps no positions, so that it pays
/// nothing for them: this is a second pass, made once there is something to say about a place, and
/// it keeps the places that are asked for and no others.
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

    /// A place on the way to one that is asked for. Places deep in a document are long chains of
    /// these, most with one that follows: that costs no dictionary.
    fileprivate struct Step {
        enum Inner {
            case none
            case one(String, step: Int)
            case many([String: Int])
        }

        /// By key, or by the index in decimal.
        private(set) var inner = Inner.none
        private(set) var keyOffset: UInt32?
        /// nil where the document has no such place.
        private(set) var valueOffset: UInt32?

        mutating func found(at offset: Int, key: Int?) {
            self.valueOffset = UInt32(clamping: offset)
            self.keyOffset = key.map { UInt32(clamping: $0) }
        }

        var isLast: Bool {
            if case .none = self.inner { true } else { false }
        }

        func next(_ token: String) -> Int? {
            switch self.inner {
            case .none: nil
            case .one(let key, let step): key == token ? step : nil
            case .many(let steps): steps[token]
            }
        }

        mutating func add(_ token: String, step: Int) {
            switch self.inner {
            case .none: self.inner = .one(token, step: step)
            case .one(let key, let first): self.inner = .many([key: first, token: step])
            case .many(var steps):
                // Not two of it for the length of the change, which would copy it each time.
                self.inner = .none
                steps[token] = step
                self.inner = .many(steps)
            }
        }
    }

    /// The root first.
    private let steps: [Step]
    /// A text of a megabyte may be a million lines.
    private let lineStarts: [UInt32]

    /// - Parameters:
    ///   - text: a document that `JSONParser` has read. Of any other text, the map knows what
    ///     stands before the first fault.
    ///   - pointers: the places that it will be asked for.
    package init(
        of text: String, for pointers: some Sequence<JSONPointer>,
        depthMax: Int = JSONLimits.standard.depthMax
    ) {
        let bytes = Array(text.utf8)
        var lineStarts: [UInt32] = []
        lineStarts.reserveCapacity(1 + bytes.count { $0 == 0x0A })
        lineStarts.append(0)
        for (index, byte) in bytes.enumerated() where byte == 0x0A {
            lineStarts.append(UInt32(clamping: index + 1))
        }
        self.lineStarts = lineStarts
        var scanner = PlaceScanner(
            bytes: bytes, depthMax: depthMax, steps: Self.steps(to: pointers))
        _ = scanner.value(depth: 0, at: 0, keyOffset: nil)
        self.steps = scanner.steps
    }

    private static func steps(to pointers: some Sequence<JSONPointer>) -> [Step] {
        var steps = [Step()]
        for pointer in pointers {
            var step = 0
            for token in pointer.tokens {
                if let next = steps[step].next(token) {
                    step = next
                } else {
                    steps[step].add(token, step: steps.count)
                    step = steps.count
                    steps.append(Step())
                }
            }
        }
        return steps
    }

    /// Where the member named by the pointer begins, its key if `key` is set and it has one. A
    /// place that the document does not have is looked for in what would hold it.
    package func position(of pointer: JSONPointer, key: Bool = false) -> Position {
        var step = 0
        let tokens = pointer.tokens
        var wantsKey = key && tokens.isEmpty
        for (index, token) in tokens.enumerated() {
            guard let next = self.steps[step].next(token), self.steps[next].valueOffset != nil
            else {
                wantsKey = false
                break
            }
            step = next
            wantsKey = key && index == tokens.count - 1
        }
        let place = self.steps[step]
        let offset = (wantsKey ? place.keyOffset : nil) ?? place.valueOffset
        return self.position(ofByte: Int(offset ?? 0))
    }

    private func position(ofByte offset: Int) -> Position {
        var low = 0
        var high = self.lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if Int(self.lineStarts[middle]) <= offset { low = middle } else { high = middle }
        }
        return Position(line: low + 1, column: offset - Int(self.lineStarts[low]) + 1)
    }
}

/// Walks a text by its brackets, quotes and commas; what is between them was checked by the parser.
private struct PlaceScanner {
    private let bytes: [UInt8]
    private let depthMax: Int
    private var index = 0
    private(set) var steps: [JSONSourceMap.Step]

    init(bytes: [UInt8], depthMax: Int, steps: [JSONSourceMap.Step]) {
        self.bytes = bytes
        self.depthMax = depthMax
        self.steps = steps
    }

    /// - Parameter step: nil for a value that nobody asks for, with all that is in it.
    /// - Returns: false at the first fault.
    mutating func value(depth: Int, at step: Int?, keyOffset: Int?) -> Bool {
        self.skipWhitespace()
        guard let byte = self.peek, depth <= self.depthMax else { return false }
        if let step {
            self.steps[step].found(at: self.index, key: keyOffset)
        }
        // Where nothing further in is asked for, names do not matter.
        let asked = step.flatMap { self.steps[$0].isLast ? nil : $0 }
        switch byte {
        case UInt8(ascii: "{"): return self.members(depth: depth + 1, of: asked)
        case UInt8(ascii: "["): return self.elements(depth: depth + 1, of: asked)
        case UInt8(ascii: "\""): return self.string() != nil
        default:
            while let byte = self.peek, !Self.endsScalar(byte) { self.index += 1 }
            return true
        }
    }

    private mutating func members(depth: Int, of step: Int?) -> Bool {
        self.index += 1
        self.skipWhitespace()
        if self.take(UInt8(ascii: "}")) { return true }
        repeat {
            self.skipWhitespace()
            let keyOffset = self.index
            guard let key = self.string() else { return false }
            self.skipWhitespace()
            guard self.take(UInt8(ascii: ":")) else { return false }
            var inner: Int?
            if let step {
                guard let name = self.text(key) else { return false }
                inner = self.steps[step].next(name)
            }
            guard self.value(depth: depth, at: inner, keyOffset: keyOffset) else { return false }
            self.skipWhitespace()
        } while self.take(UInt8(ascii: ","))
        return self.take(UInt8(ascii: "}"))
    }

    private mutating func elements(depth: Int, of step: Int?) -> Bool {
        self.index += 1
        self.skipWhitespace()
        if self.take(UInt8(ascii: "]")) { return true }
        var count = 0
        repeat {
            let inner = step.flatMap { self.steps[$0].next(String(count)) }
            guard self.value(depth: depth, at: inner, keyOffset: nil) else { return false }
            count += 1
            self.skipWhitespace()
        } while self.take(UInt8(ascii: ","))
        return self.take(UInt8(ascii: "]"))
    }

    /// Where a string stands, its quotes included; nil for a fault.
    private mutating func string() -> Range<Int>? {
        guard self.peek == UInt8(ascii: "\"") else { return nil }
        let start = self.index
        self.index += 1
        while let byte = self.peek {
            self.index += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return start..<self.index }
        }
        return nil
    }

    private func text(_ range: Range<Int>) -> String? {
        (try? JSONParser.parse(Array(self.bytes[range])))?.stringValue
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"),
            UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
            true
        default: false
        }
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
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                self.index += 1
            default: return
            }
        }
    }
}
