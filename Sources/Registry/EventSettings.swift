package import Fleet

/// Which registry events are published.
package enum EventSettings {
    /// AWS: UpdateEventConfigurations. Types that are not named stay as they are.
    package static func update(
        _ changes: [EventConfigurations.EventType: Bool], in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        let before = view.eventConfigurations
        var after =
            before ?? EventConfigurations(enabled: [], createdAt: now, lastModifiedAt: now)
        for (type, isEnabled) in changes {
            if isEnabled { after.enabled.insert(type) } else { after.enabled.remove(type) }
        }
        var set = ChangeSet(
            action: "UpdateEventConfigurations", preconditions: [view.asSeen(.eventConfigurations)])
        guard after.enabled != before?.enabled else { return set }
        after.lastModifiedAt = now
        set.changes = [.putEventConfigurations(after)]
        return set
    }

    /// - Throws: `FleetError.invalidRequest` for a name that is no event type's.
    package static func eventType(
        _ name: String
    ) throws(FleetError) -> EventConfigurations.EventType {
        guard let type = EventConfigurations.EventType(rawValue: name) else {
            let known = EventConfigurations.EventType.allCases.map(\.rawValue)
            throw FleetError(
                .invalidRequest,
                "'\(name.clipped)' is no event type: " + known.joined(separator: ", "))
        }
        return type
    }

    /// What `update` has to see.
    package static let keys: Set<RecordKey> = [.eventConfigurations]
}
