/// A device's registry record. What is out in the field is the device; this is what we know of it.
package struct Thing: Hashable, Sendable {
    package let name: ThingName
    /// AWS: thingId, another one for a name that was deleted and created again.
    package let id: ResourceID
    package var typeName: ThingTypeName?
    package var attributes: [String: String]
    package var billingGroup: BillingGroupName?
    /// Counts from 1; each change of attributes or type adds one (AWS: the thing's `version`).
    package var version: Int
    package let createdAt: UnixTime

    package init(
        name: ThingName, id: ResourceID, typeName: ThingTypeName? = nil,
        attributes: [String: String] = [:], billingGroup: BillingGroupName? = nil,
        version: Int = 1, createdAt: UnixTime
    ) {
        self.name = name
        self.id = id
        self.typeName = typeName
        self.attributes = attributes
        self.billingGroup = billingGroup
        self.version = version
        self.createdAt = createdAt
    }

    /// AWS: defaultClientId. What a device that is this thing is expected to call itself.
    package var defaultClientID: String { self.name.rawValue }
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

extension ThingPrincipal {
    /// The thing that a connection speaks for, of those its certificate is attached to. AWS: an
    /// exclusive attachment is that thing whatever the client id; any other counts only where the
    /// client id is the thing's name (provisioning specification, 5.6).
    ///
    /// - Parameter facts: the thing and the exclusivity of one attachment.
    package static func associated<Attachment>(
        among attachments: [Attachment], clientID: String?,
        _ facts: (Attachment) -> (thing: ThingName, exclusivity: Exclusivity)
    ) -> Attachment? {
        attachments.first { facts($0).exclusivity == .exclusive }
            ?? attachments.first { attachment in
                guard let clientID else { return false }
                return facts(attachment).thing.rawValue.utf8.elementsEqual(clientID.utf8)
            }
    }
}
