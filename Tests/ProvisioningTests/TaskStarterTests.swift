import Fleet
import Provisioning
import Synchronization
import TestSupport
import Testing

/// A task goes on no longer than the credential that started it.
@Suite struct TaskStarterTests {
    private let fixture = TaskFixture()
    private static let lines = 2000

    private static func starter(_ key: String) -> Actor {
        Actor(kind: .user, identity: "user-1/\(key)", sourceAddress: "10.9.9.9")
    }

    private func put(_ status: AccessKey.Status) async throws(FleetError) {
        var key = Samples.accessKey(1)
        key.status = status
        _ = try await self.fixture.store.inner.commit(
            ChangeSet(action: "SetAccessKeyStatus", changes: [.putAccessKey(key)]),
            by: .service("test"))
    }

    private func ended(
        by key: String = "AKIASAMPLE1", lines: Int = 3
    ) async throws -> RegistrationTask.State {
        let id = try await self.fixture.start(
            TaskFixture.input(lines), template: orderTemplate(certificate: nil),
            by: Self.starter(key))
        try await self.fixture.carryOut([id])
        return try self.fixture.task(id).state
    }

    @Test(arguments: ["AKIASAMPLE1", "ASIASESSION"])
    func whoeverServesHasHisTaskDone(key: String) async throws {
        try await self.put(.active)
        #expect(try await self.ended(by: key).status == .completed)
    }

    @Test(arguments: [
        ("AKIASAMPLE1", "'AKIASAMPLE1'"), ("AKIAFORGOTTEN", "'AKIAFORGOTTEN'"),
        ("ASIASESSION", "'user-1'"),
    ])
    func aTaskOfNobodyDoesNotBegin(key: String, named: String) async throws {
        try await self.put(.inactive)
        let state = try await self.ended(by: key)
        #expect(state.status == .failed)
        #expect(state.message?.contains(named) == true)
        #expect(state.progress.successes == 0)
    }

    @Test func aTaskUnderWayEndsWithItsCredential() async throws {
        try await self.put(.active)
        let isDisabled = Mutex(false)
        self.fixture.store.observe { set in
            guard set.action == "AdvanceThingRegistrationTask" else { return }
            let isFirst = isDisabled.withLock { done in
                defer { done = true }
                return !done
            }
            if isFirst { try? await self.put(.inactive) }
        }
        let state = try await self.ended(lines: Self.lines)
        #expect(state.status == .failed)
        #expect(state.message?.contains("serves no longer") == true)
        // What was begun is done and told of.
        #expect(state.progress.successes > 0)
        #expect(state.progress.successes < Self.lines)
    }
}
