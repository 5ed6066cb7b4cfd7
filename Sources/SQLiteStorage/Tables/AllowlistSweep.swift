internal import GRDB

/// Takes the rows of dead batches off the disk, one pass over a list at a time, in steps small
/// enough that no commit waits for them.
struct AllowlistSweep {
    private struct Pass {
        let list: Int64
        /// Dead when the pass began; what dies later is for the next pass.
        let dead: Set<Int64>
        var serial = ""
        var version: Int64 = -1
    }

    private var pass: Pass?

    /// - Returns: whether there is more to do.
    mutating func step(_ db: Database) throws -> Bool {
        guard var pass = try self.pass ?? Self.next(db) else { return false }
        let rows = try db.all(
            """
            SELECT serial, version FROM allowlist_entries
            WHERE list_id = ? AND (serial, version) > (?, ?) ORDER BY serial, version LIMIT ?
            """, pass.list, pass.serial, pass.version, StorageLimits.sweptRowsPerTransactionMax,
            of: "allowlist_entries"
        ) { (serial: try $0.text(), version: try $0.int64()) }
        for row in rows where pass.dead.contains(row.version) {
            try db.run(
                "DELETE FROM allowlist_entries WHERE list_id = ? AND serial = ? AND version = ?",
                pass.list, row.serial, row.version)
        }
        if let last = rows.last, rows.count == StorageLimits.sweptRowsPerTransactionMax {
            (pass.serial, pass.version) = last
            self.pass = pass
            return true
        }
        for version in pass.dead {
            try db.run(
                "DELETE FROM allowlist_batches WHERE list_id = ? AND version = ?", pass.list,
                version)
        }
        self.pass = nil
        return try Self.next(db) != nil
    }

    private static func next(_ db: Database) throws -> Pass? {
        let dead = try db.all(
            """
            SELECT list_id, version FROM allowlist_batches WHERE state = 2
                AND list_id = (SELECT min(list_id) FROM allowlist_batches WHERE state = 2)
            """, of: "allowlist_batches"
        ) { (list: try $0.int64(), version: try $0.int64()) }
        guard let list = dead.first?.list else { return nil }
        return Pass(list: list, dead: Set(dead.map(\.version)))
    }
}
