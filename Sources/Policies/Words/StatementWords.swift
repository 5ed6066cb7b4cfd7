package import JSON

/// A statement in plain words: what it allows or denies, upon what, and when.
package struct StatementWords: Hashable, Sendable {
    package let sid: String?
    package let effect: PolicyStatement.Effect
    package let actions: [String]
    package let resources: [String]
    /// All must be true.
    package let conditions: [String]

    package init(_ statement: PolicyStatement) {
        self.sid = statement.sid
        self.effect = statement.effect
        switch statement.actions {
        case .only(let patterns): self.actions = patterns.map { Self.words(for: $0) }
        case .allExcept(let patterns):
            self.actions = [
                "everything except to " + patterns.map { Self.words(for: $0) }.joined(or: "or")
            ]
        }
        switch statement.resources {
        case .only(let patterns): self.resources = patterns.map { Self.words(for: $0) }
        case .allExcept(let patterns):
            self.resources = [
                "everything except " + patterns.map { Self.words(for: $0) }.joined(or: "and")
            ]
        }
        self.conditions = statement.conditions.map { ConditionWords($0).sentence }
    }

    package static func all(in document: PolicyDocument) -> [StatementWords] {
        document.statements.map { StatementWords($0) }
    }

    /// Lines for a person to read, beginning with `0. Allows ('sid')`.
    /// - Parameter number: counts from 0, as decisions and JSON pointers do.
    package func lines(number: Int) -> [String] {
        let verb =
            switch self.effect {
            case .allow: "Allows"
            case .deny: "Denies, whatever else allows it"
            }
        let name = self.sid.map { " ('\($0.clippedForDisplay)')" } ?? ""
        var lines = ["\(number). \(verb)\(name)"]
        lines += Self.block("to", self.actions, joint: "or")
        lines += Self.block("upon", self.resources, joint: "or")
        lines += Self.block("when", self.conditions, joint: "and")
        return lines
    }

    private static func block(_ head: String, _ items: [String], joint: String) -> [String] {
        items.enumerated().map { index, item in
            let label = index == 0 ? head : joint
            return "   " + label + String(repeating: " ", count: max(1, 6 - label.count)) + item
        }
    }

    package var json: JSONValue {
        var object: JSONObject = ["effect": .string(self.effect.rawValue)]
        if let sid = self.sid { object["sid"] = .string(sid) }
        object["actions"] = .array(self.actions.map { .string($0) })
        object["resources"] = .array(self.resources.map { .string($0) })
        object["conditions"] = .array(self.conditions.map { .string($0) })
        return .object(object)
    }

    // MARK: Actions

    private static func words(for pattern: ActionPattern) -> String {
        guard pattern.text != "*", !pattern.text.lowercased().hasSuffix(":*") else {
            return pattern.text == "*" || pattern.actions == .all
                ? "do anything" : "do anything of \(pattern.text)"
        }
        let actions = PolicyAction.allCases.filter { pattern.actions.contains(.action($0)) }
        guard !actions.isEmpty else {
            return "\(pattern.text.clippedForDisplay) (nothing that a device can do)"
        }
        return actions.map(\.words).joined(or: "or")
    }

    // MARK: Resources

    private static func words(for pattern: TextPattern) -> String {
        guard pattern.text != "*" else { return "everything" }
        let shape = ResourceShape(pattern)
        guard shape.kinds.count == 1, let kind = shape.kinds.first, let name = shape.name else {
            return "everything like \(pattern.words)"
        }
        if shape.isOpen { return "every \(kind.noun)" }
        return name.hasWildcards
            ? "every \(kind.noun) like \(name.words)" : "the \(kind.noun) \(name.words)"
    }
}

extension PolicyAction {
    /// What it is to do it.
    var words: String {
        switch self {
        case .connect: "connect"
        case .deleteConnection: "disconnect a client"
        case .getConnection: "look at a connection"
        case .listSubscriptions: "list a client's subscriptions"
        case .sendDirectMessage: "send a message to one client"
        case .publish: "publish"
        case .retainPublish: "publish with the retain flag"
        case .subscribe: "subscribe"
        case .receive: "receive"
        case .getRetainedMessage: "read a retained message"
        case .listRetainedMessages: "list retained messages"
        case .getThingShadow: "read a shadow over HTTP"
        case .updateThingShadow: "change a shadow over HTTP"
        case .deleteThingShadow: "delete a shadow over HTTP"
        case .listNamedShadowsForThing: "list a thing's shadows"
        case .assumeRoleWithCertificate: "get credentials for a role"
        case .describeJobExecution: "look at a job"
        case .getPendingJobExecutions: "list pending jobs"
        case .updateJobExecution: "report on a job"
        case .startNextPendingJobExecution: "start the next job"
        }
    }
}

extension ResourceKind {
    fileprivate var noun: String {
        switch self {
        case .client: "client id"
        case .topic: "topic"
        case .topicFilter: "topic filter"
        case .thing: "thing"
        case .roleAlias: "role alias"
        }
    }
}

extension TextPattern {
    var hasWildcards: Bool {
        self.pieces.contains { piece in
            guard case .glob(let glob) = piece else { return false }
            return glob.units.contains { $0 >= Glob.anyRun }
        }
    }

    /// The pattern with its variables named in words. A plain `*` or `?` is in quotes, as the
    /// other ones are wildcards.
    var words: String {
        self.pieces.map { piece in
            switch piece {
            case .variable(let variable): "<\(variable.words)>"
            case .glob(let glob): glob.words
            }
        }.joined()
    }
}

extension Glob {
    fileprivate var words: String {
        var bytes: [UInt8] = []
        for unit in self.units {
            switch unit {
            case Self.anyRun: bytes.append(UInt8(ascii: "*"))
            case Self.anyOne: bytes.append(UInt8(ascii: "?"))
            case Unit(UInt8(ascii: "*")): bytes += Array("'*'".utf8)
            case Unit(UInt8(ascii: "?")): bytes += Array("'?'".utf8)
            default: bytes.append(UInt8(truncatingIfNeeded: unit))
            }
        }
        return String(decoding: bytes, as: UTF8.self).onOneLine
    }
}

extension PolicyVariable {
    /// What it stands for.
    var words: String {
        switch self {
        case .clientID: "the client id"
        case .sourceIP: "the client's address"
        case .domainName: "the server name asked for"
        case .connectAttributes: "the connect attributes"
        case .lastWillTopic: "the last will's topic"
        case .thingName: "the thing's name"
        case .thingTypeName: "the thing's type"
        case .thingAttribute(let name): "the thing's attribute \(name.clippedForDisplay)"
        case .isAttached: "whether the connection speaks for a thing"
        case .certificateSerialNumber: "the certificate's serial number"
        case .certificateField(let field, .value(0)): "the certificate's \(field.name)"
        case .certificateField(let field, .value(let index)):
            "value \(index + 1) of the certificate's \(field.name)"
        case .certificateField(let field, .list): "the certificate's \(field.name) values"
        case .certificateAvailableKeys: "the certificate variables that have a value"
        case .currentTime: "the time"
        case .epochTime: "the time in seconds since 1970"
        case .other(let name): "\(name.clippedForDisplay), which means nothing here"
        }
    }
}
