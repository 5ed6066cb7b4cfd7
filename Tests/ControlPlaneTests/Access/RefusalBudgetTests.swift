import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct RefusalBudgetTests {
    private let start = ManualClock.start

    @Test func oneCauseIsRecordedSoOftenAndThenCounted() {
        var budget = RefusalBudget()
        for _ in 0..<RefusalBudget.recordsPerCauseMax {
            #expect(budget.admit("a", at: self.start) == 0)
        }
        for _ in 0..<1000 { #expect(budget.admit("a", at: self.start) == nil) }
        #expect(budget.admit("b", at: self.start) == 1000)
        #expect(budget.admit("b", at: self.start) == 0)
    }

    @Test func allCausesTogetherAreBounded() {
        var budget = RefusalBudget()
        let recorded = (0..<10_000).filter { budget.admit("\($0)", at: self.start) != nil }
        #expect(recorded.count == RefusalBudget.recordsMax)
    }

    @Test func aNewWindowBeginsAfresh() {
        var budget = RefusalBudget()
        for _ in 0..<RefusalBudget.recordsPerCauseMax + 5 {
            _ = budget.admit("a", at: self.start)
        }
        let almost = self.start.advanced(bySeconds: RefusalBudget.windowSeconds - 1)
        #expect(budget.admit("a", at: almost) == nil)
        #expect(budget.admit("a", at: almost.advanced(bySeconds: 1)) == 6)
    }

    /// Else a clock that jumped ahead once would silence the log until it is that late.
    @Test func aClockThatWasSetBackBeginsAWindow() {
        var budget = RefusalBudget()
        for _ in 0..<RefusalBudget.recordsPerCauseMax + 1 {
            _ = budget.admit("a", at: self.start)
        }
        #expect(budget.admit("a", at: self.start.advanced(bySeconds: -3600)) == 1)
    }
}

@Suite struct RefusalAuditTests {
    @Test func aFloodIsAFewRecordsAndACount() async throws {
        let store = InMemoryFleetStore()
        let audit = RefusalAudit()
        let actor = Actor(kind: .user, identity: "alice/AKIA", sourceAddress: "192.0.2.1")
        for _ in 0..<500 {
            audit.note(
                FleetError(.invalidSignature, "no"), of: "Authenticate", on: nil, by: actor,
                at: ManualClock.start)
        }
        audit.note(
            FleetError(.notAllowed, "no"), of: "CreateThing",
            on: Realm.standard.thing(Samples.thingName(1)), by: actor, at: ManualClock.start)
        audit.finish()
        await audit.drain(into: store) { _ in Issue.record("a refusal was lost") }
        #expect(store.refusals.count == RefusalBudget.recordsPerCauseMax + 1)
        let last = try #require(store.refusals.last)
        #expect(last.action == "CreateThing")
        #expect(last.detail["target"] == "arn:aws:iot:local:000000000000:thing/thing-1")
        #expect(last.detail["refusalsNotRecorded"] == 490)
        #expect(last.actor == actor)
    }
}
