/// What somebody has asked to be indexed (AWS: UpdateIndexingConfiguration). Here everything that
/// can be is indexed at all times; the configuration is kept as given, and its custom fields say
/// what type an attribute's values are taken for.
package struct IndexingConfiguration: Hashable, Sendable {
    /// AWS: Field.
    package struct CustomField: Hashable, Sendable {
        package let name: String
        package let type: FieldType

        package init(name: String, type: FieldType) {
            self.name = name
            self.type = type
        }
    }

    /// AWS: ThingIndexingConfiguration.
    package struct Things: Hashable, Sendable {
        package enum Mode: String, Sendable, CaseIterable {
            case off = "OFF"
            case registry = "REGISTRY"
            case registryAndShadow = "REGISTRY_AND_SHADOW"
        }
        package var mode: Mode
        /// AWS: STATUS.
        package var indexesConnectivity: Bool
        /// AWS: VIOLATIONS.
        package var indexesViolations: Bool
        package var indexesNamedShadows: Bool
        package var namedShadowNames: [String]
        package var customFields: [CustomField]

        package init(
            mode: Mode, indexesConnectivity: Bool = false, indexesViolations: Bool = false,
            indexesNamedShadows: Bool = false
        ) {
            self.mode = mode
            self.indexesConnectivity = indexesConnectivity
            self.indexesViolations = indexesViolations
            self.indexesNamedShadows = indexesNamedShadows
            self.namedShadowNames = []
            self.customFields = []
        }
    }

    /// AWS: ThingGroupIndexingConfiguration.
    package struct ThingGroups: Hashable, Sendable {
        package var isOn: Bool
        package var customFields: [CustomField]

        package init(isOn: Bool, customFields: [CustomField] = []) {
            self.isOn = isOn
            self.customFields = customFields
        }
    }

    package var things: Things
    package var thingGroups: ThingGroups

    package init(things: Things, thingGroups: ThingGroups) {
        self.things = things
        self.thingGroups = thingGroups
    }

    /// What is true before anybody has configured anything.
    package static let standard = IndexingConfiguration(
        things: Things(mode: .registry, indexesConnectivity: true),
        thingGroups: ThingGroups(isOn: true))

    /// The type that somebody has declared for the field.
    package func type(of field: QueryField, in index: FleetIndex) -> FieldType? {
        let fields =
            switch index {
            case .things: self.things.customFields
            case .thingGroups: self.thingGroups.customFields
            }
        return fields.first { $0.name == field.name(in: index) }?.type
    }
}

/// AWS: FieldType.
package enum FieldType: String, Sendable, CaseIterable {
    case number = "Number"
    case string = "String"
    case boolean = "Boolean"
}

extension QueryField {
    /// The type of a field that has the same one always (AWS: managedFields).
    package var managedType: FieldType? {
        switch self {
        case .attribute: nil
        case .version, .connectivityTimestamp: .number
        case .connected: .boolean
        case .thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName,
            .disconnectReason, .thingGroupName, .thingGroupID, .thingGroupDescription,
            .parentGroupNames:
            .string
        }
    }
}
