import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of dynamic thing groups: whatever their query finds is in them, now. All else is asked
/// of them as of static ones.
package enum DynamicGroupOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateDynamicThingGroup", .post, "/dynamic-thing-groups/{thingGroupName}",
            members: ["thingGroupProperties", "tags"] + Self.queryMembers,
            summary: "A group of all things that a query finds",
            differences: "active at once: members are looked up and never out of date; such "
                + "groups do not count among the ten that a thing may be in",
            target: ThingGroupOperations.group, handle: Self.create),
        Operation(
            "UpdateDynamicThingGroup", .patch, "/dynamic-thing-groups/{thingGroupName}",
            members: ["thingGroupProperties", "expectedVersion"] + Self.queryMembers,
            summary: "Other properties, or another query", target: ThingGroupOperations.group,
            handle: Self.update),
        Operation(
            "DeleteDynamicThingGroup", .delete, "/dynamic-thing-groups/{thingGroupName}",
            query: ["expectedVersion"], summary: "Takes a group away; its things stay",
            target: ThingGroupOperations.group, handle: Self.delete),
    ]

    private static let queryMembers = ["indexName", "queryString", "queryVersion"]

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let properties = try ThingGroupOperations.properties(request)
        let definition = ThingGroupDefinition(
            name: try request.name("thingGroupName"), summary: properties.summary,
            attributes: (properties.attributes?.attributes ?? [:]).filter { !$0.value.isEmpty },
            tags: try TagShape.tags(request))
        let query = DynamicThingGroups.Query(
            queryString: try request.text("queryString"),
            indexName: try request.optionalText("indexName"),
            queryVersion: try request.optionalText("queryVersion"))
        let id = services.entropy.resourceID()
        let decided = try await services.decide(
            DynamicThingGroups.keysToCreate(definition), by: request.actor
        ) { view, now throws(FleetError) in
            try DynamicThingGroups.create((definition, query), id: id, in: view, at: now)
        }
        return [
            "thingGroupName": .name(definition.name),
            "thingGroupArn": .arn(services.realm.thingGroup(definition.name)),
            "thingGroupId": .string((decided.view.thingGroup(definition.name)?.id ?? id).rawValue),
            "indexName": .string(query.indexName ?? DynamicThingGroups.indexName),
            "queryString": .string(query.queryString),
            "queryVersion": .string(query.queryVersion ?? DynamicThingGroups.queryVersion),
        ]
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        _ = try request.members.requiredObject("thingGroupProperties")
        let properties = try ThingGroupOperations.properties(request)
        let update = ThingGroupUpdate(
            name: try request.name("thingGroupName"), summary: properties.summary,
            attributes: properties.attributes,
            expectedVersion: try request.optionalInteger("expectedVersion"))
        let text = try request.optionalText("queryString")
        let index = try request.optionalText("indexName")
        let version = try request.optionalText("queryVersion")
        let decided = try await services.decide(update.keys, by: request.actor) {
            view, _ throws(FleetError) in
            // An index or a version alone speaks of the query there is.
            let before = view.thingGroup(update.name)?.query?.queryString
            let isSaid = text != nil || index != nil || version != nil
            let query = (text ?? before).flatMap { string in
                isSaid
                    ? DynamicThingGroups.Query(
                        queryString: string, indexName: index, queryVersion: version) : nil
            }
            return try DynamicThingGroups.update(update, query: query, in: view)
        }
        return ["version": .int(ThingGroupOperations.version(of: update.name, after: decided))]
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingGroupName = try request.name("thingGroupName")
        let version = try request.queryInteger("expectedVersion")
        _ = try await services.decide(ThingGroups.keysToDelete(name), by: request.actor) {
            view, _ throws(FleetError) in
            try DynamicThingGroups.delete(name, expectedVersion: version, in: view)
        }
        return .null
    }
}
