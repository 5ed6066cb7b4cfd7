package import Fleet

extension FleetQuery {
    /// Reads a query (AWS: fleet indexing, "Query syntax", version 2017-09-30). NOT binds closest,
    /// then AND, which may be left out, then OR.
    ///
    /// - Parameter isStored: whether it was read before, perhaps by a release that refused less.
    /// - Throws: `FleetError.invalidQuery` with the column, and what was expected there.
    package static func parse(
        _ text: String, index: FleetIndex = .things, isStored: Bool = false
    ) throws(FleetError) -> FleetQuery {
        let characters = text.unicodeScalars.count
        guard characters <= QueryLimits.charactersMax else {
            throw FleetError(
                .invalidQuery,
                "the query has \(characters) characters; at most \(QueryLimits.charactersMax)")
        }
        var parser = QueryParser(text, index: index, isStored: isStored)
        return FleetQuery(index, try parser.query())
    }
}

struct QueryParser {
    private let index: FleetIndex
    private let isStored: Bool
    private var scanner: QueryScanner
    private var terms = 0
    private var nesting = 0

    init(_ text: String, index: FleetIndex, isStored: Bool) {
        self.index = index
        self.isStored = isStored
        self.scanner = QueryScanner(text)
    }

    mutating func query() throws(FleetError) -> QueryExpression {
        self.scanner.skipSpace()
        if self.scanner.isAtEnd {
            throw self.scanner.error("the query is empty; * finds everything")
        }
        let expression = try self.disjunction(of: nil)
        guard self.scanner.isAtEnd else {
            throw self.scanner.unexpected("a term, AND, OR, NOT or the end")
        }
        return expression
    }

    // MARK: Operators

    /// - Parameter field: what terms without a field of their own are looked for in, inside the
    ///   parentheses of `field:(…)`.
    private mutating func disjunction(of field: QueryField?) throws(FleetError) -> QueryExpression {
        var parts = [try self.conjunction(of: field)]
        while self.scanner.skip(.or) {
            self.scanner.skipSpace()
            parts.append(try self.conjunction(of: field))
        }
        return .disjunction(parts)
    }

    private mutating func conjunction(of field: QueryField?) throws(FleetError) -> QueryExpression {
        var parts = [try self.clause(of: field)]
        while true {
            if self.scanner.skip(.and) {
                self.scanner.skipSpace()
            } else if self.scanner.isAtEnd || self.scanner.next == ")"
                || self.scanner.keyword == .or
            {
                return .conjunction(parts)
            }
            parts.append(try self.clause(of: field))
        }
    }

    /// One term, its negation, or what parentheses hold; and the white space behind it.
    private mutating func clause(of field: QueryField?) throws(FleetError) -> QueryExpression {
        self.nesting += 1
        defer { self.nesting -= 1 }
        guard self.nesting <= QueryLimits.nestingMax else {
            throw self.scanner.error("nested deeper than \(QueryLimits.nestingMax)")
        }
        if self.scanner.skip(.not) {
            self.scanner.skipSpace()
            return .not(try self.clause(of: field))
        }
        if self.scanner.skipPrefix("-") { return .not(try self.clause(of: field)) }
        // Every term is required as it is.
        if self.scanner.skipPrefix("+") { return try self.clause(of: field) }
        let expression =
            self.scanner.next == "("
            ? try self.parenthesized(of: field) : try self.term(of: field)
        self.scanner.skipSpace()
        return expression
    }

    private mutating func parenthesized(
        of field: QueryField?
    ) throws(FleetError) -> QueryExpression {
        let column = self.scanner.column
        _ = self.scanner.skip("(")
        self.scanner.skipSpace()
        let expression = try self.disjunction(of: field)
        guard self.scanner.skip(")") else {
            throw self.scanner.unexpected("')' for the '(' at column \(column)")
        }
        return expression
    }

    // MARK: Terms

    private mutating func term(of field: QueryField?) throws(FleetError) -> QueryExpression {
        self.terms += 1
        guard self.terms <= QueryLimits.termsMax else {
            throw self.scanner.error("more than \(QueryLimits.termsMax) terms")
        }
        if self.scanner.next == "\"" {
            let column = self.scanner.column
            return try self.meaning(of: .phrase(try self.scanner.phrase()), field, at: column)
        }
        if let field, self.scanner.next == "[" || self.scanner.next == "{" {
            return try self.value(of: field)
        }
        let word = try self.scanner.word(.name, expecting: "a term")
        self.scanner.skipSpace()
        switch self.scanner.next {
        case ":":
            let named = try self.field(word)
            _ = self.scanner.skip(":")
            self.scanner.skipSpace()
            return try self.value(of: named)
        case "<", ">":
            return try self.comparison(of: try self.field(word))
        case _:
            if !self.isStored { try self.refuseNearMiss(word) }
            return try self.meaning(of: .word(word.pattern), field, at: word.column)
        }
    }

    /// Another language's way to write an operator would be a term here, and the query would
    /// quietly find nothing: `and`, `attributes.temp=75`, `attributes.temp != 75`.
    private func refuseNearMiss(_ word: QueryWord) throws(FleetError) {
        guard case .literal(let text)? = word.pattern.pieces.first else { return }
        if word.pattern.literalText != nil, text != text.uppercased(),
            let keyword = QueryScanner.Keyword(rawValue: text.uppercased()), keyword != .to
        {
            throw QueryScanner.error(
                at: word.column,
                "'\(text)' is no operator: write \(keyword.rawValue), or \"\(text)\" for the word")
        }
        let next = self.scanner.next
        let name = String(text.prefix { $0 != "=" && $0 != "!" })
        guard name != text || next == "=" || next == "!",
            let field = try? QueryField(name, in: self.index)
        else { return }
        let written = field.name(in: self.index).clipped
        throw QueryScanner.error(
            at: word.column,
            "fields are not compared so: write \(written):VALUE, or NOT \(written):VALUE; or put "
                + "the term in quotes")
    }

    private func field(_ word: QueryWord) throws(FleetError) -> QueryField {
        guard let name = word.pattern.literalText else {
            throw QueryScanner.error(at: word.column, "the name of a field has no wildcards")
        }
        do throws(FleetError) {
            return try QueryField(name, in: self.index)
        } catch {
            throw QueryScanner.error(at: word.column, error.message)
        }
    }

    private mutating func value(of field: QueryField) throws(FleetError) -> QueryExpression {
        let column = self.scanner.column
        switch self.scanner.next {
        case "(":
            self.terms -= 1
            return try self.parenthesized(of: field)
        case "[", "{":
            return .field(field, try self.range(of: field))
        case "\"":
            return try self.meaning(of: .phrase(try self.scanner.phrase()), field, at: column)
        case _:
            let word = try self.scanner.word(
                .value, expecting: "a value of \(field.name(in: self.index))")
            return try self.meaning(of: .word(word.pattern), field, at: column)
        }
    }

    // MARK: Ranges

    private mutating func comparison(of field: QueryField) throws(FleetError) -> QueryExpression {
        let isLower = self.scanner.next == ">"
        _ = self.scanner.skip(isLower ? ">" : "<")
        let isIncluded = self.scanner.skip("=")
        self.scanner.skipSpace()
        let column = self.scanner.column
        let bound = RangeEnd(operand: try self.operand(of: field), isIncluded: isIncluded)
        let open = RangeEnd(operand: .open, isIncluded: true)
        guard bound.operand != .open else {
            throw QueryScanner.error(at: column, "expected a value to compare with, found '*'")
        }
        return .field(
            field,
            try self.test(
                of: field, isLower ? (bound, open) : (open, bound), at: column))
    }

    private mutating func range(of field: QueryField) throws(FleetError) -> FieldTest {
        let column = self.scanner.column
        let includesLower = self.scanner.skip("[")
        if !includesLower { _ = self.scanner.skip("{") }
        self.scanner.skipSpace()
        let lower = try self.operand(of: field)
        self.scanner.skipSpace()
        guard self.scanner.skip(.to) else {
            throw self.scanner.unexpected("TO, as in [1 TO 5]")
        }
        self.scanner.skipSpace()
        let upper = try self.operand(of: field)
        self.scanner.skipSpace()
        let includesUpper = self.scanner.skip("]")
        guard includesUpper || self.scanner.skip("}") else {
            throw self.scanner.unexpected("']' or '}' for the range at column \(column)")
        }
        return try self.test(
            of: field,
            (
                RangeEnd(operand: lower, isIncluded: includesLower),
                RangeEnd(operand: upper, isIncluded: includesUpper)
            ), at: column)
    }

    private mutating func operand(of field: QueryField) throws(FleetError) -> RangeEnd.Operand {
        if self.scanner.next == "\"" { return .text(try self.scanner.phrase()) }
        let word = try self.scanner.word(
            .value, expecting: "a value of \(field.name(in: self.index))")
        if word.pattern.matchesEverything { return .open }
        guard let text = word.pattern.literalText else {
            throw QueryScanner.error(at: word.column, "the end of a range has no wildcards")
        }
        return QueryNumber.value(of: text).map { .number($0) } ?? .text(text)
    }

    private func test(
        of field: QueryField, _ ends: (lower: RangeEnd, upper: RangeEnd), at column: Int
    ) throws(FleetError) -> FieldTest {
        do throws(FleetError) {
            return try FieldTest(range: ends, kind: field.kind)
        } catch {
            throw QueryScanner.error(
                at: column, "\(field.name(in: self.index)): \(error.message)")
        }
    }

    // MARK: Meanings

    private enum Written {
        case word(QueryPattern)
        case phrase(String)
    }

    private func meaning(
        of written: Written, _ field: QueryField?, at column: Int
    ) throws(FleetError) -> QueryExpression {
        guard let field else {
            return switch written {
            case .phrase(let text): .anywhere(.text(text))
            case .word(let pattern) where pattern.matchesEverything: .everything
            case .word(let pattern): .anywhere(FieldTest(pattern))
            }
        }
        let name = field.name(in: self.index)
        if case .word(let pattern) = written, pattern.matchesEverything {
            return .field(field, .present)
        }
        switch (field.kind, written) {
        case (.text, .phrase(let text)), (.prose, .phrase(let text)):
            return .field(field, .text(text))
        case (.text, .word(let pattern)), (.prose, .word(let pattern)):
            return .field(field, FieldTest(pattern))
        case (.number, .word(let pattern)):
            guard let text = pattern.literalText, let number = QueryNumber.value(of: text) else {
                throw QueryScanner.error(at: column, "\(name) is a number; expected one, or *")
            }
            return .field(field, .numbers(.exactly(number)))
        case (.flag, .word(let pattern)):
            switch pattern.literalText?.caseFolded {
            case "true"?: return .field(field, .flag(true))
            case "false"?: return .field(field, .flag(false))
            case _:
                throw QueryScanner.error(
                    at: column, "\(name) is a boolean; expected true, false or *")
            }
        case (.number, .phrase), (.flag, .phrase):
            throw QueryScanner.error(at: column, "\(name) is no text; take the quotes away")
        }
    }
}
