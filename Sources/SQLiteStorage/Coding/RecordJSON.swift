internal import Fleet
internal import JSON

/// The small words of the records' JSON: how times, names and absent members are written.
enum RecordJSON {
    /// What the store wrote itself may be larger than what it would take from a stranger.
    private static let limits = JSONLimits(
        bytesMax: 4 * StorageLimits.changesBytesMax, depthMax: 512)

    static func parse(_ text: String) throws -> JSONValue {
        do { return try JSONParser.parse(text, limits: Self.limits) } catch {
            throw DamagedRow("a JSON column does not parse: \(error)")
        }
    }

    /// An object without the members that are nil.
    static func object(_ members: (String, JSONValue?)...) -> JSONValue {
        var object = JSONObject()
        object.reserveCapacity(members.count)
        for (key, value) in members {
            if let value { _ = object.append(key, value) }
        }
        return .object(object)
    }

    static func text(_ text: String?) -> JSONValue? { text.map { .string($0) } }
    static func name<Name: CheckedName>(_ name: Name?) -> JSONValue? {
        name.map { .string($0.rawValue) }
    }
    static func id(_ id: CertificateID?) -> JSONValue? { id.map { .string($0.rawValue) } }
    static func time(_ time: UnixTime?) -> JSONValue? { time.map { .int(Int($0.milliseconds)) } }
    static func int(_ number: Int?) -> JSONValue? { number.map { .int($0) } }

    static func id(_ id: ResourceID) -> JSONValue { .string(id.rawValue) }
    static func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    static func texts(_ value: JSONValue, _ subject: String) throws -> [String] {
        guard let array = value.arrayValue else {
            throw DamagedRow("the JSON of \(subject) holds no list of texts")
        }
        return try array.map { element in
            guard let text = element.stringValue else {
                throw DamagedRow("the JSON of \(subject) holds a list that is not of texts")
            }
            return text
        }
    }

    /// In the order of the keys' bytes, so that equal dictionaries are equal text.
    static func map(_ dictionary: [String: String]) -> JSONValue {
        let keys = dictionary.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var object = JSONObject()
        for key in keys { _ = object.append(key, .string(dictionary[key] ?? "")) }
        return .object(object)
    }
}

/// Reads the members of one object; a missing or misshapen one is a damaged row.
struct JSONFields {
    let object: JSONObject
    /// What the object is, for the message.
    let subject: String

    init(_ value: JSONValue?, _ subject: String) throws {
        guard let object = value?.objectValue else {
            throw DamagedRow("the JSON of \(subject) is no object")
        }
        self.object = object
        self.subject = subject
    }

    private func damaged(_ key: String) -> DamagedRow {
        DamagedRow("the JSON of \(self.subject) is damaged at '\(key)'")
    }

    private func required<Value>(_ key: String, _ value: Value?) throws -> Value {
        guard let value else { throw self.damaged(key) }
        return value
    }

    func value(_ key: String) throws -> JSONValue { try self.required(key, self.object[key]) }

    func optionalText(_ key: String) throws -> String? {
        guard let value = self.object[key] else { return nil }
        return try self.required(key, value.stringValue)
    }
    func text(_ key: String) throws -> String {
        try self.required(key, self.optionalText(key))
    }

    func optionalInt(_ key: String) throws -> Int? {
        guard let value = self.object[key] else { return nil }
        return try self.required(key, value.intValue)
    }
    func int(_ key: String) throws -> Int { try self.required(key, self.optionalInt(key)) }

    func flag(_ key: String) throws -> Bool {
        try self.required(key, self.object[key]?.boolValue)
    }

    func optionalTime(_ key: String) throws -> UnixTime? {
        try self.optionalInt(key).map { UnixTime(milliseconds: Int64($0)) }
    }
    func time(_ key: String) throws -> UnixTime {
        try self.required(key, self.optionalTime(key))
    }

    func optionalName<Name: CheckedName>(_ key: String) throws -> Name? {
        try self.optionalText(key).map { Name(checked: $0) }
    }
    func name<Name: CheckedName>(_ key: String) throws -> Name {
        Name(checked: try self.text(key))
    }

    func optionalID(_ key: String) throws -> CertificateID? {
        guard let text = try self.optionalText(key) else { return nil }
        return try self.required(key, try? CertificateID(text))
    }
    func id(_ key: String) throws -> CertificateID { try self.required(key, self.optionalID(key)) }

    /// The nil UUID where the member is missing: records written before there were ids have none.
    func resourceID(_ key: String) throws -> ResourceID {
        guard let text = try self.optionalText(key) else { return .unknown }
        return try self.required(key, try? ResourceID(text))
    }

    func presentResourceID(_ key: String) throws -> ResourceID {
        try self.required(key, try? ResourceID(self.text(key)))
    }

    func optionalTexts(_ key: String) throws -> [String]? {
        try self.object[key].map { try RecordJSON.texts($0, self.subject) }
    }

    func optionalMap(_ key: String) throws -> [String: String]? {
        try self.object[key].map { _ in try self.map(key) }
    }

    func fingerprint(_ key: String) throws -> PublicKeyFingerprint {
        try self.required(key, try? PublicKeyFingerprint(self.text(key)))
    }

    func oneOf<Word: RawRepresentable<String>>(_ key: String) throws -> Word {
        try self.required(key, Word(rawValue: self.text(key)))
    }

    func optionalOneOf<Word: RawRepresentable<String>>(_ key: String) throws -> Word? {
        guard let text = try self.optionalText(key) else { return nil }
        return try self.required(key, Word(rawValue: text))
    }

    func map(_ key: String) throws -> [String: String] {
        let object = try self.required(key, self.object[key]?.objectValue)
        var map: [String: String] = [:]
        for member in object.members {
            map[member.key] = try self.required(key, member.value.stringValue)
        }
        return map
    }

    func array(_ key: String) throws -> [JSONValue] {
        try self.required(key, self.object[key]?.arrayValue)
    }
}
