import Fleet
import JSON

extension PolicyReader {
    mutating func conditions(_ value: JSONValue, at place: JSONPointer) -> [PolicyCondition] {
        guard let operators = self.members(value, "a Condition", at: place) else { return [] }
        var conditions: [PolicyCondition] = []
        for (name, keys) in operators.members {
            let place = place.appending(name)
            let operation = self.operation(name, at: place)
            guard let keys = self.members(keys, "a condition operator", at: place) else { continue }
            for (key, operands) in keys.members {
                let place = place.appending(key)
                let variable = self.key(key, at: place)
                guard let operation else { continue }
                let read = self.operands(operands, for: operation.comparison, at: place)
                guard let variable else { continue }
                conditions.append(
                    PolicyCondition(operation, key: (variable, key), operands: read))
            }
        }
        return conditions
    }

    private mutating func operation(
        _ text: String, at place: JSONPointer
    ) -> PolicyCondition.Operation? {
        var name = Substring(text)
        var quantifier: PolicyCondition.Quantifier?
        if let colon = name.firstIndex(of: ":") {
            quantifier = PolicyCondition.Quantifier(rawValue: String(name[..<colon]))
            guard quantifier != nil else {
                self.report(
                    .unknownOperator, "a condition begins with ForAllValues: or ForAnyValue:",
                    at: place, isAboutKey: true)
                return nil
            }
            name = name[name.index(after: colon)...]
        }
        let ifExists = name.hasSuffix("IfExists")
        if ifExists { name = name.dropLast("IfExists".count) }
        guard let operation = ConditionOperator(rawValue: String(name)) else {
            let names = ConditionOperator.allCases.map(\.rawValue)
            let prefix = quantifier.map { "\($0.rawValue):" } ?? ""
            let suffix = ifExists ? "IfExists" : ""
            self.report(
                .unknownOperator, "unknown condition operator", at: place, isAboutKey: true,
                nearest: NearestName.of(String(name), among: names).map { prefix + $0 + suffix })
            return nil
        }
        guard operation != .null || (!ifExists && quantifier == nil) else {
            self.report(
                .unknownOperator, "Null takes neither IfExists nor a quantifier", at: place,
                isAboutKey: true)
            return nil
        }
        return PolicyCondition.Operation(operation, quantifier: quantifier, ifExists: ifExists)
    }

    private mutating func key(_ text: String, at place: JSONPointer) -> PolicyVariable? {
        do throws(MalformedPattern) {
            let variable = try PolicyVariable(checked: text)
            if case .other(let name) = variable, let meant = self.dialect.misspelt(key: name) {
                self.report(
                    .misspeltKey,
                    "there is no condition key '\(text.clipped)'",
                    at: place, isAboutKey: true, nearest: meant)
            }
            return variable
        } catch {
            self.report(.variableForm, error.message, at: place, isAboutKey: true)
            return nil
        }
    }

    private mutating func operands(
        _ value: JSONValue, for comparison: ConditionOperator.Comparison, at place: JSONPointer
    ) -> [(read: ConditionOperand, text: String)] {
        var operands: [(read: ConditionOperand, text: String)] = []
        for (value, place) in self.oneOrMore(value, at: place) {
            guard let text = self.operandText(value, at: place) else { continue }
            do throws(MalformedPattern) {
                operands.append((try ConditionOperand(text, for: comparison), text))
                self.refuseMisspelt(try TextPattern(text, wildcards: true), at: place)
            } catch {
                self.report(.operandForm, error.message, at: place)
            }
        }
        return operands
    }

    /// IAM: numbers and booleans may stand without quotes.
    private mutating func operandText(_ value: JSONValue, at place: JSONPointer) -> String? {
        switch value {
        case .string(let text): return text
        case .number(let number): return number.text
        case .bool(let flag): return flag ? "true" : "false"
        case .null, .array, .object: return self.text(value, at: place)
        }
    }
}
