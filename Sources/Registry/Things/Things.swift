package import Fleet

/// The rules of things.
package enum Things {
    /// AWS: CreateThing. An identical repeat succeeds and changes nothing; another definition of
    /// an existing name is refused.
    /// - Parameter id: the thing's, where it comes to be.
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
        if let type = definition.typeName {
            set.preconditions.append(try Self.takesThings(type, in: view))
        }
        if let group = definition.billingGroup {
            set.preconditions.append(try BillingGroups.exists(group, in: view))
        }
        set.changes = [
            .putThing(
                Thing(
                    name: definition.name, id: id, typeName: definition.typeName,
                    attributes: definition.attributes, billingGroup: definition.billingGroup,
                    createdAt: now))
        ]
        return set
    }

    /// AWS: UpdateThing. The version counts changes, so what changes nothing does not count.
    package static func update(
        _ update: ThingUpdate, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard let before = view.thing(update.name) else { throw Self.missing(update.name) }
        try ExpectedVersion.check(
            update.expectedVersion, is: before.version, of: "thing '\(update.name)'")
        var set = ChangeSet(
            action: "UpdateThing", preconditions: [view.asSeen(.thing(update.name))])
        var thing = before
        thing.attributes = try ThingAttributes.updated(before.attributes, by: update.attributes)
        switch update.type {
        case .unchanged: break
        case .removed: thing.typeName = nil
        case .replaced(let type):
            guard type != before.typeName else { break }
            set.preconditions.append(try Self.takesThings(type, in: view))
            thing.typeName = type
        }
        guard thing != before else { return set }
        thing.version += 1
        set.changes = [.putThing(thing)]
        set.detail = EventDetail.change(from: before, to: thing)
        return set
    }

    /// AWS: DeleteThing. A thing that is not there is deleted already. Its memberships go with it;
    /// its principals have to be detached first.
    package static func delete(
        _ name: ThingName, expectedVersion: Int? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var set = ChangeSet(
            action: "DeleteThing",
            preconditions: [view.asSeen(.thing(name)), .absent(.principalsOfThing(name))])
        guard let thing = view.thing(name) else { return set }
        try ExpectedVersion.check(expectedVersion, is: thing.version, of: "thing '\(name)'")
        guard view.principalsOfThing(name).isEmpty else {
            throw FleetError(
                .invalidRequest,
                "Cannot delete. Thing \(name) is still attached to one or more principals",
                resource: name.rawValue)
        }
        set.changes = [.deleteThing(name)]
        set.detail = EventDetail.of(thing)
        return set
    }

    /// What `delete` has to see.
    package static func keysToDelete(_ name: ThingName) -> Set<RecordKey> {
        [.thing(name), .principalsOfThing(name)]
    }

    /// That things may come to be of the type, and go on being so until the commit.
    package static func takesThings(
        _ name: ThingTypeName, in view: RegistryView
    ) throws(FleetError) -> Precondition {
        guard let type = view.thingType(name) else { throw ThingTypes.missing(name) }
        guard type.deprecatedAt == nil else {
            throw FleetError(
                .invalidRequest, "thing type '\(name)' is deprecated and takes no new things",
                resource: name.rawValue)
        }
        return view.asSeen(.thingType(name))
    }

    /// - Throws: `FleetError.notFound`.
    package static func existing(
        _ name: ThingName, in view: RegistryView
    ) throws(FleetError) -> Thing {
        guard let thing = view.thing(name) else { throw Self.missing(name) }
        return thing
    }

    static func missing(_ name: ThingName) -> FleetError {
        FleetError(.notFound, "there is no thing '\(name)'", resource: name.rawValue)
    }
}
