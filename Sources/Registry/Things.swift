package import Fleet

/// What a request says a thing shall be.
package struct ThingDefinition: Hashable, Sendable {
    package let name: ThingName
    package var typeName: ThingTypeName?
    package var attributes: [String: String]
    package var billingGroup: BillingGroupName?

    package init(
        name: ThingName, typeName: ThingTypeName? = nil, attributes: [String: String] = [:],
        billingGroup: BillingGroupName? = nil
    ) {
        self.name = name
        self.typeName = typeName
        self.attributes = attributes
        self.billingGroup = billingGroup
    }

    /// What a decision about this definition has to see.
    package var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = [.thing(self.name)]
        if let type = self.typeName { keys.insert(.thingType(type)) }
        return keys
    }
}

/// The rules of things, their types and their groups.
package enum Things {
    /// AWS: CreateThing. An identical repeat succeeds and changes nothing; another definition of
    /// an existing name is refused.
    package static func create(
        _ definition: ThingDefinition, id: ResourceID, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try ThingAttributes.check(definition.attributes)
        var set = ChangeSet(
            action: "CreateThing", preconditions: [view.asSeen(.thing(definition.name))])
        if let existing = view.thing(definition.name) {
            guard existing.typeName == definition.typeName,
                existing.attributes == definition.attributes,
                existing.billingGroup == definition.billingGroup
            else {
                throw FleetError(
                    .alreadyExists, "thing '\(definition.name)' exists and is defined otherwise",
                    resource: definition.name.rawValue)
            }
            return set
        }
        try self.requireType(definition.typeName, in: view, of: &set)
        set.changes = [
            .putThing(
                Thing(
                    name: definition.name, id: id, typeName: definition.typeName,
                    attributes: definition.attributes, billingGroup: definition.billingGroup,
                    version: 1, createdAt: now))
        ]
        return set
    }

    /// AWS: UpdateThing. The thing becomes the definition; `expectedVersion` guards against a
    /// change that the caller has not seen.
    package static func update(
        _ definition: ThingDefinition, expectedVersion: Int? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try ThingAttributes.check(definition.attributes)
        guard var thing = view.thing(definition.name) else {
            throw FleetError(
                .notFound, "there is no thing '\(definition.name)'",
                resource: definition.name.rawValue)
        }
        if let expectedVersion, expectedVersion != thing.version {
            throw FleetError(
                .versionConflict,
                "thing '\(definition.name)' has version \(thing.version), not \(expectedVersion)",
                resource: definition.name.rawValue)
        }
        var set = ChangeSet(
            action: "UpdateThing", preconditions: [view.asSeen(.thing(definition.name))])
        if thing.typeName != definition.typeName {
            try self.requireType(definition.typeName, in: view, of: &set)
        }
        let before = thing
        thing.typeName = definition.typeName
        thing.attributes = definition.attributes
        thing.billingGroup = definition.billingGroup
        guard thing != before else { return set }
        thing.version += 1
        set.changes = [.putThing(thing)]
        return set
    }

    /// AWS: CreateThingType. Repeats change nothing.
    package static func createType(
        _ name: ThingTypeName, id: ResourceID, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        ChangeSet(
            action: "CreateThingType", preconditions: [view.asSeen(.thingType(name))],
            changes: view.thingType(name) == nil
                ? [.putThingType(ThingType(name: name, id: id, createdAt: now))] : [])
    }

    /// AWS: CreateThingGroup. An identical repeat changes nothing; another parent is refused.
    package static func createGroup(
        _ group: (name: ThingGroupName, id: ResourceID), parent: ThingGroupName?,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = group.name
        var ancestors: [ThingGroupName] = []
        var set = ChangeSet(
            action: "CreateThingGroup", preconditions: [view.asSeen(.thingGroup(name))])
        if let existing = view.thingGroup(name) {
            guard existing.parent == parent else {
                throw FleetError(
                    .alreadyExists, "thing group '\(name)' exists under another parent",
                    resource: name.rawValue)
            }
            return set
        }
        if let parent {
            guard let above = view.thingGroup(parent) else {
                throw FleetError(
                    .notFound, "there is no thing group '\(parent)' to be the parent",
                    resource: parent.rawValue)
            }
            ancestors = above.ancestors + [parent]
            set.preconditions.append(.present(.thingGroup(parent)))
        }
        set.changes = [
            .putThingGroup(
                ThingGroup(name: name, id: group.id, ancestors: ancestors, createdAt: now))
        ]
        return set
    }

    /// AWS: AddThingToThingGroup. Repeats change nothing.
    package static func add(
        _ thing: ThingName, to group: ThingGroupName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.thing(thing) != nil else {
            throw FleetError(.notFound, "there is no thing '\(thing)'", resource: thing.rawValue)
        }
        guard view.thingGroup(group) != nil else {
            throw FleetError(
                .notFound, "there is no thing group '\(group)'", resource: group.rawValue)
        }
        return ChangeSet(
            action: "AddThingToThingGroup",
            preconditions: [.present(.thing(thing)), .present(.thingGroup(group))],
            changes: view.groupsOfThing(thing).contains(group)
                ? [] : [.addThingToGroup(thing, group)])
    }

    private static func requireType(
        _ name: ThingTypeName?, in view: RegistryView, of set: inout ChangeSet
    ) throws(FleetError) {
        guard let name else { return }
        guard let type = view.thingType(name) else {
            throw FleetError(
                .notFound, "there is no thing type '\(name)'", resource: name.rawValue)
        }
        guard type.deprecatedAt == nil else {
            throw FleetError(
                .invalidRequest, "thing type '\(name)' is deprecated and takes no new things",
                resource: name.rawValue)
        }
        set.preconditions.append(view.asSeen(.thingType(name)))
    }
}

/// AWS: AttributePayload. Names are 1 to 128 of `[a-zA-Z0-9_.,@/:#-]`, values up to 800 of
/// `[a-zA-Z0-9_.,@/:#=\[\]-]`.
package enum ThingAttributes {
    /// AWS allows 50 with a type and 3 without, to protect a shared index; ours needs no such care.
    package static let attributesMax = 50
    package static let nameCharactersMax = 128
    package static let valueCharactersMax = 800

    package static func check(_ attributes: [String: String]) throws(FleetError) {
        guard attributes.count <= Self.attributesMax else {
            throw FleetError(
                .invalidRequest,
                "a thing has at most \(Self.attributesMax) attributes, not \(attributes.count)")
        }
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            try Self.check(name: name)
            try Self.check(value: value, of: name)
        }
    }

    package static func check(name: String) throws(FleetError) {
        guard (1...Self.nameCharactersMax).contains(name.utf8.count),
            name.utf8.allSatisfy(Self.allowsInName)
        else {
            throw FleetError(
                .invalidRequest,
                "'\(name.clipped)' is no attribute name: 1 to \(Self.nameCharactersMax) of "
                    + "a-z A-Z 0-9 _ . , @ / : # -")
        }
    }

    package static func check(value: String, of name: String) throws(FleetError) {
        guard value.utf8.count <= Self.valueCharactersMax,
            value.utf8.allSatisfy({ Self.allowsInName($0) || "=[]".utf8.contains($0) })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(value.clipped)' is no value for attribute '\(name.clipped)': up to "
                    + "\(Self.valueCharactersMax) of a-z A-Z 0-9 _ . , @ / : # = [ ] -")
        }
    }

    private static func allowsInName(_ byte: UInt8) -> Bool {
        ThingName.allows(byte) || ".,@/#".utf8.contains(byte)
    }
}
