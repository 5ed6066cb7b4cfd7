package import Fleet

/// The rules of dynamic thing groups: flat, without policies, and as large as their query finds
/// them. Members are looked up when somebody asks (`DynamicMembership`), so a group is complete
/// from the moment it is made, and AWS's BUILDING and REBUILDING never are.
package enum DynamicThingGroups {
    /// AWS: the only index there is, and the only version of its language.
    package static let indexName = FleetIndex.things.rawValue
    package static let queryVersion = QueryLimits.version

    /// A query as a request gives it; what is nil has its standard value.
    package struct Query: Hashable, Sendable {
        package var queryString: String
        package var indexName: String?
        package var queryVersion: String?

        package init(queryString: String, indexName: String? = nil, queryVersion: String? = nil) {
            self.queryString = queryString
            self.indexName = indexName
            self.queryVersion = queryVersion
        }
    }

    /// AWS: CreateDynamicThingGroup. An identical repeat changes nothing.
    /// - Parameter id: the group's, where it comes to be.
    package static func create(
        _ creation: (definition: ThingGroupDefinition, query: Query), id: ResourceID,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let (definition, name) = (creation.definition, creation.definition.name)
        guard definition.parent == nil else {
            throw FleetError(
                .invalidRequest, "a dynamic thing group has no parent", resource: name.rawValue)
        }
        try ThingGroups.check(definition)
        let query = try Self.checked(creation.query)
        let tags = try Tags.initial(definition.tags, of: .thingGroup(name))
        var set = ChangeSet(
            action: "CreateDynamicThingGroup",
            preconditions: [view.asSeen(.thingGroup(name)), view.asSeen(.dynamicGroups)])
        if let existing = view.thingGroup(name) {
            guard existing.query?.isSameQuery(as: query) == true,
                existing.summary == definition.summary,
                existing.attributes == definition.attributes
            else { throw ThingGroups.exists(name) }
            return set
        }
        guard view.dynamicGroups.count < RegistryLimits.dynamicGroupsMax else {
            throw FleetError(
                .limitExceeded,
                "there are \(RegistryLimits.dynamicGroupsMax) dynamic thing groups, the most "
                    + "there may be", resource: name.rawValue)
        }
        set.changes = [
            .putThingGroup(
                ThingGroup(
                    name: name, id: id, summary: definition.summary,
                    attributes: definition.attributes, createdAt: now, query: query))
        ]
        set.changes += tags
        return set
    }

    /// What `create` has to see.
    package static func keysToCreate(_ definition: ThingGroupDefinition) -> Set<RecordKey> {
        [.thingGroup(definition.name), .dynamicGroups]
    }

    /// AWS: UpdateDynamicThingGroup.
    package static func update(
        _ update: ThingGroupUpdate, query: Query? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let group = try ThingGroups.changeable(
            update.name, isDynamic: true, expectedVersion: update.expectedVersion, in: view)
        var changed: ThingGroup.DynamicQuery?
        if let query {
            let checked = try Self.checked(query)
            changed = group.query?.isSameQuery(as: checked) == true ? nil : checked
        }
        return try ThingGroups.set(
            "UpdateDynamicThingGroup", from: group, by: update, query: changed, in: view)
    }

    /// AWS: DeleteDynamicThingGroup. A group that is not there is deleted already.
    package static func delete(
        _ name: ThingGroupName, expectedVersion: Int? = nil, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try ThingGroups.delete(name, isDynamic: true, expectedVersion: expectedVersion, in: view)
    }

    /// - Throws: `FleetError.invalidQuery` where the query is not understood.
    private static func checked(
        _ query: Query
    ) throws(FleetError) -> ThingGroup.DynamicQuery {
        guard !query.queryString.isEmpty else {
            throw FleetError(.invalidRequest, "a dynamic thing group needs a queryString")
        }
        let index = query.indexName ?? Self.indexName
        guard index == Self.indexName else {
            throw FleetError(
                .invalidRequest,
                "there is no index '\(index.clipped)'; the one for things is \(Self.indexName)")
        }
        let version = query.queryVersion ?? Self.queryVersion
        guard version == Self.queryVersion else {
            throw FleetError(
                .invalidRequest,
                "there is no query version '\(version.clipped)', only \(Self.queryVersion)")
        }
        _ = try FleetQuery.parse(query.queryString)
        return ThingGroup.DynamicQuery(
            indexName: index, queryString: query.queryString, queryVersion: version,
            status: .active)
    }
}

extension ThingGroup.DynamicQuery {
    /// Whether both find the same things, however far they have come with it.
    fileprivate func isSameQuery(as other: ThingGroup.DynamicQuery) -> Bool {
        self.indexName == other.indexName && self.queryString == other.queryString
            && self.queryVersion == other.queryVersion
    }
}
