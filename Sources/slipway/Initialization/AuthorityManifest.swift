import CertificateAuthority
import Fleet
import Foundation
import JSON
import Policies

/// `pki/authorities.json`: which authorities there are, and what each is for. Their keys and
/// certificates lie beside it, as `NAME.key` and `NAME.pem`; a key on a token is named in it.
struct AuthorityManifest: Sendable {
    struct Entry: Hashable, Sendable {
        let name: String
        let role: Authority.Role
        var uses: Set<AuthorityUse> = []
        /// It issues from then on.
        var begin: UnixTime?
        /// The name of the one that it follows.
        var replaces: String?
        var retiredAt: UnixTime?
        /// There is a key and a request; the certificate is to come from the root.
        var isAwaited = false
        /// Where the key is; nil: in its file.
        var keyURI: KeyURI?
    }

    static let entriesMax = 64
    private static let nameCharactersMax = 48
    /// What else lies in `pki/` under such a name.
    private static let takenNames: Set<String> = ["gateway", "claim-demo", "profiles"]

    private(set) var entries: [Entry]

    /// What `slipway init` makes.
    static let standard = AuthorityManifest(checked: [
        Entry(name: "root-ca", role: .root),
        Entry(name: "issuing-ca", role: .issuing, uses: Set(AuthorityUse.allCases)),
    ])

    private init(checked entries: [Entry]) { self.entries = entries }

    init() { self.entries = [] }

    subscript(_ name: String) -> Entry? { self.entries.first { $0.name == name } }

    var roots: [Entry] { self.entries.filter { $0.role == .root } }
    /// Those whose certificate is there.
    var issuing: [Entry] { self.entries.filter { $0.role == .issuing && !$0.isAwaited } }
    var awaited: [Entry] { self.entries.filter(\.isAwaited) }

    // MARK: Changing

    /// - Throws: `FleetError.alreadyExists` for a name that is there; `.invalidRequest` for one
    ///   that cannot be.
    mutating func add(_ entry: Entry) throws(FleetError) {
        try Self.check(name: entry.name)
        guard self[entry.name] == nil else {
            throw FleetError(
                .alreadyExists,
                "there is an authority '\(entry.name)' already: choose another name",
                resource: entry.name)
        }
        guard self.entries.count < Self.entriesMax else {
            throw FleetError(
                .limitExceeded, "there are \(self.entries.count) authorities, as many as may be")
        }
        self.entries.append(entry)
    }

    mutating func change(_ name: String, _ body: (inout Entry) -> Void) {
        guard let index = self.entries.firstIndex(where: { $0.name == name }) else { return }
        body(&self.entries[index])
    }

    static func check(name: String) throws(FleetError) {
        let isSound =
            (1...Self.nameCharactersMax).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "-")
            } && !name.hasPrefix("-") && !Self.takenNames.contains(name)
        guard isSound else {
            throw FleetError(
                .invalidRequest,
                "'\(name.clipped)' is no name of an authority: a-z, 0-9 and -, at most "
                    + "\(Self.nameCharactersMax), and not what another file in pki/ is called")
        }
    }

    // MARK: JSON

    var json: JSONValue {
        .object([
            "authorities": .array(
                self.entries.map { entry in
                    var object: JSONObject = [
                        "name": .string(entry.name), "role": .string(entry.role.rawValue),
                    ]
                    if entry.role == .issuing {
                        object["for"] = .array(entry.uses.words.map { .string($0) })
                    }
                    if let begin = entry.begin { object["from"] = .string(begin.description) }
                    if let name = entry.replaces { object["replaces"] = .string(name) }
                    if let end = entry.retiredAt { object["retired"] = .string(end.description) }
                    if entry.isAwaited { object["awaited"] = true }
                    if let uri = entry.keyURI { object["key"] = .string(uri.text) }
                    return .object(object)
                })
        ])
    }

    /// - Throws: `FleetError.invalidRequest` for whatever is not understood: an authority that is
    ///   overlooked would leave its devices without a CRL.
    init(json bytes: [UInt8]) throws(FleetError) {
        let value: JSONValue
        do { value = try JSONParser.parse(bytes) } catch {
            throw FleetError(.invalidRequest, "\(error)")
        }
        guard let object = value.objectValue, object.keys == ["authorities"],
            let list = object["authorities"]?.arrayValue
        else { throw FleetError(.invalidRequest, "expected {\"authorities\": [...]}") }
        self.init()
        for (index, item) in list.enumerated() {
            do throws(FleetError) { try self.add(Self.entry(item)) } catch {
                throw FleetError(.invalidRequest, "/authorities/\(index): \(error.message)")
            }
        }
        guard self["root-ca"]?.role == .root || (self.issuing.isEmpty && !self.awaited.isEmpty)
        else {
            throw FleetError(.invalidRequest, "it names no root 'root-ca', which devices trust")
        }
        for entry in self.entries {
            guard entry.replaces.map({ self[$0]?.role == .issuing && $0 != entry.name }) ?? true
            else {
                throw FleetError(
                    .invalidRequest, "'\(entry.name)' replaces an authority that is not there")
            }
        }
    }

    private static func entry(_ value: JSONValue) throws(FleetError) -> Entry {
        let known = ["name", "role", "for", "from", "replaces", "retired", "awaited", "key"]
        guard let object = value.objectValue, object.keys.allSatisfy(known.contains),
            let name = object["name"]?.stringValue,
            let role = object["role"]?.stringValue.flatMap(Authority.Role.init(rawValue:)),
            role != .registered
        else {
            throw FleetError(
                .invalidRequest,
                "an authority has a name, a role (root or issuing) and of "
                    + known.dropFirst(2).joined(separator: ", ") + " what it needs")
        }
        var entry = Entry(name: name, role: role)
        if let value = object["for"] {
            entry.uses = try Set<AuthorityUse>(
                words: (value.arrayValue ?? [.null]).map { $0.stringValue ?? "" })
        }
        entry.begin = try Self.time(object["from"])
        entry.retiredAt = try Self.time(object["retired"])
        if let value = object["replaces"] {
            guard let text = value.stringValue else {
                throw FleetError(.invalidRequest, "replaces: a name")
            }
            entry.replaces = text
        }
        if let value = object["awaited"] {
            guard let flag = value.boolValue else {
                throw FleetError(.invalidRequest, "awaited: true or false")
            }
            entry.isAwaited = flag
        }
        if let value = object["key"] { entry.keyURI = try KeyURI(value.stringValue ?? "") }
        guard role == .issuing || object.count == (entry.keyURI == nil ? 2 : 3) else {
            throw FleetError(
                .invalidRequest,
                "a root has a name, a role and where its key is on a token, and nothing else")
        }
        return entry
    }

    private static func time(_ value: JSONValue?) throws(FleetError) -> UnixTime? {
        guard let value else { return nil }
        return try Self.time(value.stringValue ?? "")
    }

    /// `2027-01-01` or `2027-01-01T06:00:00Z`.
    static func time(_ text: String) throws(FleetError) -> UnixTime {
        let whole = text.utf8.count == 10 ? text + "T00:00:00Z" : text
        guard let milliseconds = PolicyDate.milliseconds(whole) else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no time such as 2027-01-01 or 2027-01-01T06:00:00Z")
        }
        return UnixTime(milliseconds: milliseconds)
    }
}

extension Set<AuthorityUse> {
    /// In the order in which they are always told.
    var words: [String] { AuthorityUse.allCases.filter(self.contains).map(\.rawValue) }

    init(words: [String]) throws(FleetError) {
        self = []
        for word in words {
            guard let use = AuthorityUse(rawValue: word) else {
                throw FleetError(
                    .invalidRequest,
                    "'\(word.clipped)' is nothing that an issuing CA is for: "
                        + AuthorityUse.allCases.map(\.rawValue).joined(separator: ", "))
            }
            self.insert(use)
        }
    }
}
