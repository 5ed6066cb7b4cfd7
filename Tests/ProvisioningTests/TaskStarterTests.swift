import Fleet
import Provisioning
import Synchronization
import TestSupport
import Testing

/// A task goes on no longer than the credential that started it could start it.
@Suite struct TaskStarterTests {
    private let fixture = TaskFixture()
    private static let lines = 2000
    private static let worker = "factory-operator"
    private static let own = "plant"

    private static func starter(_ key: String) -> Actor {
        Actor(kind: .user, identity: "user-1/\(key)", sourceAddress: "10.9.9.9")
    }

    private func put(
        _ status: AccessKey.Status, roles: [String] = [TaskStarterTests.worker]
    ) async throws(FleetError) {
        var key = Samples.accessKey(1)
        key.status = status
        key.roles = roles.map { RoleName(checked: $0) }
        try await self.commit(.putAccessKey(key))
    }

    /// A role of one's own that may start tasks, and whatever else is said of it.
    private func putRole(_ statement: String) async throws(FleetError) {
        try await self.commit(
            .putRole(
                AccessRole(
                    name: RoleName(checked: Self.own),
                    document: #"{"Version":"2012-10-17","Statement":[\#(statement)]}"#,
                    createdAt: Samples.time, lastModifiedAt: Samples.time)))
    }

    private func commit(_ change: Change) async throws(FleetError) {
        _ = try await self.fixture.store.inner.commit(
            ChangeSet(action: "Test", changes: [change]), by: .service("test"))
    }

    private func ended(
        by key: String = "AKIASAMPLE1", lines: Int = 3,
        template: String = orderTemplate(certificate: nil), createsMissing: Bool = false
    ) async throws -> RegistrationTask.State {
        let id = try await self.fixture.start(
            TaskFixture.input(lines), template: template, createsMissing: createsMissing,
            by: Self.starter(key))
        try await self.fixture.carryOut([id])
        return try self.fixture.task(id).state
    }

    /// Does `change` once the task has begun, and looks at how it ends.
    private func ended(
        by key: String = "AKIASAMPLE1",
        after change: @escaping @Sendable (Self) async throws(FleetError) -> Void
    ) async throws -> RegistrationTask.State {
        let isDone = Mutex(false)
        self.fixture.store.observe { set in
            guard set.action == "AdvanceThingRegistrationTask" else { return }
            let isFirst = isDone.withLock { done in
                defer { done = true }
                return !done
            }
            if isFirst { try? await change(self) }
        }
        return try await self.ended(by: key, lines: Self.lines)
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
        let state = try await self.ended { test async throws(FleetError) in
            try await test.put(.inactive)
        }
        #expect(state.status == .failed)
        #expect(state.message?.contains("serves no longer") == true)
        // What was begun is done and told of.
        #expect(state.progress.successes > 0)
        #expect(state.progress.successes < Self.lines)
    }

    @Test(arguments: [("AKIASAMPLE1", "'AKIASAMPLE1'"), ("ASIASESSION", "'user-1'")])
    func aTaskUnderWayEndsWithTheRole(key: String, named: String) async throws {
        try await self.put(.active)
        let state = try await self.ended(by: key) { test async throws(FleetError) in
            try await test.put(.active, roles: ["auditor"])
        }
        #expect(state.status == .failed)
        #expect(state.message?.contains(named) == true)
        #expect(state.message?.contains("iot:StartThingRegistrationTask") == true)
        #expect(state.progress.successes < Self.lines)
    }

    @Test func aTaskUnderWayEndsWithWhatTheRoleSaid() async throws {
        try await self.putRole(#"{"Effect":"Allow","Action":"iot:*","Resource":"*"}"#)
        try await self.put(.active, roles: [Self.own])
        let state = try await self.ended { test async throws(FleetError) in
            try await test.putRole(#"{"Effect":"Deny","Action":"iot:Start*","Resource":"*"}"#)
        }
        #expect(state.status == .failed)
        #expect(state.message?.contains("iot:StartThingRegistrationTask") == true)
        #expect(state.progress.successes < Self.lines)
    }

    /// Other rights than those it takes may come and go.
    @Test func aTaskUnderWayDoesNotNeedWhatItDoesNotUse() async throws {
        try await self.put(.active, roles: ["administrator"])
        let state = try await self.ended { test async throws(FleetError) in
            try await test.put(.active, roles: [Self.worker])
        }
        #expect(state.status == .completed)
        #expect(state.progress.successes == Self.lines)
    }

    @Test(arguments: [
        (true, false, "iot:CreateThingType"), (false, true, "iot:CreatePolicy"),
        (false, false, nil),
    ])
    func whatItMakesNeedsItsRightToo(
        createsMissing: Bool, writesPolicies: Bool, missing: String?
    ) async throws {
        try await self.put(.active)
        try await self.commit(
            .putThingType(
                ThingType(
                    name: ThingTypeName(checked: "pump"), id: Samples.resourceID(1),
                    createdAt: Samples.time)))
        let state = try await self.ended(
            template: orderTemplate(
                certificate: Source.request,
                policies: writesPolicies ? [inlinePolicy(resource: #""*""#)] : [],
                thing: #"{"ThingName": {"Ref": "Name"}, "ThingTypeName": "pump"}"#),
            createsMissing: createsMissing)
        #expect(state.status == (missing == nil ? .completed : .failed))
        #expect(state.message?.contains(missing ?? "-") ?? (missing == nil))
    }

    /// A condition is asked as it was when the task was started.
    @Test(arguments: [("10.9.9.0/24", true), ("192.0.2.0/24", false)])
    func aRightMayHangOnTheAddress(network: String, isAllowed: Bool) async throws {
        try await self.putRole(
            #"{"Effect":"Allow","Action":"iot:*","Resource":"*","#
                + #""Condition":{"IpAddress":{"aws:SourceIp":"\#(network)"}}}"#)
        try await self.put(.active, roles: [Self.own])
        #expect(try await self.ended().status == (isAllowed ? .completed : .failed))
    }
}
