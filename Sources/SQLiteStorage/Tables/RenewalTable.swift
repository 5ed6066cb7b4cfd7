internal import Fleet
internal import GRDB
internal import JSON

/// Renewals: their SQL, both ways.
enum RenewalTable {
    static let columns = "predecessor, successor, renewed_at, overlap_ends_at, settled_at"

    static func renewal(_ row: inout RowReader) throws -> Renewal {
        Renewal(
            predecessor: try row.certificateID(), successor: try row.certificateID(),
            renewedAt: try row.time(), overlapEndsAt: try row.time(),
            settledAt: try row.optionalTime())
    }

    static func put(_ record: Renewal, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO renewals (\(Self.columns), revision) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (predecessor) DO UPDATE SET successor = excluded.successor,
                renewed_at = excluded.renewed_at, overlap_ends_at = excluded.overlap_ends_at,
                settled_at = excluded.settled_at, revision = excluded.revision
            """,
            row: [
                record.predecessor.rawValue, record.successor.rawValue,
                record.renewedAt.milliseconds, record.overlapEndsAt.milliseconds,
                record.settledAt?.milliseconds, revision,
            ])
    }
}

extension RecordLoader {
    func renewal(of id: CertificateID) throws -> RegistryView.Entry? {
        try self.one("renewals", RenewalTable.columns, "predecessor = ?", id.rawValue) {
            .renewal(try RenewalTable.renewal(&$0))
        }
    }
}

extension ListPages {
    /// In the order of the old certificates' ids.
    func renewalsOpen(_ query: ListQuery) throws -> ListPage {
        let rows = try self.db.all(
            """
            SELECT \(RenewalTable.columns) FROM renewals
            WHERE settled_at IS NULL AND predecessor > ? ORDER BY predecessor LIMIT ?
            """, query.after ?? "", query.limit + 1, of: "renewals"
        ) { try RenewalTable.renewal(&$0) }
        return Self.cut(rows.map { ($0.predecessor.rawValue, .renewal($0)) }, query)
    }
}

extension Schema {
    /// A renewal is nothing without the certificate that it ends.
    static let renewals = """
        CREATE TABLE renewals (
            predecessor TEXT NOT NULL PRIMARY KEY
                REFERENCES certificates (id) ON DELETE CASCADE,
            successor TEXT NOT NULL, renewed_at INTEGER NOT NULL,
            overlap_ends_at INTEGER NOT NULL, settled_at INTEGER, revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX renewals_open ON renewals (predecessor) WHERE settled_at IS NULL;
        """
}

extension Renewal {
    var json: JSONValue {
        RecordJSON.object(
            ("predecessor", RecordJSON.id(self.predecessor)),
            ("successor", RecordJSON.id(self.successor)),
            ("renewedAt", RecordJSON.time(self.renewedAt)),
            ("overlapEndsAt", RecordJSON.time(self.overlapEndsAt)),
            ("settledAt", RecordJSON.time(self.settledAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a renewal")
        self.init(
            predecessor: try fields.id("predecessor"), successor: try fields.id("successor"),
            renewedAt: try fields.time("renewedAt"),
            overlapEndsAt: try fields.time("overlapEndsAt"),
            settledAt: try fields.optionalTime("settledAt"))
    }
}
