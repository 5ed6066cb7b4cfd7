import Fleet
import HTTPTypes
import JSON
import Registry

/// The allowlist rows of the table. The command line runs the very same rows on a database that
/// no service holds open.
package enum AllowlistOperations {
    package static let all: [Operation] = [
        Operation(
            "ListAllowlists", .get, "/slipway/allowlists", query: ["after", "limit"],
            summary: "Every allowlist with its version and count", handle: Self.list),
        Operation(
            "DescribeAllowlist", .get, "/slipway/allowlists/{list}", query: ["serial"],
            summary: "One allowlist, and with ?serial= whether a serial is on it",
            target: Self.target, handle: Self.describe),
        Operation(
            "ListAllowlistEntries", .get, "/slipway/allowlists/{list}/entries",
            query: ["after", "limit"],
            summary: "The serial numbers of an allowlist, in pages", target: Self.target,
            handle: Self.entries),
        Operation(
            "ImportAllowlist", .put, "/slipway/allowlists/{list}",
            query: ["mode", "dryRun", "keepStates"], streams: true,
            summary: "A whole file, all of it or nothing", target: Self.target,
            handle: Self.importFile),
        Operation(
            "AddAllowlistEntries", .post, "/slipway/allowlists/{list}/entries",
            members: ["serials"], summary: "Single serial numbers onto the list",
            target: Self.target, handle: Self.add),
        Operation(
            "RemoveAllowlistEntries", .delete, "/slipway/allowlists/{list}/entries",
            members: ["serials"], summary: "Single serial numbers off the list",
            target: Self.target, handle: Self.remove),
    ]

    static func target(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.allowlist(try request.name("list", as: AllowlistName.self))
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        let page = try await services.store.page(
            ListQuery(.allowlists, after: request.query["after"], limit: limit))
        let lists = page.records.compactMap { record -> JSONValue? in
            if case .allowlist(let list) = record { Self.json(list) } else { nil }
        }
        return ["allowlists": .array(lists), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        let serial = try request.query["serial"].map { text throws(FleetError) in
            try SerialNumber(text)
        }
        var keys: Set<RecordKey> = [.allowlist(name)]
        if let serial { keys.insert(.allowlistEntry(name, serial)) }
        let view = try await services.store.load(keys)
        var answer = Self.json(try Self.existing(name, in: view)).objectValue ?? [:]
        if let serial {
            answer["serial"] = .string(serial.rawValue)
            answer["listed"] = .bool(view.isOnAllowlist(name, serial))
        }
        return .object(answer)
    }

    private static func entries(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        _ = try Self.existing(name, in: try await services.store.load([.allowlist(name)]))
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        let page = try await services.store.page(
            ListQuery(.allowlistEntries(name), after: request.query["after"], limit: limit))
        let serials = page.records.compactMap { record -> JSONValue? in
            if case .allowlistEntry(let serial) = record { .string(serial.rawValue) } else { nil }
        }
        return ["serials": .array(serials), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func importFile(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        let modeText = request.query["mode"] ?? AllowlistDraft.Mode.merge.rawValue
        guard let mode = AllowlistDraft.Mode(rawValue: modeText) else {
            throw FleetError(
                .invalidRequest, "mode is 'merge' or 'replace', not '\(modeText.clipped)'")
        }
        let allowlistImport = AllowlistImport(
            store: services.store, drafts: services.drafts, clock: services.clock,
            keepsStates: try request.queryFlag("keepStates"))
        return try await allowlistImport.run(
            name, mode: mode, chunks: request.stream, dryRun: try request.queryFlag("dryRun"),
            by: request.actor
        ).json
    }

    private static func add(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        let set = try AllowlistEntries.add(
            try Self.serials(request), to: name, at: services.clock.now)
        _ = try await services.store.commit(set, by: request.actor)
        return Self.json(
            try Self.existing(name, in: try await services.store.load([.allowlist(name)])))
    }

    private static func remove(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        let serials = try Self.serials(request)
        let view = try await services.store.load(
            Set(serials.map { .allowlistEntry(name, $0) } + [.allowlist(name)]))
        let set = try AllowlistEntries.remove(
            serials, from: name, view: view, at: services.clock.now)
        _ = try await services.store.commit(set, by: request.actor)
        return Self.json(
            try Self.existing(name, in: try await services.store.load([.allowlist(name)])))
    }

    private static func serials(
        _ request: OperationRequest
    ) throws(FleetError) -> [SerialNumber] {
        guard let texts = request.body["serials"]?.arrayValue else {
            throw FleetError(
                .invalidRequest, "the body must be {\"serials\": [\"…\"]}")
        }
        var serials: [SerialNumber] = []
        for (index, text) in texts.enumerated() {
            guard let text = text.stringValue else {
                throw FleetError(
                    .invalidRequest, "/serials/\(index) is \(text.kindName), not a string")
            }
            serials.append(try SerialNumber(text))
        }
        return serials
    }

    static func existing(
        _ name: AllowlistName, in view: RegistryView
    ) throws(FleetError) -> Allowlist {
        guard let list = view.allowlist(name) else {
            throw FleetError(
                .notFound, "there is no allowlist '\(name)'", resource: name.rawValue)
        }
        return list
    }

    private static func json(_ list: Allowlist) -> JSONValue {
        [
            "name": .string(list.name.rawValue), "version": .int(list.version),
            "count": .int(list.count), "updatedAt": .string(list.updatedAt.description),
        ]
    }
}
