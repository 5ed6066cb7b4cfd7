internal import Fleet
internal import GRDB
internal import JSON

/// What allowlists say of their serial numbers, and what became of them: their SQL, both ways.
enum AllowlistUnitTables {
    private static let columns = "entry.serial, entry.facts, standing.standing"
    private static let joined = """
        FROM allowlists AS list
        JOIN allowlist_entries AS entry ON entry.list_id = list.id
        JOIN allowlist_batches AS batch
            ON batch.list_id = list.id AND batch.version = entry.version
        LEFT JOIN allowlist_standings AS standing
            ON standing.list_id = list.id AND standing.serial = entry.serial
        """

    private static func unit(_ row: inout RowReader) throws -> AllowlistUnit {
        let serial = try SerialNumber(row.text())
        let facts = try row.optionalJSON()
        let standing = try row.optionalJSON()
        return AllowlistUnit(
            facts: try facts.map { try AllowlistFacts(json: $0, serial: serial) }
                ?? AllowlistFacts(serial: serial),
            standing: try standing.map { try AllowlistStanding(json: $0) })
    }

    static func unit(
        _ serial: SerialNumber, of list: AllowlistName, _ db: Database
    ) throws -> AllowlistUnit? {
        try db.first(
            """
            SELECT \(Self.columns) \(Self.joined)
            WHERE list.name = ? AND entry.serial = ? AND batch.state = 1
            """, list.rawValue, serial.rawValue, of: "allowlist_entries"
        ) { try Self.unit(&$0) }
    }

    private static func id(_ list: AllowlistName, _ db: Database) throws -> Int64? {
        try db.first(
            "SELECT id FROM allowlists WHERE name = ?", list.rawValue, of: "allowlists"
        ) { try $0.int64() }
    }

    static func set(
        _ standing: AllowlistStanding, of serial: SerialNumber, on list: AllowlistName,
        _ revision: Revision, _ db: Database
    ) throws {
        guard let id = try Self.id(list, db) else {
            throw FleetError.conflict("\(RecordKey.allowlist(list)) does not exist")
        }
        let text = standing.json.description
        try db.run(
            """
            INSERT INTO allowlist_standings (list_id, serial, standing) VALUES (?, ?, ?)
            ON CONFLICT (list_id, serial) DO UPDATE SET standing = excluded.standing
            """, id, serial.rawValue, text)
        try db.run(
            """
            INSERT INTO allowlist_history (list_id, serial, id, standing)
            SELECT ?1, ?2, ifnull(max(id), 0) + 1, ?3 FROM allowlist_history
            WHERE list_id = ?1 AND serial = ?2
            """, id, serial.rawValue, text)
    }

    // MARK: Listing

    static func units(
        of list: AllowlistName, _ query: ListQuery, _ db: Database
    ) throws -> ListPage {
        let units = try db.all(
            """
            SELECT \(Self.columns) \(Self.joined)
            WHERE list.name = ? AND entry.serial > ? AND batch.state = 1
            ORDER BY entry.serial LIMIT ?
            """, list.rawValue, query.after ?? "", query.limit + 1, of: "allowlist_entries"
        ) { try Self.unit(&$0) }
        return ListPages.cut(
            units.map { ($0.facts.serial.rawValue, .allowlistUnit($0)) }, query)
    }

    private static func place(_ query: ListQuery) throws -> Int64 {
        guard let text = query.after else { return 0 }
        guard let place = Int64(text) else { throw ListPages.badPlace(text) }
        return place
    }

    static func history(
        of serial: SerialNumber, on list: AllowlistName, _ query: ListQuery, _ db: Database
    ) throws -> ListPage {
        let rows = try db.all(
            """
            SELECT history.id, history.standing FROM allowlists AS list
            JOIN allowlist_history AS history ON history.list_id = list.id
            WHERE list.name = ? AND history.serial = ? AND history.id > ?
            ORDER BY history.id LIMIT ?
            """, list.rawValue, serial.rawValue, try Self.place(query), query.limit + 1,
            of: "allowlist_history"
        ) { (id: try $0.int64(), standing: try AllowlistStanding(json: $0.json())) }
        return ListPages.cut(
            rows.map { (String($0.id), .allowlistStanding($0.standing)) }, query)
    }

    static func versions(
        of list: AllowlistName, _ query: ListQuery, _ db: Database
    ) throws -> ListPage {
        let rows = try db.all(
            """
            SELECT version.version, version.entries, version.made_at FROM allowlists AS list
            JOIN allowlist_versions AS version ON version.list_id = list.id
            WHERE list.name = ? AND version.version > ? ORDER BY version.version LIMIT ?
            """, list.rawValue, try Self.place(query), query.limit + 1, of: "allowlist_versions"
        ) { row in
            Allowlist(
                name: list, version: try row.int(), count: try row.int(),
                updatedAt: try row.time())
        }
        return ListPages.cut(rows.map { (String($0.version), .allowlist($0)) }, query)
    }
}
