import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct GroupDissolutionTests {
    private let store = InMemoryFleetStore()
    private let services: ControlPlaneServices
    private static let things = (0...ListQuery.limitMax).map { ThingName(checked: "t-\($0)") }
    private let group = ThingGroupName(checked: "plant")
    private let bill = BillingGroupName(checked: "plant")

    init() async throws {
        self.services = ControlPlaneServices(
            store: self.store, drafts: self.store, clock: ManualClock(), entropy: SeededEntropy(),
            realm: .standard)
        let now = ManualClock.start
        try await self.put([
            .putThingGroup(ThingGroup(name: self.group, id: .unknown, createdAt: now)),
            .putBillingGroup(BillingGroup(name: self.bill, id: .unknown, createdAt: now)),
        ])
        try await self.put(
            Self.things.map {
                .putThing(
                    Thing(name: $0, id: .unknown, billingGroup: self.bill, createdAt: now))
            })
        try await self.put(Self.things.map { .addThingToGroup($0, self.group) })
    }

    private func put(_ changes: [Change]) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    private func perform(
        _ name: String, _ label: String, query: [String: String] = [:]
    ) async throws {
        let operation = try #require(OperationTable.operation(name))
        _ = try await operation.perform(
            OperationRequest(actor: .service("test"), labels: [label: "plant"], query: query),
            self.services)
    }

    @Test func aThingGroupOfManyGoesInSeveralCommitsAndTellsOfItselfAlone() async throws {
        let before = self.store.commits.count
        try await self.perform("DeleteThingGroup", "thingGroupName")
        let commits = self.store.commits.dropFirst(before)
        #expect(commits.map(\.changes.count) == [ListQuery.limitMax, 1])
        #expect(commits.allSatisfy { $0.action == "DeleteThingGroup" })
        let view = self.store.view([.thingGroup(self.group), .groupsOfThing(Self.things[7])])
        #expect(view.thingGroup(self.group) == nil)
        #expect(view.groupsOfThing(Self.things[7]).isEmpty)
    }

    @Test func aBillingGroupOfManyGoesInSeveralCommits() async throws {
        let before = self.store.commits.count
        try await self.perform("DeleteBillingGroup", "billingGroupName")
        let commits = self.store.commits.dropFirst(before)
        #expect(commits.map(\.changes.count) == [ListQuery.limitMax, 1])
        let view = self.store.view([.billingGroup(self.bill), .thing(Self.things[7])])
        #expect(view.billingGroup(self.bill) == nil)
        #expect(view.thing(Self.things[7])?.billingGroup == nil)
    }

    @Test func whatMayNotBeDeletedLosesNobody() async throws {
        let before = self.store.commits.count
        await #expect(throws: FleetError.self) {
            try await self.perform(
                "DeleteThingGroup", "thingGroupName", query: ["expectedVersion": "7"])
        }
        await #expect(throws: FleetError.self) {
            try await self.perform(
                "DeleteBillingGroup", "billingGroupName", query: ["expectedVersion": "7"])
        }
        #expect(self.store.commits.count == before)
    }
}
