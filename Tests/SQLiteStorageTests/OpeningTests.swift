import Fleet
import Foundation
import GRDB
import TestSupport
import Testing

@testable import SQLiteStorage

/// What can be in the way of opening, each told apart in words that say what to do.
@Suite struct OpeningTests {
    private func open(
        _ path: String, _ mode: SQLiteFleetStore.Mode = .exclusive
    ) throws(StorageError) -> SQLiteFleetStore {
        try SQLiteFleetStore.open(path: path, mode: mode, clock: ManualClock())
    }

    private func refusal(
        _ path: String, _ mode: SQLiteFleetStore.Mode = .exclusive
    ) -> StorageError? {
        do throws(StorageError) {
            _ = try self.open(path, mode)
            return nil
        } catch { return error }
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(String(repeating: "not a database\n", count: 100), to: "x.db")
        #expect(self.refusal(path) == .notADatabase(path: path))
        #expect(self.refusal(path, .readOnly) == .notADatabase(path: path))
    }

    @Test func anotherProgramsDatabaseIsRefusedAndLeftAlone() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (a)") }
        try queue.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(self.refusal(path) == .foreignDatabase(path: path))
        // To the byte: the journal's mode is a mark in the file's head.
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        let after = try DatabaseQueue(path: path)
        #expect(try after.read { try $0.tableExists("theirs") })
        #expect(try after.read { try $0.tableExists("things") } == false)
    }

    @Test func aNewerReleasesDatabaseIsRefused() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        try await self.open(path).close()
        let queue = try DatabaseQueue(path: path)
        try queue.inDatabase { try $0.execute(sql: "PRAGMA user_version = 99") }
        try queue.close()
        let expected = StorageError.newerVersion(path: path, found: 99, known: Schema.version)
        #expect(self.refusal(path) == expected)
        #expect(self.refusal(path, .readOnly) == expected)
        #expect(expected.description.contains("newer release"))
    }

    @Test func aReaderDoesNotMigrate() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("", to: "x.db")
        #expect(
            self.refusal(path, .readOnly)
                == .olderVersion(path: path, found: 0, known: Schema.version))
    }

    @Test func aReaderNeedsAFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        #expect(self.refusal(path, .readOnly) == .notFound(path: path))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aFolderIsNoDatabase() throws {
        let folder = try TemporaryFolder()
        #expect(
            self.refusal(folder.path) == .unreadable(path: folder.path, cause: "it is a folder"))
    }

    @Test(arguments: ["/proc/slipway.db", "/nonexistent/folder/slipway.db"])
    func aFolderThatTakesNoFileIsRefused(path: String) {
        guard case .folderNotWritable(path, _)? = self.refusal(path) else {
            Issue.record("\(String(describing: self.refusal(path)))")
            return
        }
    }

    @Test func twoWritersNeverShareADatabase() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        let first = try self.open(path)
        guard case .inUse(path, let holder)? = self.refusal(path) else {
            Issue.record("was opened twice")
            return
        }
        #expect(holder == "process \(getpid())")
        let reader = try self.open(path, .readOnly)
        try await first.make(.putThing(Samples.thing(1)))
        #expect(
            try await reader.load([.thing(Samples.thingName(1))]).thing(Samples.thingName(1))
                == Samples.thing(1))
        await reader.close()
        await first.close()
        try await self.open(path).close()
    }

    @Test func aStoreNobodyClosedLetsGo() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        var store: SQLiteFleetStore? = try self.open(path)
        try await store?.make(.putThing(Samples.thing(1)))
        store = nil
        // Its threads end by themselves; the lock goes with the last reference.
        let next = try self.open(path)
        #expect(try await next.latestSequence() == 1)
        await next.close()
    }

    @Test func aReadOnlyStoreRefusesToWriteAndItsFeedEnds() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        let writer = try self.open(path)
        for number in 1...3 { try await writer.make(.putThing(Samples.thing(number))) }
        let reader = try self.open(path, .readOnly)
        await #expect(throws: FleetError.readOnlyStore) {
            try await reader.make(.putThing(Samples.thing(9)))
        }
        var seen: [Commit.Sequence] = []
        for await commit in reader.changes(after: 1) { seen.append(commit.sequence) }
        #expect(seen == [2, 3])
        await reader.close()
        await writer.close()
    }

    @Test func aClosedStoreSaysSo() async throws {
        let folder = try TemporaryFolder()
        let store = try self.open(folder.file("x.db"))
        var feed = store.changes(after: 0).makeAsyncIterator()
        await store.close()
        await #expect(throws: FleetError.storeClosed) {
            try await store.make(.putThing(Samples.thing(1)))
        }
        await #expect(throws: FleetError.storeClosed) { try await store.load([]) }
        #expect(await feed.next() == nil)
        await store.close()
    }

    @Test func theFilesAreTheOwnersAlone() async throws {
        let folder = try TemporaryFolder()
        let store = try self.open(folder.file("x.db"))
        try await store.make(.putThing(Samples.thing(1)))
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.file(name))
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        await store.close()
    }

    /// Who reads a read-only database leaves journal files that are so, and they stay when the
    /// database is made writable again.
    @Test func journalsOfADatabaseThatWasReadOnlyHinderNobody() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        try await self.open(path).close()
        let journals = ["\(path)-wal", "\(path)-shm"]
        for journal in journals {
            let isMade = FileManager.default.createFile(
                atPath: journal, contents: nil, attributes: [.posixPermissions: 0o400])
            #expect(isMade)
        }
        let store = try self.open(path)
        try await store.make(.putThing(Samples.thing(1)))
        for journal in journals {
            let attributes = try FileManager.default.attributesOfItem(atPath: journal)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(journal)")
        }
        await store.close()
    }

    /// Anchors A4 row 24: SQLite 3.40 can corrupt a file when two connections write and checkpoint
    /// at the same moment.
    @Test func onlyTheWriterWritesAndCheckpoints() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.db")
        let store = try self.open(path)
        let reader = try Connections.reader(path: path)
        try reader.inDatabase { (db: Database) throws in
            #expect(try Int.fetchOne(db, sql: "PRAGMA wal_autocheckpoint") == 0)
            #expect(try Int.fetchOne(db, sql: "PRAGMA mmap_size") ?? 0 == 0)
            #expect(try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal")
            #expect(throws: DatabaseError.self) {
                try db.execute(sql: "UPDATE audit_log SET size = 0")
            }
            #expect(throws: DatabaseError.self) { try db.checkpoint(.truncate) }
        }
        try reader.close()
        try await store.alone { (db: Database) throws in
            #expect(try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2)
            #expect(try Int.fetchOne(db, sql: "PRAGMA mmap_size") ?? 0 == 0)
            #expect(try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal")
        }
        await store.close()
    }
}

extension FleetStore {
    @discardableResult
    func make(
        _ changes: Change..., when preconditions: [Precondition] = []
    ) async throws(FleetError) -> Commit {
        try await self.commit(
            ChangeSet(action: "Test", preconditions: preconditions, changes: changes),
            by: .service("tests"))
    }
}
