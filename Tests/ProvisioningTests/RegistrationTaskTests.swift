import Fleet
import JSON
import Provisioning
import Synchronization
import TestSupport
import Testing

@Suite struct RegistrationTaskTests {
    // MARK: Outcomes

    @Test func everyLineBecomesADeviceAndALineOfTheResults() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(TaskFixture.input(600), template: TaskFixture.template)
        try await fixture.carryOut([id])
        let task = try fixture.task(id)
        #expect(task.state.status == .completed)
        #expect(task.state.message == nil)
        #expect(task.state.progress.successes == 600)
        #expect(task.state.progress.failures == 0)
        #expect(task.state.progress.percentage == 100)
        let results = try fixture.lines(.results, of: id)
        #expect(results.compactMap { $0["LineNumber"]?.intValue } == Array(1...600))
        #expect(try fixture.lines(.errors, of: id).isEmpty)
        let certificates = try await fixture.certificates()
        #expect(certificates.count == 600)
        #expect(certificates.allSatisfy { $0.status == .active })
        let pems = results.compactMap { $0["Response"]?["certificatePem"]?.stringValue }
        #expect(Set(pems) == Set(certificates.map(\.pem)))
        #expect(
            results[6]["Response"]?["resourceArns"]?["thing"]?.stringValue
                == "arn:aws:iot:local:000000000000:thing/lamp-7")
        let provenance = try #require(certificates.first?.provenance)
        #expect(provenance.origin.clientID == "alice")
        #expect(provenance.registration?.sourceAddress.contains(id.rawValue) == true)
    }

    @Test func offsetsLeadToTheLines() async throws {
        let fixture = TaskFixture()
        let input = "\u{FEFF}{\"Name\": \"a\"}\r\n\n  \n{\"Name\": \"b\"}\n\n{\"Name\": \"c\"}"
        let id = try await fixture.start(input, template: orderTemplate(certificate: nil))
        try await fixture.carryOut([id])
        let bytes = Array(input.utf8)
        let results = try fixture.lines(.results, of: id)
        #expect(results.compactMap { $0["LineNumber"]?.intValue } == [1, 4, 6])
        for (result, name) in zip(results, ["a", "b", "c"]) {
            let offset = try #require(result["Offset"]?.intValue)
            let line = String(decoding: bytes.dropFirst(offset), as: UTF8.self)
                .trimmingPrefix("\u{FEFF}")
            #expect(line.hasPrefix("{\"Name\": \"\(name)\"}"))
        }
        #expect(try fixture.task(id).state.progress.bytes == Int64(bytes.count))
    }

    @Test func emptyInputIsCompleted() async throws {
        let fixture = TaskFixture()
        let first = try await fixture.start("", template: TaskFixture.template)
        let second = try await fixture.start("\n\n", template: TaskFixture.template)
        try await fixture.carryOut([first, second])
        for id in [first, second] {
            #expect(try fixture.task(id).state.status == .completed)
            #expect(try fixture.task(id).state.progress.percentage == 100)
        }
    }

    // MARK: Hostile input

    @Test func linesThatAreNoneAreReportedAndTheRestGoesOn() async throws {
        let fixture = TaskFixture()
        let long = String(
            repeating: "x", count: Limits.registrationLineCharactersMax - #"{"Name":""}"#.count)
        var input: [UInt8] = []
        func add(_ text: String) { input += Array(text.utf8) + [UInt8(ascii: "\n")] }
        add(#"{"Name": "first"}"#)
        add(#"{"Name": "tor"#)
        add(#"{"Name": "x", "N": 5}"#)
        add(#"{"Name": {"a": "b"}}"#)
        add(#"["Name"]"#)
        input += Array(#"{"Name": ""#.utf8) + [0xFF, 0xFE] + Array("\"}\n".utf8)
        add(#"{"Name": "\#(long)"}"#)
        add(#"{"Name":"\#(long)x"}"#)
        add(String(repeating: "y", count: 1 << 20))
        add(String(repeating: "é", count: 3 << 20))
        add(#"{"Name": "a", "Name": "b"}"#)
        add(#"{"Nmae": "a"}"#)
        add(#"{"Name": "spaces are no name"}"#)
        add(#"{"Name": "last"}"#)
        input += Array(#"{"Name": "torn at the en"#.utf8)
        let id = try await fixture.start(input, template: orderTemplate(certificate: nil))
        try await fixture.carryOut([id])
        let task = try fixture.task(id)
        #expect(task.state.status == .completed)
        #expect(task.state.message?.contains("13 lines were not registered") == true)
        let results = try fixture.lines(.results, of: id)
        #expect(results.compactMap { $0["LineNumber"]?.intValue } == [1, 14])
        let errors = try fixture.lines(.errors, of: id)
        #expect(errors.compactMap { $0["LineNumber"]?.intValue } == Array(2...13) + [15])
        let reasons = [
            "is no JSON", "/N is a number", "/Name is an object", "not an object of parameters",
            "is no UTF-8", "more than 256000 characters", "more than 256000 characters",
            "more than 256000 characters", "more than 256000 characters", "is no JSON",
            "Cannot resolve reference value: Name", "is no thing name", "is no JSON",
        ]
        for (error, reason) in zip(errors, reasons) {
            let message = error["ErrorMessage"]?.stringValue ?? ""
            #expect(message.contains(reason), "\(reason): \(message)")
        }
        let codes = Set(errors.compactMap { $0["ErrorCode"]?.stringValue })
        #expect(
            codes == ["InvalidRequestException", "ResourceRegistrationFailureException"])
    }

    /// However the file's pieces are cut, its lines are the same.
    @Test(arguments: [1, 2, 3, 5, 7, 64])
    func piecesOfAnySizeGiveTheSameLines(size: Int) async throws {
        let fixture = TaskFixture(readBytesMax: size)
        let id = try await fixture.start(
            "\n{\"Name\": \"a\"}\r\n" + TaskFixture.input(12).dropLast(),
            template: TaskFixture.template)
        try await fixture.carryOut([id])
        let state = try fixture.task(id).state
        #expect(state.status == .completed)
        #expect(state.progress.successes == 12)
        #expect(state.progress.failures == 1)
        #expect(state.progress.lines == 14)
    }

    // MARK: Inputs that are none

    @Test func inputThatCannotBeReadFailsTheTask() async throws {
        let fixture = TaskFixture()
        let missing = try await fixture.start(nil, template: TaskFixture.template)
        let foreign = try await fixture.start(
            "x", template: TaskFixture.template, bucket: "elsewhere")
        try await fixture.carryOut([missing, foreign])
        for (id, reason) in [(missing, "there is no"), (foreign, "no source 'elsewhere'")] {
            let state = try fixture.task(id).state
            #expect(state.status == .failed)
            #expect(state.message?.contains(reason) == true)
        }
    }

    @Test func taskThatCannotWorkIsRefusedAtOnce() async throws {
        let input = try RegistrationInput(bucket: "factory", key: "x")
        let id = Samples.taskID(1)
        #expect(throws: FleetError.self) {
            _ = try RegistrationTasks.Definition(
                id: id, templateBody: "{}", input: input, roleARN: TaskFixture.role)
        }
        #expect(throws: FleetError.self) {
            _ = try RegistrationTasks.Definition(
                id: id, templateBody: TaskFixture.template, input: input, roleARN: "role")
        }
        // AWS's pattern, `[a-zA-Z0-9!_.*'()-\/]+`, has a range in it, from `)` to `/`.
        let odd = try RegistrationInput(bucket: "factory", key: "lots/it's(7)+8,9*.ndjson")
        #expect(odd.description == "factory/lots/it's(7)+8,9*.ndjson")
        for (bucket, key) in [("ab", "x"), ("a/b/c", "x"), ("factory", ""), ("factory", "a b")] {
            #expect(throws: FleetError.self) {
                _ = try RegistrationInput(bucket: bucket, key: key)
            }
        }
    }

    // MARK: Many at once

    @Test func tasksShareTheWorkersAndAllEnd() async throws {
        let fixture = TaskFixture()
        var ids: [RegistrationTaskID] = []
        for number in 1...7 {
            ids.append(
                try await fixture.start(
                    TaskFixture.input(40, prefix: "t\(number)"), template: TaskFixture.template))
        }
        try await fixture.carryOut(ids, lineWorkers: 2)
        for id in ids {
            #expect(try fixture.task(id).state.status == .completed)
            #expect(try fixture.lines(.results, of: id).count == 40)
        }
        #expect(try await fixture.certificates().count == 280)
    }

    /// A short task does not wait for the long one that began before it.
    @Test func shortTaskEndsBeforeALongOne() async throws {
        let fixture = TaskFixture()
        let long = try await fixture.start(
            TaskFixture.input(2000, prefix: "long"), template: TaskFixture.template)
        let short = try await fixture.start(
            TaskFixture.input(20, prefix: "short"), template: TaskFixture.template)
        let order = Mutex<[RegistrationTaskID]>([])
        fixture.store.observe { set in
            for case .setRegistrationTaskState(let id, let state) in set.changes
            where state.status.isEnded {
                order.withLock { $0.append(id) }
            }
        }
        try await fixture.carryOut([long, short], lineWorkers: 2)
        #expect(order.withLock { $0 } == [short, long])
    }

    // MARK: Stopping

    @Test func stoppedTaskKeepsWhatIsDoneAndDoesNoMore() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(TaskFixture.input(3000), template: TaskFixture.template)
        let registrations = Mutex(0)
        let runnerBox = Mutex<RegistrationTaskRunner?>(nil)
        fixture.store.observe { set in
            guard set.action == "RegisterThing",
                registrations.withLock({ count in
                    count += 1
                    return count
                }) == 50
            else { return }
            try? await fixture.stop(id)
            runnerBox.withLock { $0 }?.notice(stopOf: id)
        }
        try await fixture.carryOut([id]) { runner in runnerBox.withLock { $0 = runner } }
        let state = try fixture.task(id).state
        #expect(state.status == .cancelled)
        #expect(state.progress.successes >= 50)
        #expect(state.progress.successes < 3000)
        #expect(try fixture.lines(.results, of: id).count == state.progress.successes)
        #expect(try await fixture.certificates().count == state.progress.successes)
    }

    @Test func taskStoppedBeforeItBeganIsCancelled() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start(TaskFixture.input(3), template: TaskFixture.template)
        try await fixture.stop(id)
        #expect(try fixture.task(id).state.status == .cancelling)
        try await fixture.stop(id)
        try await fixture.carryOut([id])
        #expect(try fixture.task(id).state.status == .cancelled)
        #expect(try await fixture.certificates().isEmpty)
        try await fixture.stop(id)
    }

    @Test func stoppingAnEndedTaskChangesNothing() async throws {
        let fixture = TaskFixture()
        let id = try await fixture.start("", template: TaskFixture.template)
        try await fixture.carryOut([id])
        try await fixture.stop(id)
        #expect(try fixture.task(id).state.status == .completed)
        await #expect(throws: FleetError.self) { try await fixture.stop(Samples.taskID(1)) }
    }

    // MARK: Missing types and groups

    @Test func missingTypesAndGroupsComeToBeWhereTheTaskSaysSo() async throws {
        let template = orderTemplate(
            certificate: nil,
            thing: #"{"ThingName": {"Ref": "Name"}, "ThingTypeName": "lamp","#
                + #" "ThingGroups": ["hall", "garden"], "BillingGroup": "north"}"#)
        let fixture = TaskFixture()
        let input = (1...30).map { #"{"Name": "l\#($0)"}"# + "\n" }.joined()
        let strict = try await fixture.start(input, template: template)
        try await fixture.carryOut([strict])
        #expect(try fixture.task(strict).state.progress.failures == 30)
        #expect(
            try fixture.lines(.errors, of: strict).first?["ErrorMessage"]?.stringValue
                == "there is no thing type 'lamp'")
        let lenient = try await fixture.start(input, template: template, createsMissing: true)
        try await fixture.carryOut([lenient])
        #expect(try fixture.task(lenient).state.progress.successes == 30)
        #expect(try await fixture.store.page(ListQuery(.thingTypes)).records.count == 1)
        #expect(try await fixture.store.page(ListQuery(.thingGroups(.init()))).records.count == 2)
        let thing = ThingName(checked: "l1")
        let groups = fixture.store.inner.view([.groupsOfThing(thing)]).groupsOfThing(thing)
        #expect(groups.map(\.rawValue) == ["garden", "hall"])
    }
}
