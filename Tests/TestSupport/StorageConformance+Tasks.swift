internal import Fleet
internal import Testing

/// Bulk registration tasks: what makes exactly once of each line.
extension StorageConformance {
    static let taskChecks: [StorageConformance] = [
        StorageConformance(name: "aTasksStateIsSetAndItsRestStays") { store in
            try await store.make(.putRegistrationTask(Samples.task(1)))
            let state = Samples.taskState(5, status: .failed)
            try await store.make(.setRegistrationTaskState(Samples.taskID(1), state))
            var expected = Samples.task(1)
            expected.state = state
            let entry = try await store.entry(.registrationTask(Samples.taskID(1)))
            #expect(entry?.record == .registrationTask(expected))
            #expect(entry?.revision == 2)
            try await store.conflicts(
                .setRegistrationTaskState(Samples.taskID(2), Samples.taskState(1)))
        },
        StorageConformance(name: "aLineIsRecordedOnceAndOnlyForATask") { store in
            try await store.conflicts(.recordRegisteredLine(Samples.registeredLine(1, 1)))
            try await store.make(.putRegistrationTask(Samples.task(1)))
            try await store.make(
                .putThing(Samples.thing(1)),
                .recordRegisteredLine(Samples.registeredLine(1, 1)))
            try await store.conflicts(.recordRegisteredLine(Samples.registeredLine(1, 1)))
            let key = RecordKey.registeredLine(Samples.registeredLine(1, 1).line)
            try await store.refuses(
                .conflict,
                ChangeSet(
                    action: "Test", preconditions: [.absent(key)],
                    changes: [.putThing(Samples.thing(2))]))
            // Writing the task again keeps its lines.
            try await store.make(.putRegistrationTask(Samples.task(1)))
            #expect(
                try await store.record(key)
                    == .registeredLine(Samples.registeredLine(1, 1)))
        },
        StorageConformance(name: "linesAreForgottenUpToANumberAndWithTheirTask") { store in
            for task in [1, 2] {
                try await store.make(.putRegistrationTask(Samples.task(task)))
                for line in 1...4 {
                    try await store.make(
                        .recordRegisteredLine(Samples.registeredLine(task, line)))
                }
            }
            func left() async throws -> [[Int]] {
                var found: [[Int]] = []
                for task in [1, 2] {
                    var lines: [Int] = []
                    for line in 1...4 {
                        let key = RecordKey.registeredLine(
                            Samples.registeredLine(task, line).line)
                        if try await store.record(key) != nil { lines.append(line) }
                    }
                    found.append(lines)
                }
                return found
            }
            try await store.make(.forgetRegisteredLines(Samples.taskID(1), through: 2))
            #expect(try await left() == [[3, 4], [1, 2, 3, 4]])
            try await store.make(.deleteRegistrationTask(Samples.taskID(2)))
            #expect(try await left() == [[3, 4], []])
            #expect(try await store.record(.registrationTask(Samples.taskID(2))) == nil)
        },
        StorageConformance(name: "tasksAreListedNewestFirstAndByStatus") { store in
            for number in 0..<6 {
                try await store.make(
                    .putRegistrationTask(
                        Samples.task(
                            number, status: number.isMultiple(of: 2) ? .completed : .inProgress)))
            }
            func listed(
                _ status: RegistrationTask.Status?
            ) async throws -> [RegistrationTask] {
                try await Self.all(store, .registrationTasks(status), limit: 2).compactMap {
                    if case .registrationTask(let task) = $0 { task } else { nil }
                }
            }
            let all = try await listed(nil)
            #expect(Set(all.map(\.id)) == Set((0..<6).map { Samples.taskID($0) }))
            #expect(all.map(\.createdAt) == all.map(\.createdAt).sorted(by: >))
            #expect(
                Set(try await listed(.completed).map(\.id))
                    == Set([0, 2, 4].map { Samples.taskID($0) }))
            #expect(try await listed(.failed).isEmpty)
        },
    ]
}
