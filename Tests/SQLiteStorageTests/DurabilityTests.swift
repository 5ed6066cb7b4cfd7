import Dispatch
import Fleet
import GRDB
import TestSupport
import Testing

@testable import SQLiteStorage

/// What survives, what fails alone, and what is found out.
@Suite struct DurabilityTests {
    private let folder: TemporaryFolder
    private var path: String { self.folder.file("fleet.db") }

    init() throws { self.folder = try TemporaryFolder() }

    private func open() throws -> SQLiteFleetStore {
        try SQLiteFleetStore.open(path: self.path, mode: .exclusive, clock: ManualClock())
    }

    /// Runs `body` on the file as another program would, with no store open.
    private func tamper(_ sql: String) throws {
        let queue = try DatabaseQueue(path: self.path)
        try queue.inDatabase { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test func everythingIsThereAfterReopening() async throws {
        var store = try self.open()
        for (_, _, change) in StorageConformance.everyRecord {
            try await store.make(
                .putCertificate(Samples.certificate(1)),
                .putCertificate(Samples.certificate(800)), change)
        }
        let latest = try await store.latestSequence()
        await store.close()
        store = try self.open()
        #expect(try await store.latestSequence() == latest)
        let view = try await store.load(Set(StorageConformance.everyRecord.map(\.0)))
        for (key, record, _) in StorageConformance.everyRecord.reversed() {
            guard key != .certificate(Samples.certificateID(1)) else { continue }
            #expect(view.entry(key)?.record == record, "\(key)")
        }
        #expect(try await store.make(.putThing(Samples.thing(9))).sequence == latest + 1)
        #expect(try await store.verifyAudit().isIntact)
        #expect(try await store.checkIntegrity() == [])
        await store.close()
    }

    /// RFC 5280 5.2.3: a clock that was set back before a restart lowers no CRL's number.
    @Test func theListNumberIsThereAfterReopening() async throws {
        let issuer = Samples.certificateID(900)
        let noon = ManualClock.start
        var store = try self.open()
        let first = try await store.takeListNumber(of: issuer, at: noon)
        await store.close()
        store = try self.open()
        let second = try await store.takeListNumber(
            of: issuer, at: noon.advanced(bySeconds: -86_400))
        #expect(first.rawValue == noon.milliseconds)
        #expect(second.rawValue == first.rawValue + 1)
        await store.close()
    }

    @Test func theFeedReplaysWhatCameBeforeReopening() async throws {
        var store = try self.open()
        var expected: [Commit] = []
        let count = StorageLimits.replayCommitsMax * 2 + 10
        for number in 1...count {
            expected.append(try await store.make(.putThing(Samples.thing(number))))
        }
        await store.close()
        store = try self.open()
        expected.append(try await store.make(.deleteThing(Samples.thingName(1))))
        var seen: [Commit] = []
        for await commit in store.changes(after: 0) {
            seen.append(commit)
            if seen.count == expected.count { break }
        }
        #expect(seen == expected)
        await store.close()
    }

    @Test func aReaderThatFellFarBehindMissesNothing() async throws {
        let store = try self.open()
        var feed = store.changes(after: 0).makeAsyncIterator()
        let count = 2 * StorageLimits.recentCommitsMax + 300
        await withTaskGroup(of: Void.self) { group in
            for number in 1...count {
                group.addTask { _ = try? await store.make(.putThing(Samples.thing(number))) }
            }
        }
        for expected in 1...count {
            #expect(await feed.next()?.sequence == Commit.Sequence(expected))
        }
        await store.close()
    }

    /// Refused before anything of it was written, and after its first change was.
    @Test(arguments: [false, true])
    func inOneTransactionEachRequestFailsAlone(late: Bool) async throws {
        let store = try self.open()
        // While the writer is held, everything that is asked for waits and lands in one batch.
        let held = AsyncStream.makeStream(of: Void.self)
        let gate = Gate()
        async let hold: Void = store.alone { _ in
            held.continuation.yield()
            gate.wait()
        }
        var iterator = held.stream.makeAsyncIterator()
        await iterator.next()
        let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
            for number in 0..<50 {
                group.addTask {
                    var set = ChangeSet(
                        action: "Test", changes: [.putThing(Samples.thing(number))])
                    if number.isMultiple(of: 3), late {
                        set.changes.append(
                            .addThingToGroup(Samples.thingName(number), Samples.groupName(999)))
                    } else if number.isMultiple(of: 3) {
                        set.preconditions = [.present(.thing(Samples.thingName(999)))]
                    }
                    let commit = try? await store.commit(set, by: .service("test"))
                    return (number, commit != nil)
                }
            }
            gate.open()
            return await group.reduce(into: [Int: Bool]()) { $0[$1.0] = $1.1 }
        }
        try await hold
        for number in 0..<50 { #expect(outcomes[number] == !number.isMultiple(of: 3)) }
        let page = try await store.page(ListQuery(.things))
        #expect(page.records.count == 33)
        #expect(try await store.latestSequence() == 33)
        #expect(try await store.verifyAudit().isIntact)
        await store.close()
    }

    @Test func aFullDiskRefusesAndLaterTakesAgain() async throws {
        let store = try self.open()
        try await store.make(.putThing(Samples.thing(0)))
        try await store.alone { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "PRAGMA max_page_count = \(pages + 2)")
        }
        var refused: FleetError?
        var kept: Commit.Sequence = 1
        for number in 1...200 where refused == nil {
            do throws(FleetError) {
                kept = try await store.make(
                    .putCertificate(Samples.certificate(number))
                ).sequence
            } catch { refused = error }
        }
        #expect(refused?.code == .internalFailure)
        #expect(refused?.message.contains("full") == true)
        #expect(try await store.latestSequence() == kept)
        let last = Samples.certificateID(Int(kept))
        #expect(try await store.load([.certificate(last)]).certificate(last) == nil)
        #expect(try await store.verifyAudit().isIntact)

        try await store.alone { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
        #expect(try await store.make(.putThing(Samples.thing(2))).sequence == kept + 1)
        #expect(try await store.verifyAudit().isIntact)
        #expect(try await store.checkIntegrity() == [])
        await store.close()
    }

    @Test func aReadOnlyDiskRefusesAndLaterTakesAgain() async throws {
        let store = try self.open()
        try await store.alone { try $0.execute(sql: "PRAGMA query_only = ON") }
        for number in 1...3 {
            await #expect(throws: FleetError.self) {
                try await store.make(.putThing(Samples.thing(number)))
            }
        }
        try await store.alone { try $0.execute(sql: "PRAGMA query_only = OFF") }
        #expect(try await store.make(.putThing(Samples.thing(4))).sequence == 1)
        await store.close()
    }

    @Test(.timeLimit(.minutes(30))) func anUnfinishedImportIsSweptAtOpening() async throws {
        var store = try self.open()
        try await store.make(
            .addAllowlistEntries(Samples.listName, [Samples.serial(1)], at: Samples.time))
        let draft = try await store.begin(Samples.listName, mode: .replace)
        let rows = StorageLimits.sweptRowsPerTransactionMax + 100
        let serials = (1...rows).map { Samples.serial($0) }
        #expect(try await store.append(serials, to: draft) == rows)
        await store.close()

        store = try self.open()
        await #expect(throws: FleetError.self) {
            try await store.make(.publishAllowlist(draft, at: Samples.time))
        }
        // The sweep goes on whenever nobody asks for anything; being asked lets it take its turn.
        var left = rows
        while left > 1 {
            left = try await store.read { db in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM allowlist_entries") ?? 0
            }
        }
        #expect(left == 1)
        let page = try await store.page(ListQuery(.allowlistEntries(Samples.listName)))
        #expect(page.records == [.allowlistEntry(Samples.serial(1))])
        await store.close()
    }

    @Test(arguments: [
        "UPDATE commits SET changes = replace(changes, 'thing-2', 'thing-9') WHERE sequence = 2",
        "UPDATE commits SET detail = '{ }' WHERE sequence = 2",
        "UPDATE commits SET time = time + 1 WHERE sequence = 2",
        "UPDATE commits SET actor_identity = 'eve' WHERE sequence = 2",
        "UPDATE commits SET actor_address = '' WHERE sequence = 2",
        "UPDATE commits SET refusal = '' WHERE sequence = 2",
        "UPDATE commits SET leaf = zeroblob(32) WHERE sequence = 2",
        "UPDATE commits SET changes = CAST(changes AS BLOB) WHERE sequence = 0",
        "DELETE FROM commits WHERE sequence = 2",
        "DELETE FROM commits WHERE sequence = 5",
        "UPDATE commits SET sequence = 100 WHERE sequence = 5",
        "UPDATE audit_log SET root = zeroblob(32)",
        "UPDATE audit_log SET compact_range = zeroblob(64)",
    ])
    func aChangedAuditLogIsFound(sql: String) async throws {
        var store = try self.open()
        for number in 1...5 { try await store.make(.putThing(Samples.thing(number))) }
        await store.close()
        try self.tamper(sql)
        store = try SQLiteFleetStore.open(path: self.path, mode: .readOnly, clock: ManualClock())
        let report = try await store.verifyAudit()
        #expect(report.isIntact == sql.hasSuffix("sequence = 0"), "\(report.findings)")
        await store.close()
    }

    @Test func aFlippedBitInAnyColumnIsFound() async throws {
        var store = try self.open()
        for number in 1...4 { try await store.make(.putThing(Samples.thing(number))) }
        await store.close()
        var random = SplitMix64(seed: 7)
        for column in ["actor_kind", "actor_identity", "action", "changes", "detail"] {
            let text = try self.text("SELECT \(column) FROM commits WHERE sequence = 3")
            var bytes = Array(text.utf8)
            let place = Int.random(in: bytes.indices, using: &random)
            bytes[place] ^= 1
            try self.put(String(decoding: bytes, as: UTF8.self), into: column)
            store = try SQLiteFleetStore.open(
                path: self.path, mode: .readOnly, clock: ManualClock())
            let report = try await store.verifyAudit()
            #expect(report.findings.first?.sequence == 3, "\(column), byte \(place)")
            await store.close()
            try self.put(text, into: column)
        }
    }

    private func text(_ sql: String) throws -> String {
        let queue = try DatabaseQueue(path: self.path)
        return try #require(try queue.inDatabase { try String.fetchOne($0, sql: sql) })
    }

    private func put(_ value: String, into column: String) throws {
        let queue = try DatabaseQueue(path: self.path)
        try queue.inDatabase {
            try $0.execute(
                sql: "UPDATE commits SET \(column) = ? WHERE sequence = 3", arguments: [value])
        }
    }

    @Test func aDamagedRowIsReportedAndNotATrap() async throws {
        var store = try self.open()
        try await store.make(
            .putThing(Samples.thing(1)), .putCertificate(Samples.certificate(1)))
        await store.close()
        try self.tamper("UPDATE things SET attributes = 'x'")
        try self.tamper("UPDATE certificates SET status = 'NONSENSE', issuer_id = 'short'")
        store = try self.open()
        for key: RecordKey in [
            .thing(Samples.thingName(1)), .certificate(Samples.certificateID(1)),
        ] {
            do throws(FleetError) {
                _ = try await store.load([key])
                Issue.record("a damaged row was read")
            } catch { #expect(error.code == .internalFailure) }
        }
        await store.close()
    }
}

/// Holds a thread until it is opened.
private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func wait() { self.semaphore.wait() }
    func open() { self.semaphore.signal() }
}

extension SQLiteFleetStore {
    /// Runs `body` on the writer's connection, outside any transaction.
    func alone(_ body: @escaping @Sendable (Database) throws -> Void) async throws(FleetError) {
        _ = try await self.write(.alone(body))
    }
}
