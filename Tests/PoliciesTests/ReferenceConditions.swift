import Fleet
import JSON

@testable import Policies

/// Conditions, read literally.
struct ReferenceConditions {
    private enum Match { case yes, no, cannotBeJudged }

    private let text: ReferenceText
    private let isDeny: Bool

    init(_ text: ReferenceText, isDeny: Bool) {
        self.text = text
        self.isDeny = isDeny
    }

    func allHold(_ condition: JSONValue?) -> Bool {
        for (name, keys) in condition?.objectValue?.members ?? [] {
            for (key, operands) in keys.objectValue?.members ?? [] {
                let texts = ReferenceEvaluator.list(operands).map { operand in
                    operand.stringValue ?? operand.description
                }
                if !self.holds(name, key, texts) { return false }
            }
        }
        return true
    }

    private func holds(_ name: String, _ key: String, _ operands: [String]) -> Bool {
        guard let values = self.text.values(key) else { return self.isDeny }
        let forAll = name.hasPrefix("ForAllValues:")
        let forAny = name.hasPrefix("ForAnyValue:")
        let ifExists = name.hasSuffix("IfExists")
        var base = name
        if forAll || forAny { base = String(base.drop { $0 != ":" }.dropFirst()) }
        if ifExists { base = String(base.dropLast("IfExists".count)) }
        let negated = base.contains("Not")

        func satisfied(_ value: String) -> Bool {
            operands.contains { operand in
                switch self.match(base, value, operand) {
                case .yes: true
                case .no: false
                // It tips the decision towards refusing.
                case .cannotBeJudged: self.isDeny != negated
                }
            } != negated
        }

        if base == "Null" { return satisfied(values.isEmpty ? "true" : "false") }
        if values.isEmpty { return ifExists || forAll || (!forAny && negated) }
        if forAll { return values.allSatisfy(satisfied) }
        if forAny { return values.contains(where: satisfied) }
        return values.count == 1 ? satisfied(values[0]) : self.isDeny
    }

    private func match(_ name: String, _ value: String, _ operand: String) -> Match {
        func answer(_ matches: Bool?) -> Match {
            matches.map { $0 ? .yes : .no } ?? .cannotBeJudged
        }
        if name.hasPrefix("Arn") { return self.arn(value, operand) }
        if name.hasSuffix("Like") {
            guard let symbols = self.text.symbols(operand, wild: true, inTopic: false) else {
                return .cannotBeJudged
            }
            return answer(ReferenceText.glob(symbols, Array(value.unicodeScalars)))
        }
        guard let operand = self.text.plain(operand) else { return .cannotBeJudged }
        switch name {
        case "StringEquals", "StringNotEquals": return answer(Self.same(value, operand))
        case "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
            return answer(Self.same(value.lowercased(), operand.lowercased()))
        case "BinaryEquals":
            return answer(ReferenceValues.isBase64(operand) ? Self.same(value, operand) : nil)
        case "Bool", "Null":
            guard let left = ReferenceValues.flag(value), let right = ReferenceValues.flag(operand)
            else { return .cannotBeJudged }
            return answer(left == right)
        case "IpAddress", "NotIpAddress":
            return answer(ReferenceValues.address(value, isWithin: operand))
        default: break
        }
        if name.hasPrefix("Numeric") {
            return answer(
                ReferenceValues.compareNumbers(value, operand).map {
                    Self.holds(String(name.dropFirst("Numeric".count)), $0)
                })
        }
        guard let left = ReferenceValues.date(value), let right = ReferenceValues.date(operand)
        else { return .cannotBeJudged }
        return answer(
            Self.holds(
                String(name.dropFirst("Date".count)), left < right ? -1 : left == right ? 0 : 1))
    }

    /// Byte for byte: no Unicode equivalence.
    private static func same(_ left: String, _ right: String) -> Bool {
        Array(left.utf8) == Array(right.utf8)
    }

    private static func holds(_ comparison: String, _ order: Int) -> Bool {
        switch comparison {
        case "Equals", "NotEquals": order == 0
        case "LessThan": order < 0
        case "LessThanEquals": order <= 0
        case "GreaterThan": order > 0
        default: order >= 0
        }
    }

    /// Part by part, so that a wildcard stays within its part.
    private func arn(_ value: String, _ operand: String) -> Match {
        if operand == "*" { return .yes }
        let patterns = Self.parts(operand)
        if patterns.count == 1 {
            guard let symbols = self.text.symbols(operand, wild: true, inTopic: false) else {
                return .cannotBeJudged
            }
            return ReferenceText.glob(symbols, Array(value.unicodeScalars)) ? .yes : .no
        }
        let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6 else { return .no }
        var match = Match.yes
        for (part, pattern) in zip(parts, patterns) {
            guard let symbols = self.text.symbols(pattern, wild: true, inTopic: true) else {
                match = .cannotBeJudged
                continue
            }
            if !ReferenceText.glob(symbols, Array(part.unicodeScalars)) { return .no }
        }
        return match
    }

    /// An ARN's parts by the colons that it spells out itself: those in `${…}` are none.
    private static func parts(_ text: String) -> [String] {
        var parts = [""]
        var inVariable = false
        for character in text {
            if character == ":", !inVariable, parts.count < 6 {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
            if parts[parts.count - 1].hasSuffix("${") { inVariable = true }
            if character == "}" { inVariable = false }
        }
        return parts
    }
}
