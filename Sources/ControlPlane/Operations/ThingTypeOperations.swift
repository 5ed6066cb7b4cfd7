import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of thing types.
package enum ThingTypeOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateThingType", .post, "/thing-types/{thingTypeName}",
            members: ["thingTypeProperties", "tags"],
            summary: "A new type; the same again changes nothing", target: Self.type,
            handle: Self.create),
        Operation(
            "DescribeThingType", .get, "/thing-types/{thingTypeName}", summary: "One type",
            target: Self.type, handle: Self.describe),
        Operation(
            "UpdateThingType", .patch, "/thing-types/{thingTypeName}",
            members: ["thingTypeProperties"], summary: "Other properties",
            target: Self.type, handle: Self.update),
        Operation(
            "DeprecateThingType", .post, "/thing-types/{thingTypeName}/deprecate",
            members: ["undoDeprecate"], summary: "Takes no new things from then on, or does again",
            target: Self.type, handle: Self.deprecate),
        Operation(
            "DeleteThingType", .delete, "/thing-types/{thingTypeName}",
            summary: "Takes a type away that is deprecated and unused", target: Self.type,
            handle: Self.delete),
        Operation(
            "ListThingTypes", .get, "/thing-types",
            query: Pagination.tokenQuery + ["thingTypeName"], summary: "Types, in pages",
            handle: Self.list),
    ]

    private static func type(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.thingType(try request.name("thingTypeName"))
    }

    private static func properties(
        _ request: OperationRequest
    ) throws(FleetError) -> ThingTypeProperties {
        guard let members = try request.object("thingTypeProperties") else {
            return ThingTypeProperties()
        }
        try members.refuseUnknown([
            "thingTypeDescription", "searchableAttributes", "mqtt5Configuration",
        ])
        return ThingTypeProperties(
            summary: try members.optionalText("thingTypeDescription"),
            searchableAttributes: try members.texts("searchableAttributes"),
            propagatingAttributes: try Self.propagating(members))
    }

    private static func propagating(
        _ members: RequestMembers
    ) throws(FleetError) -> [PropagatingAttribute]? {
        guard let configuration = try members.object("mqtt5Configuration") else { return nil }
        try configuration.refuseUnknown(["propagatingAttributes"])
        var attributes: [PropagatingAttribute] = []
        for members in try configuration.objects("propagatingAttributes") ?? [] {
            try members.refuseUnknown(["userPropertyKey", "thingAttribute", "connectionAttribute"])
            let source: PropagatingAttribute.Source
            switch (
                try members.optionalText("thingAttribute"),
                try members.optionalText("connectionAttribute")
            ) {
            case (let name?, nil): source = .thingAttribute(name)
            case (nil, let name?): source = .connectionAttribute(name)
            case (nil, nil), (.some, .some):
                throw FleetError(
                    .invalidRequest,
                    "a propagating attribute has either thingAttribute or connectionAttribute")
            }
            attributes.append(
                PropagatingAttribute(
                    userPropertyKey: try members.text("userPropertyKey"), source: source))
        }
        return attributes
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let definition = ThingTypeDefinition(
            name: try request.name("thingTypeName"), properties: try Self.properties(request),
            tags: try TagShape.tags(request))
        let id = services.entropy.resourceID()
        let decided = try await services.decide(definition.keys, by: request.actor) {
            view, now throws(FleetError) in
            try ThingTypes.create(definition, id: id, in: view, at: now)
        }
        return [
            "thingTypeName": .name(definition.name),
            "thingTypeArn": .arn(services.realm.thingType(definition.name)),
            "thingTypeId": .string((decided.view.thingType(definition.name)?.id ?? id).rawValue),
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingTypeName = try request.name("thingTypeName")
        let type = try ThingTypes.existing(
            name, in: try await services.store.load([.thingType(name)]))
        return .object(Self.json(type, services.realm, withID: true))
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingTypeName = try request.name("thingTypeName")
        let properties = try Self.properties(request)
        _ = try await services.decide([.thingType(name)], by: request.actor) {
            view, _ throws(FleetError) in
            try ThingTypes.update(name, properties, in: view)
        }
        return .null
    }

    private static func deprecate(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingTypeName = try request.name("thingTypeName")
        let undo = try request.optionalFlag("undoDeprecate") ?? false
        _ = try await services.decide([.thingType(name)], by: request.actor) {
            view, now throws(FleetError) in
            try ThingTypes.deprecate(name, undo: undo, in: view, at: now)
        }
        return .null
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingTypeName = try request.name("thingTypeName")
        _ = try await services.decide(ThingTypes.keysToDelete(name), by: request.actor) {
            view, now throws(FleetError) in
            try ThingTypes.delete(name, in: view, at: now)
        }
        return .null
    }

    /// AWS: with a name, the list holds that type alone, or nothing.
    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let (limit, place) = (try request.pageLimit, try request.pageToken)
        if let text = request.queryText("thingTypeName") {
            let name = try ThingTypeName(text)
            let type = try await services.store.load([.thingType(name)]).thingType(name)
            return [
                "thingTypes": .array(
                    type.map { [.object(Self.json($0, services.realm, withID: false))] } ?? [])
            ]
        }
        let page = try await services.store.page(
            ListQuery(.thingTypes, after: place, limit: limit))
        let types = page.records.compactMap { record -> JSONValue? in
            guard case .thingType(let type) = record else { return nil }
            return .object(Self.json(type, services.realm, withID: false))
        }
        return .object(
            .present(
                ("thingTypes", .array(types)), ("nextToken", Pagination.token(page.next))))
    }

    private static func json(_ type: ThingType, _ realm: Realm, withID: Bool) -> JSONObject {
        .present(
            ("thingTypeName", .name(type.name)),
            ("thingTypeId", withID ? .string(type.id.rawValue) : nil),
            ("thingTypeArn", .arn(realm.thingType(type.name))),
            ("thingTypeProperties", .object(Self.properties(of: type))),
            (
                "thingTypeMetadata",
                .object(
                    .present(
                        ("deprecated", .bool(type.deprecatedAt != nil)),
                        ("deprecationDate", type.deprecatedAt.map { .epoch($0) }),
                        ("creationDate", .epoch(type.createdAt))))
            ))
    }

    private static func properties(of type: ThingType) -> JSONObject {
        let propagating = type.propagatingAttributes.map { attribute -> JSONValue in
            switch attribute.source {
            case .thingAttribute(let name):
                [
                    "userPropertyKey": .string(attribute.userPropertyKey),
                    "thingAttribute": .string(name),
                ]
            case .connectionAttribute(let name):
                [
                    "userPropertyKey": .string(attribute.userPropertyKey),
                    "connectionAttribute": .string(name),
                ]
            }
        }
        return .present(
            ("thingTypeDescription", type.summary.map { .string($0) }),
            (
                "searchableAttributes",
                .array(type.searchableAttributes.map { .string($0) })
            ),
            (
                "mqtt5Configuration",
                propagating.isEmpty ? nil : ["propagatingAttributes": .array(propagating)]
            ))
    }
}
