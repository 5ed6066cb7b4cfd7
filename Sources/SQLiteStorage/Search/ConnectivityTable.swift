internal import Fleet
internal import GRDB

/// Who is connected, by the names that clients call themselves: its SQL, both ways.
enum ConnectivityTable {
    /// Begins a run: whoever was connected in the one before is no longer, since its process is
    /// gone and did not say goodbye.
    /// - Returns: the number of the run.
    static func begin(at now: UnixTime, _ db: Database) throws -> Int64 {
        try db.inTransaction(.immediate) {
            try db.run("UPDATE connectivity_run SET run = run + 1")
            try db.run(
                """
                DELETE FROM connectivity WHERE connected = 1
                    AND NOT EXISTS (SELECT 1 FROM things WHERE name = client)
                """)
            try db.run(
                """
                UPDATE connectivity SET connected = 0, changed_at = ?, reason = ?
                WHERE connected = 1
                """, now.milliseconds, DisconnectReason.serverError.rawValue)
            return .commit
        }
        return try db.first("SELECT run FROM connectivity_run", of: "connectivity_run") {
            try $0.int64()
        } ?? 0
    }

    static func write(_ notes: [ConnectivityNote], run: Int64, _ db: Database) throws {
        for note in notes {
            try db.run(
                """
                INSERT INTO connectivity (client, run, session, connected, changed_at, reason)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (client) DO UPDATE SET run = excluded.run,
                    session = excluded.session, connected = excluded.connected,
                    changed_at = excluded.changed_at, reason = excluded.reason
                WHERE (excluded.run, excluded.session) >= (connectivity.run, connectivity.session)
                """,
                row: [
                    note.clientID.rawValue, run, note.session, note.state.isConnected,
                    note.state.changedAt.milliseconds, note.state.disconnectReason?.rawValue,
                ])
            if !note.state.isConnected { try self.forgetStranger(note.clientID, db) }
        }
    }

    /// Clients come by any name. Of one that is gone and is no thing, nothing is kept, so that the
    /// table grows no larger than the fleet.
    private static func forgetStranger(_ name: ThingName, _ db: Database) throws {
        try db.run(
            """
            DELETE FROM connectivity WHERE client = ? AND connected = 0
                AND NOT EXISTS (SELECT 1 FROM things WHERE name = client)
            """, name.rawValue)
    }

    /// A thing that is connected is so whether it has a record or not; it is forgotten once it
    /// leaves.
    static func thingDeleted(_ name: ThingName, _ db: Database) throws {
        try db.run("DELETE FROM connectivity WHERE client = ? AND connected = 0", name.rawValue)
    }

    static func connectivity(of name: ThingName, _ db: Database) throws -> Connectivity? {
        try db.first(
            "SELECT connected, changed_at, reason FROM connectivity WHERE client = ?",
            name.rawValue, of: "connectivity"
        ) { row in
            let isConnected = try row.flag()
            let time = try row.time()
            let reason = try row.optionalText().flatMap { DisconnectReason(rawValue: $0) }
            return isConnected
                ? .connected(at: time) : .disconnected(at: time, reason ?? .unknown)
        }
    }
}

extension RecordLoader {
    func document(of name: ThingName) throws -> FleetDocument? {
        let thing = try self.db.first(
            "SELECT \(ThingTables.thingColumns) FROM things WHERE name = ?", name.rawValue,
            of: "things"
        ) { try ThingTables.thing(&$0) }
        return try thing.map { try self.document($0) }
    }

    func document(_ thing: Thing) throws -> FleetDocument {
        FleetDocument(
            thing: thing,
            groups: try self.db.all(
                "SELECT thing_group FROM group_members WHERE thing = ? ORDER BY thing_group",
                thing.name.rawValue, of: "group_members"
            ) { try $0.name() },
            connectivity: try ConnectivityTable.connectivity(of: thing.name, self.db))
    }
}
