package import JSON

/// What a hook may ask of the fleet: lists, things, and how many there are. Each question is a read
/// of the committed state at the moment it is asked.
package protocol AllowlistLookup: Sendable {
    /// - Returns: whether the list in its current version holds `serial`, and that version; a list
    ///   that does not exist holds nothing and has none.
    /// - Throws: `FleetError.internalFailure` where the store cannot be read.
    func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?)

    /// - Returns: what the list says of `serial`, whatever fields its entry has (`serial` at
    ///   least), nil where it is not on it; and the list's version.
    /// - Throws: as `contains`.
    func entry(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (fields: JSONObject?, version: Int?)

    /// - Returns: a thing's `name`, `type`, `attributes` and `version`; nil where there is none.
    /// - Throws: as `contains`; `FleetError.serviceUnavailable` where there is no registry.
    func thing(_ name: ThingName) async throws(FleetError) -> JSONObject?

    /// - Parameter query: in the language of fleet indexing.
    /// - Returns: how many things it finds, counted no further than `most`.
    /// - Throws: as `thing`; `FleetError.invalidQuery`.
    func count(_ query: String, most: Int) async throws(FleetError) -> Int
}

extension AllowlistLookup {
    package func entry(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (fields: JSONObject?, version: Int?) {
        let (found, version) = try await self.contains(list, serial)
        return (found ? ["serial": .string(serial)] : nil, version)
    }

    package func thing(_ name: ThingName) async throws(FleetError) -> JSONObject? {
        throw FleetError(.serviceUnavailable, "there is no registry to ask here")
    }

    package func count(_ query: String, most: Int) async throws(FleetError) -> Int {
        throw FleetError(.serviceUnavailable, "there is no registry to ask here")
    }

    /// Answers one question. What cannot be a name is the name of nothing; the store need not see
    /// it.
    /// - Throws: as the functions above; `FleetError.invalidRequest` for a list's name that cannot
    ///   be one, since that is the script's mistake and not the device's.
    package func answer(_ question: HookQuestion) async throws(FleetError) -> HookRead {
        switch question {
        case .allowlistContains(let list, let serial):
            let name = try AllowlistName(list)
            guard (try? SerialNumber(serial)) != nil else {
                return HookRead(
                    question: .allowlistContains(list: list, serial: serial.clipped),
                    answer: false)
            }
            let (found, version) = try await self.contains(name, serial)
            return HookRead(question: question, answer: .bool(found), version: version)
        case .allowlistGet(let list, let serial):
            let name = try AllowlistName(list)
            guard (try? SerialNumber(serial)) != nil else {
                return HookRead(
                    question: .allowlistGet(list: list, serial: serial.clipped), answer: .null)
            }
            let (fields, version) = try await self.entry(name, serial)
            return HookRead(
                question: question, answer: fields.map { .object($0) } ?? .null, version: version)
        case .registryThing(let text):
            guard let name = try? ThingName(text) else {
                return HookRead(question: .registryThing(name: text.clipped), answer: .null)
            }
            let thing = try await self.thing(name)
            return HookRead(question: question, answer: thing.map { .object($0) } ?? .null)
        case .registryCount(let query, let most):
            let count = try await self.count(query, most: most)
            return HookRead(question: question, answer: .int(min(count, most)))
        }
    }
}

extension Thing {
    /// What a hook is told of a thing.
    package var hookFields: JSONObject {
        let attributes = self.attributes.sorted { $0.key < $1.key }
        var fields: JSONObject = [
            "name": .string(self.name.rawValue), "version": .int(self.version),
            "attributes": .object(JSONObject(attributes.map { ($0.key, .string($0.value)) })),
        ]
        fields["type"] = self.typeName.map { .string($0.rawValue) }
        return fields
    }
}
