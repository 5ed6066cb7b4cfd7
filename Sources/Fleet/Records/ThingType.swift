/// What things of one kind have in common.
package struct ThingType: Hashable, Sendable {
    package let name: ThingTypeName
    package let id: ResourceID
    /// AWS: thingTypeDescription.
    package var summary: String?
    /// Attributes that AWS indexes without fleet indexing. Ours are all indexed; the list is kept
    /// as given.
    package var searchableAttributes: [String]
    /// AWS: mqtt5Configuration.propagatingAttributes.
    package var propagatingAttributes: [PropagatingAttribute]
    package let createdAt: UnixTime
    /// Set once the type takes no new things.
    package var deprecatedAt: UnixTime?

    package init(
        name: ThingTypeName, id: ResourceID, summary: String? = nil,
        searchableAttributes: [String] = [],
        propagatingAttributes: [PropagatingAttribute] = [], createdAt: UnixTime,
        deprecatedAt: UnixTime? = nil
    ) {
        self.name = name
        self.id = id
        self.summary = summary
        self.searchableAttributes = searchableAttributes
        self.propagatingAttributes = propagatingAttributes
        self.createdAt = createdAt
        self.deprecatedAt = deprecatedAt
    }
}

/// AWS: PropagatingAttribute. A user property that the broker adds to what things of the type
/// publish (MQTT 5, 3.3.2.3.7).
package struct PropagatingAttribute: Hashable, Sendable {
    /// Where the property's value comes from.
    package enum Source: Hashable, Sendable {
        case thingAttribute(String)
        /// `iot:ClientId` or `iot:Thing.ThingName`.
        case connectionAttribute(String)
    }
    package let userPropertyKey: String
    package let source: Source

    package init(userPropertyKey: String, source: Source) {
        self.userPropertyKey = userPropertyKey
        self.source = source
    }
}
