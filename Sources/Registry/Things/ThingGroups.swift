package import Fleet

/// What a request says a new thing group shall be (AWS: CreateThingGroup and
/// CreateDynamicThingGroup).
package struct ThingGroupDefinition: Hashable, Sendable {
    package let name: ThingGroupName
    package var parent: ThingGroupName?
    package var summary: String?
    package var attributes: [String: String]
    package var tags: [String: String]

    package init(
        name: ThingGroupName, parent: ThingGroupName? = nil, summary: String? = nil,
        attributes: [String: String] = [:], tags: [String: String] = [:]
    ) {
        self.name = name
        self.parent = parent
        self.summary = summary
        self.attributes = attributes
        self.tags = tags
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> {
        guard let parent = self.parent else { return [.thingGroup(self.name)] }
        return [.thingGroup(self.name), .thingGroup(parent), .childrenOfGroup(parent)]
    }
}

/// What a request says an existing group shall become (AWS: UpdateThingGroup). What it does not
/// mention stays as it is.
package struct ThingGroupUpdate: Hashable, Sendable {
    package let name: ThingGroupName
    package var summary: String?
    package var attributes: ThingAttributes.Update?
    package var expectedVersion: Int?

    package init(
        name: ThingGroupName, summary: String? = nil, attributes: ThingAttributes.Update? = nil,
        expectedVersion: Int? = nil
    ) {
        self.name = name
        self.summary = summary
        self.attributes = attributes
        self.expectedVersion = expectedVersion
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> { [.thingGroup(self.name)] }
}

/// The rules of thing groups. Static ones form trees: a parent is fixed at creation and cannot go
/// before its children.
package enum ThingGroups {
    /// AWS: CreateThingGroup. An identical repeat changes nothing.
    /// - Parameter id: the group's, where it comes to be.
    package static func create(
        _ definition: ThingGroupDefinition, id: ResourceID, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = definition.name
        try Self.check(definition)
        let tags = try Tags.initial(definition.tags, of: .thingGroup(name))
        var set = ChangeSet(
            action: "CreateThingGroup", preconditions: [view.asSeen(.thingGroup(name))])
        if let existing = view.thingGroup(name) {
            guard !existing.isDynamic, existing.parent == definition.parent,
                existing.summary == definition.summary,
                existing.attributes == definition.attributes
            else { throw Self.exists(name) }
            return set
        }
        var ancestors: [ThingGroupName] = []
        if let parent = definition.parent {
            let above = try Self.parent(parent, in: view)
            ancestors = above.ancestors + [parent]
            // Both the parent and the number of its children are what the limits were judged by.
            set.preconditions += [
                view.asSeen(.thingGroup(parent)), view.asSeen(.childrenOfGroup(parent)),
            ]
        }
        set.changes = [
            .putThingGroup(
                ThingGroup(
                    name: name, id: id, ancestors: ancestors, summary: definition.summary,
                    attributes: definition.attributes, createdAt: now))
        ]
        set.changes += tags
        return set
    }

    /// AWS lists no "not found" among the errors of CreateThingGroup.
    private static func parent(
        _ name: ThingGroupName, in view: RegistryView
    ) throws(FleetError) -> ThingGroup {
        func refused(_ why: String) -> FleetError {
            FleetError(
                .invalidRequest, "thing group '\(name)' cannot be a parent: \(why)",
                resource: name.rawValue)
        }
        guard let group = view.thingGroup(name) else { throw refused("it does not exist") }
        guard !group.isDynamic else { throw refused("it is dynamic") }
        guard group.depth < RegistryLimits.groupDepthMax else {
            throw refused(
                "it is at depth \(group.depth), and a tree has at most "
                    + "\(RegistryLimits.groupDepthMax) levels")
        }
        guard view.childrenOfGroup(name).count < RegistryLimits.groupChildrenMax else {
            throw refused("it has \(RegistryLimits.groupChildrenMax) children, the most there are")
        }
        return group
    }

    /// AWS: UpdateThingGroup.
    package static func update(
        _ update: ThingGroupUpdate, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let group = try Self.changeable(
            update.name, isDynamic: false, expectedVersion: update.expectedVersion, in: view)
        return try Self.set("UpdateThingGroup", from: group, by: update, query: nil, in: view)
    }

    /// AWS: DeleteThingGroup. A group that is not there is deleted already; members lose it.
    package static func delete(
        _ name: ThingGroupName, expectedVersion: Int? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.delete(
            name, isDynamic: false, expectedVersion: expectedVersion, in: view)
    }

    /// Takes things out of a group that is about to be deleted, where they are too many for one
    /// commit. It is no event of its own: a group's deletion tells nobody of its members either.
    package static func removal(of things: [ThingName], from name: ThingGroupName) -> ChangeSet {
        ChangeSet(
            action: Self.deletion, preconditions: [.present(.thingGroup(name))],
            changes: things.map { .removeThingFromGroup($0, name) })
    }

    static let deletion = "DeleteThingGroup"

    /// What both ways to delete a group have to see.
    package static func keysToDelete(_ name: ThingGroupName) -> Set<RecordKey> {
        [.thingGroup(name), .childrenOfGroup(name)]
    }

    // MARK: What static and dynamic groups share

    static func check(_ definition: ThingGroupDefinition) throws(FleetError) {
        try Summary.check(definition.summary, of: "thing group '\(definition.name)'")
        try ThingAttributes.check(definition.attributes)
    }

    static func exists(_ name: ThingGroupName) -> FleetError {
        FleetError(
            .alreadyExists, "thing group '\(name)' exists and is defined otherwise",
            resource: name.rawValue)
    }

    /// - Throws: `FleetError.notFound`.
    package static func existing(
        _ name: ThingGroupName, in view: RegistryView
    ) throws(FleetError) -> ThingGroup {
        guard let group = view.thingGroup(name) else { throw Self.missing(name) }
        return group
    }

    private static func missing(_ name: ThingGroupName) -> FleetError {
        FleetError(.notFound, "there is no thing group '\(name)'", resource: name.rawValue)
    }

    static func changeable(
        _ name: ThingGroupName, isDynamic: Bool, expectedVersion: Int?, in view: RegistryView
    ) throws(FleetError) -> ThingGroup {
        let group = try Self.existing(name, in: view)
        guard group.isDynamic == isDynamic else { throw Self.otherKind(group) }
        try ExpectedVersion.check(
            expectedVersion, is: group.version, of: "thing group '\(name)'")
        return group
    }

    /// AWS has an operation for each kind, and neither takes the other's groups.
    private static func otherKind(_ group: ThingGroup) -> FleetError {
        FleetError(
            .invalidRequest,
            "thing group '\(group.name)' is \(group.isDynamic ? "dynamic" : "static"), and this "
                + "operation is for \(group.isDynamic ? "static" : "dynamic") ones",
            resource: group.name.rawValue)
    }

    static func set(
        _ action: String, from before: ThingGroup, by update: ThingGroupUpdate,
        query: ThingGroup.DynamicQuery?, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Summary.check(update.summary, of: "thing group '\(before.name)'")
        var group = before
        if let summary = update.summary { group.summary = summary }
        group.attributes = try ThingAttributes.updated(before.attributes, by: update.attributes)
        if let query { group.query = query }
        var set = ChangeSet(
            action: action, preconditions: [view.asSeen(.thingGroup(before.name))])
        guard group != before else { return set }
        group.version += 1
        set.changes = [.putThingGroup(group)]
        return set
    }

    static func delete(
        _ name: ThingGroupName, isDynamic: Bool, expectedVersion: Int?, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var set = ChangeSet(
            action: isDynamic ? "DeleteDynamicThingGroup" : Self.deletion,
            preconditions: [view.asSeen(.thingGroup(name)), .absent(.childrenOfGroup(name))])
        guard view.thingGroup(name) != nil else {
            set.preconditions.removeLast()
            return set
        }
        let group = try Self.changeable(
            name, isDynamic: isDynamic, expectedVersion: expectedVersion, in: view)
        guard view.childrenOfGroup(name).isEmpty else {
            throw FleetError(
                .invalidRequest,
                "Cannot delete thing group : \(name) when there are still child groups attached "
                    + "to it",
                resource: name.rawValue)
        }
        set.changes = [.deleteThingGroup(name)]
        set.detail = EventDetail.of(group)
        return set
    }
}
