import Fleet
import HTTPTypes
import JSON
import Registry

/// Units of allowlists: what a list says of each, and what became of it.
package enum AllowlistUnitOperations {
    package static let all: [Operation] = [
        Operation(
            "ListAllowlistUnits", .get, "/slipway/allowlists/{list}/units",
            query: ["after", "limit"],
            summary: "The units of an allowlist with all that is known of them, in pages",
            target: AllowlistOperations.target, handle: Self.units),
        Operation(
            "DescribeAllowlistUnit", .get, "/slipway/allowlists/{list}/unit", query: ["serial"],
            summary: "One unit, and what became of it when",
            target: AllowlistOperations.target, handle: Self.describe),
        Operation(
            "SetAllowlistState", .put, "/slipway/allowlists/{list}/states",
            members: ["serials", "step", "reason", "station", "seconds"],
            summary: "Hold, release, block or lease units, all of them or none",
            target: AllowlistOperations.target, handle: Self.setState),
        Operation(
            "ListAllowlistVersions", .get, "/slipway/allowlists/{list}/versions",
            query: ["after", "limit"], summary: "The versions an allowlist has had",
            target: AllowlistOperations.target, handle: Self.versions),
    ]

    private static func existing(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> AllowlistName {
        let name = try request.name("list", as: AllowlistName.self)
        _ = try AllowlistOperations.existing(
            name, in: try await services.store.load([.allowlist(name)]))
        return name
    }

    private static func page(
        _ subject: ListQuery.Subject, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> ListPage {
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        return try await services.store.page(
            ListQuery(subject, after: request.query["after"], limit: limit))
    }

    private static func units(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try await Self.existing(request, services)
        let page = try await Self.page(.allowlistUnits(name), request, services)
        let units = page.records.compactMap { record -> JSONValue? in
            if case .allowlistUnit(let unit) = record { .object(Self.json(unit)) } else { nil }
        }
        return ["units": .array(units), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func versions(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try await Self.existing(request, services)
        let page = try await Self.page(.allowlistVersions(name), request, services)
        let versions = page.records.compactMap { record -> JSONValue? in
            guard case .allowlist(let list) = record else { return nil }
            return [
                "version": .int(list.version), "count": .int(list.count),
                "madeAt": .string(list.updatedAt.description),
            ]
        }
        return ["versions": .array(versions), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try await Self.existing(request, services)
        let serial = try SerialNumber(try request.requiredQueryText("serial"))
        let view = try await services.store.load([.allowlistUnit(name, serial)])
        guard let unit = view.allowlistUnit(name, serial) else {
            throw FleetError(
                .notFound, "'\(serial)' is not on the allowlist '\(name)'",
                resource: serial.rawValue)
        }
        var answer = Self.json(unit)
        var history: [JSONValue] = []
        var after: String?
        repeat {
            let page = try await services.store.page(
                ListQuery(.allowlistHistory(name, serial), after: after))
            for case .allowlistStanding(let standing) in page.records {
                history.append(.object(Self.json(standing)))
            }
            after = history.count < Self.historyMax ? page.next : nil
        } while after != nil
        answer["history"] = .array(history)
        return .object(answer)
    }

    /// Standings of one unit in one answer.
    private static let historyMax = 1000

    private static func setState(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("list", as: AllowlistName.self)
        var serials: [SerialNumber] = []
        for text in try request.members.texts("serials") ?? [] {
            serials.append(try SerialNumber(text))
        }
        let text = try request.text("step")
        guard let step = AllowlistStates.Step(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "/step must be hold, release, block or lease, not '\(text.clipped)'")
        }
        let change = AllowlistStates.Request(
            step: step, reason: try request.optionalText("reason"),
            station: try request.optionalText("station"),
            seconds: try request.optionalInteger("seconds").map { Int64($0) })
        let actor = request.actor
        let wanted = serials
        let decided = try await services.decide(
            AllowlistStates.keys(serials, on: name), by: actor
        ) { view, now throws(FleetError) in
            try AllowlistStates.change(wanted, on: name, change, by: actor, in: view, at: now)
        }
        return ["list": .string(name.rawValue), "changed": .int(decided.set.changes.count)]
    }

    // MARK: Shapes

    private static func text(_ text: String?) -> JSONValue? { text.map { .string($0) } }

    private static func json(_ unit: AllowlistUnit) -> JSONObject {
        let attributes = JSONObject(
            unit.facts.attributes.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        return .present(
            ("serial", .string(unit.facts.serial.rawValue)),
            ("state", .string(unit.state.rawValue)),
            ("keyFingerprint", Self.text(unit.facts.key?.rawValue)),
            ("mac", Self.text(unit.facts.mac)),
            ("hardwareType", Self.text(unit.facts.hardwareType)),
            ("lot", Self.text(unit.facts.lot)),
            ("attributes", attributes.isEmpty ? .none : .some(.object(attributes))),
            ("since", Self.text(unit.standing?.since.description)),
            ("reason", Self.text(unit.standing?.reason)),
            ("station", Self.text(unit.standing?.station)),
            ("thing", Self.text(unit.standing?.thing?.rawValue)))
    }

    private static func json(_ standing: AllowlistStanding) -> JSONObject {
        .present(
            ("state", .string(standing.state.rawValue)),
            ("since", .string(standing.since.description)),
            ("reason", Self.text(standing.reason)), ("by", Self.text(standing.by)),
            ("station", Self.text(standing.station)),
            ("until", Self.text(standing.until?.description)),
            ("thing", Self.text(standing.thing?.rawValue)))
    }
}
