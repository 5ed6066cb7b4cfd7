import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

/// A task is carried out exactly once, wherever its service dies.
@Suite struct RegistrationTaskCrashTests {
    /// Line 3 is torn. The last names a thing that is there by then, which FAIL forbids: a line
    /// that was carried out twice would trip over itself.
    private static let template = orderTemplate(
        certificate: Source.request, thingOverrides: #"{"AttributePayload": "FAIL"}"#)
    private static let input =
        TaskFixture.input(2) + "torn\n" + TaskFixture.input(20, prefix: "b")
        + #"{"Name": "lamp-1", "CSR": "CSR again"}"# + "\n"

    private func expectWhole(_ fixture: TaskFixture, _ id: RegistrationTaskID) async throws {
        let state = try fixture.task(id).state
        #expect(state.status == .completed)
        #expect(state.progress.successes == 22)
        #expect(state.progress.failures == 2)
        let results = try fixture.lines(.results, of: id)
        #expect(
            results.compactMap { $0["LineNumber"]?.intValue } == [1, 2] + Array(4...23))
        #expect(
            try fixture.lines(.errors, of: id).compactMap { $0["LineNumber"]?.intValue } == [3, 24])
        let certificates = try await fixture.certificates()
        #expect(certificates.count == 22)
        let told = results.compactMap { $0["Response"]?["certificatePem"]?.stringValue }
        #expect(Set(told) == Set(certificates.map(\.pem)))
        // What was kept to recognise lines by has gone with their reports.
        let keys = (1...24).map {
            RecordKey.registeredLine(RegistrationLine(task: id, number: $0))
        }
        let view = fixture.store.inner.view(Set(keys))
        for key in keys { #expect(view.entry(key) == nil) }
    }

    @Test(arguments: 0...30)
    func taskWhoseStoreDiesAfterAnyCommitIsResumed(commits: Int) async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        fixture.store.die(after: commits)
        try await fixture.carryOut([id], lineWorkers: 4)
        fixture.store.die(after: nil)
        try await fixture.carryOut([id], lineWorkers: 4)
        try await self.expectWhole(fixture, id)
    }

    /// The reports are written and the progress is not, or one report is and the other is not.
    @Test(arguments: 0...3)
    func taskWhoseDiskFillsUpIsResumed(writes: Int) async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        fixture.files.fail(after: writes)
        try await fixture.carryOut([id], lineWorkers: 4)
        fixture.files.fail(after: nil)
        try await fixture.carryOut([id], lineWorkers: 4)
        try await self.expectWhole(fixture, id)
    }

    /// It dies again and again, further on each time.
    @Test func taskThatDiesEveryFewCommitsComesToItsEnd() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        var deaths = 0
        while try !fixture.task(id).state.status.isEnded {
            deaths += 1
            try #require(deaths < 100)
            fixture.store.die(after: 3 + deaths / 4)
            try await fixture.carryOut([id], lineWorkers: 3)
        }
        #expect(deaths > 3)
        try await self.expectWhole(fixture, id)
    }

    @Test func inputThatIsLostFailsTheTask() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        fixture.store.die(after: 2)
        try await fixture.carryOut([id])
        fixture.store.die(after: nil)
        try await fixture.files.removeInput(of: id)
        let runner = fixture.runner { _ in }
        async let finished: Void = runner.run()
        for await commit in fixture.store.changes(after: 0) {
            for case .setRegistrationTaskState(_, let state) in commit.changes
            where state.status.isEnded {
                runner.stop()
            }
            if try fixture.task(id).state.status.isEnded { break }
        }
        try await finished
        let state = try fixture.task(id).state
        #expect(state.status == .failed)
        #expect(state.message == "the input is gone")
    }

    // MARK: Sweep

    @Test func endedTasksAndTheirFilesGoAfterThirtyDays() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        try await fixture.carryOut([id])
        let sweep = RegistrationTaskSweep(
            store: fixture.store, files: fixture.files, clock: fixture.clock)
        fixture.clock.advance(bySeconds: Limits.registrationTaskSeconds - 1)
        #expect(try await sweep.sweepOnce() == 0)
        #expect(!fixture.files.text(.results, of: id).isEmpty)
        fixture.clock.advance(bySeconds: 1)
        #expect(try await sweep.sweepOnce() == 1)
        #expect(fixture.store.inner.view([.registrationTask(id)]).registrationTask(id) == nil)
        #expect(try await fixture.files.tasks().isEmpty)
        // What it registered stays.
        #expect(try await fixture.certificates().count == 22)
    }

    @Test func taskThatLastsForThirtyDaysFails() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(Self.input, template: Self.template)
        fixture.clock.advance(bySeconds: Limits.registrationTaskSeconds)
        let sweep = RegistrationTaskSweep(
            store: fixture.store, files: fixture.files, clock: fixture.clock)
        #expect(try await sweep.sweepOnce() == 0)
        #expect(try fixture.task(id).state.status == .failed)
    }
}
