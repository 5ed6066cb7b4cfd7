package import Fleet
package import JSON

/// One thing that happened in the registry, as subscribers hear of it (messaging specification,
/// 3.6). Delivered at least once and in no particular order; the id tells a repeat.
package struct RegistryEvent: Hashable, Sendable {
    /// Without the prefix `$aws/events/`.
    package let path: String
    package let payload: JSONObject

    package init(path: String, payload: JSONObject) {
        self.path = path
        self.payload = payload
    }

    package var topic: String { AnnouncedTopics.prefix + self.path }
}

/// What a commit's audit record keeps for its events: what was there before, which the changes
/// themselves do not show.
package enum EventDetail {
    private static let previousType = "previousThingTypeName"

    /// What a thing of another type was before; nothing where it kept its type.
    package static func typeChange(from before: Thing?, to after: Thing) -> JSONObject {
        guard let before, before.typeName != after.typeName else { return [:] }
        return [self.previousType: before.typeName.map { .string($0.rawValue) } ?? .null]
    }

    /// Nothing where the type did not change; `.some(nil)` where there was none.
    static func previousType(_ detail: JSONObject) -> ThingTypeName?? {
        guard let value = detail[self.previousType] else { return nil }
        return .some(value.stringValue.map { ThingTypeName(checked: $0) })
    }

    /// A record that is deleted, as its event describes it.
    static func of(_ thing: Thing) -> JSONObject {
        [
            "thingId": .string(thing.id.rawValue), "thingName": .string(thing.name.rawValue),
            "versionNumber": .int(thing.version),
            "thingTypeName": thing.typeName.map { .string($0.rawValue) } ?? .null,
            "attributes": self.attributes(thing.attributes),
        ]
    }

    static func of(_ type: ThingType) -> JSONObject {
        [
            "thingTypeId": .string(type.id.rawValue), "thingTypeName": .string(type.name.rawValue),
            "isDeprecated": .bool(type.deprecatedAt != nil),
            "deprecationDate": type.deprecatedAt.map { .int(Int($0.milliseconds)) } ?? .null,
            "searchableAttributes": .array(type.searchableAttributes.map { .string($0) }),
            "propagatingAttributes": .array(type.propagatingAttributes.map(self.attribute)),
            "description": type.summary.map { .string($0) } ?? .null,
        ]
    }

    /// What a group says by itself; its ancestors' ids are added by whoever can look them up.
    static func of(_ group: ThingGroup) -> JSONObject {
        [
            "thingGroupId": .string(group.id.rawValue),
            "thingGroupName": .string(group.name.rawValue),
            "versionNumber": .int(group.version),
            "parentGroupName": group.parent.map { .string($0.rawValue) } ?? .null,
            "ancestors": .array(group.ancestors.map { .string($0.rawValue) }),
            "description": group.summary.map { .string($0) } ?? .null,
            "attributes": self.attributes(group.attributes), "dynamicGroupMappingId": .null,
        ]
    }

    private static func attributes(_ attributes: [String: String]) -> JSONValue {
        .object(
            JSONObject(attributes.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    private static func attribute(_ attribute: PropagatingAttribute) -> JSONValue {
        switch attribute.source {
        case .thingAttribute(let name):
            [
                "userPropertyKey": .string(attribute.userPropertyKey),
                "thingAttribute": .string(name),
            ]
        case .connectionAttribute(let name):
            [
                "userPropertyKey": .string(attribute.userPropertyKey),
                "connectionAttribute": .string(name),
            ]
        }
    }
}
