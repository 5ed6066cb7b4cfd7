import Fleet

/// Which dynamic thing groups a thing came into, or left, by one commit. Members are looked up and
/// never stored: each group's query is asked about the thing as it is and as it was.
struct DynamicMembershipChange {
    let thing: Thing
    let joined: [ThingGroupName]
    let left: [ThingGroupName]

    /// The things whose records or groups a commit changed. What goes ahead of a group's own
    /// deletion is part of it, and tells of no thing; a thing that is deleted tells of itself.
    static func things(of commit: Commit) -> Set<ThingName> {
        guard ![ThingGroups.deletion, BillingGroups.deletion].contains(commit.action) else {
            return []
        }
        var names: Set<ThingName> = []
        for change in commit.changes {
            if case .putThing(let thing) = change { names.insert(thing.name) }
            if case .setBillingGroup(let name, _) = change { names.insert(name) }
            if case .addThingToGroup(let name, _) = change { names.insert(name) }
            if case .removeThingFromGroup(let name, _) = change { names.insert(name) }
        }
        return names
    }

    /// - Parameter found: the thing as it was found behind the commit. What the commit says itself
    ///   counts, whatever has become of it since.
    init(of found: FleetDocument, by commit: Commit, _ membership: DynamicMembership) {
        let name = found.thing.name
        var thing = found.thing
        var written: Thing?
        var (groups, groupsBefore) = (Set(found.groups), Set(found.groups))
        for change in commit.changes {
            if case .putThing(let put) = change, put.name == name {
                thing = put
                written = put
            }
            if case .setBillingGroup(let member, let group) = change, member == name {
                thing.billingGroup = group
            }
            if case .addThingToGroup(let member, let group) = change, member == name {
                groups.insert(group)
                groupsBefore.remove(group)
            }
            if case .removeThingFromGroup(let member, let group) = change, member == name {
                groups.remove(group)
                groupsBefore.insert(group)
            }
        }
        func memberships(_ thing: Thing, _ groups: Set<ThingGroupName>) -> Set<ThingGroupName> {
            Set(
                membership.groups(
                    of: FleetDocument(
                        thing: thing, groups: groups.sorted(), connectivity: found.connectivity)))
        }
        let after = memberships(thing, groups)
        var before: Set<ThingGroupName> = []
        // A new thing was in none.
        if written?.version != 1 {
            var thingBefore = EventDetail.before(thing, commit.detail)
            if written != nil { thingBefore.version -= 1 }
            before = memberships(thingBefore, groupsBefore)
        }
        self.thing = thing
        self.joined = after.subtracting(before).sorted()
        self.left = before.subtracting(after).sorted()
    }
}
