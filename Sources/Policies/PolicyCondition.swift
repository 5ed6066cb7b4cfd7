import Fleet

/// One line of a `Condition`: an operator, the key it looks at, and the values it accepts.
package struct PolicyCondition: Hashable, Sendable {
    /// `ForAllValues:` and `ForAnyValue:`, for keys with a set of values.
    package enum Quantifier: String, Hashable, Sendable {
        case forAllValues = "ForAllValues"
        case forAnyValue = "ForAnyValue"
    }

    /// An operator as a document writes it: `ForAllValues:StringLikeIfExists`.
    struct Operation: Hashable, Sendable, CustomStringConvertible {
        let name: ConditionOperator
        let quantifier: Quantifier?
        let ifExists: Bool
        let comparison: ConditionOperator.Comparison
        let negated: Bool

        init(_ name: ConditionOperator, quantifier: Quantifier?, ifExists: Bool) {
            self.name = name
            self.quantifier = quantifier
            self.ifExists = ifExists
            (self.comparison, self.negated) = name.meaning
        }

        var description: String {
            (self.quantifier.map { "\($0.rawValue):" } ?? "") + self.name.rawValue
                + (self.ifExists ? "IfExists" : "")
        }
    }

    let operation: Operation
    let key: PolicyVariable
    /// As the document writes it.
    let keyText: String
    /// One suffices.
    let operands: [ConditionOperand]
    /// As the document writes them.
    let operandTexts: [String]

    init(
        _ operation: Operation, key: (variable: PolicyVariable, text: String),
        operands: [(read: ConditionOperand, text: String)]
    ) {
        self.operation = operation
        self.key = key.variable
        self.keyText = key.text
        self.operands = operands.map(\.read)
        self.operandTexts = operands.map(\.text)
    }

    /// Whether the condition holds for a statement of this effect. What cannot be judged (a
    /// variable without a value, a number that is none, a set without a quantifier, a key that
    /// means nothing here) counts as not holding in an `Allow` and as holding in a `Deny`.
    func holds(in context: PolicyVariables, for effect: PolicyStatement.Effect) -> Bool {
        if case .other(let name) = self.key, context.furtherKeys[name] == nil {
            return effect == .deny
        }
        let values = context.values(of: self.key)
        if self.operation.comparison == .null {
            let missing = values.isEmpty ? "true" : "false"
            return self.satisfies(missing, in: context, for: effect)
        }
        if values.isEmpty { return self.holdsWithoutKey }
        switch self.operation.quantifier {
        case .forAllValues:
            return values.allSatisfy { self.satisfies($0, in: context, for: effect) }
        case .forAnyValue:
            return values.contains { self.satisfies($0, in: context, for: effect) }
        case nil:
            guard values.count == 1 else { return effect == .deny }
            return self.satisfies(values[0], in: context, for: effect)
        }
    }

    /// IAM: what an absent key means.
    private var holdsWithoutKey: Bool {
        if self.operation.ifExists { return true }
        switch self.operation.quantifier {
        case .forAllValues: return true
        case .forAnyValue: return false
        case nil: return self.operation.negated
        }
    }

    private func satisfies(
        _ value: String, in context: PolicyVariables, for effect: PolicyStatement.Effect
    ) -> Bool {
        let unresolved = Unresolved(in: effect, negated: self.operation.negated)
        let matches = self.operands.contains { operand in
            switch operand.matches(value, self.operation.comparison, context: context) {
            case .yes: true
            case .no: false
            case .undecidable:
                switch unresolved {
                case .matchesAnything: true
                case .matchesNothing: false
                }
            }
        }
        return matches != self.operation.negated
    }
}

/// A value of a condition, read once for the comparison it serves.
enum ConditionOperand: Hashable, Sendable {
    case text(TextPattern)
    case number(PolicyNumber)
    case date(milliseconds: Int64)
    case bool(Bool)
    case network(IPNetwork)
    case arn(ARNPattern)
    /// Holds a variable, so that it can be read only when the variable has its value.
    case deferred(TextPattern)

    enum Match { case yes, no, undecidable }

    init(
        _ text: String, for comparison: ConditionOperator.Comparison
    ) throws(MalformedPattern) {
        let pattern = try TextPattern(text, wildcards: comparison == .like)
        switch comparison {
        case .text, .foldedText, .like: self = .text(pattern)
        case .arn: self = .arn(try ARNPattern(text))
        case .number, .date, .bool, .binary, .network, .null:
            self =
                pattern.hasVariables
                ? .deferred(pattern)
                : try Self(plain: pattern.literalText, pattern, for: comparison)
        }
    }

    /// - Parameter text: what `pattern` says, free of variables.
    private init(
        plain text: String, _ pattern: TextPattern, for comparison: ConditionOperator.Comparison
    ) throws(MalformedPattern) {
        let operand: ConditionOperand? =
            switch comparison {
            case .text, .foldedText, .like, .arn: .text(pattern)
            case .number: PolicyNumber(text).map { .number($0) }
            case .date: PolicyDate.milliseconds(text).map { .date(milliseconds: $0) }
            case .bool, .null: Self.flag(text).map { .bool($0) }
            case .binary: Self.isCanonicalBase64(text) ? .text(pattern) : nil
            case .network: IPNetwork(text).map { .network($0) }
            }
        guard let operand else {
            throw MalformedPattern("'\(text.clipped)' is no \(comparison.operandName)")
        }
        self = operand
    }

    func matches(
        _ value: String, _ comparison: ConditionOperator.Comparison, context: PolicyVariables
    ) -> Match {
        switch self {
        case .text(let pattern):
            guard let glob = pattern.resolved(in: context) else { return .undecidable }
            if comparison == .foldedText {
                guard let text = glob.literalText else { return .undecidable }
                return Match(text.lowercased().utf8.elementsEqual(value.lowercased().utf8))
            }
            return Match(glob.matches(Array(value.utf8)))
        case .number(let number):
            guard case .number(let order) = comparison, let given = PolicyNumber(value) else {
                return .undecidable
            }
            return Match(order.holds(given, number))
        case .date(let milliseconds):
            guard case .date(let order) = comparison, let given = PolicyDate.milliseconds(value)
            else { return .undecidable }
            return Match(order.holds(given, milliseconds))
        case .bool(let flag):
            guard let given = Self.flag(value) else { return .undecidable }
            return Match(given == flag)
        case .network(let network):
            guard let address = IPNetwork(address: value) else { return .undecidable }
            return Match(network.contains(address))
        case .arn(let pattern): return pattern.matches(value, context: context)
        case .deferred(let pattern):
            guard let text = pattern.resolvedText(context: context),
                case let plain = TextPattern(literal: text),
                let operand = try? Self(plain: text, plain, for: comparison)
            else { return .undecidable }
            return operand.matches(value, comparison, context: context)
        }
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// RFC 4648 section 4, with padding and with unused bits zero: then two texts are equal
    /// exactly where their bytes are.
    private static func isCanonicalBase64(_ text: String) -> Bool {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        let bytes = Array(text.utf8)
        let padding = bytes.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        let digits = bytes.dropLast(padding).map { byte in
            alphabet.firstIndex(of: byte).map {
                alphabet.distance(from: alphabet.startIndex, to: $0)
            }
        }
        guard !bytes.isEmpty, bytes.count.isMultiple(of: 4), padding <= 2,
            digits.allSatisfy({ $0 != nil }), let last = digits.last ?? nil
        else { return false }
        return last & [0, 0b11, 0b1111][padding] == 0
    }
}

extension ConditionOperand.Match {
    init(_ matches: Bool) { self = matches ? .yes : .no }
}

extension ConditionOperator.Comparison {
    /// What an error calls a value that this comparison takes.
    fileprivate var operandName: String {
        switch self {
        case .text, .foldedText, .like: "text"
        case .number: "number"
        case .date:
            "date: ISO 8601 with its day, in UTC or with an offset, or seconds since 1970 in "
                + "other than four digits"
        case .bool, .null: "'true' or 'false'"
        case .binary: "Base64"
        case .network: "address or CIDR range"
        case .arn: "ARN"
        }
    }
}
