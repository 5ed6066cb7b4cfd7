internal import Fleet
internal import GRDB
internal import JSON

/// What claims may do and what they have spent: their SQL, both ways.
enum ClaimTables {
    /// The terms of the claim that a certificate belongs to.
    static let ofCertificate = "name = (SELECT label FROM claims WHERE certificate = ?)"

    static func terms(_ row: inout RowReader) throws -> ClaimTerms {
        try ClaimTerms(json: row.json())
    }

    static func put(_ terms: ClaimTerms, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO claim_terms (name, terms, revision) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET terms = excluded.terms, revision = excluded.revision
            """, terms.name.rawValue, terms.json.description, revision)
    }

    // MARK: Spending

    static func spend(_ spend: ClaimSpend, _ db: Database) throws {
        let at = spend.at.milliseconds
        try db.run(
            """
            UPDATE claim_units SET registrations = registrations + 1, last_at = ?
            WHERE claim = ? AND thing = ?
            """, at, spend.claim.rawValue, spend.thing.rawValue)
        let isNew = db.changesCount == 0
        if isNew {
            try db.run(
                """
                INSERT INTO claim_units (claim, thing, registrations, first_at, last_at)
                VALUES (?, ?, 1, ?, ?)
                """, spend.claim.rawValue, spend.thing.rawValue, at, at)
            try db.run(
                """
                INSERT INTO claim_spent (claim, units) VALUES (?, 1)
                ON CONFLICT (claim) DO UPDATE SET units = units + 1
                """, spend.claim.rawValue)
        }
        try db.run(
            """
            INSERT INTO claim_hours (claim, hour, station, units, repeats) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (claim, hour, station) DO UPDATE SET
                units = units + excluded.units, repeats = repeats + excluded.repeats
            """, spend.claim.rawValue, spend.hour.milliseconds, (spend.station ?? "").storable,
            isNew ? 1 : 0, isNew ? 0 : 1)
    }

    static func setSpent(_ units: Int, of claim: ClaimName, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO claim_spent (claim, units) VALUES (?, ?)
            ON CONFLICT (claim) DO UPDATE SET units = excluded.units
            """, claim.rawValue, units)
    }

    // MARK: Counters

    private static func count(
        _ sql: String, _ arguments: [any DatabaseValueConvertible], _ table: String,
        _ db: Database
    ) throws -> Fleet.Record? {
        let count = try db.all(sql, arguments: arguments, of: table) { try $0.int() }.first ?? 0
        return count > 0 ? .count(count) : nil
    }

    static func spent(_ name: ClaimName, _ db: Database) throws -> Fleet.Record? {
        try Self.count(
            "SELECT units FROM claim_spent WHERE claim = ?", [name.rawValue], "claim_spent", db)
    }

    static func unit(
        _ name: ClaimName, _ thing: ThingName, _ db: Database
    ) throws -> Fleet.Record? {
        try Self.count(
            "SELECT registrations FROM claim_units WHERE claim = ? AND thing = ?",
            [name.rawValue, thing.rawValue], "claim_units", db)
    }

    static func pending(_ id: CertificateID, _ db: Database) throws -> Fleet.Record? {
        try Self.count(
            "SELECT tokens FROM pending_tokens WHERE principal = ?", [id.rawValue],
            "pending_tokens", db)
    }

    // MARK: Listing

    /// The place in the order is the hour and, within it, the station.
    static func hours(
        of name: ClaimName, _ query: ListQuery, _ db: Database
    ) throws -> ListPage {
        var after: (hour: Int64, station: String) = (.min, "")
        if let text = query.after {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let hour = Int64(parts[0]) else {
                throw ListPages.badPlace(text)
            }
            after = (hour, String(parts[1]))
        }
        let rows = try db.all(
            """
            SELECT hour, station, units, repeats FROM claim_hours
            WHERE claim = ? AND (hour, station) > (?, ?) ORDER BY hour, station LIMIT ?
            """, name.rawValue, after.hour, after.station, query.limit + 1, of: "claim_hours"
        ) { row in
            ClaimHour(
                hour: try row.time(), station: try row.text(), units: try row.int(),
                repeats: try row.int())
        }
        return ListPages.cut(
            rows.map { ("\($0.hour.milliseconds):\($0.station)", .claimHour($0)) }, query)
    }
}
