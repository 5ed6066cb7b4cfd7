/// A thing as searches see it: its record, the groups it is in, and whether it is connected.
package struct FleetDocument: Hashable, Sendable {
    package let thing: Thing
    /// The groups it was put into, in the order of their names.
    package var groups: [ThingGroupName]
    /// nil where no device has ever connected as this thing.
    package var connectivity: Connectivity?

    package init(
        thing: Thing, groups: [ThingGroupName] = [], connectivity: Connectivity? = nil
    ) {
        self.thing = thing
        self.groups = groups
        self.connectivity = connectivity
    }
}

/// What a document has in a field.
package enum FieldValue: Hashable, Sendable {
    case text(String)
    case number(Double)
    case flag(Bool)
}

/// What an index is made of.
package protocol IndexedDocument {
    /// No value, one, or several.
    func values(of field: QueryField) -> [FieldValue]
    var attributeValues: [String] { get }
}

extension FleetDocument: IndexedDocument {
    package var attributeValues: [String] { Array(self.thing.attributes.values) }

    package func values(of field: QueryField) -> [FieldValue] {
        switch field {
        case .thingName: [.text(self.thing.name.rawValue)]
        case .thingID: [.text(self.thing.id.rawValue)]
        case .thingTypeName: self.thing.typeName.map { [.text($0.rawValue)] } ?? []
        case .thingGroupNames: self.groups.map { .text($0.rawValue) }
        case .billingGroupName: self.thing.billingGroup.map { [.text($0.rawValue)] } ?? []
        case .attribute(let name): self.thing.attributes[name].map { [.text($0)] } ?? []
        case .version: [.number(Double(self.thing.version))]
        case .connected: self.connectivity.map { [.flag($0.isConnected)] } ?? []
        case .connectivityTimestamp:
            self.connectivity.map { [.number(Double($0.changedAt.milliseconds))] } ?? []
        case .disconnectReason:
            self.connectivity?.disconnectReason.map { [.text($0.rawValue)] } ?? []
        case .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames: []
        }
    }
}

extension ThingGroup: IndexedDocument {
    package var attributeValues: [String] { Array(self.attributes.values) }

    package func values(of field: QueryField) -> [FieldValue] {
        switch field {
        case .thingGroupName: [.text(self.name.rawValue)]
        case .thingGroupID: [.text(self.id.rawValue)]
        case .thingGroupDescription: self.summary.map { [.text($0)] } ?? []
        // AWS: all groups above, not the direct parent alone.
        case .parentGroupNames: self.ancestors.map { .text($0.rawValue) }
        case .attribute(let name): self.attributes[name].map { [.text($0)] } ?? []
        case .version: [.number(Double(self.version))]
        case .thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName,
            .connected, .connectivityTimestamp, .disconnectReason:
            []
        }
    }
}
