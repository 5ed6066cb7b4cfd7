package import Fleet

/// The rules of what shall be indexed (AWS: UpdateIndexingConfiguration).
package enum IndexingConfigurations {
    /// AWS allows 5 for an index.
    package static let customFieldsMax = 100
    package static let fieldNameCharactersMax = 1024

    /// What is nil stays as it is. AWS replaces each part as a whole, custom fields and all.
    package static func update(
        things: IndexingConfiguration.Things?, thingGroups: IndexingConfiguration.ThingGroups?,
        in view: RegistryView
    ) -> ChangeSet {
        var set = ChangeSet(
            action: "UpdateIndexingConfiguration",
            preconditions: [view.asSeen(.indexingConfiguration)])
        let before = view.indexingConfiguration
        var configuration = before ?? .standard
        if let things { configuration.things = things }
        if let thingGroups { configuration.thingGroups = thingGroups }
        if configuration != before {
            set.changes = [.putIndexingConfiguration(configuration)]
        }
        return set
    }

    /// - Throws: `FleetError.invalidRequest` where a field is managed, named twice or no field.
    package static func check(
        _ fields: [IndexingConfiguration.CustomField], of index: FleetIndex
    ) throws(FleetError) {
        guard fields.count <= Self.customFieldsMax else {
            throw FleetError(
                .invalidRequest,
                "an index has at most \(Self.customFieldsMax) custom fields, not \(fields.count)")
        }
        var names: Set<String> = []
        for field in fields {
            guard (1...Self.fieldNameCharactersMax).contains(field.name.utf8.count),
                names.insert(field.name).inserted
            else {
                throw FleetError(
                    .invalidRequest,
                    "custom field '\(field.name.clipped)' is named twice, or its name is empty or "
                        + "longer than \(Self.fieldNameCharactersMax) characters")
            }
            let isManaged = QueryField.named(in: index).contains {
                $0.name(in: index) == field.name
            }
            if isManaged {
                throw FleetError(
                    .invalidRequest,
                    "'\(field.name.clipped)' is a managed field, whose type is what it is")
            }
        }
    }
}
