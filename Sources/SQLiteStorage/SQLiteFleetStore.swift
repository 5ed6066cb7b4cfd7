package import Fleet
internal import Foundation
internal import GRDB

/// The fleet in one SQLite file: one writer with group commit, a few readers, and the audit log in
/// the same transactions as what it tells of.
package final class SQLiteFleetStore: Sendable {
    package enum Mode: Sendable {
        /// Reads and writes, and keeps every other process from writing.
        case exclusive
        /// Reads beside a running service, or without one.
        case readOnly
    }

    package let path: String
    let writes: Mailbox<WriteRequest>?
    let reads: Mailbox<ReadRequest>
    let feed: CommitFeed
    private let lock: LockFile?
    private let writerQueue: DatabaseQueue?
    private let idleReaders: IdleReaders
    private let readerQueues: [DatabaseQueue]
    private let writerThread: WorkerThread?
    private let readerThreads: [WorkerThread]
    /// Counts how often the database was opened for writing; nil for a reader.
    let run: Int64?

    /// Opens the database at `path`; in exclusive mode makes it where there is none and brings it
    /// to this release's schema. Blocks while it does.
    /// - Throws: `StorageError` in words for the person who starts the service; `.inUse` tells that
    ///   a service is running.
    package static func open(
        path: String, mode: Mode, clock: any WallClock
    ) throws(StorageError) -> SQLiteFleetStore {
        do {
            return switch mode {
            case .exclusive: try Self.openExclusive(path, clock)
            case .readOnly: try Self.openReadOnly(path)
            }
        } catch { throw StorageError(error, path: path) }
    }

    private static func openExclusive(
        _ path: String, _ clock: any WallClock
    ) throws -> SQLiteFleetStore {
        try Self.requireFile(path, mayBeAbsent: true)
        let lock = try LockFile(besideDatabase: path)
        Self.makePrivate(path)
        Self.makeJournalsWritable(path)
        let writer = try Connections.writer(path: path)
        let (log, run) = try writer.writeWithoutTransaction { db in
            try Migrations.run(db, path: path)
            try AllowlistTables.abandonDrafts(db)
            return (try AuditLog(db), try ConnectivityTable.begin(at: clock.now, db))
        }
        return try SQLiteFleetStore(
            path: path, lock: lock, writer: (writer, log, run), clock: clock)
    }

    private static func openReadOnly(_ path: String) throws -> SQLiteFleetStore {
        try Self.requireFile(path, mayBeAbsent: false)
        return try SQLiteFleetStore(path: path, lock: nil, writer: nil, clock: nil)
    }

    private static func requireFile(_ path: String, mayBeAbsent: Bool) throws(StorageError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            if mayBeAbsent { return }
            throw .notFound(path: path)
        }
        if isFolder.boolValue { throw .unreadable(path: path, cause: "it is a folder") }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw .unreadable(path: path, cause: "permission denied")
        }
        if mayBeAbsent, !FileManager.default.isWritableFile(atPath: path) {
            throw .notWritable(path: path)
        }
    }

    /// SQLite gives its journal files the mode of the database, so all of them are the owner's.
    private static func makePrivate(_ path: String) {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        _ = FileManager.default.createFile(
            atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    }

    /// Gives the journal files back the mode of their database. Whoever reads a database while it
    /// is read-only leaves them behind read-only too, and nothing would be written any more once
    /// the database may be again: its own mode says whether it may.
    private static func makeJournalsWritable(_ path: String) {
        guard let mode = Self.mode(path), mode & 0o200 != 0 else { return }
        for journal in ["\(path)-wal", "\(path)-shm"] {
            guard let found = Self.mode(journal), found & 0o200 == 0 else { continue }
            // Where it is somebody else's, SQLite says what it cannot do.
            try? FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: journal)
        }
    }

    private static func mode(_ path: String) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.posixPermissions] as? Int
    }

    private init(
        path: String, lock: LockFile?, writer: (queue: DatabaseQueue, log: AuditLog, run: Int64)?,
        clock: (any WallClock)?
    ) throws {
        self.path = path
        self.lock = lock
        self.run = writer?.run
        let readers = max(
            StorageLimits.readersMin,
            min(StorageLimits.readersMax, ProcessInfo.processInfo.activeProcessorCount))
        let queues = try (0..<readers).map { _ in try Connections.reader(path: path) }
        let latest = try queues[0].read { db in
            try Migrations.requireCurrent(db, path: path)
            return try AuditLog.state(db).size
        }
        let feed = CommitFeed(latest: writer?.log.latest ?? latest)
        let reads = Mailbox<ReadRequest>(capacity: StorageLimits.readsQueuedMax)
        self.feed = feed
        self.reads = reads
        self.readerQueues = queues
        self.idleReaders = IdleReaders(
            try (0..<readers).map { _ in try Connections.reader(path: path) })
        self.readerThreads = queues.enumerated().map { number, queue in
            WorkerThread(name: "slipway-read-\(number)") {
                FleetReader(queue: queue, mailbox: reads).run()
            }
        }
        if let writer, let clock {
            let writes = Mailbox<WriteRequest>(capacity: StorageLimits.writesQueuedMax)
            self.writes = writes
            self.writerQueue = writer.queue
            self.writerThread = WorkerThread(name: "slipway-write") {
                var thread = FleetWriter(
                    queue: writer.queue, mailbox: writes, clock: clock, feed: feed,
                    log: writer.log)
                thread.run()
            }
        } else {
            self.writes = nil
            self.writerQueue = nil
            self.writerThread = nil
            // Nobody announces to a reader of another process's file; its feed ends with the log.
            feed.close()
        }
    }

    /// Ends the threads of a store that nobody closed; they finish what they were asked first.
    deinit {
        self.writes?.close()
        self.reads.close()
        self.feed.close()
    }

    /// Finishes what was asked before, refuses what is asked after, and lets go of the file: the
    /// readers first, so that the writer's last checkpoint has the file to itself.
    package func close() async {
        self.writes?.close()
        await self.writerThread?.join()
        self.feed.close()
        self.reads.close()
        for thread in self.readerThreads { await thread.join() }
        for queue in self.readerQueues { try? queue.close() }
        await self.idleReaders.close()
        try? self.writerQueue?.close()
        self.lock?.release()
    }
}

// MARK: Asking the threads

extension SQLiteFleetStore {
    func write(_ work: WriteRequest.Work) async throws(FleetError) -> WriteRequest.Answer {
        guard let writes = self.writes else { throw .readOnlyStore }
        let result: Result<WriteRequest.Answer, FleetError> = await withCheckedContinuation {
            continuation in
            let request = WriteRequest(work: work) { continuation.resume(returning: $0) }
            switch writes.offer(request) {
            case .taken: break
            case .full: continuation.resume(returning: .failure(.writerBusy))
            case .closed: continuation.resume(returning: .failure(.storeClosed))
            }
        }
        return try result.get()
    }

    /// A read of a few records, which is over sooner than a reader thread would be awake.
    /// - Parameter isOneStatement: whether `body` runs no more than one.
    func readBriefly<Value: Sendable>(
        isOneStatement: Bool = false, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(FleetError) -> Value {
        if let value = try self.idleReaders.read(isOneStatement: isOneStatement, body) {
            return value
        }
        return try await self.read(body)
    }

    /// - Parameter urgent: whether the queue's bound does not apply.
    func read<Value: Sendable>(
        urgent: Bool = false, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(FleetError) -> Value {
        let result: Result<Value, FleetError> = await withCheckedContinuation { continuation in
            let request: ReadRequest = { connection in
                let result = Result { try body(connection.get()) }
                continuation.resume(returning: result.mapError { FleetError(storage: $0) })
            }
            switch self.reads.offer(request, urgent: urgent) {
            case .taken: break
            case .full: continuation.resume(returning: .failure(.readersBusy))
            case .closed: continuation.resume(returning: .failure(.storeClosed))
            }
        }
        return try result.get()
    }
}
