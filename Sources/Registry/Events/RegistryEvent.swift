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
    private static let previousAttributes = "previousAttributes"
    private static let previousBillingGroup = "previousBillingGroupName"

    /// What a thing was before that is something else now: its type, and each attribute that
    /// changed, null where there was none.
    package static func change(from before: Thing?, to after: Thing) -> JSONObject {
        guard let before else { return [:] }
        var detail: JSONObject = [:]
        if before.typeName != after.typeName {
            detail[self.previousType] = self.name(before.typeName)
        }
        let changed = Set(before.attributes.keys).union(after.attributes.keys)
            .filter { before.attributes[$0] != after.attributes[$0] }
        guard !changed.isEmpty else { return detail }
        detail[self.previousAttributes] = .object(
            JSONObject(
                changed.sorted().map { name -> (String, JSONValue) in
                    (name, before.attributes[name].map { .string($0) } ?? .null)
                }))
        return detail
    }

    static func previousBillingGroup(_ group: BillingGroupName?) -> JSONObject {
        [self.previousBillingGroup: self.name(group)]
    }

    private static func name(_ name: (some CheckedName)?) -> JSONValue {
        name.map { .string($0.rawValue) } ?? .null
    }

    /// The thing as it was before the commit that left `detail`, but for its version.
    static func before(_ thing: Thing, _ detail: JSONObject) -> Thing {
        var before = thing
        if let type = self.previousType(detail) { before.typeName = type }
        if let group = detail[self.previousBillingGroup] {
            before.billingGroup = group.stringValue.map { BillingGroupName(checked: $0) }
        }
        for member in detail[self.previousAttributes]?.objectValue?.members ?? [] {
            before.attributes[member.key] = member.value.stringValue
        }
        return before
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
