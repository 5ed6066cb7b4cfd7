package import Fleet

/// What a request says a new thing shall be (AWS: CreateThing).
package struct ThingDefinition: Hashable, Sendable {
    package let name: ThingName
    package var typeName: ThingTypeName?
    package var attributes: [String: String]
    package var billingGroup: BillingGroupName?

    package init(
        name: ThingName, typeName: ThingTypeName? = nil, attributes: [String: String] = [:],
        billingGroup: BillingGroupName? = nil
    ) {
        self.name = name
        self.typeName = typeName
        self.attributes = attributes
        self.billingGroup = billingGroup
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = [.thing(self.name)]
        if let type = self.typeName { keys.insert(.thingType(type)) }
        if let group = self.billingGroup { keys.insert(.billingGroup(group)) }
        return keys
    }
}

/// What a request says an existing thing shall become (AWS: UpdateThing). What it does not mention
/// stays as it is.
package struct ThingUpdate: Hashable, Sendable {
    package enum TypeChange: Hashable, Sendable {
        case unchanged
        case replaced(ThingTypeName)
        /// AWS: removeThingType.
        case removed
    }

    package let name: ThingName
    package var type: TypeChange
    package var attributes: ThingAttributes.Update?
    package var expectedVersion: Int?

    package init(
        name: ThingName, type: TypeChange = .unchanged,
        attributes: ThingAttributes.Update? = nil, expectedVersion: Int? = nil
    ) {
        self.name = name
        self.type = type
        self.attributes = attributes
        self.expectedVersion = expectedVersion
    }

    /// - Throws: `FleetError.invalidRequest` where a type is given and taken away at once.
    package static func typeChange(
        to name: ThingTypeName?, removing: Bool
    ) throws(FleetError) -> TypeChange {
        switch (name, removing) {
        case (nil, false): return .unchanged
        case (nil, true): return .removed
        case (let name?, false): return .replaced(name)
        case (let name?, true):
            throw FleetError(
                .invalidRequest,
                "thingTypeName and removeThingType exclude one another: a thing cannot get type "
                    + "'\(name)' and lose its type")
        }
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = [.thing(self.name)]
        if case .replaced(let type) = self.type { keys.insert(.thingType(type)) }
        return keys
    }
}
