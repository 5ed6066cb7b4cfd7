internal import Fleet
internal import GRDB
internal import JSON

/// Allowlists: every batch of serial numbers counts, or does not, by its one row in
/// `allowlist_batches`. A serial number is in at most one live batch of its list.
enum AllowlistTables {
    /// A batch's state, as stored.
    enum Batch: Int {
        case draft = 0
        case live = 1
        /// Discarded or replaced; its rows are swept little by little.
        case dead = 2
    }

    static let listColumns = "name, version, entries, updated_at"

    /// A list that was only ever drafted has version 0 and does not exist yet.
    static let published = "version > 0"

    static func list(_ row: inout RowReader) throws -> Allowlist {
        Allowlist(
            name: try row.name(), version: try row.int(), count: try row.int(),
            updatedAt: try row.time())
    }

    private struct ListRow {
        let id: Int64
        let version: Int
        let versionsTaken: Int
        let entries: Int
    }

    private static func find(_ name: AllowlistName, _ db: Database) throws -> ListRow? {
        try db.first(
            "SELECT id, version, versions_taken, entries FROM allowlists WHERE name = ?",
            name.rawValue, of: "allowlists"
        ) { row in
            ListRow(
                id: try row.int64(), version: try row.int(), versionsTaken: try row.int(),
                entries: try row.int())
        }
    }

    private static func findOrMake(_ name: AllowlistName, _ db: Database) throws -> ListRow {
        if let list = try Self.find(name, db) { return list }
        try db.run(
            """
            INSERT INTO allowlists (name, version, versions_taken, entries, updated_at, revision)
            VALUES (?, 0, 0, 0, 0, 0)
            """, name.rawValue)
        return ListRow(id: db.lastInsertedRowID, version: 0, versionsTaken: 0, entries: 0)
    }

    private static func makeBatch(
        _ list: ListRow, _ state: Batch, mode: AllowlistDraft.Mode, _ db: Database
    ) throws -> Int {
        let version = list.versionsTaken + 1
        try db.run("UPDATE allowlists SET versions_taken = ? WHERE id = ?", version, list.id)
        try db.run(
            """
            INSERT INTO allowlist_batches (list_id, version, state, mode, base_version, entries)
            VALUES (?, ?, ?, ?, ?, 0)
            """, list.id, version, state.rawValue, mode.rawValue,
            list.version > 0 ? list.version : nil)
        return version
    }

    /// One statement for many rows: SQLite takes the array apart, so that a row costs no binding.
    private static let insert = """
        INSERT OR IGNORE INTO allowlist_entries (list_id, serial, version, facts)
        SELECT ?1, new.value ->> 0, ?3, new.value ->> 1 FROM json_each(?2) AS new
        """
    private static let insertUnlessLive = """
        \(Self.insert) WHERE NOT EXISTS (
            SELECT 1 FROM allowlist_entries AS entry JOIN allowlist_batches AS batch
                ON batch.list_id = entry.list_id AND batch.version = entry.version
            WHERE entry.list_id = ?1 AND entry.serial = new.value ->> 0 AND batch.state = 1)
        """

    private static func array(_ serials: [SerialNumber]) -> String {
        JSONPrinter.print(.array(serials.map { .string($0.rawValue) }))
    }

    /// Pairs of a serial number and what is said of it.
    private static func array(_ entries: [AllowlistFacts]) -> String {
        JSONPrinter.print(
            .array(
                entries.map { .array([.string($0.serial.rawValue), Self.stored($0)]) }))
    }

    /// Null where there is nothing to say of the serial number.
    private static func stored(_ entry: AllowlistFacts) -> JSONValue {
        entry.isBlank ? .null : .string(entry.storedText)
    }

    /// - Returns: how many were new.
    private static func insert(
        _ serials: [AllowlistFacts], into list: Int64, version: Int, unlessLive: Bool,
        _ db: Database
    ) throws -> Int {
        try db.run(
            unlessLive ? Self.insertUnlessLive : Self.insert, list, Self.array(serials), version)
        return db.changesCount
    }

    private static func update(
        _ list: ListRow, version: Int, entries: Int, at time: UnixTime, _ revision: Revision,
        _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE allowlists SET version = ?, entries = ?, updated_at = ?, revision = ?
            WHERE id = ?
            """, version, entries, time.milliseconds, revision, list.id)
        try db.run(
            """
            INSERT INTO allowlist_versions (list_id, version, entries, made_at, revision)
            VALUES (?, ?, ?, ?, ?)
            """, list.id, version, entries, time.milliseconds, revision)
    }
}

// MARK: Changes

extension AllowlistTables {
    static func add(
        _ serials: [SerialNumber], to name: AllowlistName, at time: UnixTime,
        _ revision: Revision, _ db: Database
    ) throws {
        let list = try Self.findOrMake(name, db)
        let version = try Self.makeBatch(list, .live, mode: .merge, db)
        let added = try Self.insert(
            serials.map { AllowlistFacts(serial: $0) }, into: list.id, version: version,
            unlessLive: true, db)
        if added == 0 {
            try db.run(
                "DELETE FROM allowlist_batches WHERE list_id = ? AND version = ?", list.id,
                version)
        }
        try Self.update(
            list, version: version, entries: list.entries + added, at: time, revision, db)
    }

    static func remove(
        _ serials: [SerialNumber], from name: AllowlistName, at time: UnixTime,
        _ revision: Revision, _ db: Database
    ) throws {
        guard let list = try Self.find(name, db), list.version > 0 else {
            throw FleetError.conflict("\(RecordKey.allowlist(name)) does not exist")
        }
        try db.run(
            """
            DELETE FROM allowlist_entries WHERE list_id = ?1 AND (serial, version) IN (
                SELECT entry.serial, entry.version FROM json_each(?2) AS old
                JOIN allowlist_entries AS entry
                    ON entry.list_id = ?1 AND entry.serial = old.value
                JOIN allowlist_batches AS batch
                    ON batch.list_id = ?1 AND batch.version = entry.version
                WHERE batch.state = 1)
            """, list.id, Self.array(serials))
        let removed = db.changesCount
        let version = list.versionsTaken + 1
        try db.run("UPDATE allowlists SET versions_taken = ? WHERE id = ?", version, list.id)
        try Self.update(
            list, version: version, entries: list.entries - removed, at: time, revision, db)
    }

    static func publish(
        _ draft: AllowlistDraft, at time: UnixTime, _ revision: Revision, _ db: Database
    ) throws {
        guard let (list, entries) = try Self.open(draft, db) else {
            throw FleetError.conflict(
                "draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        guard list.version == draft.baseVersion ?? 0 else {
            throw FleetError.conflict(
                "allowlist \(draft.list) has changed since the draft was begun")
        }
        try Self.supersede(by: draft, of: list, db)
        if draft.mode == .replace {
            try db.run(
                "UPDATE allowlist_batches SET state = 2 WHERE list_id = ? AND state = 1", list.id)
        }
        try db.run(
            "UPDATE allowlist_batches SET state = 1 WHERE list_id = ? AND version = ?", list.id,
            draft.version)
        let total = draft.mode == .merge ? list.entries + entries : entries
        try Self.update(list, version: draft.version, entries: total, at: time, revision, db)
    }
}

// MARK: Drafts

extension AllowlistTables {
    static func begin(
        _ name: AllowlistName, mode: AllowlistDraft.Mode, _ db: Database
    ) throws -> AllowlistDraft {
        let list = try Self.findOrMake(name, db)
        let version = try Self.makeBatch(list, .draft, mode: mode, db)
        return AllowlistDraft(
            list: name, mode: mode, version: version,
            baseVersion: list.version > 0 ? list.version : nil)
    }

    /// The list and the rows of a draft, while it is one.
    private static func open(
        _ draft: AllowlistDraft, _ db: Database
    ) throws -> (list: ListRow, entries: Int)? {
        guard let list = try Self.find(draft.list, db) else { return nil }
        let entries = try db.first(
            """
            SELECT entries FROM allowlist_batches
            WHERE list_id = ? AND version = ? AND state = 0 AND mode = ? AND base_version IS ?
            """, list.id, draft.version, draft.mode.rawValue, draft.baseVersion,
            of: "allowlist_batches"
        ) { try $0.int() }
        return entries.map { (list, $0) }
    }

    static func append(
        _ serials: [AllowlistFacts], to draft: AllowlistDraft, _ db: Database
    ) throws -> AllowlistAppended {
        guard let (list, entries) = try Self.open(draft, db) else {
            throw FleetError(
                .notFound, "draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        let contradicting = try Self.contradicting(serials, on: list, db)
        let listed = draft.mode == .replace ? try Self.compare(serials, with: list, db) : nil
        let changed =
            draft.mode == .merge && list.entries > 0 && serials.contains { !$0.isBare }
            ? try Self.change(serials, to: draft, of: list, db) : listed?.changed ?? 0
        let added = try Self.insert(
            serials, into: list.id, version: draft.version, unlessLive: draft.mode == .merge, db)
        try db.run(
            "UPDATE allowlist_batches SET entries = ? WHERE list_id = ? AND version = ?",
            entries + added, list.id, draft.version)
        return AllowlistAppended(
            inserted: added, added: listed.map { serials.count - $0.listed } ?? added,
            changed: changed, contradicting: contradicting)
    }

    /// Of the lines that give a state, those of units that have come to another one.
    private static func contradicting(
        _ entries: [AllowlistFacts], on list: ListRow, _ db: Database
    ) throws -> [SerialNumber: AllowlistStanding.State] {
        let lines = Dictionary(
            entries.lazy.filter { $0.saidState != nil }.map { ($0.serial, $0) },
            uniquingKeysWith: { first, _ in first })
        guard !lines.isEmpty else { return [:] }
        let rows = try db.all(
            """
            SELECT standing.serial, standing.standing,
                (SELECT ifnull(entry.facts, '{}') FROM allowlist_entries AS entry
                    JOIN allowlist_batches AS batch
                        ON batch.list_id = ?1 AND batch.version = entry.version
                    WHERE entry.list_id = ?1 AND entry.serial = standing.serial
                        AND batch.state = 1)
            FROM json_each(?2) AS new
            CROSS JOIN allowlist_standings AS standing
                ON standing.list_id = ?1 AND standing.serial = new.value
            """, list.id, Self.array(Array(lines.keys)), of: "allowlist_standings"
        ) { row in
            (
                serial: try SerialNumber(row.text()),
                standing: try AllowlistStanding(json: row.json()), facts: try row.optionalJSON()
            )
        }
        var found: [SerialNumber: AllowlistStanding.State] = [:]
        for row in rows {
            let before = try row.facts.map { try AllowlistFacts(json: $0, serial: row.serial) }
            if lines[row.serial]?.contradicts(row.standing, listed: before) == true {
                found[row.serial] = row.standing.state
            }
        }
        return found
    }

    /// How many of the entries are on the list, and of how many it says something else.
    private static func compare(
        _ entries: [AllowlistFacts], with list: ListRow, _ db: Database
    ) throws -> (listed: Int, changed: Int) {
        guard list.entries > 0 else { return (0, 0) }
        return try db.first(
            """
            SELECT count(*), ifnull(sum(entry.facts IS NOT new.value ->> 1), 0)
            FROM json_each(?2) AS new
            CROSS JOIN allowlist_entries AS entry
                ON entry.list_id = ?1 AND entry.serial = new.value ->> 0
            JOIN allowlist_batches AS batch
                ON batch.list_id = ?1 AND batch.version = entry.version
            WHERE batch.state = 1
            """, list.id, Self.array(entries), of: "allowlist_entries"
        ) { (listed: try $0.int(), changed: try $0.int()) } ?? (0, 0)
    }

    /// Puts those entries into the draft of which the list says something else, with what it says
    /// besides, and remembers them. A line that says nothing of its serial number changes nothing.
    private static func change(
        _ entries: [AllowlistFacts], to draft: AllowlistDraft, of list: ListRow, _ db: Database
    ) throws -> Int {
        let array = JSONPrinter.print(.array(try Self.changed(entries, of: list, db)))
        try db.run(
            """
            INSERT OR IGNORE INTO allowlist_changed (list_id, version, serial, old_version)
            SELECT ?1, ?3, new.value ->> 0, new.value ->> 2 FROM json_each(?2) AS new
            """, list.id, array, draft.version)
        let changed = db.changesCount
        guard changed > 0 else { return 0 }
        try db.run(Self.insert, list.id, array, draft.version)
        return changed
    }

    /// Of entries of which the list says something else: serial number, what it says with them, and
    /// the batch that it is in.
    private static func changed(
        _ entries: [AllowlistFacts], of list: ListRow, _ db: Database
    ) throws -> [JSONValue] {
        let lines = Dictionary(
            entries.lazy.filter { !$0.isBare }.map { ($0.serial, $0) },
            uniquingKeysWith: { first, _ in first })
        let rows = try db.all(
            """
            SELECT entry.serial, entry.version, entry.facts
            FROM json_each(?2) AS new
            CROSS JOIN allowlist_entries AS entry
                ON entry.list_id = ?1 AND entry.serial = new.value ->> 0
            JOIN allowlist_batches AS batch
                ON batch.list_id = ?1 AND batch.version = entry.version
            WHERE batch.state = 1 AND entry.facts IS NOT new.value ->> 1
            """, list.id, Self.array(Array(lines.values)), of: "allowlist_entries"
        ) { row in
            (
                serial: try SerialNumber(row.text()), version: try row.int(),
                facts: try row.optionalJSON()
            )
        }
        var changed: [JSONValue] = []
        for row in rows {
            let bare = AllowlistFacts(serial: row.serial)
            let before =
                try row.facts.map { try AllowlistFacts(json: $0, serial: row.serial) } ?? bare
            let after = before.adding(lines[row.serial] ?? bare)
            guard after != before else { continue }
            changed.append(
                .array([
                    .string(row.serial.rawValue), Self.stored(after), .int(row.version),
                ]))
        }
        return changed
    }

    /// What the draft says otherwise goes from the batches it was in, so that a serial number
    /// stays in one.
    private static func supersede(
        by draft: AllowlistDraft, of list: ListRow, _ db: Database
    ) throws {
        try db.run(
            """
            DELETE FROM allowlist_entries WHERE list_id = ?1 AND (serial, version) IN (
                SELECT serial, old_version FROM allowlist_changed
                WHERE list_id = ?1 AND version = ?2)
            """, list.id, draft.version)
        try Self.forgetChanged(by: draft, of: list, db)
    }

    private static func forgetChanged(
        by draft: AllowlistDraft, of list: ListRow, _ db: Database
    ) throws {
        try db.run(
            "DELETE FROM allowlist_changed WHERE list_id = ? AND version = ?", list.id,
            draft.version)
    }

    /// Those that are on the list and not in the draft, as far as `limit` goes.
    static func removed(
        by draft: AllowlistDraft, limit: Int, _ db: Database
    ) throws -> [SerialNumber] {
        guard draft.mode == .replace, let list = try Self.find(draft.list, db) else { return [] }
        return try db.all(
            """
            SELECT entry.serial FROM allowlist_entries AS entry
            JOIN allowlist_batches AS batch
                ON batch.list_id = entry.list_id AND batch.version = entry.version
            WHERE entry.list_id = ?1 AND batch.state = 1 AND NOT EXISTS (
                SELECT 1 FROM allowlist_entries AS new
                WHERE new.list_id = ?1 AND new.serial = entry.serial AND new.version = ?2)
            ORDER BY entry.serial LIMIT ?3
            """, list.id, draft.version, limit, of: "allowlist_entries"
        ) { try $0.text() }.compactMap { try? SerialNumber($0) }
    }

    static func discard(_ draft: AllowlistDraft, _ db: Database) throws {
        guard let (list, _) = try Self.open(draft, db) else { return }
        try Self.forgetChanged(by: draft, of: list, db)
        try db.run(
            "UPDATE allowlist_batches SET state = 2 WHERE list_id = ? AND version = ?", list.id,
            draft.version)
    }

    /// At opening: nobody is left to finish what was being drafted.
    static func abandonDrafts(_ db: Database) throws {
        try db.run("UPDATE allowlist_batches SET state = 2 WHERE state = 0")
        try db.run("DELETE FROM allowlist_changed")
    }
}
