import ArgumentParser
import Fleet
import JSON
import Policies

/// The documents that questions are put to, each read once.
struct PolicyDesk {
    private let dialect: PolicyDialect
    /// Those that every connection has unless it says otherwise.
    private(set) var policies: [CompiledPolicy] = []
    private var read: [String: PolicyDocument] = [:]
    private(set) var documents: [PolicyDocument] = []

    init(dialect: PolicyDialect) { self.dialect = dialect }

    /// The realm that the documents name, so that a question of a few words is about it too.
    var realm: Realm {
        self.documents.lazy.compactMap(\.realm).first ?? .standard
    }

    mutating func add(_ path: String) async throws(FleetError) {
        self.policies.append(try await self.compiled(path))
    }

    mutating func policies(
        of connection: SimulatedConnection
    ) async throws(FleetError) -> [CompiledPolicy] {
        guard let files = connection.policyFiles else { return self.policies }
        var policies: [CompiledPolicy] = []
        for path in files { policies.append(try await self.compiled(path)) }
        return policies
    }

    private mutating func compiled(_ path: String) async throws(FleetError) -> CompiledPolicy {
        let file = try await PolicyFile(path: path)
        let document = try file.document(self.dialect)
        if self.read.updateValue(document, forKey: path) == nil { self.documents.append(document) }
        return CompiledPolicy(document, name: file.policyName, version: 1)
    }
}

/// The rows of a matrix, and columns if it names any.
struct MatrixFile {
    static let bytesMax = 1 << 20
    private static let members = ["connections", "questions"]

    let connections: [SimulatedConnection]
    let questions: [String]

    init(path: String, in realm: Realm) async throws(FleetError) {
        let file = try await PolicyFile(path: path, bytesMax: Self.bytesMax)
        guard file.text.utf8.count <= Self.bytesMax else {
            throw FleetError(
                .invalidRequest, "\(path) is longer than \(Self.bytesMax) bytes")
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONParser.parse(file.text) } catch {
            throw FleetError(.invalidRequest, "\(path) is not JSON: \(error)")
        }
        for (key, _) in value.objectValue?.members ?? [] where !Self.members.contains(key) {
            throw FleetError(
                .invalidRequest,
                "\(path): there is no '\(key.clipped)' here; there are "
                    + Self.members.joined(separator: " and "))
        }
        guard let rows = value["connections"]?.objectValue, !rows.isEmpty else {
            throw FleetError(
                .invalidRequest,
                "\(path) has no \"connections\": an object of connections by name")
        }
        let place = JSONPointer.root.appending("connections")
        var connections: [SimulatedConnection] = []
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
        for (name, row) in rows.members {
            do throws(FleetError) {
                let connection = try SimulatedConnection(
                    name: name, row, at: place.appending(name), in: realm)
                connections.append(connection.with(policyFilesBelow: folder))
            } catch { throw FleetError(error.code, "\(path): \(error.message)") }
        }
        self.connections = connections
        self.questions = try Self.questions(value["questions"], in: path)
    }

    private static func questions(
        _ value: JSONValue?, in path: String
    ) throws(FleetError) -> [String] {
        guard let value else { return [] }
        let texts = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard let elements = value.arrayValue, texts.count == elements.count else {
            throw FleetError(
                .invalidRequest, "\(path): /questions is a list of texts such as 'publish t/a'")
        }
        return texts
    }
}

/// A connection, flag by flag.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "The MQTT client id") var clientID: String?
    @Option(help: "The thing that the connection speaks for") var thing: String?
    @Option(help: "Its type") var thingType: String?
    @Option(help: ArgumentHelp("One of its attributes; repeatable", valueName: "name=value"))
    var attribute: [String] = []
    @Option(name: .customLong("source-ip"), help: "The client's address") var sourceIP: String?
    @Option(help: "The server name that the client asked for") var domainName: String?
    @Option(
        help: ArgumentHelp(
            "What its certificate says: Subject.CommonName=x, SerialNumber=0a; repeatable",
            valueName: "name=value"))
    var certificate: [String] = []
    @Option(help: "Its certificate's status: ACTIVE, INACTIVE or REVOKED") var status: String?
    @Option(help: "PersistentConnect or LastWill; repeatable") var connectAttribute: [String] = []
    @Option(help: "The topic of its last will") var lastWill: String?
    @Option(help: "The time at which it is asked, such as 2026-11-24T14:05:00Z") var time: String?
    @Option(help: ArgumentHelp("Another condition key; repeatable", valueName: "name=value"))
    var key: [String] = []
    @Option(help: "The service's region; else the one that the documents name") var region: String?
    @Option(help: "The service's account; else the one that the documents name")
    var account: String?

    var realm: Realm? {
        get throws(FleetError) {
            guard self.region != nil || self.account != nil else { return nil }
            return try Realm(
                region: self.region ?? Realm.standard.region,
                account: self.account ?? Realm.standard.account)
        }
    }

    /// - Parameter name: what the matrix calls it; nil for the client id.
    func connection(name: String?, in realm: Realm) throws(FleetError) -> SimulatedConnection {
        var members: JSONObject = [
            "attributes": .object(try Self.texts(self.attribute, "--attribute")),
            "connectAttributes": .array(self.connectAttribute.map { .string($0) }),
            "certificate": .object(try Self.lists(self.certificate, "--certificate")),
            "keys": .object(try Self.lists(self.key, "--key")),
        ]
        let texts = [
            ("clientId", self.clientID), ("thing", self.thing), ("thingType", self.thingType),
            ("sourceIp", self.sourceIP), ("domainName", self.domainName),
            ("lastWillTopic", self.lastWill), ("time", self.time), ("status", self.status),
        ]
        for (member, text) in texts {
            if let text { members[member] = .string(text) }
        }
        return try SimulatedConnection(
            name: name ?? self.clientID ?? "(no client id)", .object(members), at: .root, in: realm)
    }

    private static func halves(
        _ text: String, _ option: String
    ) throws(FleetError) -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw FleetError(
                .invalidRequest, "\(option) takes name=value, not '\(text.clipped)'")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    private static func texts(
        _ options: [String], _ option: String
    ) throws(FleetError) -> JSONObject {
        var object = JSONObject()
        for text in options {
            let (name, value) = try Self.halves(text, option)
            object[name] = .string(value)
        }
        return object
    }

    /// The same name again adds a value.
    private static func lists(
        _ options: [String], _ option: String
    ) throws(FleetError) -> JSONObject {
        var object = JSONObject()
        for text in options {
            let (name, value) = try Self.halves(text, option)
            let before = object[name]?.arrayValue ?? []
            object[name] = .array(before + [.string(value)])
        }
        return object
    }
}
