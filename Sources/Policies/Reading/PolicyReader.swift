import Fleet
import JSON

/// Reads a document from top to bottom and goes on after a fault, so that an author hears of all
/// of them at once. What it returns is worth something only where it found none.
struct PolicyReader {
    let dialect: PolicyDialect
    private(set) var findings: [PolicyFinding] = []

    private static let documentElements = ["Version", "Id", "Statement"]
    private static let statementElements = [
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    init(dialect: PolicyDialect) { self.dialect = dialect }

    // MARK: Document

    mutating func document(_ value: JSONValue, at place: JSONPointer) -> PolicyDocument? {
        guard let object = self.members(value, "a policy document", at: place) else { return nil }
        self.refuseUnknown(object, beside: Self.documentElements, at: place)
        switch object["Version"] {
        case nil:
            self.report(
                .missingElement, "a policy document needs \"Version\": \"2012-10-17\"", at: place)
        case "2012-10-17"?: break
        case _?:
            self.report(
                .elementValue, "Version must be \"2012-10-17\"", at: place.appending("Version"))
        }
        if let id = object["Id"] { _ = self.text(id, at: place.appending("Id")) }
        guard let list = object["Statement"] else {
            self.report(.missingElement, "a policy document needs \"Statement\"", at: place)
            return nil
        }
        var statements: [PolicyStatement] = []
        for (value, place) in self.oneOrMore(list, at: place.appending("Statement")) {
            guard let statement = self.statement(value, at: place) else { continue }
            if let sid = statement.sid, statements.contains(where: { $0.sid == sid }) {
                self.report(
                    .repeatedSid, "two statements have this Sid", at: place.appending("Sid"))
            }
            statements.append(statement)
        }
        return PolicyDocument(statements: statements)
    }

    // MARK: Statement

    private mutating func statement(_ value: JSONValue, at place: JSONPointer) -> PolicyStatement? {
        guard let object = self.members(value, "a statement", at: place) else { return nil }
        self.refuseUnknown(object, beside: Self.statementElements, at: place)
        let sid = self.sid(object["Sid"], at: place.appending("Sid"))
        let effect = self.effect(object["Effect"], at: place)
        let actions = self.actions(object, at: place)
        let resources = self.resources(object, at: place)
        var conditions: [PolicyCondition] = []
        if let condition = object["Condition"] {
            conditions = self.conditions(condition, at: place.appending("Condition"))
        }
        guard let effect, let actions, let resources else { return nil }
        return PolicyStatement(
            sid: sid, effect: effect, actions: actions, resources: resources,
            conditions: conditions)
    }

    private mutating func sid(_ value: JSONValue?, at place: JSONPointer) -> String? {
        guard let value, let sid = self.text(value, at: place) else { return nil }
        guard sid.count <= PolicyLimits.sidCharactersMax else {
            self.report(
                .elementValue, "a Sid has at most \(PolicyLimits.sidCharactersMax) characters",
                at: place)
            return nil
        }
        return sid.isEmpty ? nil : sid
    }

    private mutating func effect(
        _ value: JSONValue?, at place: JSONPointer
    ) -> PolicyStatement.Effect? {
        guard let value else {
            self.report(.missingElement, "a statement needs \"Effect\"", at: place)
            return nil
        }
        guard let effect = value.stringValue.flatMap(PolicyStatement.Effect.init(rawValue:)) else {
            self.report(
                .elementValue, "Effect must be \"Allow\" or \"Deny\", letter for letter",
                at: place.appending("Effect"))
            return nil
        }
        return effect
    }

    private mutating func actions(
        _ object: JSONObject, at place: JSONPointer
    ) -> PolicyStatement.Actions? {
        switch (object["Action"], object["NotAction"]) {
        case (let only?, nil):
            return .only(self.actionPatterns(only, at: place.appending("Action")))
        case (nil, let except?):
            return .allExcept(self.actionPatterns(except, at: place.appending("NotAction")))
        case (.some, .some):
            self.report(
                .elementValue, "a statement has Action or NotAction, not both", at: place)
        case (nil, nil):
            self.report(
                .missingElement, "a statement needs \"Action\" or \"NotAction\"", at: place)
        }
        return nil
    }

    private mutating func actionPatterns(
        _ value: JSONValue, at place: JSONPointer
    ) -> [ActionPattern] {
        var patterns: [ActionPattern] = []
        for (value, place) in self.oneOrMore(value, at: place) {
            guard let text = self.text(value, at: place) else { continue }
            do throws(MalformedPattern) {
                let pattern = try ActionPattern(text, dialect: self.dialect)
                patterns.append(pattern)
                if let meant = self.dialect.misspelt(action: pattern) {
                    self.report(
                        .misspeltAction, "there is no action '\(text.clipped)'", at: place,
                        nearest: meant)
                }
            } catch {
                self.report(.actionForm, error.message, at: place)
            }
        }
        return patterns
    }

    private mutating func resources(
        _ object: JSONObject, at place: JSONPointer
    ) -> PolicyStatement.Resources? {
        switch (object["Resource"], object["NotResource"]) {
        case (let only?, nil):
            return .only(self.resourcePatterns(only, at: place.appending("Resource")))
        case (nil, let except?):
            return .allExcept(self.resourcePatterns(except, at: place.appending("NotResource")))
        case (.some, .some):
            self.report(
                .elementValue, "a statement has Resource or NotResource, not both", at: place)
        case (nil, nil):
            self.report(
                .missingElement, "a statement needs \"Resource\" or \"NotResource\"", at: place)
        }
        return nil
    }

    private mutating func resourcePatterns(
        _ value: JSONValue, at place: JSONPointer
    ) -> [TextPattern] {
        var patterns: [TextPattern] = []
        for (value, place) in self.oneOrMore(value, at: place) {
            guard let text = self.text(value, at: place) else { continue }
            let pattern: TextPattern
            do throws(MalformedPattern) {
                pattern = try TextPattern(text, wildcards: true)
            } catch {
                self.report(.variableForm, error.message, at: place)
                continue
            }
            guard pattern.isResource else {
                self.report(
                    .resourceForm,
                    "a resource is \"*\" or an ARN, such as arn:aws:iot:REGION:ACCOUNT:topic/NAME",
                    at: place)
                continue
            }
            self.refuseMisspelt(pattern, at: place)
            patterns.append(pattern)
        }
        return patterns
    }
}

// MARK: Values

extension PolicyReader {
    /// The members of an object that must have some.
    mutating func members(
        _ value: JSONValue, _ what: String, at place: JSONPointer
    ) -> JSONObject? {
        guard let object = value.objectValue else {
            self.report(.wrongType, "\(what) is an object, not \(value.kindName)", at: place)
            return nil
        }
        guard !object.isEmpty else {
            self.report(.missingElement, "\(what) must not be empty", at: place)
            return nil
        }
        return object
    }

    mutating func text(_ value: JSONValue, at place: JSONPointer) -> String? {
        if let text = value.stringValue { return text }
        self.report(.wrongType, "expected a text, found \(value.kindName)", at: place)
        return nil
    }

    /// AWS takes one value without brackets wherever it takes a list. An empty list would be a
    /// statement about nothing, which is a document gone wrong.
    mutating func oneOrMore(
        _ value: JSONValue, at place: JSONPointer
    ) -> [(JSONValue, JSONPointer)] {
        guard let elements = value.arrayValue else { return [(value, place)] }
        if elements.isEmpty {
            self.report(.missingElement, "the list must not be empty", at: place)
        }
        return elements.enumerated().map { ($1, place.appending($0)) }
    }
}

// MARK: Reporting

extension PolicyReader {
    mutating func report(
        _ rule: PolicyRule, _ fault: String, at place: JSONPointer, isAboutKey: Bool = false,
        nearest: String? = nil
    ) {
        self.findings.append(
            PolicyFinding(rule, fault, at: place, isAboutKey: isAboutKey, nearest: nearest))
    }

    mutating func refuseMisspelt(_ pattern: TextPattern, at place: JSONPointer) {
        for variable in pattern.variables {
            guard case .other(let name) = variable, let meant = self.dialect.misspelt(key: name)
            else { continue }
            let written = variable.spelling(in: pattern.text).clipped
            self.report(
                .misspeltKey, "there is no variable '\(written)'", at: place, nearest: meant)
        }
    }

    private mutating func refuseUnknown(
        _ object: JSONObject, beside known: [String], at place: JSONPointer
    ) {
        for key in object.keys where !known.contains(key) {
            let why: String
            var nearest: String?
            if key == "Principal" || key == "NotPrincipal" {
                why = "a policy of AWS IoT names no Principal: it is attached to one"
            } else if let meant = NearestName.of(key, among: known) {
                why = "unknown element"
                nearest = meant
            } else {
                why = "unknown element; there are \(known.joined(separator: ", "))"
            }
            self.report(
                .unknownElement, why, at: place.appending(key), isAboutKey: true,
                nearest: nearest)
        }
    }
}

extension TextPattern {
    /// A resource is `*` or an ARN; an ARN may be cut short by a `*`, which runs across colons.
    fileprivate var isResource: Bool {
        guard self.text != "*" else { return true }
        let parts = self.split(at: UInt8(ascii: ":"), partsMax: 6)
        return parts[0].literalText == "arn" && (parts.count == 6 || self.text.contains("*"))
    }
}
