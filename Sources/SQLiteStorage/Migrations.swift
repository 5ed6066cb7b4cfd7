internal import Fleet
internal import GRDB

/// Brings a database file to this release's schema, and never touches one it does not know.
enum Migrations {
    /// - Throws: `StorageError` where the file is another program's or a newer release's.
    static func run(_ db: Database, path: String) throws {
        let version = try Self.check(db, path: path)
        try Connections.useWriteAheadLog(db)
        for step in version..<Schema.version {
            try db.inTransaction(.immediate) {
                try db.execute(sql: Schema.steps[step])
                try db.execute(sql: "PRAGMA user_version = \(step + 1)")
                try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                return .commit
            }
        }
    }

    /// For a reader, who cannot migrate.
    static func requireCurrent(_ db: Database, path: String) throws {
        let version = try Self.check(db, path: path)
        guard version == Schema.version else {
            throw StorageError.olderVersion(path: path, found: version, known: Schema.version)
        }
    }

    /// - Returns: the schema version; 0 for an empty file.
    private static func check(_ db: Database, path: String) throws -> Int {
        let application = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        if application != Schema.applicationID {
            let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            guard application == 0, version == 0, tables == 0 else {
                throw StorageError.foreignDatabase(path: path)
            }
        }
        guard version >= 0, version <= Schema.version else {
            throw StorageError.newerVersion(path: path, found: version, known: Schema.version)
        }
        return version
    }
}
