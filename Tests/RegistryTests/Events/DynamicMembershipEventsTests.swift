import Fleet
import JSON
import TestSupport
import Testing

@testable import Registry

/// A dynamic group's members are looked up and never stored, and their coming and going is told
/// all the same.
@Suite struct DynamicMembershipEventsTests {
    let fixture = RegistryFixture()
    private let name = ThingName(checked: "t")

    private static func group(_ name: String, _ query: String) -> ThingGroup {
        ThingGroup(
            name: ThingGroupName(checked: name), id: Samples.resourceID(7),
            createdAt: Samples.time,
            query: ThingGroup.DynamicQuery(
                indexName: DynamicThingGroups.indexName, queryString: query,
                queryVersion: DynamicThingGroups.queryVersion, status: .active))
    }

    /// The newest commit's events of dynamic groups, as `GROUP/OPERATION`.
    private func latest(_ groups: [ThingGroup]) async throws -> [String] {
        let commit = try #require(self.fixture.store.commits.last)
        let events = RegistryEvents(realm: .standard)
        let dynamic = try DynamicMembership(groups)
        let keys = events.keys(of: commit, enabled: [.thingGroupMembership], dynamic: dynamic)
        let names = groups.map(\.name.rawValue)
        return events.events(
            of: commit, enabled: [.thingGroupMembership],
            in: try await self.fixture.store.load(keys), dynamic: dynamic
        ).compactMap { event in
            let parts = event.path.split(separator: "/").map(String.init)
            return names.contains(parts[2]) ? "\(parts[2])/\(parts[5])" : nil
        }
    }

    private func update(_ attributes: [String: String]) async throws {
        let update = ThingUpdate(
            name: self.name, attributes: ThingAttributes.Update(attributes, merges: true))
        try await self.fixture.apply(update.keys) { try Things.update(update, in: $0) }
    }

    @Test func attributesAndTypesMoveAThing() async throws {
        let groups = [
            Self.group("cold", "attributes.t<0"), Self.group("known", "attributes.t:*"),
            Self.group("pumps", "thingTypeName:pump"), Self.group("second", "registry.version:2"),
            Self.group("warm", "attributes.t>60"),
        ]
        try await self.fixture.createType("pump")
        try await self.fixture.create("t", ["t": "61"])
        #expect(try await self.latest(groups) == ["known/added", "warm/added"])
        try await self.update(["t": "-1", "other": "x"])
        #expect(try await self.latest(groups) == ["warm/removed", "cold/added", "second/added"])
        try await self.update(["t": ""])
        #expect(
            try await self.latest(groups) == ["cold/removed", "known/removed", "second/removed"])
        let update = ThingUpdate(
            name: self.name, type: .replaced(ThingTypeName(checked: "pump")))
        try await self.fixture.apply(update.keys) { try Things.update(update, in: $0) }
        #expect(try await self.latest(groups) == ["pumps/added"])
    }

    @Test func groupsMoveAThing() async throws {
        let groups = [
            Self.group("billed", "billingGroupName:b"), Self.group("here", "thingGroupNames:site"),
            Self.group("nowhere", "NOT thingGroupNames:*"),
        ]
        try await self.fixture.create("t")
        try await self.fixture.createGroup("site")
        try await self.fixture.add("t", to: "site")
        #expect(try await self.latest(groups) == ["nowhere/removed", "here/added"])
        let leaving = GroupMembership.Request(
            thing: self.name, removed: [ThingGroupName(checked: "site")])
        try await self.fixture.apply(leaving.keys) { try GroupMembership.update(leaving, in: $0) }
        #expect(try await self.latest(groups) == ["here/removed", "nowhere/added"])
        let group = BillingGroupName(checked: "b")
        try await self.fixture.put(
            .putBillingGroup(
                BillingGroup(name: group, id: Samples.resourceID(1), createdAt: Samples.time)))
        try await self.fixture.apply(BillingGroups.keys(self.name, group)) {
            try BillingGroups.add(self.name, to: group, in: $0)
        }
        #expect(try await self.latest(groups) == ["billed/added"])
        try await self.fixture.apply(BillingGroups.keys(self.name, group)) {
            try BillingGroups.remove(self.name, from: group, in: $0)
        }
        #expect(try await self.latest(groups) == ["billed/removed"])
    }

    /// What has become of the thing since is the next commit's news.
    @Test func aCommitTellsOfItselfAlone() async throws {
        let groups = [Self.group("warm", "attributes.t>60")]
        try await self.fixture.create("t", ["t": "61"])
        let commit = try #require(self.fixture.store.commits.last)
        try await self.update(["t": "1"])
        let found = try #require(
            try await self.fixture.store.load([.documentOfThing(self.name)])
                .documentOfThing(self.name))
        let dynamic = try DynamicMembership(groups)
        let first = DynamicMembershipChange(of: found, by: commit, dynamic)
        #expect(first.joined == groups.map(\.name))
        #expect(try await self.latest(groups) == ["warm/removed"])
    }
}
