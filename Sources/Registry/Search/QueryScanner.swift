import Fleet

/// A term as it is written: a word, with its wildcards and with its escapes resolved.
struct QueryWord {
    let pattern: QueryPattern
    let column: Int
}

/// Walks over the text of a query, scalar by scalar. Columns count from 1.
struct QueryScanner {
    enum Keyword: String, CaseIterable {
        case and = "AND"
        case or = "OR"
        case not = "NOT"
        case to = "TO"
    }

    /// Where a word stands decides which characters may be plain ones in it.
    enum Place {
        /// A field's name, or a term without one: it ends at a colon or a comparison.
        case name
        /// Behind a field's colon or comparison, where a further colon is a plain character.
        case value
    }

    private let scalars: [Unicode.Scalar]
    private(set) var index = 0

    init(_ text: String) { self.scalars = Array(text.unicodeScalars) }

    var column: Int { self.index + 1 }
    var isAtEnd: Bool { self.index == self.scalars.count }
    var next: Unicode.Scalar? { self.isAtEnd ? nil : self.scalars[self.index] }
    private var second: Unicode.Scalar? {
        self.index + 1 < self.scalars.count ? self.scalars[self.index + 1] : nil
    }

    mutating func skipSpace() {
        while let scalar = self.next, scalar.properties.isWhitespace { self.index += 1 }
    }

    mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard self.next == scalar else { return false }
        self.index += 1
        return true
    }

    /// `-` and `+` are operators where something follows at once.
    mutating func skipPrefix(_ scalar: Unicode.Scalar) -> Bool {
        guard self.next == scalar, let second = self.second, !second.properties.isWhitespace,
            second != ")"
        else { return false }
        self.index += 1
        return true
    }

    // MARK: Keywords

    /// The operator that stands here, in capitals and without escapes.
    var keyword: Keyword? {
        Keyword.allCases.first { keyword in
            let scalars = Array(keyword.rawValue.unicodeScalars)
            let end = self.index + scalars.count
            guard end <= self.scalars.count, self.scalars[self.index..<end].elementsEqual(scalars)
            else { return false }
            return end == self.scalars.count || Self.endsWord(self.scalars[end], .name)
        }
    }

    mutating func skip(_ keyword: Keyword) -> Bool {
        guard self.keyword == keyword else { return false }
        self.index += keyword.rawValue.utf8.count
        return true
    }

    // MARK: Words and phrases

    private static func endsWord(_ scalar: Unicode.Scalar, _ place: Place) -> Bool {
        switch scalar {
        case "(", ")", "[", "]", "{", "}", "\"", "<", ">": true
        case ":": place == .name
        case _: scalar.properties.isWhitespace
        }
    }

    /// - Throws: `FleetError.invalidQuery` where no word begins here.
    mutating func word(
        _ place: Place, expecting what: String
    ) throws(FleetError) -> QueryWord {
        let column = self.column
        if self.keyword != nil { throw self.unexpected(what) }
        try self.refuseForeignOperator()
        var pattern = QueryPattern()
        while let scalar = self.next, !Self.endsWord(scalar, place) {
            self.index += 1
            switch scalar {
            case "*": pattern.append(.anyRun)
            case "?": pattern.append(.anyOne)
            case "\\":
                guard let escaped = self.next else {
                    throw self.error("a backslash with nothing behind it")
                }
                self.index += 1
                pattern.append(.literal(String(escaped)))
            case "~", "^":
                self.index -= 1
                throw self.error(
                    "fuzzy, proximity and boosted searches are not understood; write \\\(scalar) "
                        + "for the character")
            case _: pattern.append(.literal(String(scalar)))
            }
        }
        if self.column == column { throw self.unexpected(what) }
        guard pattern.wildcards <= QueryLimits.wildcardsMax else {
            throw Self.error(
                at: column,
                "a term with \(pattern.wildcards) wildcards; at most \(QueryLimits.wildcardsMax)")
        }
        return QueryWord(pattern: pattern, column: column)
    }

    /// Other search languages' operators, which would silently be terms here.
    private func refuseForeignOperator() throws(FleetError) {
        let operators: [(first: Unicode.Scalar, second: Unicode.Scalar?, ours: String)] = [
            ("&", "&", "AND"), ("|", "|", "OR"), ("!", nil, "NOT"),
        ]
        for (first, second, ours) in operators
        where self.next == first && (second == nil || self.second == second) {
            throw self.error("'\(first)' is no operator: write \(ours), or \\\(first)")
        }
    }

    /// What stands between the quotation mark here and the next.
    mutating func phrase() throws(FleetError) -> String {
        let column = self.column
        _ = self.skip("\"")
        var text = String.UnicodeScalarView()
        while let scalar = self.next {
            self.index += 1
            switch scalar {
            case "\"": return String(text)
            case "\\":
                guard let escaped = self.next else { break }
                self.index += 1
                text.append(escaped)
            case _: text.append(scalar)
            }
        }
        throw Self.error(at: column, "a quotation mark without the one that closes it")
    }

    // MARK: Errors

    /// What stands here, in words for an error.
    private var found: String {
        if let keyword = self.keyword { return keyword.rawValue }
        guard let scalar = self.next else { return "the end" }
        return "'\(String(scalar).clipped)'"
    }

    func unexpected(_ expected: String) -> FleetError {
        self.error("expected \(expected), found \(self.found)")
    }

    func error(_ message: String) -> FleetError { Self.error(at: self.column, message) }

    static func error(at column: Int, _ message: String) -> FleetError {
        FleetError(.invalidQuery, "the query at column \(column): \(message)")
    }
}
