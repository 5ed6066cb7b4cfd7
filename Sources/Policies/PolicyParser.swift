package import Fleet
package import JSON

extension PolicyDocument {
    /// Reads a policy document. Whatever is not understood is refused, with its JSON pointer: an
    /// element passed over might have been the one that denies.
    ///
    /// - Throws: `FleetError.malformedPolicy`.
    package static func parse(
        _ text: String, dialect: PolicyDialect = .device
    ) throws(FleetError) -> PolicyDocument {
        guard text.utf8.count <= PolicyLimits.documentBytesMax else {
            throw malformed(
                "the policy document has \(text.utf8.count) bytes; at most "
                    + "\(PolicyLimits.documentBytesMax)")
        }
        let size = text.unicodeScalars.lazy.filter { !$0.properties.isWhitespace }.count
        guard size > 0 else { throw malformed("the policy document is empty") }
        guard size <= dialect.charactersMax else {
            throw malformed(
                "the policy document has \(size) characters without white space; at most "
                    + "\(dialect.charactersMax)")
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(
                text,
                limits: JSONLimits(
                    bytesMax: PolicyLimits.documentBytesMax,
                    depthMax: PolicyLimits.documentDepthMax))
        } catch {
            throw malformed("the policy document is not JSON: \(error)")
        }
        return try Self.parse(value, dialect: dialect)
    }

    /// Reads a document that is part of another, a template's.
    ///
    /// - Parameter place: where it stands there; errors name places below it.
    package static func parse(
        _ value: JSONValue, at place: JSONPointer = .root, dialect: PolicyDialect = .device
    ) throws(FleetError) -> PolicyDocument {
        let object = try members(value, "a policy document", at: place)
        for key in object.keys where !["Version", "Id", "Statement"].contains(key) {
            throw malformed("unknown element", at: place.appending(key))
        }
        guard let version = object["Version"] else {
            throw malformed("a policy document needs \"Version\": \"2012-10-17\"", at: place)
        }
        guard version == "2012-10-17" else {
            throw malformed("Version must be \"2012-10-17\"", at: place.appending("Version"))
        }
        if let id = object["Id"] { _ = try text(id, at: place.appending("Id")) }
        guard let list = object["Statement"] else {
            throw malformed("a policy document needs \"Statement\"", at: place)
        }
        var statements: [PolicyStatement] = []
        for (value, place) in try oneOrMore(list, at: place.appending("Statement")) {
            let statement = try PolicyStatement(value, at: place, dialect: dialect)
            if let sid = statement.sid, statements.contains(where: { $0.sid == sid }) {
                throw malformed("two statements have this Sid", at: place.appending("Sid"))
            }
            statements.append(statement)
        }
        return PolicyDocument(statements: statements)
    }
}

extension PolicyStatement {
    private static let elements = [
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    fileprivate init(
        _ value: JSONValue, at place: JSONPointer, dialect: PolicyDialect
    ) throws(FleetError) {
        let object = try members(value, "a statement", at: place)
        for key in object.keys where !Self.elements.contains(key) {
            let why =
                key == "Principal"
                ? "a policy of AWS IoT names no Principal: it is attached to one"
                : "unknown element"
            throw malformed(why, at: place.appending(key))
        }
        self.sid = try Self.sid(object["Sid"], at: place.appending("Sid"))

        guard let effect = object["Effect"] else {
            throw malformed("a statement needs \"Effect\"", at: place)
        }
        guard let effect = effect.stringValue.flatMap(Effect.init(rawValue:)) else {
            throw malformed("Effect must be \"Allow\" or \"Deny\"", at: place.appending("Effect"))
        }
        self.effect = effect

        self.actions = try Self.actions(object, at: place, dialect: dialect)
        self.resources = try Self.resources(object, at: place)
        self.conditions =
            try object["Condition"].map { condition throws(FleetError) in
                try PolicyCondition.parse(condition, at: place.appending("Condition"))
            } ?? []
    }

    private static func sid(
        _ value: JSONValue?, at place: JSONPointer
    ) throws(FleetError) -> String? {
        guard let value else { return nil }
        let sid = try text(value, at: place)
        guard sid.count <= PolicyLimits.sidCharactersMax else {
            throw malformed(
                "a Sid has at most \(PolicyLimits.sidCharactersMax) characters", at: place)
        }
        return sid.isEmpty ? nil : sid
    }

    private static func actions(
        _ object: JSONObject, at place: JSONPointer, dialect: PolicyDialect
    ) throws(FleetError) -> Actions {
        func patterns(_ value: JSONValue, _ element: String) throws(FleetError) -> [ActionPattern] {
            var patterns: [ActionPattern] = []
            for (value, place) in try oneOrMore(value, at: place.appending(element)) {
                let text = try text(value, at: place)
                patterns.append(
                    try located(at: place) { () throws(MalformedPattern) in
                        try ActionPattern(text, dialect: dialect)
                    })
            }
            return patterns
        }
        switch (object["Action"], object["NotAction"]) {
        case (let only?, nil): return .only(try patterns(only, "Action"))
        case (nil, let except?): return .allExcept(try patterns(except, "NotAction"))
        case (.some, .some):
            throw malformed("a statement has Action or NotAction, not both", at: place)
        case (nil, nil): throw malformed("a statement needs \"Action\" or \"NotAction\"", at: place)
        }
    }

    private static func resources(
        _ object: JSONObject, at place: JSONPointer
    ) throws(FleetError) -> Resources {
        switch (object["Resource"], object["NotResource"]) {
        case (let only?, nil):
            return .only(try Self.patterns(only, at: place.appending("Resource")))
        case (nil, let except?):
            return .allExcept(try Self.patterns(except, at: place.appending("NotResource")))
        case (.some, .some):
            throw malformed("a statement has Resource or NotResource, not both", at: place)
        case (nil, nil):
            throw malformed("a statement needs \"Resource\" or \"NotResource\"", at: place)
        }
    }

    private static func patterns(
        _ value: JSONValue, at place: JSONPointer
    ) throws(FleetError) -> [TextPattern] {
        var patterns: [TextPattern] = []
        for (value, place) in try oneOrMore(value, at: place) {
            let text = try text(value, at: place)
            patterns.append(
                try located(at: place) { () throws(MalformedPattern) in
                    try TextPattern(resource: text)
                })
        }
        return patterns
    }
}

extension TextPattern {
    /// A resource is `*` or an ARN; an ARN may be cut short by a `*`, which runs across colons.
    fileprivate init(resource text: String) throws(MalformedPattern) {
        try self.init(text, wildcards: true)
        guard text != "*" else { return }
        let parts = self.split(at: UInt8(ascii: ":"), partsMax: 6)
        guard parts[0].literalText == "arn", parts.count == 6 || text.contains("*") else {
            throw MalformedPattern(
                "a resource is \"*\" or an ARN, such as arn:aws:iot:REGION:ACCOUNT:topic/NAME")
        }
    }
}

extension PolicyCondition {
    fileprivate static func parse(
        _ value: JSONValue, at place: JSONPointer
    ) throws(FleetError) -> [PolicyCondition] {
        var conditions: [PolicyCondition] = []
        let operators = try members(value, "a Condition", at: place)
        for (name, keys) in operators.members {
            let place = place.appending(name)
            for (key, operands) in try members(keys, "a condition operator", at: place).members {
                conditions.append(
                    try PolicyCondition(
                        operatorName: name, key: key, operands: operands, at: place))
            }
        }
        return conditions
    }

    private init(
        operatorName: String, key: String, operands: JSONValue, at place: JSONPointer
    ) throws(FleetError) {
        var name = Substring(operatorName)
        var quantifier: Quantifier?
        if let colon = name.firstIndex(of: ":") {
            quantifier = Quantifier(rawValue: String(name[..<colon]))
            guard quantifier != nil else {
                throw malformed("a condition begins with ForAllValues: or ForAnyValue:", at: place)
            }
            name = name[name.index(after: colon)...]
        }
        let ifExists = name.hasSuffix("IfExists")
        if ifExists { name = name.dropLast("IfExists".count) }
        guard let operation = ConditionOperator(rawValue: String(name)) else {
            throw malformed("unknown condition operator", at: place)
        }
        guard operation != .null || (!ifExists && quantifier == nil) else {
            throw malformed("Null takes neither IfExists nor a quantifier", at: place)
        }
        let place = place.appending(key)
        self.key = try located(at: place) { () throws(MalformedPattern) in
            try PolicyVariable(checked: key)
        }
        self.quantifier = quantifier
        self.ifExists = ifExists
        (self.comparison, self.negated) = operation.meaning
        var read: [ConditionOperand] = []
        for (value, place) in try oneOrMore(operands, at: place) {
            let text = try Self.operandText(value, at: place)
            let comparison = self.comparison
            read.append(
                try located(at: place) { () throws(MalformedPattern) in
                    try ConditionOperand(text, for: comparison)
                })
        }
        self.operands = read
    }

    /// IAM: numbers and booleans may stand without quotes.
    private static func operandText(
        _ value: JSONValue, at place: JSONPointer
    ) throws(FleetError) -> String {
        switch value {
        case .string(let text): return text
        case .number(let number): return number.text
        case .bool(let flag): return flag ? "true" : "false"
        case .null, .array, .object:
            throw malformed("expected a text, found \(value.kindName)", at: place)
        }
    }
}

// MARK: Reading

private func malformed(_ message: String, at place: JSONPointer? = nil) -> FleetError {
    let pointer = place.map { $0 == .root ? "" : "\($0.description.clippedPointer): " } ?? ""
    return FleetError(.malformedPolicy, pointer + message)
}

extension String {
    /// A pointer holds the document's own keys, which are foreign text.
    fileprivate var clippedPointer: String {
        self.split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0).clipped }.joined(separator: "/")
    }
}

private func located<Value>(
    at place: JSONPointer, _ body: () throws(MalformedPattern) -> Value
) throws(FleetError) -> Value {
    do throws(MalformedPattern) { return try body() } catch {
        throw malformed(error.message, at: place)
    }
}

/// The members of an object that must have some.
private func members(
    _ value: JSONValue, _ what: String, at place: JSONPointer
) throws(FleetError) -> JSONObject {
    guard let object = value.objectValue else {
        throw malformed("\(what) is an object, not \(value.kindName)", at: place)
    }
    guard !object.isEmpty else { throw malformed("\(what) must not be empty", at: place) }
    return object
}

private func text(_ value: JSONValue, at place: JSONPointer) throws(FleetError) -> String {
    guard let text = value.stringValue else {
        throw malformed("expected a text, found \(value.kindName)", at: place)
    }
    return text
}

/// AWS takes one value without brackets wherever it takes a list. An empty list would be a
/// statement about nothing, which is a document gone wrong.
private func oneOrMore(
    _ value: JSONValue, at place: JSONPointer
) throws(FleetError) -> [(JSONValue, JSONPointer)] {
    guard let elements = value.arrayValue else { return [(value, place)] }
    guard !elements.isEmpty else { throw malformed("the list must not be empty", at: place) }
    return elements.enumerated().map { ($1, place.appending($0)) }
}
