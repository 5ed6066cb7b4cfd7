import ControlPlane
import Fleet
import Foundation
import JSON

/// A fleet in files: a folder for each kind, with one JSON document a resource named by it, and
/// one file of lines for each kind of which there are many.
struct DeclaredFolder: Sendable {
    /// A resource's file or line.
    private static let resourceBytesMax = 256 * 1024

    let path: String
    /// What messages call it.
    let name: String

    init(path: String, name: String? = nil) {
        self.path = path
        self.name = name ?? path
    }

    // MARK: Writing

    /// - Throws: `FleetError.alreadyExists` where something is there: an older export's files
    ///   would be taken for this one's.
    func requireEmpty() throws(FleetError) {
        let files = FileManager.default
        guard let entries = try? files.contentsOfDirectory(atPath: self.path) else {
            guard !files.fileExists(atPath: self.path) else {
                throw FleetError(.invalidRequest, "'\(self.path)' is no folder")
            }
            return
        }
        guard entries.isEmpty else {
            throw FleetError(
                .alreadyExists,
                "'\(self.path)' is not empty: name a folder that is, or is not there")
        }
    }

    func write(_ resource: DeclaredResource) throws(FleetError) {
        let place = "\(self.path)/\(resource.kind.place)"
        do {
            guard resource.kind.form != .lines else {
                var line: JSONObject = ["name": .string(resource.name)]
                for member in resource.state.members { line[member.key] = member.value }
                return try Self.append(JSONPrinter.print(.object(line)) + "\n", to: place)
            }
            try FileManager.default.createDirectory(
                atPath: place, withIntermediateDirectories: true)
            let text = JSONPrinter.print(.object(resource.state), style: .pretty) + "\n"
            try Data(text.utf8).write(
                to: URL(fileURLWithPath: "\(place)/\(Self.fileName(resource.name))"),
                options: .atomic)
        } catch {
            throw FleetError(.internalFailure, "'\(place)' cannot be written: \(error)")
        }
    }

    private static func append(_ text: String, to path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path).deletingLastPathComponent(),
                withIntermediateDirectories: true)
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
    }

    private static func fileName(_ name: String) -> String { name.percentEncoded + ".json" }

    /// An allowlist's file, in a folder that is there from then on.
    func table(_ kind: DeclaredKind, _ name: String) throws(FleetError) -> String {
        let place = "\(self.path)/\(kind.place)"
        do {
            try FileManager.default.createDirectory(
                atPath: place, withIntermediateDirectories: true)
        } catch {
            throw FleetError(.internalFailure, "'\(place)' cannot be made: \(error)")
        }
        return "\(place)/\(name.percentEncoded)\(Self.tableSuffix)"
    }

    private static let tableSuffix = ".csv"

    // MARK: Reading

    /// Every resource of a kind, those that cannot be read as the error that says where.
    func read(
        _ kind: DeclaredKind
    ) async throws(FleetError) -> [Result<DeclaredResource, FleetError>] {
        switch kind.form {
        case .lines: try await self.lines(kind)
        case .documents:
            try await self.files(kind, ".json") { name, file, origin throws(FleetError) in
                try Self.resource(kind, name, Array(try await TextFile.read(file).utf8), origin)
            }
        case .tables:
            try await self.files(kind, Self.tableSuffix) { name, file, origin throws(FleetError) in
                DeclaredResource(
                    kind: kind, name: name, state: try await AllowlistTable.state(of: file),
                    origin: origin)
            }
        }
    }

    /// - Throws: `FleetError.notFound` where the folder is not there, or holds nothing that is
    ///   understood.
    func requireDeclarations() throws(FleetError) {
        let places = Set(DeclaredKind.allCases.map(\.place))
        guard let entries = try? FileManager.default.contentsOfDirectory(atPath: self.path) else {
            throw FleetError(
                .notFound,
                "'\(self.path)' is no folder that can be read: name one that 'slipway export' made")
        }
        guard entries.contains(where: places.contains) else {
            throw FleetError(
                .notFound,
                "'\(self.path)' holds no declarations: it would have "
                    + places.sorted().joined(separator: ", "))
        }
        for entry in entries where !places.contains(entry) && !entry.hasPrefix(".") {
            throw FleetError(
                .invalidRequest,
                "'\(self.path)/\(entry)' is nothing that is applied; there are "
                    + places.sorted().joined(separator: ", "))
        }
    }

    private func files(
        _ kind: DeclaredKind, _ suffix: String,
        _ read: (_ name: String, _ file: String, _ origin: String)
            async throws(FleetError) -> DeclaredResource
    ) async throws(FleetError) -> [Result<DeclaredResource, FleetError>] {
        let folder = "\(self.path)/\(kind.place)"
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var found: [Result<DeclaredResource, FleetError>] = []
        for entry in entries.sorted() where !entry.hasPrefix(".") {
            let origin = "\(self.name)/\(kind.place)/\(entry)"
            do throws(FleetError) {
                guard entry.hasSuffix(suffix),
                    let name = String(entry.dropLast(suffix.count)).percentDecoded()
                else { throw FleetError(.invalidRequest, "the name does not end in \(suffix)") }
                found.append(.success(try await read(name, "\(folder)/\(entry)", origin)))
            } catch {
                found.append(.failure(FleetError(error.code, "\(origin): \(error.message)")))
            }
        }
        return found
    }

    private func lines(
        _ kind: DeclaredKind
    ) async throws(FleetError) -> [Result<DeclaredResource, FleetError>] {
        let file = "\(self.path)/\(kind.place)"
        guard FileManager.default.fileExists(atPath: file) else { return [] }
        var read: [Result<DeclaredResource, FleetError>] = []
        var rest: [UInt8] = []
        var number = 0
        func take(_ line: some Collection<UInt8>) {
            number += 1
            guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) else { return }
            let place = "\(self.name)/\(kind.place):\(number)"
            do throws(FleetError) {
                read.append(.success(try Self.resource(kind, nil, Array(line), place)))
            } catch {
                read.append(.failure(FleetError(error.code, "\(place): \(error.message)")))
            }
        }
        do {
            for try await chunk in try FileChunks(path: file) {
                rest += chunk
                let pieces = rest.split(separator: 0x0A, omittingEmptySubsequences: false)
                for line in pieces.dropLast() { take(line) }
                rest = Array(pieces.last ?? [])
                guard rest.count <= Self.resourceBytesMax else {
                    throw FleetError(
                        .invalidRequest,
                        "\(file):\(number + 1) is longer than \(Self.resourceBytesMax) bytes")
                }
            }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.invalidRequest, "'\(file)' cannot be read: \(error)")
        }
        if !rest.isEmpty { take(rest) }
        return read
    }

    /// - Parameter name: nil where the document says it itself.
    private static func resource(
        _ kind: DeclaredKind, _ name: String?, _ text: [UInt8], _ origin: String
    ) throws(FleetError) -> DeclaredResource {
        let value: JSONValue
        do throws(JSONError) { value = try JSONParser.parse(text) } catch {
            throw FleetError(.invalidRequest, "\(error)")
        }
        guard var state = value.objectValue else {
            throw FleetError(.invalidRequest, "it is \(value.kindName), not an object")
        }
        guard let name = name ?? state["name"]?.stringValue, !name.isEmpty else {
            throw FleetError(.invalidRequest, "/name is missing")
        }
        if kind.form == .lines { state["name"] = nil }
        let known = kind.behaviour.members
        for member in state.keys where !known.contains(member) {
            throw FleetError(
                .invalidRequest,
                "a \(kind.rawValue) has no member '\(member.clipped)'; it has "
                    + known.joined(separator: ", "))
        }
        return DeclaredResource(
            kind: kind, name: name, state: Self.canonical(state, kind.behaviour), origin: origin)
    }

    /// Without what has no value, and with names in order, as a service's own state is written.
    private static func canonical(
        _ state: JSONObject, _ behaviour: any DeclaredBehaviour
    ) -> JSONObject {
        JSONObject(
            state.members.compactMap { member -> (String, JSONValue)? in
                if behaviour.left.contains(member.key), member.value == [] {
                    return (member.key, [])
                }
                guard let value = member.value.present, value != false else { return nil }
                if behaviour.ordered.contains(member.key) { return (member.key, value) }
                guard let array = value.arrayValue, array.allSatisfy({ $0.stringValue != nil })
                else { return (member.key, value) }
                return (member.key, .sorted(array.compactMap(\.stringValue)) ?? value)
            })
    }
}
