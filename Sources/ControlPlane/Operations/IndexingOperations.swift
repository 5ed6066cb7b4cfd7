import Fleet
import HTTPTypes
import JSON
import Registry

/// What shall be indexed (AWS: fleet indexing). Registry and connectivity are indexed at all
/// times, whatever was asked for; the configuration is kept as given, so that scripts read back
/// what they wrote, and its custom fields say what type an attribute has.
package enum IndexingOperations {
    package static let all: [Operation] = [
        Operation(
            "GetIndexingConfiguration", .get, "/indexing/config",
            summary: "What was asked to be indexed; registry and connectivity always are",
            handle: Self.get),
        Operation(
            "UpdateIndexingConfiguration", .post, "/indexing/config",
            members: ["thingIndexingConfiguration", "thingGroupIndexingConfiguration"],
            summary: "Keeps what shall be indexed, and the types of custom fields",
            differences: "registry and connectivity are indexed whatever the mode says; "
                + "geolocations are refused",
            handle: Self.update),
    ]

    // MARK: Reading

    private static func get(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let view = try await services.store.load([.indexingConfiguration])
        let configuration = view.indexingConfiguration ?? .standard
        return [
            "thingIndexingConfiguration": .object(Self.json(configuration.things)),
            "thingGroupIndexingConfiguration": .object(Self.json(configuration.thingGroups)),
        ]
    }

    private static func json(_ things: IndexingConfiguration.Things) -> JSONObject {
        var object: JSONObject = [
            "thingIndexingMode": .string(things.mode.rawValue),
            "thingConnectivityIndexingMode": things.indexesConnectivity ? "STATUS" : "OFF",
            "deviceDefenderIndexingMode": things.indexesViolations ? "VIOLATIONS" : "OFF",
            "namedShadowIndexingMode": things.indexesNamedShadows ? "ON" : "OFF",
        ]
        if things.mode != .off {
            object["managedFields"] = Self.managedFields(of: .things)
            object["customFields"] = Self.json(things.customFields)
        }
        if !things.namedShadowNames.isEmpty {
            object["filter"] = [
                "namedShadowNames": .array(things.namedShadowNames.map { .string($0) })
            ]
        }
        return object
    }

    private static func json(_ groups: IndexingConfiguration.ThingGroups) -> JSONObject {
        var object: JSONObject = ["thingGroupIndexingMode": groups.isOn ? "ON" : "OFF"]
        if groups.isOn {
            object["managedFields"] = Self.managedFields(of: .thingGroups)
            object["customFields"] = Self.json(groups.customFields)
        }
        return object
    }

    private static func managedFields(of index: FleetIndex) -> JSONValue {
        .array(
            QueryField.named(in: index).compactMap { field in
                field.managedType.map { type in
                    ["name": .string(field.name(in: index)), "type": .string(type.rawValue)]
                }
            })
    }

    private static func json(_ fields: [IndexingConfiguration.CustomField]) -> JSONValue {
        .array(
            fields.map { ["name": .string($0.name), "type": .string($0.type.rawValue)] })
    }

    // MARK: Writing

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let things = try request.object("thingIndexingConfiguration").map {
            members throws(FleetError) in try Self.things(members)
        }
        let groups = try request.object("thingGroupIndexingConfiguration").map {
            members throws(FleetError) in try Self.thingGroups(members)
        }
        _ = try await services.decide([.indexingConfiguration], by: request.actor) {
            view, _ throws(FleetError) in
            IndexingConfigurations.update(things: things, thingGroups: groups, in: view)
        }
        return .null
    }

    private static func things(
        _ members: RequestMembers
    ) throws(FleetError) -> IndexingConfiguration.Things {
        try members.refuseUnknown([
            "thingIndexingMode", "thingConnectivityIndexingMode", "deviceDefenderIndexingMode",
            "namedShadowIndexingMode", "managedFields", "customFields", "filter",
        ])
        let mode = try members.text("thingIndexingMode")
        guard let mode = IndexingConfiguration.Things.Mode(rawValue: mode) else {
            throw FleetError(
                .invalidRequest,
                "thingIndexingMode must be OFF, REGISTRY or REGISTRY_AND_SHADOW, not "
                    + "'\(mode.clipped)'")
        }
        var things = IndexingConfiguration.Things(
            mode: mode,
            indexesConnectivity: try Self.isOn(
                members, "thingConnectivityIndexingMode", "STATUS"),
            indexesViolations: try Self.isOn(
                members, "deviceDefenderIndexingMode", "VIOLATIONS"),
            indexesNamedShadows: try Self.isOn(members, "namedShadowIndexingMode", "ON"))
        things.customFields = try Self.customFields(members, of: .things)
        if let filter = try members.object("filter") {
            try filter.refuseUnknown(["namedShadowNames"])
            things.namedShadowNames = try filter.texts("namedShadowNames") ?? []
        }
        return things
    }

    private static func thingGroups(
        _ members: RequestMembers
    ) throws(FleetError) -> IndexingConfiguration.ThingGroups {
        try members.refuseUnknown(["thingGroupIndexingMode", "managedFields", "customFields"])
        _ = try members.text("thingGroupIndexingMode")
        return IndexingConfiguration.ThingGroups(
            isOn: try Self.isOn(members, "thingGroupIndexingMode", "ON"),
            customFields: try Self.customFields(members, of: .thingGroups))
    }

    /// A mode that is either OFF or one other word; OFF where it is not given.
    private static func isOn(
        _ members: RequestMembers, _ name: String, _ word: String
    ) throws(FleetError) -> Bool {
        guard let mode = try members.optionalText(name), mode != "OFF" else { return false }
        guard mode == word else {
            throw FleetError(
                .invalidRequest, "\(name) must be OFF or \(word), not '\(mode.clipped)'")
        }
        return true
    }

    private static func customFields(
        _ members: RequestMembers, of index: FleetIndex
    ) throws(FleetError) -> [IndexingConfiguration.CustomField] {
        var fields: [IndexingConfiguration.CustomField] = []
        for member in try members.objects("customFields") ?? [] {
            try member.refuseUnknown(["name", "type"])
            let name = try member.text("name")
            let type = try member.text("type")
            guard let type = FieldType(rawValue: type) else {
                throw FleetError(
                    .invalidRequest,
                    "the type of custom field '\(name.clipped)' must be Number, String or "
                        + "Boolean, not '\(type.clipped)'")
            }
            fields.append(IndexingConfiguration.CustomField(name: name, type: type))
        }
        try IndexingConfigurations.check(fields, of: index)
        return fields
    }
}
