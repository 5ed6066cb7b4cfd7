import Fleet
import JSON
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

/// Why a claim was stopped is what an incident's report hangs on: no reason is lost in silence.
@Suite struct ClaimStatusTests {
    private let store = InMemoryFleetStore()
    private let services: ControlPlaneServices
    private let clock = ManualClock()
    private static let name = ClaimName(checked: "line-4")

    init() async throws {
        self.services = ControlPlaneServices(
            store: self.store, drafts: self.store, clock: self.clock, entropy: SeededEntropy(),
            realm: .standard)
        _ = try await self.store.commit(
            ChangeSet(
                action: "Fill",
                changes: [
                    .putClaimTerms(ClaimTerms(name: Self.name, createdAt: ManualClock.start))
                ]), by: .service("test"))
    }

    /// A line may stop its claim, and no more: why it was stopped, others may know.
    @Test func whatWasStoppedGoesOnByTheRightToTakeClaimsIn() async throws {
        let asked = Mutex<[String]>([])
        let operation = try #require(OperationTable.operation("SetClaimStatus"))
        for status in ["DISABLED", "ACTIVE"] {
            _ = try await operation.perform(
                OperationRequest(
                    actor: .service("test"), labels: ["claim": Self.name.rawValue], query: [:],
                    body: ["status": .string(status)],
                    authorize: { action, resource in
                        asked.withLock { $0.append("\(action) \(resource.rawValue)") }
                    }), self.services)
            #expect(asked.withLock { $0.count } == (status == "ACTIVE" ? 1 : 0))
        }
        #expect(
            asked.withLock { $0 }
                == ["slipway:AdoptClaim \(Realm.standard.claim(Self.name).rawValue)"])
    }

    private func set(_ status: String, _ reason: String? = nil) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation("SetClaimStatus"))
        var body: JSONObject = ["status": .string(status)]
        body["reason"] = reason.map { .string($0) }
        return try await operation.perform(
            OperationRequest(
                actor: .service("test"), labels: ["claim": Self.name.rawValue], query: [:],
                body: .object(body)), self.services)
    }

    @Test(arguments: ["REVOKED", "DISABLED"])
    func aSecondReasonIsKeptAndSaidToBeTheSecond(_ status: String) async throws {
        let first = try await self.set(status, "line closed")
        #expect(first["wasSo"] == nil)
        let since = try #require(first["statusChangedAt"])
        self.clock.advance(bySeconds: 60)
        let second = try await self.set(status, "key leaked")
        #expect(second["wasSo"] == true)
        #expect(second["reasonBefore"] == "line closed")
        #expect(second["statusReason"] == "key leaked")
        #expect(second["statusChangedAt"] == since)
        #expect(second["status"] == .string(status))
        let commits = try await self.store.latestSequence()
        // Nothing new is no record.
        for reason in [nil, "key leaked"] {
            let again = try await self.set(status, reason)
            #expect(again["wasSo"] == true)
            #expect(again["statusReason"] == "key leaked")
        }
        #expect(try await self.store.latestSequence() == commits)
    }
}
