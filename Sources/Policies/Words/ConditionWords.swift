/// A condition in plain words.
struct ConditionWords {
    let sentence: String

    init(_ condition: PolicyCondition) {
        let subject = condition.key.words
        let operation = condition.operation
        let values = condition.operandTexts.map { Self.value($0, operation.comparison) }
        guard operation.name != .null else {
            self.sentence = Self.null(subject, values)
            return
        }
        if condition.key == .isAttached, operation.name == .bool, operation.quantifier == nil,
            values.count == 1
        {
            self.sentence =
                values[0].lowercased() == "true"
                ? "the connection speaks for a thing" : "the connection speaks for no thing"
            return
        }
        var sentence: String
        switch operation.quantifier {
        case nil: sentence = condition.key.isSet ? "the only one of \(subject)" : subject
        case .forAllValues: sentence = "every one of \(subject), if there is any,"
        case .forAnyValue: sentence = "at least one of \(subject)"
        }
        sentence += " " + Self.predicate(operation, values)
        if operation.ifExists { sentence += ", or it is not known" }
        self.sentence = sentence
    }

    private static func null(_ subject: String, _ values: [String]) -> String {
        switch Set(values.map { $0.lowercased() }) {
        case ["true"]: "\(subject) is not known"
        case ["false"]: "\(subject) is known"
        default: "\(subject) is known, or is not: \(values.joined(or: "or"))"
        }
    }

    /// The values as a person reads them.
    private static func value(
        _ text: String, _ comparison: ConditionOperator.Comparison
    ) -> String {
        let pattern = try? TextPattern(text, wildcards: comparison == .like || comparison == .arn)
        let words = pattern?.words ?? text.clippedForDisplay
        switch comparison {
        case .text, .foldedText, .like, .arn, .binary: return "'\(words)'"
        case .number, .date, .bool, .network, .null: return words
        }
    }

    private static func predicate(
        _ operation: PolicyCondition.Operation, _ values: [String]
    ) -> String {
        let negated = operation.negated
        let list = values.joined(or: "or")
        func phrase(_ verb: String) -> String {
            guard negated else { return "\(verb) \(list)" }
            return values.count == 1
                ? verb.replacingFirst("is", "is not") + " \(list)"
                : verb.replacingFirst("is", "is neither") + " \(values.joined(or: "nor"))"
        }
        switch operation.comparison {
        case .text, .binary, .bool, .null: return phrase("is")
        case .foldedText: return phrase("is") + ", whatever the letter case"
        case .like, .arn: return phrase("is like")
        case .network: return phrase("is within")
        case .number(let order): return phrase(order.words(less: "less", greater: "greater"))
        case .date(let order): return phrase(order.words(less: "earlier", greater: "later"))
        }
    }
}

extension ConditionOperator.Order {
    fileprivate func words(less: String, greater: String) -> String {
        switch self {
        case .equal: "is"
        case .less: "is \(less) than"
        case .lessOrEqual: "is not \(greater) than"
        case .greater: "is \(greater) than"
        case .greaterOrEqual: "is not \(less) than"
        }
    }
}

extension String {
    fileprivate func replacingFirst(_ word: String, _ other: String) -> String {
        self.hasPrefix(word) ? other + self.dropFirst(word.count) : self
    }

    /// Foreign text among words: short, and on one line.
    var clippedForDisplay: String {
        self.onOneLine.count > 80 ? "\(self.onOneLine.prefix(80))…" : self.onOneLine
    }
}

extension [String] {
    /// "a, b or c"
    func joined(or word: String) -> String {
        guard self.count > 1, let last = self.last else { return self.first ?? "" }
        return self.dropLast().joined(separator: ", ") + " \(word) \(last)"
    }
}
