import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of static thing groups.
package enum ThingGroupOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateThingGroup", .post, "/thing-groups/{thingGroupName}",
            members: ["parentGroupName", "thingGroupProperties", "tags"],
            summary: "A new group; the same again changes nothing", target: Self.group,
            handle: Self.create),
        Operation(
            "DescribeThingGroup", .get, "/thing-groups/{thingGroupName}",
            summary: "One group with its place in the tree", target: Self.group,
            handle: Self.describe),
        Operation(
            "UpdateThingGroup", .patch, "/thing-groups/{thingGroupName}",
            members: ["thingGroupProperties", "expectedVersion"], summary: "Other properties",
            target: Self.group, handle: Self.update),
        Operation(
            "DeleteThingGroup", .delete, "/thing-groups/{thingGroupName}",
            query: ["expectedVersion"], summary: "Takes a group away that has no children",
            target: Self.group, handle: Self.delete),
        Operation(
            "ListThingGroups", .get, "/thing-groups",
            query: Pagination.tokenQuery + ["parentGroup", "namePrefixFilter", "recursive"],
            summary: "Groups, all or below one, in pages", handle: Self.list),
    ]

    static func group(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.thingGroup(try request.name("thingGroupName"))
    }

    /// AWS: ThingGroupProperties.
    static func properties(
        _ request: OperationRequest
    ) throws(FleetError) -> (summary: String?, attributes: ThingAttributes.Update?) {
        guard let members = try request.object("thingGroupProperties") else { return (nil, nil) }
        try members.refuseUnknown(["thingGroupDescription", "attributePayload"])
        return (
            try members.optionalText("thingGroupDescription"),
            try ThingOperations.attributes(members)
        )
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let properties = try Self.properties(request)
        let definition = ThingGroupDefinition(
            name: try request.name("thingGroupName"),
            parent: try request.members.optionalName("parentGroupName"),
            summary: properties.summary,
            attributes: (properties.attributes?.attributes ?? [:]).filter { !$0.value.isEmpty },
            tags: try TagShape.tags(request))
        // The policies of the group above become those of its children.
        if let parent = definition.parent {
            try request.authorize("iot:CreateThingGroup", services.realm.thingGroup(parent))
        }
        let id = services.entropy.resourceID()
        let decided = try await services.decide(definition.keys, by: request.actor) {
            view, now throws(FleetError) in
            try ThingGroups.create(definition, id: id, in: view, at: now)
        }
        return [
            "thingGroupName": .name(definition.name),
            "thingGroupArn": .arn(services.realm.thingGroup(definition.name)),
            "thingGroupId": .string(
                (decided.view.thingGroup(definition.name)?.id ?? id).rawValue),
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingGroupName = try request.name("thingGroupName")
        let group = try ThingGroups.existing(
            name, in: try await services.store.load([.thingGroup(name)]))
        let realm = services.realm
        return .object(
            .present(
                ("thingGroupName", .name(name)), ("thingGroupId", .string(group.id.rawValue)),
                ("thingGroupArn", .arn(realm.thingGroup(name))), ("version", .int(group.version)),
                ("thingGroupProperties", .object(Self.properties(of: group))),
                (
                    "thingGroupMetadata",
                    .object(
                        .present(
                            ("parentGroupName", group.parent.map { .name($0) }),
                            (
                                "rootToParentThingGroups",
                                .array(group.ancestors.map { Self.named($0, realm) })
                            ), ("creationDate", .epoch(group.createdAt))))
                ), ("indexName", group.query.map { .string($0.indexName) }),
                ("queryString", group.query.map { .string($0.queryString) }),
                ("queryVersion", group.query.map { .string($0.queryVersion) }),
                ("status", group.query.map { .string($0.status.rawValue) })))
    }

    /// AWS: ThingGroupProperties. Without attributes there is no payload of them either: where
    /// there is an empty one, Terraform's provider sees a change that nobody made.
    private static func properties(of group: ThingGroup) -> JSONObject {
        .present(
            ("thingGroupDescription", group.summary.map { .string($0) }),
            (
                "attributePayload",
                group.attributes.isEmpty
                    ? Optional.none : .object(["attributes": .map(group.attributes)])
            ))
    }

    /// AWS: GroupNameAndArn.
    static func named(_ name: ThingGroupName, _ realm: Realm) -> JSONValue {
        ["groupName": .name(name), "groupArn": .arn(realm.thingGroup(name))]
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        _ = try request.members.requiredObject("thingGroupProperties")
        let properties = try Self.properties(request)
        let update = ThingGroupUpdate(
            name: try request.name("thingGroupName"), summary: properties.summary,
            attributes: properties.attributes,
            expectedVersion: try request.optionalInteger("expectedVersion"))
        let decided = try await services.decide(update.keys, by: request.actor) {
            view, _ throws(FleetError) in
            try ThingGroups.update(update, in: view)
        }
        return ["version": .int(Self.version(of: update.name, after: decided))]
    }

    /// The version that a decision has left a group with.
    static func version(
        of name: ThingGroupName, after decided: ControlPlaneServices.Decided
    ) -> Int {
        for case .putThingGroup(let group) in decided.set.changes { return group.version }
        return decided.view.thingGroup(name)?.version ?? 1
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingGroupName = try request.name("thingGroupName")
        let version = try request.queryInteger("expectedVersion")
        let keys = ThingGroups.keysToDelete(name)
        // A refusal comes before anything is changed.
        _ = try ThingGroups.delete(
            name, expectedVersion: version, in: try await services.store.load(keys))
        try await GroupDissolution.empty(
            .thingsInGroup(name, recursive: false), by: request.actor, services
        ) { ThingGroups.removal(of: $0, from: name) }
        _ = try await services.decide(keys, by: request.actor) { view, _ throws(FleetError) in
            try ThingGroups.delete(name, expectedVersion: version, in: view)
        }
        return .null
    }

    /// AWS: without a parent, every group there is, or the roots alone where `recursive=false`.
    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let isRecursive =
            request.queryText("recursive") == nil
            ? true : try request.queryFlag("recursive")
        var filter = ThingGroupFilter(
            isRecursive ? .all : .roots,
            prefix: try request.queryName("namePrefixFilter", as: ThingGroupName.self) ?? "")
        if let text = request.queryText("parentGroup") {
            let parent = try ThingGroupName(text)
            _ = try ThingGroups.existing(
                parent, in: try await services.store.load([.thingGroup(parent)]))
            filter.scope =
                try request.queryFlag("recursive")
                ? .descendants(of: parent) : .children(of: parent)
        }
        let page = try await services.store.page(
            ListQuery(
                .thingGroups(filter), after: try request.pageToken,
                limit: try request.pageLimit))
        let groups = page.records.compactMap { record -> JSONValue? in
            guard case .thingGroup(let group) = record else { return nil }
            return Self.named(group.name, services.realm)
        }
        return .object(
            .present(
                ("thingGroups", .array(groups)), ("nextToken", Pagination.token(page.next))))
    }
}
