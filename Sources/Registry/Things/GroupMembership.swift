package import Fleet

/// Who may be in which group. A thing is in one group of a tree at most, in a bounded number of
/// groups in all, and in dynamic groups by their queries alone.
package struct GroupMembership: Sendable {
    /// What is to become of a thing's groups (AWS: UpdateThingGroupsForThing).
    package struct Request: Hashable, Sendable {
        package let thing: ThingName
        package var added: [ThingGroupName]
        package var removed: [ThingGroupName]
        /// Whether a thing that is in as many groups as it may be leaves a dynamic one for a
        /// static one.
        package var overridesDynamicGroups: Bool

        package init(
            thing: ThingName, added: [ThingGroupName] = [], removed: [ThingGroupName] = [],
            overridesDynamicGroups: Bool = false
        ) {
            self.thing = thing
            self.added = added
            self.removed = removed
            self.overridesDynamicGroups = overridesDynamicGroups
        }

        /// What the decision has to see.
        package var keys: Set<RecordKey> {
            Set((self.added + self.removed).map { .thingGroup($0) })
                .union([.thing(self.thing), .groupRecordsOfThing(self.thing)])
        }
    }

    private let thing: ThingName
    /// The groups the thing is in, as far as the decision has come.
    private var groups: [ThingGroup]
    package private(set) var joined: [ThingGroupName] = []
    package private(set) var left: [ThingGroupName] = []

    /// - Parameter groups: those that the thing is in, dynamic ones included.
    package init(of thing: ThingName, in groups: [ThingGroup]) {
        self.thing = thing
        self.groups = groups
    }

    /// What was left makes room for what was joined.
    package var changes: [Change] {
        self.left.map { .removeThingFromGroup(self.thing, $0) }
            + self.joined.map { .addThingToGroup(self.thing, $0) }
    }

    /// What is not a member is removed already.
    package mutating func leave(_ group: ThingGroupName) {
        guard self.groups.contains(where: { $0.name == group }) else { return }
        self.groups.removeAll { $0.name == group }
        self.left.append(group)
    }

    /// What is a member is added already.
    /// - Throws: `FleetError.invalidRequest`, saying which rule forbids it.
    package mutating func join(
        _ group: ThingGroup, overridesDynamicGroups: Bool = false
    ) throws(FleetError) {
        guard !group.isDynamic else { throw Self.dynamic(group.name) }
        guard !self.groups.contains(where: { $0.name == group.name }) else { return }
        // A dynamic group stands alone, so only static ones share a root.
        if let other = self.groups.first(where: { $0.root == group.root }) {
            throw self.refused(
                group, "it is in group '\(other.name)' of the same hierarchy already")
        }
        if self.groups.count >= RegistryLimits.groupsPerThingMax {
            // Older dynamic groups win: the youngest gives way.
            let youngest = self.groups.filter(\.isDynamic)
                .max { ($0.createdAt, $0.name) < ($1.createdAt, $1.name) }
            guard overridesDynamicGroups, let youngest else {
                throw self.refused(
                    group,
                    "it is in \(self.groups.count) groups already, and "
                        + "\(RegistryLimits.groupsPerThingMax) are the most")
            }
            self.leave(youngest.name)
        }
        self.groups.append(group)
        self.joined.append(group.name)
    }

    private func refused(_ group: ThingGroup, _ why: String) -> FleetError {
        FleetError(
            .invalidRequest, "thing '\(self.thing)' cannot join group '\(group.name)': \(why)",
            resource: group.name.rawValue)
    }

    private static func dynamic(_ name: ThingGroupName) -> FleetError {
        FleetError(
            .invalidRequest,
            "thing group '\(name)' is dynamic: its query alone says what is in it",
            resource: name.rawValue)
    }
}

// MARK: Decisions

extension GroupMembership {
    /// AWS: AddThingToThingGroup. Repeats change nothing.
    package static func add(
        _ thing: ThingName, to group: ThingGroupName, overridesDynamicGroups: Bool = false,
        in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.decide(
            Request(
                thing: thing, added: [group], overridesDynamicGroups: overridesDynamicGroups),
            action: "AddThingToThingGroup", in: view)
    }

    /// AWS: RemoveThingFromThingGroup. What is not a member is removed already.
    package static func remove(
        _ thing: ThingName, from group: ThingGroupName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.decide(
            Request(thing: thing, removed: [group]), action: "RemoveThingFromThingGroup", in: view)
    }

    /// AWS: UpdateThingGroupsForThing. What is removed makes room for what is added.
    package static func update(
        _ request: Request, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        for (groups, member) in [
            (request.added, "thingGroupsToAdd"), (request.removed, "thingGroupsToRemove"),
        ] where groups.count > RegistryLimits.groupsPerUpdateMax {
            throw FleetError(
                .invalidRequest,
                "\(member) names \(groups.count) groups; at most "
                    + "\(RegistryLimits.groupsPerUpdateMax)")
        }
        if let both = request.added.first(where: request.removed.contains) {
            throw FleetError(
                .invalidRequest, "thing group '\(both)' cannot be added and removed at once",
                resource: both.rawValue)
        }
        return try Self.decide(request, action: "UpdateThingGroupsForThing", in: view)
    }

    private static func decide(
        _ request: Request, action: String, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.thing(request.thing) != nil else { throw Things.missing(request.thing) }
        let before = view.groupRecordsOfThing(request.thing)
        var membership = GroupMembership(of: request.thing, in: before)
        // Memberships have no revision of their own: two additions that break a limit only
        // together meet at what the thing was in.
        var set = ChangeSet(
            action: action,
            preconditions: [
                .present(.thing(request.thing)),
                view.asSeen(.groupRecordsOfThing(request.thing)),
            ])
        for name in request.removed {
            let group = try ThingGroups.existing(name, in: view)
            guard !group.isDynamic else { throw Self.dynamic(name) }
            membership.leave(name)
        }
        for name in request.added {
            try membership.join(
                ThingGroups.existing(name, in: view),
                overridesDynamicGroups: request.overridesDynamicGroups)
            set.preconditions.append(view.asSeen(.thingGroup(name)))
        }
        set.changes = membership.changes
        return set
    }
}
