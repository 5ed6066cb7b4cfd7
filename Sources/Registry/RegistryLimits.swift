/// Every bound of the registry, with its unit last. All are AWS's own but those that say otherwise.
package enum RegistryLimits {
    /// AWS allows 50 with a type and 3 without, to protect a shared index; ours needs no such care.
    package static let attributesMax = 50
    package static let attributeNameCharactersMax = 128
    package static let attributeValueCharactersMax = 800
    /// Descriptions of types, groups and billing groups.
    package static let summaryCharactersMax = 2028

    package static let searchableAttributesMax = 3
    package static let propagatingAttributesMax = 20
    package static let userPropertyKeyCharactersMax = 128
    /// How long a type must have been deprecated before it may be deleted.
    package static let typeDeletionWaitSeconds: Int64 = 300

    /// Levels of a tree of groups, its root included.
    package static let groupDepthMax = 7
    /// Direct children of one group.
    package static let groupChildrenMax = 100
    /// Static groups a thing is in. AWS counts dynamic ones too; ours are looked up, not joined.
    package static let groupsPerThingMax = 10
    package static let dynamicGroupsMax = 100
    /// Groups to add, and to remove, in one UpdateThingGroupsForThing.
    package static let groupsPerUpdateMax = 10

    package static let certificateProvidersMax = 1

    package static let tagsPerResourceMax = 50
    package static let tagKeyCharactersMax = 128
    package static let tagValueCharactersMax = 256
}
