import Fleet
import JSON

/// What a search found, as AWS IoT describes it (API model: ThingDocument, ThingGroupDocument).
enum IndexShape {
    static func json(_ record: Record) -> JSONValue? {
        switch record {
        case .document(let document): .object(Self.thing(document))
        case .thingGroup(let group): .object(Self.group(group))
        default: nil
        }
    }

    private static func thing(_ document: FleetDocument) -> JSONObject {
        let thing = document.thing
        return .present(
            ("thingName", .name(thing.name)),
            ("thingId", .string(thing.id.rawValue)),
            ("thingTypeName", thing.typeName.map { .name($0) }),
            ("thingGroupNames", Self.names(document.groups)),
            ("attributes", Self.attributes(thing.attributes)),
            ("connectivity", document.connectivity.map { .object(Self.connectivity($0)) }))
    }

    private static func group(_ group: ThingGroup) -> JSONObject {
        .present(
            ("thingGroupName", .name(group.name)),
            ("thingGroupId", .string(group.id.rawValue)),
            ("thingGroupDescription", group.summary.map { .string($0) }),
            ("attributes", Self.attributes(group.attributes)),
            ("parentGroupNames", Self.names(group.ancestors)))
    }

    /// The timestamp is in milliseconds here, and nowhere else in the API.
    private static func connectivity(_ connectivity: Connectivity) -> JSONObject {
        .present(
            ("connected", .bool(connectivity.isConnected)),
            ("timestamp", .int(Int(connectivity.changedAt.milliseconds))),
            ("disconnectReason", connectivity.disconnectReason.map { .string($0.rawValue) }))
    }

    private static func names(_ names: [ThingGroupName]) -> JSONValue? {
        names.isEmpty ? nil : .array(names.map { .name($0) })
    }

    private static func attributes(_ attributes: [String: String]) -> JSONValue? {
        guard !attributes.isEmpty else { return nil }
        return .object(
            JSONObject(attributes.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }
}
