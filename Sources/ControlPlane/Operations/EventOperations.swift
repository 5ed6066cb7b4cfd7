import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows that say which registry events are published.
package enum EventOperations {
    package static let all: [Operation] = [
        Operation(
            "DescribeEventConfigurations", .get, "/event-configurations",
            summary: "Which registry events are published", handle: Self.describe),
        Operation(
            "UpdateEventConfigurations", .patch, "/event-configurations",
            members: ["eventConfigurations"], summary: "Publishes events of a type, or no longer",
            handle: Self.update),
    ]

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let settings = try await services.store.load(EventSettings.keys).eventConfigurations
        let types = EventConfigurations.EventType.allCases.map { type -> (String, JSONValue) in
            (type.rawValue, ["Enabled": .bool(settings?.enabled.contains(type) ?? false)])
        }
        return .object(
            .present(
                ("eventConfigurations", .object(JSONObject(types))),
                ("creationDate", settings.map { .epoch($0.createdAt) }),
                ("lastModifiedDate", settings.map { .epoch($0.lastModifiedAt) })))
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        var changes: [EventConfigurations.EventType: Bool] = [:]
        if let members = try request.object("eventConfigurations") {
            for name in members.object.keys {
                let type = try EventSettings.eventType(name)
                let settings = try members.object(name)
                try settings?.refuseUnknown(["Enabled"])
                changes[type] = try settings?.optionalFlag("Enabled") ?? false
            }
        }
        let wanted = changes
        _ = try await services.decide(EventSettings.keys, by: request.actor) {
            view, now throws(FleetError) in
            EventSettings.update(wanted, in: view, at: now)
        }
        return .null
    }
}
