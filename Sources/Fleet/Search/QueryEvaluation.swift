// What a query means, stated as literally as can be: the store's SQL is held against it.

extension FleetQuery {
    package func matches(_ document: some IndexedDocument) -> Bool {
        self.expression.matches(document, self.index)
    }
}

extension QueryExpression {
    fileprivate func matches(_ document: some IndexedDocument, _ index: FleetIndex) -> Bool {
        switch self {
        case .everything: true
        case .field(let field, let test):
            document.values(of: field).contains { test.passes($0, field.kind) }
        case .anywhere(let test):
            QueryField.textual(in: index).contains { field in
                document.values(of: field).contains { test.passes($0, field.kind) }
            }
                || document.attributeValues.contains { test.passes(.text($0), .text) }
        case .not(let inner): !inner.matches(document, index)
        case .all(let parts): parts.allSatisfy { $0.matches(document, index) }
        case .any(let parts): parts.contains { $0.matches(document, index) }
        }
    }
}

extension FieldTest {
    package func passes(_ value: FieldValue, _ kind: QueryField.Kind) -> Bool {
        switch (self, value) {
        case (.present, _): true
        case (.flag(let wanted), .flag(let flag)): flag == wanted
        case (.numbers(let range), .number(let number)): range.contains(number)
        case (.numbers(let range), .text(let text)):
            QueryNumber.value(of: text).map { range.contains($0) } ?? false
        case (.text(let wanted), .text(let text)):
            kind == .prose
                ? Self.phrase(wanted, isIn: text) : text.isSameFolded(as: wanted)
        case (.pattern(let pattern), .text(let text)):
            kind == .prose
                ? text.words.contains { pattern.matches($0) } : pattern.matches(text)
        case (.texts(let range), .text(let text)):
            kind == .prose
                ? text.words.contains { range.contains($0) } : range.contains(text)
        case (.flag, .text), (.flag, .number), (.numbers, .flag), (.text, .flag),
            (.text, .number), (.pattern, .flag), (.pattern, .number), (.texts, .flag),
            (.texts, .number):
            false
        }
    }

    /// Whether the words of `phrase` follow one another in `text`.
    private static func phrase(_ phrase: String, isIn text: String) -> Bool {
        let wanted = phrase.words.map(\.caseFolded)
        let words = text.words.map(\.caseFolded)
        guard !wanted.isEmpty, wanted.count <= words.count else { return false }
        return (0...(words.count - wanted.count)).contains { start in
            words[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }
}

extension QueryRange<Double> {
    fileprivate func contains(_ number: Double) -> Bool {
        if let lower, lower.isIncluded ? number < lower.value : number <= lower.value {
            return false
        }
        if let upper, upper.isIncluded ? number > upper.value : number >= upper.value {
            return false
        }
        return true
    }
}

extension QueryRange<String> {
    fileprivate func contains(_ text: String) -> Bool {
        if let lower {
            let isBelow =
                lower.isIncluded
                ? text.precedesFolded(lower.value) : !lower.value.precedesFolded(text)
            if isBelow { return false }
        }
        if let upper {
            let isAbove =
                upper.isIncluded
                ? upper.value.precedesFolded(text) : !text.precedesFolded(upper.value)
            if isAbove { return false }
        }
        return true
    }
}

extension String {
    /// AWS: words are separated by white space.
    fileprivate var words: [String] {
        self.unicodeScalars.split { $0.properties.isWhitespace }.map { String($0) }
    }
}
