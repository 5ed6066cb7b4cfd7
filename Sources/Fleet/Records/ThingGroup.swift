/// A group of things: static, with members that somebody put there and a place in a tree, or
/// dynamic, with the members that a query finds.
package struct ThingGroup: Hashable, Sendable {
    /// What makes a group dynamic (AWS: CreateDynamicThingGroup).
    package struct DynamicQuery: Hashable, Sendable {
        /// AWS: DynamicGroupStatus.
        package enum Status: String, Sendable {
            case active = "ACTIVE"
            case building = "BUILDING"
            case rebuilding = "REBUILDING"
        }
        package var indexName: String
        package var queryString: String
        package var queryVersion: String
        package var status: Status

        package init(
            indexName: String, queryString: String, queryVersion: String, status: Status
        ) {
            self.indexName = indexName
            self.queryString = queryString
            self.queryVersion = queryVersion
            self.status = status
        }
    }

    package let name: ThingGroupName
    package let id: ResourceID
    /// The groups above this one, from the root of the tree down to the parent. A parent is fixed
    /// at creation and outlives its children, so this stays true for as long as the group is there.
    package let ancestors: [ThingGroupName]
    /// AWS: thingGroupDescription.
    package var summary: String?
    package var attributes: [String: String]
    /// Counts from 1; each change adds one.
    package var version: Int
    package let createdAt: UnixTime
    /// nil for a static group.
    package var query: DynamicQuery?

    package init(
        name: ThingGroupName, id: ResourceID, ancestors: [ThingGroupName] = [],
        summary: String? = nil, attributes: [String: String] = [:], version: Int = 1,
        createdAt: UnixTime, query: DynamicQuery? = nil
    ) {
        self.name = name
        self.id = id
        self.ancestors = ancestors
        self.summary = summary
        self.attributes = attributes
        self.version = version
        self.createdAt = createdAt
        self.query = query
    }

    package var parent: ThingGroupName? { self.ancestors.last }
    /// The top of the tree that the group stands in: what tells one hierarchy from another.
    package var root: ThingGroupName { self.ancestors.first ?? self.name }
    /// 1 for a group without a parent.
    package var depth: Int { self.ancestors.count + 1 }
    package var isDynamic: Bool { self.query != nil }
}
