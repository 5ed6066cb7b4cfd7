/// A JSON document as a tree (RFC 8259): numbers keep their text and objects keep their key
/// order, so that what came in is what goes out.
///
/// Two objects are equal when they hold the same members, whatever their order.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    package static func int(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }

    package var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var boolValue: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    /// The value as an integer, or nil where the number has a fraction or does not fit.
    package var intValue: Int? {
        if case .number(let number) = self { number.intValue } else { nil }
    }

    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var objectValue: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// The member called `key`; nil where this is no object or has no such member.
    package subscript(key: String) -> JSONValue? { self.objectValue?[key] }

    /// What an error message calls a value of this kind: "a string", "an object".
    package var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements))
    }
}

/// A number as it was written. `1.0`, `1` and `1e0` are different texts and different values here;
/// whoever needs arithmetic asks for it.
package struct JSONNumber: Hashable, Sendable {
    package let text: String

    /// `text` must already obey the grammar of RFC 8259 section 6; the parser is the only caller
    /// that hands over foreign text.
    init(validated text: String) { self.text = text }

    package init(_ value: Int) { self.text = String(value) }

    /// nil for infinities and NaN, which JSON cannot say.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self.text = "\(value)"
    }

    package var intValue: Int? { Int(self.text) }
    /// The nearest binary64; nil where the number lies beyond what one holds (`1e400`).
    package var doubleValue: Double? { Double(self.text).flatMap { $0.isFinite ? $0 : nil } }
}

/// The members of a JSON object in the order they were written. Keys are unique: the parser
/// refuses a document that repeats one, since two readers would understand it differently.
package struct JSONObject: Sendable {
    /// Up to this many members a walk over the keys is no slower than hashing them, and an object
    /// that is made to be printed has no table to be made.
    private static let walkedMembersMax = 24

    package private(set) var members: [(key: String, value: JSONValue)]
    /// Where each key stands; empty as long as the members are few enough to be walked.
    private var positions: [String: Int]

    package init() {
        self.members = []
        self.positions = [:]
    }

    package init(_ members: some Sequence<(String, JSONValue)>) {
        self.init()
        for (key, value) in members { self[key] = value }
    }

    /// Room for so many members.
    package mutating func reserveCapacity(_ count: Int) { self.members.reserveCapacity(count) }

    package var keys: [String] { self.members.map(\.key) }
    package var count: Int { self.members.count }
    package var isEmpty: Bool { self.members.isEmpty }

    /// Setting nil removes the member; setting a new key appends it.
    package subscript(key: String) -> JSONValue? {
        get { self.position(key).map { self.members[$0].value } }
        set {
            switch (self.position(key), newValue) {
            case (let position?, let value?): self.members[position].value = value
            case (nil, let value?): self.appendNew(key, value)
            case (let position?, nil):
                self.members.remove(at: position)
                self.index()
            case (nil, nil): break
            }
        }
    }

    /// Appends a member; false, and nothing done, where the key is there already.
    package mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        guard self.position(key) == nil else { return false }
        self.appendNew(key, value)
        return true
    }

    private func position(_ key: String) -> Int? {
        self.members.count <= Self.walkedMembersMax
            ? self.members.firstIndex { $0.key == key } : self.positions[key]
    }

    private mutating func appendNew(_ key: String, _ value: JSONValue) {
        self.members.append((key, value))
        switch self.members.count {
        case ...Self.walkedMembersMax: break
        case Self.walkedMembersMax + 1: self.index()
        default: self.positions[key] = self.members.count - 1
        }
    }

    private mutating func index() {
        self.positions.removeAll(keepingCapacity: true)
        guard self.members.count > Self.walkedMembersMax else { return }
        for (index, member) in self.members.enumerated() { self.positions[member.key] = index }
    }
}

extension JSONObject: Hashable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.count)
        for key in self.members.lazy.map(\.key).sorted() { hasher.combine(key) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
