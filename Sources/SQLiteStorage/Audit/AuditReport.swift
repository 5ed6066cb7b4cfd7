package import Fleet
internal import GRDB

/// What came of verifying the audit log.
package struct AuditReport: Sendable {
    package struct Finding: Hashable, Sendable, CustomStringConvertible {
        /// The entry that is wrong; nil where it is the log as a whole.
        package let sequence: Commit.Sequence?
        package let message: String

        package var description: String {
            self.sequence.map { "entry \($0): \(self.message)" } ?? self.message
        }
    }

    /// How many entries the log says it has.
    package let entries: Int64
    /// The hash of the whole log, recomputed from its rows, in hex (RFC 9162).
    package let root: String
    /// The first findings; more than a hundred are counted in `findingsCount` only.
    package let findings: [Finding]
    package let findingsCount: Int

    package var isIntact: Bool { self.findingsCount == 0 }
}

/// Recomputes the log from its rows, a page of rows to a snapshot: entries are only ever added, so
/// the rows up to the size that was read first cannot change meanwhile.
struct AuditVerification {
    let size: Int64
    private let storedRange: [UInt8]
    private let storedRoot: [UInt8]
    private var tree = MerkleRange()
    private var findings: [AuditReport.Finding] = []
    private var findingsCount = 0
    private var cursor: Commit.Sequence = 0

    init(_ db: Database) throws {
        let state = try AuditLog.state(db)
        self.size = state.size
        self.storedRange = state.packed
        self.storedRoot = state.root
        let rows = try AuditLog.lastRow(db)
        if rows != state.size {
            self.find(nil, "the log has rows up to \(rows), its tree \(state.size) leaves")
        }
    }

    /// - Returns: whether there are more rows.
    mutating func step(_ db: Database) throws -> Bool {
        var rows = 0
        try db.each(
            """
            SELECT \(AuditEntry.columns) FROM commits
            WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?
            """, self.cursor, self.size, StorageLimits.verifiedRowsMax, of: "commits"
        ) { reader in
            rows += 1
            self.check(reader)
        }
        return rows == StorageLimits.verifiedRowsMax
    }

    /// - Parameter row: at its first column.
    private mutating func check(_ row: RowReader) {
        var reader = row
        let sequence = (try? reader.int64()) ?? self.cursor + 1
        if sequence != self.cursor + 1 {
            self.find(sequence, "follows entry \(self.cursor): there is a gap")
        }
        self.cursor = sequence
        do {
            var reader = row
            let entry = try AuditEntry(&reader)
            let stored = try reader.bytes()
            let leaf = MerkleRange.leaf(entry.bytes)
            if leaf != stored { self.find(sequence, "does not match its hash") }
            self.tree.append(leaf: leaf)
        } catch {
            self.find(sequence, "cannot be read: \(error)")
            self.tree.append(leaf: MerkleRange.leaf([]))
        }
    }

    private mutating func find(_ sequence: Commit.Sequence?, _ message: String) {
        self.findingsCount += 1
        if self.findings.count < StorageLimits.findingsMax {
            self.findings.append(AuditReport.Finding(sequence: sequence, message: message))
        }
    }

    mutating func finish() -> AuditReport {
        if Int64(clamping: self.tree.size) != self.size {
            self.find(nil, "\(self.tree.size) entries were found, \(self.size) are claimed")
        }
        if self.tree.root != self.storedRoot || self.tree.packed != self.storedRange {
            self.find(nil, "the entries do not have the root hash that was stored with them")
        }
        return AuditReport(
            entries: self.size, root: self.tree.root.hex, findings: self.findings,
            findingsCount: self.findingsCount)
    }
}
