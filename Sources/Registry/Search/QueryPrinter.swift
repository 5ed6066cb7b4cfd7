package import Fleet

extension FleetQuery {
    /// The query in its canonical form: every operator written out, parentheses where one stands
    /// in another. Reading it gives the same query again.
    package var text: String { QueryPrinter(index: self.index).text(self.expression) }
}

private struct QueryPrinter {
    let index: FleetIndex

    func text(_ expression: QueryExpression) -> String {
        switch expression {
        case .everything: "*"
        case .field(let field, let test): self.text(field, test)
        case .anywhere(let test): self.text(test)
        case .not(let inner): "NOT " + self.operand(inner)
        case .all(let parts): parts.map(self.operand).joined(separator: " AND ")
        case .any(let parts): parts.map(self.operand).joined(separator: " OR ")
        }
    }

    private func operand(_ expression: QueryExpression) -> String {
        switch expression {
        case .everything, .field, .anywhere, .not: self.text(expression)
        case .all, .any: "(" + self.text(expression) + ")"
        }
    }

    private func text(_ field: QueryField, _ test: FieldTest) -> String {
        let name = Self.escaped(field.name(in: self.index), plain: "_.-")
        switch test {
        case .present, .text, .pattern, .flag: return "\(name):\(self.text(test))"
        case .numbers(let range): return name + Self.text(range, QueryNumber.text)
        case .texts(let range): return name + Self.text(range, Self.quoted)
        }
    }

    private func text(_ test: FieldTest) -> String {
        switch test {
        case .present: "*"
        case .text(let text): Self.isPlain(text) ? text : Self.quoted(text)
        case .pattern(let pattern): Self.text(pattern)
        case .flag(let flag): "\(flag)"
        case .numbers(let range): Self.text(range, QueryNumber.text)
        case .texts(let range): Self.text(range, Self.quoted)
        }
    }

    private static func text<Value>(
        _ range: QueryRange<Value>, _ print: (Value) -> String
    ) -> String {
        switch (range.lower, range.upper) {
        case (let lower?, let upper?):
            ":" + (lower.isIncluded ? "[" : "{") + print(lower.value) + " TO "
                + print(upper.value) + (upper.isIncluded ? "]" : "}")
        case (let lower?, nil): (lower.isIncluded ? ">=" : ">") + print(lower.value)
        case (nil, let upper?): (upper.isIncluded ? "<=" : "<") + print(upper.value)
        case (nil, nil): ":*"
        }
    }

    private static func text(_ pattern: QueryPattern) -> String {
        pattern.pieces.map { piece in
            switch piece {
            case .literal(let text): Self.escaped(text, plain: "_.")
            case .anyRun: "*"
            case .anyOne: "?"
            }
        }.joined()
    }

    /// Whether a word says `text` as it is.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-")
            && QueryScanner.Keyword(rawValue: text.uppercased()) == nil
            && text.utf8.allSatisfy { Self.isAlphanumeric($0) || "_.-".utf8.contains($0) }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    private static func escaped(_ text: String, plain: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            let isPlain =
                UInt8(exactly: scalar.value).map { Self.isAlphanumeric($0) } ?? false
                || plain.unicodeScalars.contains(scalar)
            if !isPlain { escaped += "\\" }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case _: false
        }
    }
}
