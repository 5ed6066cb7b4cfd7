package import Fleet
package import JSON

/// A connection as somebody describes it, to ask policies about.
package struct SimulatedConnection: Hashable, Sendable {
    package let name: String
    package var variables: PolicyVariables
    /// Its certificate's.
    package private(set) var status = Certificate.Status.active
    /// The policy files that it has; nil for those that are asked about anyway.
    package private(set) var policyFiles: [String]?

    package init(name: String, variables: PolicyVariables, policyFiles: [String]? = nil) {
        self.name = name
        self.variables = variables
        self.policyFiles = policyFiles
    }

    /// - Parameter folder: what names of files are relative to; empty for the current one.
    package func with(policyFilesBelow folder: String) -> SimulatedConnection {
        var connection = self
        connection.policyFiles = self.policyFiles?.map { file in
            file.hasPrefix("/") || folder.isEmpty ? file : "\(folder)/\(file)"
        }
        return connection
    }

    private static let members = [
        "clientId", "thing", "thingType", "attributes", "sourceIp", "domainName", "certificate",
        "connectAttributes", "lastWillTopic", "time", "keys", "policies", "status",
    ]

    /// Reads one row of a matrix.
    /// - Throws: `FleetError.invalidRequest`, naming the member that is wrong.
    package init(
        name: String, _ value: JSONValue, at place: JSONPointer, in realm: Realm
    ) throws(FleetError) {
        guard let object = value.objectValue else {
            throw Self.wrong("a connection is an object, not \(value.kindName)", at: place)
        }
        for key in object.keys where !Self.members.contains(key) {
            let nearest = NearestName.of(key, among: Self.members)
            throw Self.wrong(
                "unknown member"
                    + (nearest.map { "; did you mean '\($0)'?" }
                        ?? "; there are \(Self.members.joined(separator: ", "))"),
                at: place.appending(key))
        }
        let reader = MemberReader(object: object, place: place)
        self.name = name
        self.policyFiles = try reader.texts("policies")
        self.status = try Self.status(reader, at: place)
        self.variables = PolicyVariables(
            clientID: try reader.text("clientId"), sourceIP: try reader.text("sourceIp"),
            domainName: try reader.text("domainName"),
            lastWillTopic: try reader.text("lastWillTopic").map { realm.topic($0) },
            now: try reader.time("time"))
        self.variables.thing = try Self.thing(reader, at: place)
        for text in try reader.texts("connectAttributes") ?? [] {
            guard let attribute = PolicyVariables.ConnectAttribute(rawValue: text) else {
                throw Self.wrong(
                    "'\(text.clipped)' is neither PersistentConnect nor LastWill",
                    at: place.appending("connectAttributes"))
            }
            self.variables.connectAttributes.insert(attribute)
        }
        for (key, texts) in try reader.lists("certificate") {
            try self.variables.setCertificate(key, to: texts)
        }
        for (key, texts) in try reader.lists("keys") {
            self.variables.furtherKeys[key.lowercased()] = texts
        }
    }

    private static func thing(
        _ reader: MemberReader, at place: JSONPointer
    ) throws(FleetError) -> PolicyVariables.AssociatedThing? {
        let typeName = try reader.text("thingType").map { text throws(FleetError) in
            try ThingTypeName(text)
        }
        let attributes = try reader.map("attributes")
        guard let name = try reader.text("thing") else {
            guard typeName == nil, attributes.isEmpty else {
                throw Self.wrong(
                    "a type and attributes are a thing's: name it as \"thing\"", at: place)
            }
            return nil
        }
        return PolicyVariables.AssociatedThing(
            name: try ThingName(name), typeName: typeName, attributes: attributes)
    }

    private static func status(
        _ reader: MemberReader, at place: JSONPointer
    ) throws(FleetError) -> Certificate.Status {
        guard let text = try reader.text("status") else { return .active }
        guard let status = Certificate.Status(rawValue: text) else {
            throw Self.wrong(
                "'\(text.clipped)' is no status of a certificate: "
                    + Certificate.Status.allCases.map(\.rawValue).joined(separator: ", "),
                at: place.appending("status"))
        }
        return status
    }

    fileprivate static func wrong(_ message: String, at place: JSONPointer) -> FleetError {
        FleetError(.invalidRequest, place == .root ? message : "\(place): \(message)")
    }
}

extension PolicyVariables {
    /// - Parameter name: `SerialNumber`, or a field such as `Subject.CommonName`.
    /// - Throws: `FleetError.invalidRequest` for a name that certificates do not have.
    package mutating func setCertificate(
        _ name: String, to values: [String]
    ) throws(FleetError) {
        if name.lowercased() == "serialnumber" {
            self.certificateSerialNumber = values.first
            return
        }
        guard let field = CertificateField(name) else {
            let nearest = NearestName.of(name, among: CertificateField.all.map(\.name))
            throw FleetError(
                .invalidRequest,
                "'\(name.clipped)' is nothing that a policy can know of a certificate"
                    + (nearest.map { "; did you mean '\($0)'?" } ?? ""))
        }
        self.certificateFields[field] = values
    }
}

/// The members of a described connection, read with their types.
private struct MemberReader {
    let object: JSONObject
    let place: JSONPointer

    func text(_ name: String) throws(FleetError) -> String? {
        guard let value = self.object[name] else { return nil }
        return try self.text(value, at: self.place.appending(name))
    }

    func texts(_ name: String) throws(FleetError) -> [String]? {
        guard let value = self.object[name] else { return nil }
        return try self.texts(value, at: self.place.appending(name))
    }

    func time(_ name: String) throws(FleetError) -> UnixTime? {
        guard let text = try self.text(name) else { return nil }
        guard let milliseconds = PolicyDate.milliseconds(text) else {
            throw SimulatedConnection.wrong(
                "'\(text.clipped)' is no date", at: self.place.appending(name))
        }
        return UnixTime(milliseconds: milliseconds)
    }

    func map(_ name: String) throws(FleetError) -> [String: String] {
        var map: [String: String] = [:]
        for (key, value) in try self.members(name) {
            map[key] = try self.text(value, at: self.place.appending(name).appending(key))
        }
        return map
    }

    /// Members that hold one text or a list of them.
    func lists(_ name: String) throws(FleetError) -> [(key: String, texts: [String])] {
        var lists: [(key: String, texts: [String])] = []
        for (key, value) in try self.members(name) {
            let place = self.place.appending(name).appending(key)
            lists.append((key, try self.texts(value, at: place)))
        }
        return lists
    }

    private func members(_ name: String) throws(FleetError) -> [(key: String, value: JSONValue)] {
        guard let value = self.object[name] else { return [] }
        guard let object = value.objectValue else {
            throw SimulatedConnection.wrong(
                "expected an object, found \(value.kindName)", at: self.place.appending(name))
        }
        return object.members.map { ($0.key, $0.value) }
    }

    private func text(_ value: JSONValue, at place: JSONPointer) throws(FleetError) -> String {
        if let text = value.stringValue { return text }
        throw SimulatedConnection.wrong("expected a text, found \(value.kindName)", at: place)
    }

    private func texts(_ value: JSONValue, at place: JSONPointer) throws(FleetError) -> [String] {
        guard let elements = value.arrayValue else { return [try self.text(value, at: place)] }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            texts.append(try self.text(element, at: place.appending(index)))
        }
        return texts
    }
}
