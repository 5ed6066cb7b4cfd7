/// Which registry events are published (AWS: UpdateEventConfigurations). All are off at first.
package struct EventConfigurations: Hashable, Sendable {
    /// AWS: EventType.
    package enum EventType: String, Sendable, CaseIterable {
        case thing = "THING"
        case thingGroup = "THING_GROUP"
        case thingType = "THING_TYPE"
        case thingGroupMembership = "THING_GROUP_MEMBERSHIP"
        case thingGroupHierarchy = "THING_GROUP_HIERARCHY"
        case thingTypeAssociation = "THING_TYPE_ASSOCIATION"
        case job = "JOB"
        case jobExecution = "JOB_EXECUTION"
        case policy = "POLICY"
        case certificate = "CERTIFICATE"
        case authority = "CA_CERTIFICATE"
    }

    package var enabled: Set<EventType>
    package let createdAt: UnixTime
    package var lastModifiedAt: UnixTime

    package init(enabled: Set<EventType>, createdAt: UnixTime, lastModifiedAt: UnixTime) {
        self.enabled = enabled
        self.createdAt = createdAt
        self.lastModifiedAt = lastModifiedAt
    }
}

/// What somebody who registers an authority proves to hold its key with: it stands as the common
/// name in a certificate that the authority signs (AWS: GetRegistrationCode). Not a secret.
package struct RegistrationCode: Hashable, Sendable {
    /// 64 hex digits, lower case.
    package let text: String
    package let createdAt: UnixTime

    package init(text: String, createdAt: UnixTime) {
        self.text = text
        self.createdAt = createdAt
    }
}
