internal import Fleet
internal import GRDB
internal import JSON

extension Schema {
    /// What was seen again. It refers to no other table: evidence outlives what it is about.
    static let enrolmentFindings = """
        CREATE TABLE enrolment_findings (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, certificate TEXT NOT NULL,
            policy TEXT NOT NULL, thing TEXT, found_at INTEGER NOT NULL, evidence TEXT NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX enrolment_findings_by_certificate
            ON enrolment_findings (certificate, kind);
        CREATE INDEX enrolment_findings_by_kind ON enrolment_findings (kind, id);
        CREATE INDEX enrolment_findings_held ON enrolment_findings (id) WHERE policy = 'hold';
        """
}

/// Enrolment findings: their SQL, both ways.
enum FindingTable {
    private static let columns = "kind, certificate, policy, thing, found_at, evidence"

    private static func finding(_ row: inout RowReader) throws -> EnrolmentFinding {
        EnrolmentFinding(
            kind: try row.oneOf(), certificate: try row.certificateID(), policy: try row.oneOf(),
            thing: try row.optionalName(), at: try row.time(),
            evidence: try row.json().objectValue ?? [:])
    }

    /// A finding that comes again is the newest; the oldest of its kind make room for it, looked
    /// at so rarely that it costs nothing.
    static func record(_ finding: EnrolmentFinding, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT OR REPLACE INTO enrolment_findings (\(Self.columns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            row: [
                finding.kind.rawValue, finding.certificate.rawValue, finding.policy.rawValue,
                finding.thing?.rawValue, finding.at.milliseconds,
                JSONPrinter.print(.object(finding.evidence)).storable, revision,
            ])
        guard revision % StorageLimits.findingsTrimmedEvery == 0 else { return }
        try db.run(
            """
            DELETE FROM enrolment_findings WHERE kind = ? AND id <= (
                SELECT id FROM enrolment_findings WHERE kind = ?
                ORDER BY id DESC LIMIT 1 OFFSET ?)
            """, finding.kind.rawValue, finding.kind.rawValue,
            StorageLimits.findingsPerKindMax)
    }

    static func page(_ query: ListQuery, _ db: Database) throws -> ListPage {
        var condition = ""
        var arguments: [(any DatabaseValueConvertible)?] = [Int64(query.after ?? "") ?? 0]
        if case .enrolmentFindings(let kind?) = query.subject {
            condition = "AND kind = ?"
            arguments.append(kind.rawValue)
        } else if case .enrolmentsHeld = query.subject {
            condition = "AND policy = 'hold'"
        }
        let rows = try db.all(
            """
            SELECT id, \(Self.columns) FROM enrolment_findings
            WHERE id > ? \(condition) ORDER BY id LIMIT ?
            """, arguments: arguments + [query.limit + 1], of: "enrolment_findings"
        ) { row in
            (
                key: String(try row.int64()),
                record: Fleet.Record.enrolmentFinding(try Self.finding(&row))
            )
        }
        return ListPages.cut(rows, query)
    }
}

extension EnrolmentFinding {
    var json: JSONValue {
        RecordJSON.object(
            ("kind", .string(self.kind.rawValue)),
            ("certificate", RecordJSON.id(self.certificate)),
            ("policy", .string(self.policy.rawValue)), ("thing", RecordJSON.name(self.thing)),
            ("at", RecordJSON.time(self.at)), ("evidence", .object(self.evidence)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "an enrolment finding")
        self.init(
            kind: try fields.oneOf("kind"), certificate: try fields.id("certificate"),
            policy: try fields.oneOf("policy"), thing: try fields.optionalName("thing"),
            at: try fields.time("at"),
            evidence: try fields.value("evidence").objectValue ?? [:])
    }
}
