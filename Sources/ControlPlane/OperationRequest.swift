package import Fleet
package import JSON

/// A request with everything HTTP taken off it.
package struct OperationRequest: Sendable {
    package let actor: Actor
    package let labels: [String: String]
    /// `http://HOST:PORT` as the client called it, for links; nil on the operator's socket.
    package let origin: String?
    package let query: [String: String]
    /// The `x-amzn-…` headers, by their names in lower case.
    package let headers: [String: String]
    /// `.null` where there is none, or it is streamed.
    package let body: JSONValue
    /// The body as it arrives, pulled chunk by chunk so that a slow reader slows the sender down;
    /// empty unless the operation streams it.
    package let stream: Stream

    package typealias Stream = any AsyncSequence<[UInt8], any Error> & Sendable
    /// One for all: it has ended.
    package static let emptyStream: Stream = AsyncThrowingStream<[UInt8], any Error> {
        $0.finish()
    }

    /// The caller's rights, for what shows only in the body or in what is stored: a template that
    /// writes policies, a certificate that turns out to be a claim's. Of the row's own action they
    /// have been asked already.
    package let authorize: Caller.Authorization

    package init(
        actor: Actor, labels: [String: String] = [:], origin: String? = nil,
        query: [String: String] = [:],
        headers: [String: String] = [:], body: JSONValue = .null,
        stream: Stream = OperationRequest.emptyStream,
        authorize: @escaping Caller.Authorization = { _, _ in }
    ) {
        self.actor = actor
        self.labels = labels
        self.origin = origin
        self.query = query
        self.headers = headers
        self.body = body
        self.stream = stream
        self.authorize = authorize
    }
}

// MARK: Path and header

extension OperationRequest {
    /// The value of a label, which the row's path must declare.
    package func label(_ name: String) -> String {
        guard let value = self.labels[name] else {
            preconditionFailure("The path of this operation has no {\(name)}.")
        }
        return value
    }

    /// A label that is a name.
    package func name<Name: CheckedName>(
        _ label: String, as type: Name.Type = Name.self
    ) throws(FleetError) -> Name {
        try Name(self.label(label))
    }

    package func header(_ name: String) throws(FleetError) -> String {
        guard let value = self.headers[name], !value.isEmpty else {
            throw FleetError(.invalidRequest, "the header \(name) is missing")
        }
        return value
    }
}

// MARK: Query

extension OperationRequest {
    package func queryText(_ name: String) -> String? { self.query[name] }

    /// The text of a parameter that is a name, or the beginning of one: of both AWS's model says
    /// the same.
    package func queryName<Name: CheckedName>(
        _ name: String, as type: Name.Type
    ) throws(FleetError) -> String? {
        guard let text = self.query[name] else { return nil }
        return try Name(text).rawValue
    }

    package func requiredQueryText(_ name: String) throws(FleetError) -> String {
        guard let text = self.query[name], !text.isEmpty else {
            throw FleetError(.invalidRequest, "the query parameter \(name) is missing")
        }
        return text
    }

    /// AWS: `true` or `false`.
    package func queryFlag(_ name: String) throws(FleetError) -> Bool {
        switch self.query[name] {
        case nil: return false
        case "true"?: return true
        case "false"?: return false
        case let text?:
            throw FleetError(
                .invalidRequest, "\(name) must be true or false, not '\(text.clipped)'")
        }
    }

    package func queryInteger(_ name: String) throws(FleetError) -> Int? {
        guard let text = self.query[name] else { return nil }
        guard let value = Int(text) else {
            throw FleetError(
                .invalidRequest, "\(name) must be a whole number, not '\(text.clipped)'")
        }
        return value
    }
}

// MARK: Body

extension OperationRequest {
    /// The members of the body; none where it is empty.
    package var members: RequestMembers {
        RequestMembers(object: self.body.objectValue ?? [:], place: "")
    }

    package func text(_ member: String) throws(FleetError) -> String {
        try self.members.text(member)
    }
    package func optionalText(_ member: String) throws(FleetError) -> String? {
        try self.members.optionalText(member)
    }
    package func optionalFlag(_ member: String) throws(FleetError) -> Bool? {
        try self.members.optionalFlag(member)
    }
    package func optionalInteger(_ member: String) throws(FleetError) -> Int? {
        try self.members.optionalInteger(member)
    }
    package func object(_ member: String) throws(FleetError) -> RequestMembers? {
        try self.members.object(member)
    }
    package func stringMap(_ member: String) throws(FleetError) -> [String: String]? {
        try self.members.stringMap(member)
    }
}

/// The members of a JSON object in a request, read with their types. What has the wrong one is
/// named by its JSON pointer (RFC 6901).
package struct RequestMembers: Sendable {
    package let object: JSONObject
    let place: String

    /// A member that is present and not null.
    private func value(_ name: String) -> JSONValue? {
        guard let value = self.object[name], value != .null else { return nil }
        return value
    }

    private func mistyped(_ name: String, _ value: JSONValue, _ wanted: String) -> FleetError {
        FleetError(
            .invalidRequest, "\(self.place)/\(name) is \(value.kindName), not \(wanted)")
    }

    private func missing(_ name: String) -> FleetError {
        FleetError(.invalidRequest, "\(self.place)/\(name) is missing")
    }

    package func optionalText(_ name: String) throws(FleetError) -> String? {
        guard let value = self.value(name) else { return nil }
        guard let text = value.stringValue else { throw self.mistyped(name, value, "a string") }
        return text
    }

    package func text(_ name: String) throws(FleetError) -> String {
        guard let text = try self.optionalText(name) else { throw self.missing(name) }
        return text
    }

    package func optionalName<Name: CheckedName>(
        _ name: String, as type: Name.Type = Name.self
    ) throws(FleetError) -> Name? {
        guard let text = try self.optionalText(name) else { return nil }
        return try Name(text)
    }

    package func optionalFlag(_ name: String) throws(FleetError) -> Bool? {
        guard let value = self.value(name) else { return nil }
        guard let flag = value.boolValue else { throw self.mistyped(name, value, "a boolean") }
        return flag
    }

    package func optionalInteger(_ name: String) throws(FleetError) -> Int? {
        guard let value = self.value(name) else { return nil }
        guard let number = value.intValue else {
            throw self.mistyped(name, value, "a whole number")
        }
        return number
    }

    package func object(_ name: String) throws(FleetError) -> RequestMembers? {
        guard let value = self.value(name) else { return nil }
        guard let object = value.objectValue else {
            throw self.mistyped(name, value, "an object")
        }
        return RequestMembers(object: object, place: "\(self.place)/\(name)")
    }

    package func requiredObject(_ name: String) throws(FleetError) -> RequestMembers {
        guard let members = try self.object(name) else { throw self.missing(name) }
        return members
    }

    package func array(_ name: String) throws(FleetError) -> [JSONValue]? {
        guard let value = self.value(name) else { return nil }
        guard let array = value.arrayValue else { throw self.mistyped(name, value, "an array") }
        return array
    }

    package func texts(_ name: String) throws(FleetError) -> [String]? {
        guard let values = try self.array(name) else { return nil }
        var texts: [String] = []
        for (index, value) in values.enumerated() {
            guard let text = value.stringValue else {
                throw self.mistyped("\(name)/\(index)", value, "a string")
            }
            texts.append(text)
        }
        return texts
    }

    package func objects(_ name: String) throws(FleetError) -> [RequestMembers]? {
        guard let values = try self.array(name) else { return nil }
        var objects: [RequestMembers] = []
        for (index, value) in values.enumerated() {
            guard let object = value.objectValue else {
                throw self.mistyped("\(name)/\(index)", value, "an object")
            }
            objects.append(RequestMembers(object: object, place: "\(self.place)/\(name)/\(index)"))
        }
        return objects
    }

    package func stringMap(_ name: String) throws(FleetError) -> [String: String]? {
        guard let members = try self.object(name) else { return nil }
        var map: [String: String] = [:]
        for (key, value) in members.object.members {
            guard let text = value.stringValue else {
                throw members.mistyped(key, value, "a string")
            }
            map[key] = text
        }
        return map
    }

    /// Refuses members that would silently do nothing.
    package func refuseUnknown(_ known: [String]) throws(FleetError) {
        for key in self.object.keys where !known.contains(key) {
            throw FleetError(
                .invalidRequest,
                "\(self.place) has no member '\(key.clipped)'; it has "
                    + known.joined(separator: ", "))
        }
    }
}
