/// The topics on which the server speaks in its own name (messaging specification, 3.6). Whatever
/// publishes on another has to name it here, or nobody may subscribe to it.
package enum AnnouncedTopics {
    package static let prefix = "$aws/events/"
    /// The level after the prefix.
    package static let families: Set<String> = [
        "thing", "thingType", "thingTypeAssociation", "thingGroup", "thingGroupMembership",
        "thingGroupHierarchy", "certificates",
        // AWS has no such family.
        "enrolment",
    ]
}

/// Says something to every client that subscribed to it, in the server's own name.
package protocol MessagePublisher: Sendable {
    /// Publishes with QoS 1 to those who are connected now; a policy that denies a subscriber the
    /// topic keeps it from them as from anybody's message.
    /// - Returns: false where some queue was full, so that not every copy owed is on its way.
    func publish(topic: String, payload: [UInt8]) -> Bool
}
