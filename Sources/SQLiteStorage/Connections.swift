internal import GRDB

/// How each kind of connection is set up.
///
/// SQLite before 3.51.3 can corrupt a database when two connections checkpoint and write at the
/// same moment. So exactly one connection writes, and only that one checkpoints: readers are
/// opened read-only and with automatic checkpoints off.
enum Connections {
    /// Changes nothing in the file yet: whose it is has to be known first.
    static func writer(path: String) throws -> DatabaseQueue {
        var configuration = Self.configuration(label: "slipway.writer")
        configuration.prepareDatabase { db in
            try Self.run(
                db,
                // A commit is on the disk when it returns: the write-ahead log is synced each time.
                "PRAGMA synchronous = FULL",
                "PRAGMA wal_autocheckpoint = \(StorageLimits.checkpointPages)",
                "PRAGMA journal_size_limit = \(StorageLimits.journalBytesMax)",
                "PRAGMA cache_size = -\(StorageLimits.writerCacheKiB)",
                "PRAGMA temp_store = MEMORY", "PRAGMA mmap_size = 0",
                "PRAGMA cell_size_check = ON", "PRAGMA trusted_schema = OFF")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Readers do not wait for the writer, nor it for them. The mode stays with the file.
    static func useWriteAheadLog(_ db: Database) throws {
        let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw DamagedRow("the write-ahead log cannot be used, only '\(mode ?? "nothing")'")
        }
    }

    static func reader(path: String) throws -> DatabaseQueue {
        var configuration = Self.configuration(label: "slipway.reader")
        configuration.readonly = true
        configuration.prepareDatabase { db in
            try Self.run(
                db, "PRAGMA wal_autocheckpoint = 0",
                "PRAGMA cache_size = -\(StorageLimits.readerCacheKiB)",
                "PRAGMA temp_store = MEMORY", "PRAGMA mmap_size = 0",
                "PRAGMA cell_size_check = ON", "PRAGMA trusted_schema = OFF")
            let pages = try Int.fetchOne(db, sql: "PRAGMA wal_autocheckpoint")
            guard pages == 0 else {
                throw DamagedRow("a reader would checkpoint; only the writer may")
            }
            SearchFunctions.add(to: db)
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static func configuration(label: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(StorageLimits.busySecondsMax)
        // A ROLLBACK that the disk refuses leaves a transaction open, which is no reason to stop.
        configuration.allowsUnsafeTransactions = true
        return configuration
    }

    private static func run(_ db: Database, _ pragmas: String...) throws {
        for pragma in pragmas { try db.execute(sql: pragma) }
    }
}
