import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of billing groups.
package enum BillingGroupOperations {
    private static let pair = ["billingGroupName", "billingGroupArn", "thingName", "thingArn"]

    package static let all: [Operation] = [
        Operation(
            "CreateBillingGroup", .post, "/billing-groups/{billingGroupName}",
            members: ["billingGroupProperties", "tags"],
            summary: "A new billing group; the same again changes nothing", target: Self.group,
            handle: Self.create),
        Operation(
            "DescribeBillingGroup", .get, "/billing-groups/{billingGroupName}",
            summary: "One billing group", target: Self.group, handle: Self.describe),
        Operation(
            "UpdateBillingGroup", .patch, "/billing-groups/{billingGroupName}",
            members: ["billingGroupProperties", "expectedVersion"], summary: "Other properties",
            target: Self.group, handle: Self.update),
        Operation(
            "DeleteBillingGroup", .delete, "/billing-groups/{billingGroupName}",
            query: ["expectedVersion"], summary: "Takes a billing group away; its things stay",
            target: Self.group, handle: Self.delete),
        Operation(
            "ListBillingGroups", .get, "/billing-groups",
            query: Pagination.tokenQuery + ["namePrefixFilter"],
            summary: "Billing groups, in pages", handle: Self.list),
        Operation(
            "AddThingToBillingGroup", .put, "/billing-groups/addThingToBillingGroup",
            members: Self.pair, summary: "Puts a thing into a billing group, out of any other",
            target: Self.target, handle: Self.add),
        Operation(
            "RemoveThingFromBillingGroup", .put, "/billing-groups/removeThingFromBillingGroup",
            members: Self.pair, summary: "Takes a thing out of a billing group",
            target: Self.target, handle: Self.remove),
        Operation(
            "ListThingsInBillingGroup", .get, "/billing-groups/{billingGroupName}/things",
            query: Pagination.tokenQuery, summary: "The things of a billing group",
            target: Self.group, handle: Self.things),
    ]

    private static func group(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.billingGroup(try request.name("billingGroupName"))
    }

    private static func target(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.billingGroup(try Self.named(request, realm))
    }

    private static func named(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> BillingGroupName {
        try NameOrARN.read(
            request.members, name: "billingGroupName", arn: "billingGroupArn",
            kind: "billinggroup", realm)
    }

    private static func thing(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ThingName {
        try NameOrARN.read(
            request.members, name: "thingName", arn: "thingArn", kind: "thing", realm)
    }

    private static func summary(_ request: OperationRequest) throws(FleetError) -> String? {
        guard let members = try request.object("billingGroupProperties") else { return nil }
        try members.refuseUnknown(["billingGroupDescription"])
        return try members.optionalText("billingGroupDescription")
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let definition = BillingGroupDefinition(
            name: try request.name("billingGroupName"), summary: try Self.summary(request),
            tags: try TagShape.tags(request))
        let id = services.entropy.resourceID()
        let decided = try await services.decide(definition.keys, by: request.actor) {
            view, now throws(FleetError) in
            try BillingGroups.create(definition, id: id, in: view, at: now)
        }
        return [
            "billingGroupName": .name(definition.name),
            "billingGroupArn": .arn(services.realm.billingGroup(definition.name)),
            "billingGroupId": .string(
                (decided.view.billingGroup(definition.name)?.id ?? id).rawValue),
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: BillingGroupName = try request.name("billingGroupName")
        let group = try BillingGroups.existing(
            name, in: try await services.store.load([.billingGroup(name)]))
        return [
            "billingGroupName": .name(name), "billingGroupId": .string(group.id.rawValue),
            "billingGroupArn": .arn(services.realm.billingGroup(name)),
            "version": .int(group.version),
            "billingGroupProperties": .object(
                .present(("billingGroupDescription", group.summary.map { .string($0) }))),
            "billingGroupMetadata": ["creationDate": .epoch(group.createdAt)],
        ]
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: BillingGroupName = try request.name("billingGroupName")
        _ = try request.members.requiredObject("billingGroupProperties")
        let summary = try Self.summary(request)
        let version = try request.optionalInteger("expectedVersion")
        let decided = try await services.decide([.billingGroup(name)], by: request.actor) {
            view, _ throws(FleetError) in
            try BillingGroups.update(name, summary: summary, expectedVersion: version, in: view)
        }
        for case .putBillingGroup(let group) in decided.set.changes {
            return ["version": .int(group.version)]
        }
        return ["version": .int(decided.view.billingGroup(name)?.version ?? 1)]
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: BillingGroupName = try request.name("billingGroupName")
        let version = try request.queryInteger("expectedVersion")
        // A refusal comes before anything is changed.
        _ = try BillingGroups.delete(
            name, expectedVersion: version,
            in: try await services.store.load([.billingGroup(name)]))
        try await GroupDissolution.empty(
            .thingsInBillingGroup(name), by: request.actor, services
        ) { things async throws(FleetError) in
            BillingGroups.removal(
                of: things, from: name,
                in: try await services.store.load(Set(things.map { .thing($0) })))
        }
        _ = try await services.decide([.billingGroup(name)], by: request.actor) {
            view, _ throws(FleetError) in
            try BillingGroups.delete(name, expectedVersion: version, in: view)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await services.store.page(
            ListQuery(
                .billingGroups(
                    prefix: try request.queryName("namePrefixFilter", as: BillingGroupName.self)
                        ?? ""),
                after: try request.pageToken, limit: try request.pageLimit))
        let groups = page.records.compactMap { record -> JSONValue? in
            guard case .billingGroup(let group) = record else { return nil }
            return [
                "groupName": .name(group.name),
                "groupArn": .arn(services.realm.billingGroup(group.name)),
            ]
        }
        return .object(
            .present(
                ("billingGroups", .array(groups)), ("nextToken", Pagination.token(page.next))))
    }

    private static func add(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let group = try Self.named(request, services.realm)
        let thing = try Self.thing(request, services.realm)
        try request.authorize("iot:AddThingToBillingGroup", services.realm.thing(thing))
        _ = try await services.decide(BillingGroups.keys(thing, group), by: request.actor) {
            view, _ throws(FleetError) in
            try BillingGroups.add(thing, to: group, in: view)
        }
        return .null
    }

    private static func remove(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let group = try Self.named(request, services.realm)
        let thing = try Self.thing(request, services.realm)
        try request.authorize("iot:RemoveThingFromBillingGroup", services.realm.thing(thing))
        _ = try await services.decide(BillingGroups.keys(thing, group), by: request.actor) {
            view, _ throws(FleetError) in
            try BillingGroups.remove(thing, from: group, in: view)
        }
        return .null
    }

    private static func things(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: BillingGroupName = try request.name("billingGroupName")
        _ = try BillingGroups.existing(
            name, in: try await services.store.load([.billingGroup(name)]))
        let page = try await services.store.page(
            ListQuery(
                .thingsInBillingGroup(name), after: try request.pageToken,
                limit: try request.pageLimit))
        return .object(
            .present(
                ("things", ThingNames.list(page)), ("nextToken", Pagination.token(page.next))))
    }
}
