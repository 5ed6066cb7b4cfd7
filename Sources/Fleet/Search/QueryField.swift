/// What is searched (AWS: fleet indexing, `indexName`).
package enum FleetIndex: String, Sendable, CaseIterable {
    case things = "AWS_Things"
    case thingGroups = "AWS_ThingGroups"
}

/// A field of an index, as queries and aggregations name it (AWS: fleet indexing, "Query syntax"
/// and managed fields).
package enum QueryField: Hashable, Sendable {
    case thingName, thingID, thingTypeName, thingGroupNames, billingGroupName
    /// Of a thing, or of a group: `attributes.NAME`.
    case attribute(String)
    case version
    case connected, connectivityTimestamp, disconnectReason

    case thingGroupName, thingGroupID, thingGroupDescription, parentGroupNames

    package enum Kind: Hashable, Sendable {
        /// Compared as a whole, upper and lower case alike.
        case text
        /// White space separates words, and each of them is compared.
        case prose
        case number, flag
    }

    package static let attributePrefix = "attributes."

    /// Those without a name of their own choosing, in the order in which `--help` lists them.
    package static func named(in index: FleetIndex) -> [QueryField] {
        switch index {
        case .things:
            [
                .thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName,
                .version, .connected, .connectivityTimestamp, .disconnectReason,
            ]
        case .thingGroups:
            [
                .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames,
                .version,
            ]
        }
    }

    /// The name that a query is printed with.
    package func name(in index: FleetIndex) -> String {
        switch self {
        case .thingName: "thingName"
        case .thingID: "thingId"
        case .thingTypeName: "thingTypeName"
        case .thingGroupNames: "thingGroupNames"
        case .billingGroupName: "billingGroupName"
        case .attribute(let name): Self.attributePrefix + name
        case .version: index == .things ? "registry.version" : "version"
        case .connected: "connectivity.connected"
        case .connectivityTimestamp: "connectivity.timestamp"
        case .disconnectReason: "connectivity.disconnectReason"
        case .thingGroupName: "thingGroupName"
        case .thingGroupID: "thingGroupId"
        case .thingGroupDescription: "thingGroupDescription"
        case .parentGroupNames: "parentGroupNames"
        }
    }

    /// Other names AWS has for the same field.
    package var aliases: [String] {
        switch self {
        case .thingName: ["registry.thingName"]
        case .thingID: ["registry.thingId"]
        case .thingTypeName: ["registry.thingTypeName", "registry.thingType"]
        case .thingGroupNames: ["registry.thingGroupNames"]
        case .billingGroupName: ["registry.billingGroupName"]
        case .thingGroupDescription: ["description"]
        case .attribute, .version, .connected, .connectivityTimestamp, .disconnectReason,
            .thingGroupName, .thingGroupID, .parentGroupNames:
            []
        }
    }

    package var kind: Kind {
        switch self {
        case .thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName,
            .attribute, .disconnectReason, .thingGroupName, .thingGroupID, .parentGroupNames:
            .text
        case .thingGroupDescription: .prose
        case .version, .connectivityTimestamp: .number
        case .connected: .flag
        }
    }

    /// Where a term without a field is looked for (AWS: all registry fields), beside every
    /// attribute.
    package static func textual(in index: FleetIndex) -> [QueryField] {
        switch index {
        case .things:
            [.thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName]
        case .thingGroups:
            [.thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames]
        }
    }
}
