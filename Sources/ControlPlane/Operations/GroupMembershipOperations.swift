import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows that put things into groups and say who is in which.
package enum GroupMembershipOperations {
    private static let pair = ["thingGroupName", "thingGroupArn", "thingName", "thingArn"]

    package static let all: [Operation] = [
        Operation(
            "AddThingToThingGroup", .put, "/thing-groups/addThingToThingGroup",
            members: Self.pair + ["overrideDynamicGroups"], summary: "Puts a thing into a group",
            target: Self.target, handle: Self.add
        ).brief,
        Operation(
            "RemoveThingFromThingGroup", .put, "/thing-groups/removeThingFromThingGroup",
            members: Self.pair, summary: "Takes a thing out of a group", target: Self.target,
            handle: Self.remove
        ).brief,
        Operation(
            "UpdateThingGroupsForThing", .put, "/thing-groups/updateThingGroupsForThing",
            members: [
                "thingName", "thingGroupsToAdd", "thingGroupsToRemove", "overrideDynamicGroups",
            ], summary: "Both at once, for one thing",
            target: { request, realm throws(FleetError) in
                realm.thing(try ThingName(request.text("thingName")))
            }, handle: Self.update),
        Operation(
            "ListThingsInThingGroup", .get, "/thing-groups/{thingGroupName}/things",
            query: Pagination.tokenQuery + ["recursive"], summary: "The things of a group",
            target: ThingGroupOperations.group, handle: Self.things),
        Operation(
            "ListThingGroupsForThing", .get, "/things/{thingName}/thing-groups",
            query: Pagination.tokenQuery, summary: "The groups of a thing",
            target: ThingOperations.thing, handle: Self.groups),
    ]

    private static func target(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.thingGroup(try Self.group(request, realm))
    }

    /// AWS: either the name or the ARN; both, where they agree.
    private static func group(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ThingGroupName {
        try NameOrARN.read(
            request.members, name: "thingGroupName", arn: "thingGroupArn", kind: "thinggroup",
            realm)
    }

    private static func thing(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ThingName {
        try NameOrARN.read(
            request.members, name: "thingName", arn: "thingArn", kind: "thing", realm)
    }

    private static func add(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let group = try Self.group(request, services.realm)
        let thing = try Self.thing(request, services.realm)
        try request.authorize("iot:AddThingToThingGroup", services.realm.thing(thing))
        let overrides = try request.optionalFlag("overrideDynamicGroups") ?? false
        let keys = GroupMembership.Request(thing: thing, added: [group]).keys
        _ = try await services.decide(keys, by: request.actor) { view, _ throws(FleetError) in
            try GroupMembership.add(
                thing, to: group, overridesDynamicGroups: overrides, in: view)
        }
        return .null
    }

    private static func remove(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let group = try Self.group(request, services.realm)
        let thing = try Self.thing(request, services.realm)
        try request.authorize("iot:RemoveThingFromThingGroup", services.realm.thing(thing))
        let keys = GroupMembership.Request(thing: thing, removed: [group]).keys
        _ = try await services.decide(keys, by: request.actor) { view, _ throws(FleetError) in
            try GroupMembership.remove(thing, from: group, in: view)
        }
        return .null
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let wanted = GroupMembership.Request(
            thing: try ThingName(request.text("thingName")),
            added: try Self.names("thingGroupsToAdd", request),
            removed: try Self.names("thingGroupsToRemove", request),
            overridesDynamicGroups: try request.optionalFlag("overrideDynamicGroups") ?? false)
        // A group's policies become the thing's: a right upon the thing alone is not enough.
        for group in wanted.added + wanted.removed {
            try request.authorize(
                "iot:UpdateThingGroupsForThing", services.realm.thingGroup(group))
        }
        _ = try await services.decide(wanted.keys, by: request.actor) {
            view, _ throws(FleetError) in
            try GroupMembership.update(wanted, in: view)
        }
        return .null
    }

    private static func names(
        _ member: String, _ request: OperationRequest
    ) throws(FleetError) -> [ThingGroupName] {
        var names: [ThingGroupName] = []
        for text in try request.members.texts(member) ?? [] {
            names.append(try ThingGroupName(text))
        }
        return names
    }

    private static func things(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingGroupName = try request.name("thingGroupName")
        let group = try ThingGroups.existing(
            name, in: try await services.store.load([.thingGroup(name)]))
        let recursive = try request.queryFlag("recursive")
        let (place, limit) = (try request.pageToken, try request.pageLimit)
        let page =
            if let query = group.query {
                try await IndexSearch(membersBy: query, services.store)
                    .page(after: place, limit: limit)
            } else {
                try await services.store.page(
                    ListQuery(
                        .thingsInGroup(name, recursive: recursive), after: place, limit: limit))
            }
        return .object(
            .present(
                ("things", ThingNames.list(page)), ("nextToken", Pagination.token(page.next))))
    }

    private static func groups(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingName = try request.name("thingName")
        let view = try await services.store.load([.thing(name), .documentOfThing(name)])
        _ = try Things.existing(name, in: view)
        // A thing is in few groups, and each dynamic one has to be asked whether it is among them.
        let membership = try await DynamicMembership.load(from: services.store)
        let groups = view.documentOfThing(name).map(membership.completing)?.groups ?? []
        let place = try request.pageToken
        let rest = groups.filter { group in place.map { group.rawValue > $0 } ?? true }
        let page = rest.prefix(try request.pageLimit)
        return .object(
            .present(
                (
                    "thingGroups",
                    .array(page.map { ThingGroupOperations.named($0, services.realm) })
                ),
                (
                    "nextToken",
                    Pagination.token(rest.count > page.count ? page.last?.rawValue : nil)
                )))
    }
}

/// A page that names things and no more.
enum ThingNames {
    static func list(_ page: ListPage) -> JSONValue {
        .array(
            page.records.compactMap { record in
                switch record {
                case .thingName(let name): .name(name)
                case .document(let document): .name(document.thing.name)
                default: nil
                }
            })
    }
}

/// AWS: a member for the name and one for the ARN of the same resource, of which a request gives
/// either.
enum NameOrARN {
    static func read<Name: CheckedName>(
        _ members: RequestMembers, name: String, arn: String, kind: String, _ realm: Realm
    ) throws(FleetError) -> Name {
        let named: Name? = try members.optionalName(name)
        guard let text = try members.optionalText(arn) else {
            guard let named else {
                throw FleetError(.invalidRequest, "either /\(name) or /\(arn) must be given")
            }
            return named
        }
        let path = try realm.resourcePath(inARN: text)
        guard path.hasPrefix(kind + "/") else {
            throw FleetError(.invalidRequest, "/\(arn) is no ARN of a \(kind): '\(text.clipped)'")
        }
        let found = try Name(String(path.dropFirst(kind.count + 1)))
        guard named == nil || named == found else {
            throw FleetError(.invalidRequest, "/\(name) and /\(arn) name different resources")
        }
        return found
    }
}
