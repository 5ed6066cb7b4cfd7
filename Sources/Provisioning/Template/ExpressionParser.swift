import Fleet
import JSON
import Policies

/// Reads values, references and intrinsic functions, and notes everything that it does not
/// understand instead of stopping at the first.
struct ExpressionParser {
    /// Each name that is referred to, and where: judged even where the rest makes no document.
    struct Reference: Hashable {
        let name: String
        let pointer: JSONPointer
    }

    static let functions = [
        "Ref", "Fn::Join", "Fn::Sub", "Fn::Select", "Fn::Split", "Fn::FindInMap",
    ]

    /// The parser of JSON bounds nesting already; this bounds what one template may cost to render.
    let valuesMax: Int
    private(set) var findings: [TemplateFinding] = []
    /// Findings beyond what is told of one template.
    private(set) var findingsLeftOut = 0
    private(set) var references: [Reference] = []
    /// Every `Fn::Select` and `Fn::FindInMap`, for the same reason.
    private(set) var lookups: [TemplateExpression] = []
    private var count = 0

    init(valuesMax: Int) { self.valuesMax = valuesMax }

    mutating func report(
        _ message: String, at pointer: JSONPointer, expected: String? = nil,
        nearest: String? = nil, isAboutKey: Bool = false
    ) {
        guard !self.leavesOutFinding() else { return }
        self.findings.append(
            TemplateFinding(
                message, at: pointer, expected: expected, nearest: nearest,
                isAboutKey: isAboutKey))
    }

    /// Whether one more finding is only counted.
    mutating func leavesOutFinding() -> Bool {
        guard self.findings.count >= TemplateLimits.findingsMax else { return false }
        self.findingsLeftOut += 1
        return true
    }

    /// A value that becomes one text; nil, and a finding, where it cannot.
    mutating func text(_ value: JSONValue, at pointer: JSONPointer) -> TemplateExpression? {
        guard self.hasRoom(at: pointer) else { return nil }
        switch value {
        case .string(let text): return TemplateExpression(.literal(text), at: pointer)
        case .object(let object): return self.function(object, at: pointer)
        case .number, .bool:
            self.report(
                "\(value.kindName) stands where text belongs; put it in quotes", at: pointer,
                expected: Self.textExpected)
        case .null, .array:
            self.report(
                "\(value.kindName) stands where text belongs", at: pointer,
                expected: Self.textExpected)
        }
        return nil
    }

    /// Counts one more value; false, and one finding, where there are too many.
    private mutating func hasRoom(at pointer: JSONPointer) -> Bool {
        self.count += 1
        if self.count == self.valuesMax + 1 {
            self.report("the template has more than \(self.valuesMax) values", at: pointer)
        }
        return self.count <= self.valuesMax
    }

    private static let textExpected = "text in quotes, a Ref, or a function that makes text"

    /// A value that becomes a list: an array of texts, or `Fn::Split`.
    mutating func list(_ value: JSONValue, at pointer: JSONPointer) -> TemplateListExpression? {
        switch value {
        case .array(let elements):
            var items: [TemplateExpression] = []
            for (index, element) in elements.enumerated() {
                guard let item = self.text(element, at: pointer.appending(index)) else { continue }
                items.append(item)
            }
            return items.count == elements.count ? .items(items) : nil
        case .object(let object):
            guard object.count == 1, let value = object["Fn::Split"] else {
                self.report("expected a list or Fn::Split", at: pointer)
                return nil
            }
            return self.split(value, at: pointer.appending("Fn::Split"))
        case .null, .bool, .number, .string:
            self.report("\(value.kindName) stands where a list belongs", at: pointer)
            return nil
        }
    }

    /// Whether an object is a reference or function, rather than a member of a policy's own tree.
    static func isFunction(_ object: JSONObject) -> Bool {
        object.members.contains { $0.key == "Ref" || $0.key.hasPrefix("Fn::") }
    }

    private mutating func function(
        _ object: JSONObject, at pointer: JSONPointer
    ) -> TemplateExpression? {
        guard object.count == 1, let member = object.members.first else {
            self.report(
                "an object stands where text belongs; a reference or function has exactly one "
                    + "member, such as \"Ref\"", at: pointer)
            return nil
        }
        let inner = pointer.appending(member.key)
        let form: TemplateExpression.Form?
        switch member.key {
        case "Ref": form = self.reference(member.value, at: inner)
        case "Fn::Join": form = self.join(member.value, at: inner)
        case "Fn::Sub": form = self.substitution(member.value, at: inner)
        case "Fn::Select": form = self.select(member.value, at: inner)
        case "Fn::FindInMap": form = self.findInMap(member.value, at: inner)
        case "Fn::Split":
            self.report("Fn::Split makes a list; Fn::Select takes one text out of it", at: inner)
            form = nil
        case let key where !Self.isMeantAsFunction(key):
            self.report(
                "an object stands where text belongs; a reference or function has exactly one "
                    + "member, such as \"Ref\"", at: pointer, expected: Self.textExpected)
            form = nil
        default:
            self.report(
                "'\(member.key.clipped)' is not understood; known are Ref, Fn::Join, Fn::Sub, "
                    + "Fn::Select, Fn::Split and Fn::FindInMap", at: inner,
                expected: "one of " + Self.functions.joined(separator: ", "),
                nearest: NearestName.of(member.key, among: Self.functions), isAboutKey: true)
            form = nil
        }
        guard let expression = form.map({ TemplateExpression($0, at: pointer) }) else { return nil }
        guard expression.weight <= self.valuesMax else {
            self.report(
                "rendering this takes more than \(self.valuesMax) steps", at: pointer)
            return nil
        }
        switch expression.form {
        case .select, .findInMap: self.lookups.append(expression)
        case .literal, .reference, .join, .substitution: break
        }
        return expression
    }

    private static func isMeantAsFunction(_ key: String) -> Bool {
        key.hasPrefix("Fn") || NearestName.of(key, among: Self.functions) != nil
    }

    private mutating func reference(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateExpression.Form? {
        guard let name = value.stringValue, !name.isEmpty else {
            self.report("Ref takes the name of a parameter", at: pointer)
            return nil
        }
        let whole = JSONPointer(tokens: Array(pointer.tokens.dropLast()))
        self.references.append(Reference(name: name, pointer: whole))
        return .reference(name)
    }

    private mutating func join(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateExpression.Form? {
        guard let arguments = value.arrayValue, arguments.count == 2,
            let separator = arguments[0].stringValue
        else {
            self.report("Fn::Join takes [separator, list]", at: pointer)
            return nil
        }
        return self.list(arguments[1], at: pointer.appending(1)).map {
            .join(separator: separator, $0)
        }
    }

    private mutating func split(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateListExpression? {
        guard let arguments = value.arrayValue, arguments.count == 2,
            let separator = arguments[0].stringValue, !separator.isEmpty
        else {
            self.report("Fn::Split takes [separator, text]", at: pointer)
            return nil
        }
        return self.text(arguments[1], at: pointer.appending(1)).map {
            .split(separator: separator, $0)
        }
    }

    private mutating func select(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateExpression.Form? {
        guard let arguments = value.arrayValue, arguments.count == 2 else {
            self.report("Fn::Select takes [index, list]", at: pointer)
            return nil
        }
        let place = pointer.appending(0)
        let index =
            if let number = arguments[0].intValue {
                TemplateExpression(.literal(String(number)), at: place) as TemplateExpression?
            } else { self.text(arguments[0], at: place) }
        if let literal = index?.literal, Int(literal).map({ $0 < 0 }) ?? true {
            self.report("'\(literal.clipped)' is no index; they count from 0", at: place)
        }
        guard let list = self.list(arguments[1], at: pointer.appending(1)), let index else {
            return nil
        }
        return .select(index: index, list)
    }

    private mutating func findInMap(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateExpression.Form? {
        guard let arguments = value.arrayValue, arguments.count == 3 else {
            self.report("Fn::FindInMap takes [map, top key, second key]", at: pointer)
            return nil
        }
        let map = self.text(arguments[0], at: pointer.appending(0))
        let top = self.text(arguments[1], at: pointer.appending(1))
        let second = self.text(arguments[2], at: pointer.appending(2))
        guard let map, let top, let second else { return nil }
        return .findInMap(map: map, top: top, second: second)
    }
}

// MARK: Fn::Sub

extension ExpressionParser {
    private mutating func substitution(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> TemplateExpression.Form? {
        guard let (text, variables) = self.substitutionArguments(value, at: pointer) else {
            return nil
        }
        return self.pieces(of: text, variables: variables, at: pointer).map { .substitution($0) }
    }

    /// The text of a `Fn::Sub` and the variables of its own.
    mutating func substitutionArguments(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> (text: String, variables: [String: TemplateExpression])? {
        if let text = value.stringValue { return (text, [:]) }
        guard let arguments = value.arrayValue, arguments.count == 2,
            let text = arguments[0].stringValue, let object = arguments[1].objectValue
        else {
            self.report("Fn::Sub takes text, or [text, {name: value}]", at: pointer)
            return nil
        }
        var variables: [String: TemplateExpression] = [:]
        let place = pointer.appending(1)
        for (name, value) in object.members {
            guard let variable = self.text(value, at: place.appending(name)) else { return nil }
            variables[name] = variable
        }
        return (text, variables)
    }

    /// Cuts the text of a `Fn::Sub` at its `${NAME}`. `${!TEXT}` stands for `${TEXT}` itself, and
    /// policy variables such as `${iot:ClientId}` or `${*}` are left alone, as no parameter is
    /// called so.
    mutating func pieces(
        of text: String, variables: [String: TemplateExpression], at pointer: JSONPointer
    ) -> [TemplateExpression]? {
        var pieces: [TemplateExpression] = []
        var literal = ""
        // Scalars and not characters: a combining mark after a brace must not hide it.
        var rest = text.unicodeScalars[...]
        while let open = rest.firstIndex(of: "$") {
            let brace = rest.index(after: open)
            guard brace < rest.endIndex, rest[brace] == "{" else {
                literal += String(rest[...open])
                rest = rest[brace...]
                continue
            }
            literal += String(rest[..<open])
            let start = rest.index(after: brace)
            guard let close = rest[start...].firstIndex(of: "}") else {
                self.report("'${' without its '}'", at: pointer)
                return nil
            }
            let name = String(rest[start..<close])
            rest = rest[rest.index(after: close)...]
            if name.hasPrefix("!") {
                literal += "${\(name.dropFirst())}"
            } else if Self.isPolicyVariable(name) {
                literal += "${\(name)}"
            } else {
                if !literal.isEmpty {
                    pieces.append(TemplateExpression(.literal(literal), at: pointer))
                    literal = ""
                }
                guard self.hasRoom(at: pointer) else { return nil }
                if let variable = variables[name] {
                    pieces.append(variable)
                } else {
                    self.references.append(Reference(name: name, pointer: pointer))
                    pieces.append(TemplateExpression(.reference(name), at: pointer))
                }
            }
        }
        literal += String(rest)
        if !literal.isEmpty { pieces.append(TemplateExpression(.literal(literal), at: pointer)) }
        return pieces
    }

    /// AWS: policy variables and the escapes `${*}`, `${?}`, `${$}`.
    private static func isPolicyVariable(_ name: String) -> Bool {
        if name == "*" || name == "?" || name == "$" { return true }
        return name.hasPrefix("iot:") || (name.hasPrefix("aws:") && !name.hasPrefix("aws::"))
    }
}
