package import Fleet
import HTTPTypes
package import JSON

/// The row by which the audit log is read.
package enum AuditOperations {
    package static let all: [Operation] = [
        Operation(
            "ListAuditRecords", .get, "/slipway/audit", query: ["after", "limit"],
            summary: "The audit log, oldest first, refusals included", handle: Self.list)
    ]

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        let page = try await services.store.page(
            ListQuery(.commits, after: request.query["after"], limit: limit))
        let records = page.records.compactMap { record -> JSONValue? in
            if case .commit(let commit) = record { .object(AuditShape.json(commit)) } else { nil }
        }
        return ["records": .array(records), "next": page.next.map { .string($0) } ?? nil]
    }
}

/// An audit record as people and scripts read it. How much changed is said; what exactly, the
/// detail says where it matters.
package enum AuditShape {
    package static func json(_ commit: Commit) -> JSONObject {
        var object: JSONObject = [
            "sequence": .int(Int(commit.sequence)), "time": .string(commit.time.description),
            "actorKind": .string(commit.actor.kind.rawValue),
            "actor": .string(commit.actor.identity),
            "source": commit.actor.sourceAddress.map { .string($0) } ?? nil,
            "action": .string(commit.action),
        ]
        switch commit.outcome {
        case .committed: object["outcome"] = "committed"
        case .refused(let code, let message):
            object["outcome"] = "refused"
            object["code"] = .string(code)
            object["message"] = .string(message)
        }
        object["changes"] = .int(commit.changes.count)
        object["detail"] = .object(commit.detail)
        return object
    }
}
