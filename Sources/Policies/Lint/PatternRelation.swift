/// How two patterns lie to one another, whatever values their variables may have. Both answers err
/// on the side of saying nothing: `covers` is true only where it is certain, `meets` false only
/// where it is.
enum PatternRelation {
    private enum Symbol: Hashable {
        case scalar(Unicode.Scalar)
        case anyOne, anyRun
        case variable(PolicyVariable)

        var widened: Symbol {
            if case .variable = self { .anyRun } else { self }
        }
    }

    /// Whether `wide` matches all that `narrow` ever matches. The same variable has the same value
    /// in both.
    static func covers(_ wide: TextPattern, _ narrow: TextPattern) -> Bool {
        self.covers(self.symbols(of: wide), self.symbols(of: narrow))
    }

    static func covers(_ wide: Glob, _ narrow: Glob) -> Bool {
        self.covers(self.symbols(of: wide), self.symbols(of: narrow))
    }

    /// Whether some text may match both. A variable may have any value.
    static func meets(_ left: TextPattern, _ right: TextPattern) -> Bool {
        self.meets(
            self.symbols(of: left).map(\.widened), self.symbols(of: right).map(\.widened))
    }

    private static func covers(_ wide: [Symbol], _ narrow: [Symbol]) -> Bool {
        // Row by row over `wide`: which beginnings of `narrow` are covered so far.
        var reached = [true] + Array(repeating: false, count: narrow.count)
        for symbol in wide {
            var next = Array(repeating: false, count: narrow.count + 1)
            if symbol == .anyRun {
                var any = false
                for index in next.indices {
                    any = any || reached[index]
                    next[index] = any
                }
            } else {
                for (index, other) in narrow.enumerated() where reached[index] {
                    switch (symbol, other) {
                    case (.anyOne, .scalar), (.anyOne, .anyOne): next[index + 1] = true
                    case _ where symbol == other: next[index + 1] = true
                    case _: break
                    }
                }
            }
            reached = next
        }
        return reached[narrow.count]
    }

    private static func meets(_ left: [Symbol], _ right: [Symbol]) -> Bool {
        var reached = [true] + Array(repeating: false, count: right.count)
        Self.skipRuns(&reached, right)
        for symbol in left {
            var next = Array(repeating: false, count: right.count + 1)
            for index in reached.indices where reached[index] {
                if symbol == .anyRun { next[index] = true }
                guard index < right.count else { continue }
                let other = right[index]
                // A run of `right` takes the symbol in and stays; else one takes the other.
                if other == .anyRun { next[index] = true }
                if symbol == .anyRun || symbol == .anyOne || other == .anyOne || symbol == other {
                    next[index + 1] = true
                }
            }
            if symbol == .anyRun, let first = next.firstIndex(of: true) {
                for index in first..<next.count { next[index] = true }
            }
            Self.skipRuns(&next, right)
            reached = next
        }
        return reached[right.count]
    }

    /// A run may be empty.
    private static func skipRuns(_ reached: inout [Bool], _ right: [Symbol]) {
        for (index, symbol) in right.enumerated() where symbol == .anyRun && reached[index] {
            reached[index + 1] = true
        }
    }

    private static func symbols(of pattern: TextPattern) -> [Symbol] {
        pattern.pieces.flatMap { piece -> [Symbol] in
            switch piece {
            case .glob(let glob): self.symbols(of: glob)
            case .variable(let variable): [.variable(variable)]
            }
        }
    }

    private static func symbols(of glob: Glob) -> [Symbol] {
        var symbols: [Symbol] = []
        var bytes: [UInt8] = []
        func flush() {
            symbols += String(decoding: bytes, as: UTF8.self).unicodeScalars.map { .scalar($0) }
            bytes = []
        }
        for unit in glob.units {
            if let byte = UInt8(exactly: unit) {
                bytes.append(byte)
            } else {
                flush()
                symbols.append(unit == Glob.anyRun ? .anyRun : .anyOne)
            }
        }
        flush()
        return symbols
    }
}
