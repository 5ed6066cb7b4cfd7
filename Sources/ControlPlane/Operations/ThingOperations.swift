import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of things.
package enum ThingOperations {
    private static let attributesDifference =
        "50 attributes without a type too, or what registry.attributesWithoutType allows, where "
        + "AWS allows 3"

    package static let all: [Operation] = [
        Operation(
            "CreateThing", .post, "/things/{thingName}",
            members: ["thingTypeName", "attributePayload", "billingGroupName"],
            summary: "A new thing; the same again changes nothing",
            differences: Self.attributesDifference, target: Self.thing, handle: Self.create
        ).brief,
        Operation(
            "DescribeThing", .get, "/things/{thingName}", summary: "One thing",
            target: Self.thing, handleText: Self.describe
        ).brief,
        Operation(
            "UpdateThing", .patch, "/things/{thingName}",
            members: ["thingTypeName", "attributePayload", "expectedVersion", "removeThingType"],
            summary: "Another type, other attributes",
            differences: Self.attributesDifference, target: Self.thing, handle: Self.update
        ).brief,
        Operation(
            "DeleteThing", .delete, "/things/{thingName}", query: ["expectedVersion"],
            summary: "Takes a thing away that no certificate is attached to",
            target: Self.thing, handle: Self.delete
        ).brief,
        Operation(
            "ListThings", .get, "/things",
            query: Pagination.tokenQuery + [
                "attributeName", "attributeValue", "thingTypeName", "usePrefixAttributeValue",
            ], summary: "Things, all or by type or attribute, in pages", handleText: Self.list
        ).brief,
    ]

    static func thing(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.thing(try request.name("thingName"))
    }

    /// AWS: AttributePayload.
    static func attributes(
        _ members: RequestMembers?
    ) throws(FleetError) -> ThingAttributes.Update? {
        guard let payload = try members?.object("attributePayload") else { return nil }
        try payload.refuseUnknown(["attributes", "merge"])
        return ThingAttributes.Update(
            try payload.stringMap("attributes") ?? [:],
            merges: try payload.optionalFlag("merge") ?? false)
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let definition = ThingDefinition(
            name: try request.name("thingName"),
            typeName: try request.members.optionalName("thingTypeName"),
            // An attribute without a value is none, as it is none after an update.
            attributes: (try Self.attributes(request.members)?.attributes ?? [:])
                .filter { !$0.value.isEmpty },
            billingGroup: try request.members.optionalName("billingGroupName"))
        if let group = definition.billingGroup {
            try request.authorize("iot:CreateThing", services.realm.billingGroup(group))
        }
        let id = services.entropy.resourceID()
        let decided = try await services.decide(definition.keys, by: request.actor) {
            view, now throws(FleetError) in
            try Self.bounded(
                try Things.create(definition, id: id, in: view, at: now), services)
        }
        return [
            "thingName": .name(definition.name),
            "thingArn": .arn(services.realm.thing(definition.name)),
            "thingId": .string((decided.view.thing(definition.name)?.id ?? id).rawValue),
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONWriter {
        let name: ThingName = try request.name("thingName")
        let view = try await services.store.load([.thing(name)])
        let thing = try Things.existing(name, in: view)
        var writer = JSONWriter(capacity: 2 * Self.listedBytes)
        writer.beginObject()
        writer.member("defaultClientId", thing.defaultClientID)
        writer.member("thingName", name.rawValue)
        writer.member("thingId", thing.id.rawValue)
        writer.member("thingArn", services.realm.thing(name).rawValue)
        writer.member("thingTypeName", thing.typeName?.rawValue)
        Self.writeAttributes(of: thing, to: &writer)
        writer.key("version")
        writer.int(thing.version)
        writer.member("billingGroupName", thing.billingGroup?.rawValue)
        writer.endObject()
        return writer
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let update = ThingUpdate(
            name: try request.name("thingName"),
            type: try ThingUpdate.typeChange(
                to: try request.members.optionalName("thingTypeName"),
                removing: try request.optionalFlag("removeThingType") ?? false),
            attributes: try Self.attributes(request.members),
            expectedVersion: try request.optionalInteger("expectedVersion"))
        _ = try await services.decide(update.keys, by: request.actor) {
            view, _ throws(FleetError) in
            try Self.bounded(try Things.update(update, in: view), services)
        }
        return .null
    }

    /// The set, unless it gives a thing without a type more attributes than the service is set to
    /// allow.
    private static func bounded(
        _ set: ChangeSet, _ services: ControlPlaneServices
    ) throws(FleetError) -> ChangeSet {
        for case .putThing(let thing) in set.changes
        where thing.typeName == nil && thing.attributes.count > services.attributesWithoutTypeMax {
            throw FleetError(
                .invalidRequest,
                "a thing without a type has at most \(services.attributesWithoutTypeMax) "
                    + "attributes, not \(thing.attributes.count): give '\(thing.name)' a type",
                resource: thing.name.rawValue)
        }
        return set
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingName = try request.name("thingName")
        let version = try request.queryInteger("expectedVersion")
        _ = try await services.decide(Things.keysToDelete(name), by: request.actor) {
            view, _ throws(FleetError) in
            try Things.delete(name, expectedVersion: version, in: view)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONWriter {
        var filter = ThingFilter()
        filter.typeName = try request.queryText("thingTypeName").map { text throws(FleetError) in
            try ThingTypeName(text)
        }
        switch (request.queryText("attributeName"), request.queryText("attributeValue")) {
        case (nil, nil): break
        case (let name?, let value?):
            try ThingAttributes.check(name: name)
            try ThingAttributes.check(value: value, of: name)
            filter.attribute = ThingFilter.Attribute(
                name: name, value: value,
                isPrefix: try request.queryFlag("usePrefixAttributeValue"))
        case (nil, .some), (.some, nil):
            throw FleetError(
                .invalidRequest, "attributeName and attributeValue go together, or not at all")
        }
        let page = try await services.store.page(
            ListQuery(
                filter == ThingFilter() ? .things : .thingsWhere(filter),
                after: try request.pageToken, limit: try request.pageLimit))
        var writer = JSONWriter(capacity: page.records.count * Self.listedBytes)
        writer.beginObject()
        writer.key("things")
        writer.beginArray()
        let arnPrefix = services.realm.arnPrefix + "thing/"
        for case .thing(let thing) in page.records {
            Self.write(thing, arnPrefix, to: &writer)
        }
        writer.endArray()
        if let token = Pagination.token(page.next)?.stringValue {
            writer.key("nextToken")
            writer.string(token)
        }
        writer.endObject()
        return writer
    }

    /// What a listed thing with a few attributes takes.
    private static let listedBytes = 256

    private static func write(_ thing: Thing, _ arnPrefix: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("thingName", thing.name.rawValue)
        writer.member("thingTypeName", thing.typeName?.rawValue)
        writer.key("thingArn")
        writer.string(arnPrefix, thing.name.rawValue)
        Self.writeAttributes(of: thing, to: &writer)
        writer.key("version")
        writer.int(thing.version)
        writer.endObject()
    }

    private static func writeAttributes(of thing: Thing, to writer: inout JSONWriter) {
        writer.key("attributes")
        writer.beginObject()
        for (name, value) in thing.attributes.sorted(by: { $0.key < $1.key }) {
            writer.key(of: name)
            writer.string(value)
        }
        writer.endObject()
    }
}

extension JSONValue {
    /// Texts by name, in the order of their names.
    static func map(_ texts: [String: String]) -> JSONValue {
        .object(
            JSONObject(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }
}
