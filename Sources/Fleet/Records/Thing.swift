/// A device's registry record. What is out in the field is the device; this is what we know of it.
package struct Thing: Hashable, Sendable {
    package let name: ThingName
    package var typeName: ThingTypeName?
    package var attributes: [String: String]
    package var billingGroup: String?
    /// Counts from 1; each change adds one (AWS: the thing's `version`).
    package var version: Int
    package let createdAt: UnixTime

    package init(
        name: ThingName, typeName: ThingTypeName?, attributes: [String: String],
        billingGroup: String?, version: Int, createdAt: UnixTime
    ) {
        self.name = name
        self.typeName = typeName
        self.attributes = attributes
        self.billingGroup = billingGroup
        self.version = version
        self.createdAt = createdAt
    }
}

package struct ThingType: Hashable, Sendable {
    package let name: ThingTypeName
    package let createdAt: UnixTime
    /// Set once the type takes no new things.
    package var deprecatedAt: UnixTime?

    package init(name: ThingTypeName, createdAt: UnixTime, deprecatedAt: UnixTime? = nil) {
        self.name = name
        self.createdAt = createdAt
        self.deprecatedAt = deprecatedAt
    }
}

package struct ThingGroup: Hashable, Sendable {
    package let name: ThingGroupName
    package let parent: ThingGroupName?
    package let createdAt: UnixTime

    package init(name: ThingGroupName, parent: ThingGroupName?, createdAt: UnixTime) {
        self.name = name
        self.parent = parent
        self.createdAt = createdAt
    }
}

/// A certificate's attachment to a thing.
package struct ThingPrincipal: Hashable, Sendable {
    /// AWS: ThingPrincipalType. Exclusive: the connection is that thing whatever its client id.
    package enum Exclusivity: String, Sendable {
        case exclusive = "EXCLUSIVE_THING"
        case nonExclusive = "NON_EXCLUSIVE_THING"
    }
    package let thing: ThingName
    package let certificate: CertificateID
    package let exclusivity: Exclusivity

    package init(thing: ThingName, certificate: CertificateID, exclusivity: Exclusivity) {
        self.thing = thing
        self.certificate = certificate
        self.exclusivity = exclusivity
    }
}
