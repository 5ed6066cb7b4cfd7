package import Fleet

/// What a request says a thing type shall be (AWS: ThingTypeProperties). In an update, what is nil
/// stays as it is.
package struct ThingTypeProperties: Hashable, Sendable {
    package var summary: String?
    package var searchableAttributes: [String]?
    package var propagatingAttributes: [PropagatingAttribute]?

    package init(
        summary: String? = nil, searchableAttributes: [String]? = nil,
        propagatingAttributes: [PropagatingAttribute]? = nil
    ) {
        self.summary = summary
        self.searchableAttributes = searchableAttributes
        self.propagatingAttributes = propagatingAttributes
    }
}

/// What a request says a new thing type shall be.
package struct ThingTypeDefinition: Hashable, Sendable {
    package let name: ThingTypeName
    package var properties: ThingTypeProperties
    package var tags: [String: String]

    package init(
        name: ThingTypeName, properties: ThingTypeProperties = ThingTypeProperties(),
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.properties = properties
        self.tags = tags
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> { [.thingType(self.name)] }
}

/// The rules of thing types. Their life: active, deprecated (takes no new things, and may turn
/// back), deleted.
package enum ThingTypes {
    /// AWS: CreateThingType. An identical repeat changes nothing.
    /// - Parameter id: the type's, where it comes to be.
    package static func create(
        _ definition: ThingTypeDefinition, id: ResourceID, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let (name, properties) = (definition.name, definition.properties)
        try Self.check(properties, of: name)
        let tags = try Tags.initial(definition.tags, of: .thingType(name))
        var set = ChangeSet(
            action: "CreateThingType", preconditions: [view.asSeen(.thingType(name))])
        if let existing = view.thingType(name) {
            guard existing.summary == properties.summary,
                existing.searchableAttributes == properties.searchableAttributes ?? [],
                existing.propagatingAttributes == properties.propagatingAttributes ?? []
            else {
                throw FleetError(
                    .alreadyExists, "thing type '\(name)' exists and is defined otherwise",
                    resource: name.rawValue)
            }
            return set
        }
        set.changes = [
            .putThingType(
                ThingType(
                    name: name, id: id, summary: properties.summary,
                    searchableAttributes: properties.searchableAttributes ?? [],
                    propagatingAttributes: properties.propagatingAttributes ?? [],
                    createdAt: now))
        ]
        set.changes += tags
        return set
    }

    /// AWS: UpdateThingType.
    package static func update(
        _ name: ThingTypeName, _ properties: ThingTypeProperties, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.check(properties, of: name)
        guard let before = view.thingType(name) else { throw Self.missing(name) }
        var type = before
        if let summary = properties.summary { type.summary = summary }
        if let names = properties.searchableAttributes { type.searchableAttributes = names }
        if let attributes = properties.propagatingAttributes {
            type.propagatingAttributes = attributes
        }
        return ChangeSet(
            action: "UpdateThingType", preconditions: [view.asSeen(.thingType(name))],
            changes: type == before ? [] : [.putThingType(type)])
    }

    /// AWS: DeprecateThingType, both ways. What is so already stays so, since when it is.
    package static func deprecate(
        _ name: ThingTypeName, undo: Bool = false, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let before = view.thingType(name) else { throw Self.missing(name) }
        var type = before
        type.deprecatedAt = undo ? nil : before.deprecatedAt ?? now
        return ChangeSet(
            action: "DeprecateThingType", preconditions: [view.asSeen(.thingType(name))],
            changes: type == before ? [] : [.putThingType(type)])
    }

    /// AWS: DeleteThingType. It has to have been deprecated for a while, so that whoever was just
    /// creating things of it has found out, and nothing may be of it any more.
    package static func delete(
        _ name: ThingTypeName, waitSeconds: Int64 = RegistryLimits.typeDeletionWaitSeconds,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let type = view.thingType(name) else { throw Self.missing(name) }
        guard let deprecatedAt = type.deprecatedAt else {
            throw Self.stays(name, "it is not deprecated")
        }
        let free = deprecatedAt.advanced(bySeconds: waitSeconds)
        guard free <= now else {
            // AWS's words: Terraform's provider tries again for as long as it finds them.
            throw FleetError(
                .invalidRequest,
                "Cannot delete thing type : \(name). Please wait for \(waitSeconds / 60) minutes "
                    + "after deprecation and then retry, which is at \(free)",
                resource: name.rawValue)
        }
        if let thing = view.anyThingOfType(name) {
            throw Self.stays(name, "thing '\(thing)' is of it")
        }
        return ChangeSet(
            action: "DeleteThingType",
            preconditions: [view.asSeen(.thingType(name)), .absent(.anyThingOfType(name))],
            changes: [.deleteThingType(name)], detail: EventDetail.of(type))
    }

    /// What `delete` has to see.
    package static func keysToDelete(_ name: ThingTypeName) -> Set<RecordKey> {
        [.thingType(name), .anyThingOfType(name)]
    }

    /// - Throws: `FleetError.notFound`.
    package static func existing(
        _ name: ThingTypeName, in view: RegistryView
    ) throws(FleetError) -> ThingType {
        guard let type = view.thingType(name) else { throw Self.missing(name) }
        return type
    }

    private static func stays(_ name: ThingTypeName, _ why: String) -> FleetError {
        FleetError(
            .invalidRequest, "thing type '\(name)' cannot be deleted: \(why)",
            resource: name.rawValue)
    }

    static func missing(_ name: ThingTypeName) -> FleetError {
        FleetError(.notFound, "there is no thing type '\(name)'", resource: name.rawValue)
    }
}

// MARK: Properties

extension ThingTypes {
    /// What a connection can say of itself to those who hear its messages.
    package static let connectionAttributes: Set<String> = [
        "iot:ClientId", "iot:Thing.ThingName",
    ]

    private static func check(
        _ properties: ThingTypeProperties, of name: ThingTypeName
    ) throws(FleetError) {
        try Summary.check(properties.summary, of: "thing type '\(name)'")
        let searchable = properties.searchableAttributes ?? []
        guard searchable.count <= RegistryLimits.searchableAttributesMax,
            Set(searchable).count == searchable.count
        else {
            throw FleetError(
                .invalidRequest,
                "thing type '\(name)' has at most \(RegistryLimits.searchableAttributesMax) "
                    + "searchable attributes, each once")
        }
        for attribute in searchable { try ThingAttributes.check(name: attribute) }
        let propagating = properties.propagatingAttributes ?? []
        guard propagating.count <= RegistryLimits.propagatingAttributesMax,
            Set(propagating.map(\.userPropertyKey)).count == propagating.count
        else {
            throw FleetError(
                .invalidRequest,
                "thing type '\(name)' has at most \(RegistryLimits.propagatingAttributesMax) "
                    + "propagating attributes, each user property key once")
        }
        for attribute in propagating { try Self.check(attribute) }
    }

    private static func check(_ attribute: PropagatingAttribute) throws(FleetError) {
        let key = attribute.userPropertyKey
        guard (1...RegistryLimits.userPropertyKeyCharactersMax).contains(key.utf8.count),
            key.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || ":$.".utf8.contains(byte)
            })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(key.clipped)' is no user property key: 1 to "
                    + "\(RegistryLimits.userPropertyKeyCharactersMax) of a-z A-Z 0-9 : $ .")
        }
        switch attribute.source {
        case .thingAttribute(let name): try ThingAttributes.check(name: name)
        case .connectionAttribute(let name):
            guard Self.connectionAttributes.contains(name) else {
                throw FleetError(
                    .invalidRequest,
                    "'\(name.clipped)' is no connection attribute: "
                        + Self.connectionAttributes.sorted().joined(separator: " or "))
            }
        }
    }
}
