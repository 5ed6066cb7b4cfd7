package import Fleet
import JSON

/// The events of a commit. Pure: what a commit does not say itself (ids of groups and things that
/// it only names) comes from a view.
package struct RegistryEvents: Sendable {
    private let realm: Realm

    package init(realm: Realm) { self.realm = realm }

    /// What `events` has to see; nothing where the commit has no event of an enabled type.
    /// - Parameter dynamic: the dynamic groups there are.
    package func keys(
        of commit: Commit, enabled: Set<EventConfigurations.EventType>,
        dynamic: DynamicMembership = .empty
    ) -> Set<RecordKey> {
        var keys: Set<RecordKey> = []
        if Self.tellsOfGroups(enabled) {
            for change in commit.changes {
                if case .putThingGroup(let group) = change {
                    keys.formUnion(group.ancestors.map { .thingGroup($0) })
                } else if case .deleteThingGroup = change {
                    keys.formUnion(Self.ancestors(commit.detail).map { .thingGroup($0) })
                }
            }
        }
        if enabled.contains(.thingGroupMembership) {
            for change in commit.changes {
                if case .addThingToGroup(let thing, let group) = change {
                    keys.formUnion([.thing(thing), .thingGroup(group)])
                } else if case .removeThingFromGroup(let thing, let group) = change {
                    keys.formUnion([.thing(thing), .thingGroup(group)])
                }
            }
        }
        let regrouped = Self.regrouped(commit, enabled, dynamic)
        return keys.union(regrouped.map { .documentOfThing($0) })
    }

    /// Things that may have come into dynamic groups, or left them.
    private static func regrouped(
        _ commit: Commit, _ enabled: Set<EventConfigurations.EventType>,
        _ dynamic: DynamicMembership
    ) -> Set<ThingName> {
        guard enabled.contains(.thingGroupMembership), !dynamic.isEmpty else { return [] }
        return DynamicMembershipChange.things(of: commit)
    }

    /// - Parameter view: holds `keys(of: commit, enabled: enabled, dynamic: dynamic)`.
    package func events(
        of commit: Commit, enabled: Set<EventConfigurations.EventType>, in view: RegistryView,
        dynamic: DynamicMembership = .empty
    ) -> [RegistryEvent] {
        guard case .committed = commit.outcome else { return [] }
        var draft = EventDraft(commit: commit, realm: self.realm, view: view)
        // What is not wanted is not made either: what it would say was not looked up.
        for change in commit.changes where Self.isWanted(change, enabled) { draft.add(change) }
        for name in Self.regrouped(commit, enabled, dynamic).sorted() {
            // A thing that has gone meanwhile tells of itself.
            guard let found = view.documentOfThing(name) else { continue }
            draft.add(DynamicMembershipChange(of: found, by: commit, dynamic), dynamic)
        }
        return draft.events.filter { enabled.contains($0.type) }.map(\.event)
    }

    private static func isWanted(
        _ change: Change, _ enabled: Set<EventConfigurations.EventType>
    ) -> Bool {
        if case .putThingGroup = change { return Self.tellsOfGroups(enabled) }
        if case .deleteThingGroup = change { return Self.tellsOfGroups(enabled) }
        if case .addThingToGroup = change { return enabled.contains(.thingGroupMembership) }
        if case .removeThingFromGroup = change { return enabled.contains(.thingGroupMembership) }
        return !enabled.isEmpty
    }

    private static func tellsOfGroups(_ enabled: Set<EventConfigurations.EventType>) -> Bool {
        enabled.contains(.thingGroup) || enabled.contains(.thingGroupHierarchy)
    }

    static func ancestors(_ detail: JSONObject) -> [ThingGroupName] {
        (detail["ancestors"]?.arrayValue ?? []).compactMap {
            $0.stringValue.map { ThingGroupName(checked: $0) }
        }
    }
}

/// The events of one commit in the making.
private struct EventDraft {
    enum Happening: String {
        case created, updated, deleted, added, removed
        var operation: JSONValue { .string(self.rawValue.uppercased()) }
    }

    let commit: Commit
    let realm: Realm
    let view: RegistryView
    private(set) var events: [(type: EventConfigurations.EventType, event: RegistryEvent)] = []

    init(commit: Commit, realm: Realm, view: RegistryView) {
        self.commit = commit
        self.realm = realm
        self.view = view
    }

    mutating func add(_ change: Change) {
        switch change {
        case .putThing(let thing): self.add(thing)
        case .deleteThing(let name):
            self.add(
                .thing, "THING_EVENT", "thing/\(name)", .deleted, self.facts("thingName", name))
        case .putThingType(let type):
            // A type has no version. Besides what creates it, or brings it along with a thing,
            // only these two operations write one.
            let isNew = !["UpdateThingType", "DeprecateThingType"].contains(self.commit.action)
            self.add(
                .thingType, "THING_TYPE_EVENT", "thingType/\(type.name)",
                isNew ? .created : .updated, EventDetail.of(type))
        case .deleteThingType(let name):
            self.add(
                .thingType, "THING_TYPE_EVENT", "thingType/\(name)", .deleted,
                self.facts("thingTypeName", name))
        case .putThingGroup(let group): self.add(group)
        case .deleteThingGroup(let name): self.delete(name)
        case .addThingToGroup(let thing, let group): self.add(thing, group, .added)
        // What goes ahead of a group's own deletion is part of it.
        case .removeThingFromGroup where self.commit.action == ThingGroups.deletion: break
        case .removeThingFromGroup(let thing, let group): self.add(thing, group, .removed)
        case .recordFinding(let finding): self.add(finding)
        case .putBillingGroup, .setBillingGroup, .deleteBillingGroup, .setTags,
            .putCertificateProvider, .deleteCertificateProvider,
            .putEventConfigurations, .putIndexingConfiguration, .putCertificate,
            .setCertificateStatus, .setProvenance, .recordFirstSeen, .deleteCertificate, .putPolicy,
            .putRevocation, .releaseHold, .noteKeyWeakness, .putRenewal,
            .deletePolicy, .addPolicyVersion,
            .setDefaultPolicyVersion, .deletePolicyVersion, .putAccessKey, .deleteAccessKey,
            .putRole, .deleteRole, .attachPolicy,
            .detachPolicy, .attachThingPrincipal, .detachThingPrincipal, .putTemplate,
            .deleteTemplate, .putTemplateVersion, .deleteTemplateVersion, .putHook, .putClaim,
            .deleteClaim, .putClaimTerms, .spendClaim, .setClaimSpent, .putAuthority,
            .deleteAuthority, .putRegistrationCode,
            .deleteRegistrationCode, .putOwnershipToken, .redeemOwnershipToken,
            .deleteOwnershipToken, .publishAllowlist, .addAllowlistEntries,
            .removeAllowlistEntries, .setAllowlistStanding,
            .putRegistrationTask, .setRegistrationTaskState,
            .deleteRegistrationTask, .recordRegisteredLine, .forgetRegisteredLines:
            break
        }
    }

    // MARK: Things

    private mutating func add(_ thing: Thing) {
        let isNew = thing.version == 1
        self.add(
            .thing, "THING_EVENT", "thing/\(thing.name)", isNew ? .created : .updated,
            EventDetail.of(thing))
        if isNew {
            if let type = thing.typeName { self.associate(thing, type, .added) }
        } else if let previous = EventDetail.previousType(self.commit.detail) {
            if let previous { self.associate(thing, previous, .removed) }
            if let type = thing.typeName { self.associate(thing, type, .added) }
        }
    }

    private mutating func associate(
        _ thing: Thing, _ type: ThingTypeName, _ happening: Happening
    ) {
        self.add(
            .thingTypeAssociation, "THING_TYPE_ASSOCIATION_EVENT",
            "thingTypeAssociation/thing/\(thing.name)/thingType/\(type)", happening,
            [
                "thingId": .string(thing.id.rawValue), "thingName": .string(thing.name.rawValue),
                "thingTypeName": .string(type.rawValue),
            ])
    }

    /// What the decision to delete a record kept of it; its name alone where it kept nothing.
    private func facts(_ key: String, _ name: some CheckedName) -> JSONObject {
        let detail = self.commit.detail
        guard detail[key]?.stringValue == name.rawValue else {
            return [key: .string(name.rawValue)]
        }
        return detail
    }

    /// AWS has no such event; it goes with those of certificates, since it is about one.
    private mutating func add(_ finding: EnrolmentFinding) {
        self.add(
            .certificate, "ENROLMENT_FINDING_EVENT",
            "enrolment/\(finding.kind.rawValue)/certificate/\(finding.certificate)", .created,
            [
                "verdict": .string(finding.kind.rawValue),
                "policy": .string(finding.policy.rawValue),
                "certificateId": .string(finding.certificate.rawValue),
                "thingName": finding.thing.map { .string($0.rawValue) } ?? .null,
                "evidence": .object(finding.evidence),
            ])
    }

    // MARK: Groups

    private func id(of group: ThingGroupName) -> JSONValue {
        for case .putThingGroup(let written) in self.commit.changes where written.name == group {
            return .string(written.id.rawValue)
        }
        return self.view.thingGroup(group).map { .string($0.id.rawValue) } ?? .null
    }

    private func id(of thing: ThingName) -> JSONValue {
        for case .putThing(let written) in self.commit.changes where written.name == thing {
            return .string(written.id.rawValue)
        }
        return self.view.thing(thing).map { .string($0.id.rawValue) } ?? .null
    }

    private mutating func add(_ group: ThingGroup) {
        let isNew = group.version == 1
        self.add(group: group.name, isNew ? .created : .updated, EventDetail.of(group))
        if isNew { self.hierarchy(of: group.name, .string(group.id.rawValue), .added) }
    }

    private mutating func delete(_ name: ThingGroupName) {
        let facts = self.facts("thingGroupName", name)
        self.add(group: name, .deleted, facts)
        self.hierarchy(of: name, facts["thingGroupId"] ?? .null, .removed)
    }

    private mutating func add(
        group name: ThingGroupName, _ happening: Happening, _ facts: JSONObject
    ) {
        let ancestors = RegistryEvents.ancestors(facts)
        var payload = facts
        payload["ancestors"] = nil
        payload["parentGroupId"] = ancestors.last.map(self.id) ?? .null
        payload["rootToParentThingGroups"] = .array(
            ancestors.map { ancestor in
                [
                    "groupArn": .string(self.realm.thingGroup(ancestor).rawValue),
                    "groupId": self.id(of: ancestor),
                ]
            })
        self.add(.thingGroup, "THING_GROUP_EVENT", "thingGroup/\(name)", happening, payload)
    }

    private mutating func hierarchy(
        of child: ThingGroupName, _ childID: JSONValue, _ happening: Happening
    ) {
        var parent: ThingGroupName?
        for case .putThingGroup(let group) in self.commit.changes where group.name == child {
            parent = group.parent
        }
        parent = parent ?? RegistryEvents.ancestors(self.commit.detail).last
        guard let parent else { return }
        self.add(
            .thingGroupHierarchy, "THING_GROUP_HIERARCHY_EVENT",
            "thingGroupHierarchy/thingGroup/\(parent)/childThingGroup/\(child)", happening,
            [
                "thingGroupId": self.id(of: parent), "thingGroupName": .string(parent.rawValue),
                "childGroupId": childID, "childGroupName": .string(child.rawValue),
            ])
    }

    private mutating func add(
        _ thing: ThingName, _ group: ThingGroupName, _ happening: Happening
    ) {
        self.add((thing, self.id(of: thing)), (group, self.id(of: group)), happening)
    }

    mutating func add(_ change: DynamicMembershipChange, _ membership: DynamicMembership) {
        let thing = (change.thing.name, JSONValue.string(change.thing.id.rawValue))
        for (groups, happening) in [(change.left, Happening.removed), (change.joined, .added)] {
            for group in groups {
                let id = membership.id(of: group).map { JSONValue.string($0.rawValue) }
                self.add(thing, (group, id ?? .null), happening)
            }
        }
    }

    private mutating func add(
        _ thing: (name: ThingName, id: JSONValue), _ group: (name: ThingGroupName, id: JSONValue),
        _ happening: Happening
    ) {
        self.add(
            .thingGroupMembership, "THING_GROUP_MEMBERSHIP_EVENT",
            "thingGroupMembership/thingGroup/\(group.name)/thing/\(thing.name)", happening,
            [
                "groupArn": .string(self.realm.thingGroup(group.name).rawValue),
                "groupId": group.id,
                "thingArn": .string(self.realm.thing(thing.name).rawValue), "thingId": thing.id,
                // The same for as long as both are what they are.
                "membershipId": .string(
                    Self.id(from: "\(group.id.stringValue ?? "") \(thing.id.stringValue ?? "")")),
            ])
    }

    // MARK: What all events share

    private mutating func add(
        _ type: EventConfigurations.EventType, _ eventType: String, _ path: String,
        _ happening: Happening, _ facts: JSONObject
    ) {
        let place = "\(self.realm.account)/\(self.commit.sequence)/\(self.commit.time)/"
        var payload: JSONObject = [
            "eventType": .string(eventType),
            "eventId": .string(Self.id(from: place + "\(self.events.count)")),
            "timestamp": .int(Int(self.commit.time.milliseconds)),
            "operation": happening.operation, "accountId": .string(self.realm.account),
        ]
        for member in facts.members { payload[member.key] = member.value }
        self.events.append(
            (type, RegistryEvent(path: "\(path)/\(happening.rawValue)", payload: payload)))
    }

    /// An id that is the same whenever the same event is made again.
    private static func id(from text: String) -> String {
        ResourceID(
            random: Array(ContentDigest.bytes(of: text).prefix(ResourceID.bytesCount))
        ).rawValue
    }
}
