internal import Fleet
internal import GRDB

/// The audit log: the rows of `commits`, and the state of the Merkle tree over them, written in
/// the same transaction as what they tell of. A value: a transaction works on a copy.
struct AuditLog {
    private(set) var tree: MerkleRange

    var latest: Commit.Sequence { Commit.Sequence(clamping: self.tree.size) }

    /// Where the log stands in the snapshot of `db`.
    init(_ db: Database) throws {
        let state = try Self.state(db)
        guard let tree = MerkleRange(size: state.size, packed: state.packed) else {
            throw DamagedRow("the audit log's tree state is damaged")
        }
        let rows = try Self.lastRow(db)
        guard rows == state.size else {
            throw DamagedRow(
                "the audit log has \(rows) rows but its tree has \(state.size) leaves")
        }
        self.tree = tree
    }

    /// The highest number in the table.
    static func lastRow(_ db: Database) throws -> Commit.Sequence {
        try db.first("SELECT ifnull(max(sequence), 0) FROM commits", of: "commits") {
            try $0.int64()
        } ?? 0
    }

    /// The tree's state as stored; that of the empty log in a new database.
    static func state(_ db: Database) throws -> (size: Int64, packed: [UInt8], root: [UInt8]) {
        try db.first(
            "SELECT size, compact_range, root FROM audit_log WHERE id = 1", of: "audit_log"
        ) { (try $0.int64(), try $0.bytes(), try $0.bytes()) }
            ?? (0, [], MerkleRange().root)
    }

    /// Writes the entry with the next number.
    mutating func append(_ draft: AuditDraft, at time: UnixTime, _ db: Database) throws {
        let entry = AuditEntry(sequence: self.latest + 1, time: time, draft: draft)
        let leaf = MerkleRange.leaf(entry.bytes)
        try db.run(
            """
            INSERT INTO commits (\(AuditEntry.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, entry.sequence, entry.time.milliseconds, entry.actorKind, entry.actorIdentity,
            entry.actorAddress, entry.action, entry.refusal, entry.message, entry.changes,
            entry.detail, leaf.data)
        self.tree.append(leaf: leaf)
    }

    /// Writes the tree's state; once for all entries of a transaction.
    func save(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO audit_log (id, size, compact_range, root) VALUES (1, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET size = excluded.size,
                compact_range = excluded.compact_range, root = excluded.root
            """, self.latest, self.tree.packed.data, self.tree.root.data)
    }
}
