package import Fleet

/// What a request says a new billing group shall be (AWS: CreateBillingGroup).
package struct BillingGroupDefinition: Hashable, Sendable {
    package let name: BillingGroupName
    package var summary: String?
    package var tags: [String: String]

    package init(
        name: BillingGroupName, summary: String? = nil, tags: [String: String] = [:]
    ) {
        self.name = name
        self.summary = summary
        self.tags = tags
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> { [.billingGroup(self.name)] }
}

/// The rules of billing groups: flat, and a thing is in one at most.
package enum BillingGroups {
    /// AWS: CreateBillingGroup. An identical repeat changes nothing.
    /// - Parameter id: the group's, where it comes to be.
    package static func create(
        _ definition: BillingGroupDefinition, id: ResourceID, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = definition.name
        try Summary.check(definition.summary, of: "billing group '\(name)'")
        let tags = try Tags.initial(definition.tags, of: .billingGroup(name))
        var set = ChangeSet(
            action: "CreateBillingGroup", preconditions: [view.asSeen(.billingGroup(name))])
        if let existing = view.billingGroup(name) {
            guard existing.summary == definition.summary else {
                throw FleetError(
                    .alreadyExists, "billing group '\(name)' exists and is defined otherwise",
                    resource: name.rawValue)
            }
            return set
        }
        set.changes = [
            .putBillingGroup(
                BillingGroup(name: name, id: id, summary: definition.summary, createdAt: now))
        ]
        set.changes += tags
        return set
    }

    /// AWS: UpdateBillingGroup. Without a description nothing changes.
    package static func update(
        _ name: BillingGroupName, summary: String?, expectedVersion: Int? = nil,
        in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Summary.check(summary, of: "billing group '\(name)'")
        guard let before = view.billingGroup(name) else { throw Self.missing(name) }
        try ExpectedVersion.check(
            expectedVersion, is: before.version, of: "billing group '\(name)'")
        var set = ChangeSet(
            action: "UpdateBillingGroup", preconditions: [view.asSeen(.billingGroup(name))])
        guard let summary, summary != before.summary else { return set }
        var group = before
        group.summary = summary
        group.version += 1
        set.changes = [.putBillingGroup(group)]
        return set
    }

    /// AWS: DeleteBillingGroup. A group that is not there is deleted already; the things in it are
    /// in none from then on.
    package static func delete(
        _ name: BillingGroupName, expectedVersion: Int? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var set = ChangeSet(
            action: Self.deletion, preconditions: [view.asSeen(.billingGroup(name))])
        guard let group = view.billingGroup(name) else { return set }
        try ExpectedVersion.check(
            expectedVersion, is: group.version, of: "billing group '\(name)'")
        set.changes = [.deleteBillingGroup(name)]
        return set
    }

    /// Takes things out of a group that is about to be deleted, where they are too many for one
    /// commit. One that is in another group by now stays there.
    /// - Parameter view: holds the things.
    package static func removal(
        of things: [ThingName], from name: BillingGroupName, in view: RegistryView
    ) -> ChangeSet {
        let members = things.filter { view.thing($0)?.billingGroup == name }
        return ChangeSet(
            action: Self.deletion,
            preconditions: [.present(.billingGroup(name))]
                + members.map { view.asSeen(.thing($0)) },
            changes: members.map { .setBillingGroup($0, nil) })
    }

    static let deletion = "DeleteBillingGroup"

    // MARK: Things in them

    /// AWS: AddThingToBillingGroup. A thing in another group moves: AWS says only that it is in
    /// one at most, and whoever asks for the second wants that one.
    package static func add(
        _ name: ThingName, to group: BillingGroupName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let exists = try Self.exists(group, in: view)
        guard let thing = view.thing(name) else { throw Things.missing(name) }
        var set = ChangeSet(
            action: "AddThingToBillingGroup",
            preconditions: [view.asSeen(.thing(name)), exists])
        guard thing.billingGroup != group else { return set }
        set.changes = [.setBillingGroup(name, group)]
        set.detail = EventDetail.previousBillingGroup(thing.billingGroup)
        return set
    }

    /// AWS: RemoveThingFromBillingGroup. What is not in it is removed already.
    package static func remove(
        _ name: ThingName, from group: BillingGroupName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        _ = try Self.exists(group, in: view)
        guard let thing = view.thing(name) else { throw Things.missing(name) }
        var set = ChangeSet(
            action: "RemoveThingFromBillingGroup", preconditions: [view.asSeen(.thing(name))])
        guard thing.billingGroup == group else { return set }
        set.changes = [.setBillingGroup(name, nil)]
        set.detail = EventDetail.previousBillingGroup(group)
        return set
    }

    /// What `add` and `remove` have to see.
    package static func keys(_ thing: ThingName, _ group: BillingGroupName) -> Set<RecordKey> {
        [.thing(thing), .billingGroup(group)]
    }

    /// That the group is there, and goes on being so until the commit.
    package static func exists(
        _ name: BillingGroupName, in view: RegistryView
    ) throws(FleetError) -> Precondition {
        guard view.billingGroup(name) != nil else { throw Self.missing(name) }
        return .present(.billingGroup(name))
    }

    /// - Throws: `FleetError.notFound`.
    package static func existing(
        _ name: BillingGroupName, in view: RegistryView
    ) throws(FleetError) -> BillingGroup {
        guard let group = view.billingGroup(name) else { throw Self.missing(name) }
        return group
    }

    static func missing(_ name: BillingGroupName) -> FleetError {
        FleetError(.notFound, "there is no billing group '\(name)'", resource: name.rawValue)
    }
}
