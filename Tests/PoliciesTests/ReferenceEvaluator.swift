import Fleet
import JSON

@testable import Policies

/// The policy language said a second time, as slowly and literally as it can be: no compiling, no
/// sets, recursion over characters, straight from the JSON document. Both must always agree.
struct ReferenceEvaluator {
    enum Answer: String { case allowed, implicitlyDenied, explicitlyDenied }

    let context: PolicyVariables
    let action: String
    let resource: String

    func answer(_ documents: [JSONValue]) -> Answer {
        let statements = documents.flatMap { Self.list($0["Statement"]) }
        let matching = statements.filter(self.applies)
        if matching.contains(where: { $0["Effect"] == "Deny" }) { return .explicitlyDenied }
        return matching.isEmpty ? .implicitlyDenied : .allowed
    }

    private static func list(_ value: JSONValue?) -> [JSONValue] {
        value.map { $0.arrayValue ?? [$0] } ?? []
    }

    private func applies(_ statement: JSONValue) -> Bool {
        let isDeny = statement["Effect"] == "Deny"
        let speaksOfAction = Self.list(statement["Action"]).contains { action in
            Self.glob(
                Self.symbols(action.stringValue?.lowercased() ?? ""),
                Array(self.action.lowercased().unicodeScalars))
        }
        guard speaksOfAction else { return false }
        let covers: Bool
        if let only = statement["Resource"] {
            covers = self.matches(only, unknownMatches: isDeny)
        } else {
            covers = !self.matches(statement["NotResource"], unknownMatches: !isDeny)
        }
        guard covers else { return false }
        for (name, keys) in statement["Condition"]?.objectValue?.members ?? [] {
            for (key, values) in keys.objectValue?.members ?? [] {
                if !self.holds(name, key, Self.list(values), isDeny: isDeny) { return false }
            }
        }
        return true
    }

    // MARK: Patterns

    private enum Symbol { case plain(Unicode.Scalar), star, one }

    private static func symbols(_ text: String) -> [Symbol] {
        text.unicodeScalars.map { $0 == "*" ? .star : $0 == "?" ? .one : .plain($0) }
    }

    private static func glob(
        _ pattern: [Symbol], _ text: [Unicode.Scalar], from place: (Int, Int) = (0, 0)
    ) -> Bool {
        let (index, position) = place
        guard index < pattern.count else { return position == text.count }
        switch pattern[index] {
        case .star:
            return (position...text.count).contains {
                Self.glob(pattern, text, from: (index + 1, $0))
            }
        case .one:
            return position < text.count
                && Self.glob(pattern, text, from: (index + 1, position + 1))
        case .plain(let scalar):
            return position < text.count && text[position] == scalar
                && Self.glob(pattern, text, from: (index + 1, position + 1))
        }
    }

    private func matches(_ patterns: JSONValue?, unknownMatches: Bool) -> Bool {
        Self.list(patterns).contains { pattern in
            guard
                let symbols = self.substituted(
                    pattern.stringValue ?? "", wild: true,
                    inTopic: !self.action.contains("Connect"),
                    unknown: unknownMatches ? [.star] : nil)
            else { return false }
            return Self.glob(symbols, Array(self.resource.unicodeScalars))
        }
    }

    private func substituted(
        _ text: String, wild: Bool, inTopic: Bool, unknown: [Symbol]?
    ) -> [Symbol]? {
        var output: [Symbol] = []
        var rest = Array(text.unicodeScalars)
        while !rest.isEmpty {
            guard rest.count > 1, rest[0] == "$", rest[1] == "{",
                let end = rest.firstIndex(of: "}")
            else {
                output += wild ? Self.symbols(String(rest[0])) : [.plain(rest[0])]
                rest.removeFirst()
                continue
            }
            let name = String(String.UnicodeScalarView(rest[2..<end]))
            rest.removeFirst(end + 1)
            if ["*", "?", "$"].contains(name) {
                output += name.unicodeScalars.map { .plain($0) }
            } else if let value = self.usable(name, inTopic: inTopic) {
                output += value.unicodeScalars.map { .plain($0) }
            } else if let unknown {
                output += unknown
            } else {
                return nil
            }
        }
        return output
    }

    private func value(_ name: String) -> String? {
        switch name {
        case "iot:ClientId": self.context.clientID
        case "iot:Connection.Thing.ThingName": self.context.thing?.name.rawValue
        case "iot:Connection.Thing.Attributes[s]": self.context.thing?.attributes["s"]
        default: nil
        }
    }

    private func usable(_ name: String, inTopic: Bool) -> String? {
        guard let value = self.value(name), !value.isEmpty else { return nil }
        let forbidden = !inTopic ? "" : name == "iot:ClientId" ? "+#$/" : "+#$"
        return value.contains(where: forbidden.contains) ? nil : value
    }

    // MARK: Conditions

    private func holds(_ name: String, _ key: String, _ operands: [JSONValue], isDeny: Bool) -> Bool
    {
        let values =
            key == "iot:ConnectAttributes"
            ? self.context.connectAttributes.map(\.rawValue) : self.value(key).map { [$0] } ?? []
        if name == "Null" {
            return operands.contains { $0.stringValue == (values.isEmpty ? "true" : "false") }
        }
        let negated = name.contains("Not")
        if values.isEmpty {
            if name.hasSuffix("IfExists") || name.hasPrefix("ForAllValues:") { return true }
            return name.hasPrefix("ForAnyValue:") ? false : negated
        }
        func one(_ value: String) -> Bool {
            operands.contains { operand in
                guard
                    let symbols = self.substituted(
                        operand.stringValue ?? "", wild: name.contains("Like"), inTopic: false,
                        unknown: nil)
                else { return isDeny != negated }
                return Self.glob(symbols, Array(value.unicodeScalars))
            } != negated
        }
        if name.hasPrefix("ForAllValues:") { return values.allSatisfy(one) }
        if name.hasPrefix("ForAnyValue:") { return values.contains(where: one) }
        return values.count == 1 ? one(values[0]) : isDeny
    }
}
