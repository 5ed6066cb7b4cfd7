import ControlPlane
import Fleet
import Foundation
import JSON
import Registry

/// An allowlist, whole: what its file does not hold is taken off it. What has become of a unit is
/// told a list that is new, and is otherwise the list's own.
struct AllowlistDeclaration: DeclaredBehaviour {
    let members = ["units", "file"]
    let making = ["file"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let listing = Listing(
            ControlCall("ListAllowlists"), "allowlists", .after(sized: false), [])
        try await listing.forEach(access) { list throws(FleetError) in
            // An empty one lets in whom none lets in: nobody.
            guard list["count"]?.intValue != 0, let name = list["name"]?.stringValue else { return }
            try await take(name)
        }
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeAllowlist", path: ["list": name])
        guard try await self.found(call, access) != nil else { return nil }
        var units = UnitDigest()
        try await AllowlistTable.forEachUnit(of: name, access) { unit throws(FleetError) in
            units.add(try AllowlistTable.facts(unit))
        }
        return CurrentResource(state: ["units": units.json])
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        guard current?.state["units"] != wanted["units"], let file = wanted["file"]?.stringValue
        else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "ImportAllowlist", path: ["list": name],
                    query: ["mode": "replace", "keepStates": "true"]),
                file: file)
        ]
    }
}

/// What a list says of its units, in whatever order they come, without what became of them.
struct UnitDigest {
    private var count = 0
    private var sums: [UInt64] = [0, 0, 0, 0]

    mutating func add(_ facts: AllowlistFacts) {
        func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
        let attributes = facts.attributes.sorted { $0.key < $1.key }
        let line = JSONPrinter.print([
            .string(facts.serial.rawValue), text(facts.key?.rawValue), text(facts.mac),
            text(facts.hardwareType), text(facts.lot),
            .object(JSONObject(attributes.map { ($0.key, .string($0.value)) })),
        ])
        let digits = Array(ContentDigest.sha256(of: line))
        for index in self.sums.indices {
            self.sums[index] &+=
                UInt64(String(digits[(16 * index)..<(16 * index + 16)]), radix: 16) ?? 0
        }
        self.count += 1
    }

    var json: JSONValue {
        [
            "count": .int(self.count),
            "digest": .string(self.sums.map { String($0, radix: 16) }.joined(separator: "-")),
        ]
    }
}

/// An allowlist's file: CSV (RFC 4180) with a header, as 'slipway allowlist import' reads it.
enum AllowlistTable {
    private static let columns = ["serial", "key", "mac", "hardwareType", "lot", "state"]
    /// Bytes that are gathered before they are written.
    private static let bufferBytes = 256 * 1024

    static func forEachUnit(
        of list: String, _ access: ControlAccess,
        _ take: (JSONValue) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let listing = Listing(
            ControlCall("ListAllowlistUnits", path: ["list": list]), "units",
            .after(sized: true), [])
        try await listing.forEach(access, take)
    }

    /// What a service says of a unit.
    static func facts(_ unit: JSONValue) throws(FleetError) -> AllowlistFacts {
        let attributes = unit["attributes"]?.objectValue?.members ?? []
        return AllowlistFacts(
            serial: try SerialNumber(unit["serial"]?.stringValue ?? ""),
            key: try unit["keyFingerprint"]?.stringValue.map { text throws(FleetError) in
                try PublicKeyFingerprint(text)
            }, mac: unit["mac"]?.stringValue, hardwareType: unit["hardwareType"]?.stringValue,
            lot: unit["lot"]?.stringValue,
            attributes: Dictionary(
                attributes.map { ($0.key, $0.value.stringValue ?? "") },
                uniquingKeysWith: { first, _ in first }))
    }

    // MARK: Reading

    /// What a file declares. Its lines are judged by the service as they are imported; a line that
    /// is no unit is one that no list has.
    static func state(of file: String) async throws(FleetError) -> JSONObject {
        var table = AllowlistFile()
        var units = UnitDigest()
        func take(_ findings: [AllowlistFile.Finding]) throws(FleetError) {
            for finding in findings {
                switch finding {
                case .serial(let facts, _): units.add(facts)
                case .badLine(let line, let reason):
                    throw FleetError(.invalidRequest, "line \(line) \(reason)")
                }
            }
        }
        do {
            for try await chunk in try FileChunks(path: file) { try take(table.read(chunk)) }
            try take(table.finish())
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.invalidRequest, "it cannot be read: \(error)")
        }
        return ["units": units.json, "file": .string(file)]
    }

    // MARK: Writing

    /// - Returns: how many lists there were.
    static func export(
        _ access: ControlAccess, to folder: DeclaredFolder, counted: (Int) -> Void
    ) async throws(FleetError) -> Int {
        var lists = 0
        try await AllowlistDeclaration().forEachName(access) { name throws(FleetError) in
            try await Self.write(name, access, to: try folder.table(.allowlist, name))
            lists += 1
            counted(lists)
        }
        return lists
    }

    /// Twice through the list: the header names every attribute that some unit has.
    private static func write(
        _ list: String, _ access: ControlAccess, to path: String
    ) async throws(FleetError) {
        var attributes: Set<String> = []
        var used: Set<String> = ["serial"]
        try await Self.forEachUnit(of: list, access) { unit throws(FleetError) in
            attributes.formUnion(unit["attributes"]?.objectValue?.keys ?? [])
            for column in Self.columns where Self.field(column, unit) != "" { used.insert(column) }
        }
        let columns = Self.columns.filter(used.contains)
        let names = attributes.sorted()
        var text = Self.line(columns + names)
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw FleetError(.internalFailure, "'\(path)' cannot be written") }
        defer { try? handle.close() }
        func flush() throws(FleetError) {
            do { try handle.write(contentsOf: Data(text.utf8)) } catch {
                throw FleetError(.internalFailure, "'\(path)' cannot be written: \(error)")
            }
            text = ""
        }
        try await Self.forEachUnit(of: list, access) { unit throws(FleetError) in
            let own = columns.map { Self.field($0, unit) }
            let others = names.map { unit["attributes"]?[$0]?.stringValue ?? "" }
            text += Self.line(own + others)
            if text.utf8.count >= Self.bufferBytes { try flush() }
        }
        try flush()
    }

    private static func field(_ column: String, _ unit: JSONValue) -> String {
        switch column {
        case "key": unit["keyFingerprint"]?.stringValue ?? ""
        case "state": Self.state(unit["state"]?.stringValue ?? "")
        case _: unit[column]?.stringValue ?? ""
        }
    }

    /// Held and blocked are where a unit may begin again; every other state is expected.
    private static func state(_ text: String) -> String {
        let states: [AllowlistStanding.State] = [.held, .blocked]
        return states.contains { $0.rawValue == text } ? text : ""
    }

    private static func line(_ fields: [String]) -> String {
        fields.map { field in
            field.contains { ",\"".contains($0) }
                ? "\"\(field.replacingOccurrences(of: "\"", with: "\"\""))\"" : field
        }.joined(separator: ",") + "\n"
    }
}
