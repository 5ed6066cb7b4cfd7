import Fleet
package import JSON
import Policies

/// Something in a template that its author has to mend or to think about: what, and at which place.
package struct TemplateFinding: Hashable, Sendable, CustomStringConvertible {
    package let rule: TemplateRule
    package let pointer: JSONPointer
    package let message: String
    /// What stands there, in short.
    package internal(set) var found: String?
    /// What belongs there; nil where the message itself says so.
    package let expected: String?
    /// The valid name that a misspelt one is nearest to.
    package let nearest: String?
    /// In the template's text; nil until `located`.
    package internal(set) var position: JSONSourceMap.Position?
    /// Whether it is about the member's key rather than its value.
    let isAboutKey: Bool

    package init(
        _ message: String, at pointer: JSONPointer, rule: TemplateRule = .grammar,
        found: String? = nil, expected: String? = nil, nearest: String? = nil,
        isAboutKey: Bool = false, position: JSONSourceMap.Position? = nil
    ) {
        self.rule = rule
        self.pointer = pointer
        self.message = message
        self.found = found
        self.expected = expected
        self.nearest = nearest
        self.isAboutKey = isAboutKey
        self.position = position
    }

    /// With its place in the text, and with what stands there.
    func located(by map: JSONSourceMap, in root: JSONValue) -> TemplateFinding {
        var located = self
        if located.position == nil {
            located.position = map.position(of: self.pointer, key: self.isAboutKey)
        }
        if located.found == nil, self.pointer != .root {
            located.found = self.pointer.value(in: root).map(Self.words)
        }
        return located
    }

    private static func words(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): "'\(text.clipped)'"
        case .number, .bool, .null: JSONPrinter.print(value).clipped
        case .array, .object: value.kindName
        }
    }

    /// `/Resources/a/Type (line 3, column 20): …; did you mean '…'?`
    package var description: String {
        let place = self.position.map { " (\($0))" } ?? ""
        let hint = self.nearest.map { "; did you mean '\($0)'?" } ?? ""
        let pointer = self.pointer.tokens.map { "/" + $0.clipped }.joined()
        return (self.pointer == .root ? "the template\(place): " : "\(pointer)\(place): ")
            + self.message + hint
    }
}

extension TemplateFinding {
    /// What is said against a policy document of the template. A document that is given as text
    /// has one place in the template; the place inside it is told in the message.
    init(_ finding: PolicyFinding, ofDocumentAt place: JSONPointer, in root: JSONValue) {
        var place = place
        var value = place.value(in: root)
        if let substituted = value?["Fn::Sub"] {
            place = place.appending("Fn::Sub")
            value = substituted
            if let text = substituted.arrayValue?.first {
                place = place.appending(0)
                value = text
            }
        }
        guard let text = value?.stringValue else {
            self.init(
                finding.fault, at: JSONPointer(tokens: place.tokens + finding.place.tokens),
                rule: .policy(finding.rule), nearest: finding.nearest,
                isAboutKey: finding.isAboutKey)
            return
        }
        let position = JSONSourceMap(of: text, for: [finding.place])
            .position(of: finding.place, key: finding.isAboutKey)
        let pointer = finding.place.tokens.map { "/" + $0.clipped }.joined()
        self.init(
            "in the text, \(position)\(pointer.isEmpty ? "" : " (\(pointer))"): \(finding.fault)",
            at: place, rule: .policy(finding.rule), nearest: finding.nearest)
    }

    /// As `slipway template lint --json` and PutProvisioningTemplate's `findings` have it.
    package var json: JSONObject {
        var object: JSONObject = [
            "line": .int(self.position?.line ?? 1), "column": .int(self.position?.column ?? 1),
            "pointer": .string(self.pointer.description),
            "severity": .string(self.rule.severity.rawValue), "rule": .string(self.rule.id),
            "message": .string(self.message),
            "expected": .string(self.expected ?? self.message),
        ]
        object["found"] = self.found.map { .string($0) }
        object["nearest"] = self.nearest.map { .string($0) }
        return object
    }
}
