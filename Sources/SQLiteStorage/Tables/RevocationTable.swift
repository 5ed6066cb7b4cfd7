package import Fleet
internal import GRDB
internal import JSON

/// Revocations: their SQL, both ways.
enum RevocationTable {
    static let columns =
        "certificate, issuer_id, serial_number, not_after, reason, revoked_at"

    static func revocation(_ row: inout RowReader) throws -> Revocation {
        Revocation(
            certificate: try row.certificateID(), issuerID: try row.optionalCertificateID(),
            serialNumber: try row.text(), notAfter: try row.time(), reason: try row.oneOf(),
            revokedAt: try row.time())
    }

    static func put(_ record: Revocation, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO revocations (\(Self.columns), bucket, revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (certificate) DO UPDATE SET issuer_id = excluded.issuer_id,
                serial_number = excluded.serial_number, bucket = excluded.bucket,
                not_after = excluded.not_after, reason = excluded.reason,
                revoked_at = excluded.revoked_at, revision = excluded.revision
            """,
            row: [
                record.certificate.rawValue, record.issuerID?.rawValue,
                record.serialNumber.storable, record.notAfter.milliseconds,
                record.reason.rawValue, record.revokedAt.milliseconds, record.bucket, revision,
            ])
        if record.reason != .certificateHold {
            try KeyTable.revoke(record.certificate, revision, db)
        }
    }

    /// A certificate that has become REVOKED is on its authority's list, whichever decision it came
    /// from; one that knows a reason of RFC 5280 says so with `put`, before or after.
    static func note(
        _ id: CertificateID, at time: UnixTime, _ revision: Revision, _ db: Database
    ) throws {
        let last = "instr('0123456789abcdef', substr(serial_number, -1, 1)) - 1"
        let beforeLast = "instr('0123456789abcdef', substr(serial_number, -2, 1)) - 1"
        try db.run(
            """
            INSERT INTO revocations (\(Self.columns), bucket, revision)
            SELECT id, issuer_id, serial_number, not_after, 'unspecified', ?2,
                max(0, (\(beforeLast)) * 16 + \(last)), ?3
            FROM certificates WHERE id = ?1
            ON CONFLICT (certificate) DO UPDATE SET reason = excluded.reason,
                revoked_at = excluded.revoked_at, revision = excluded.revision
                WHERE revocations.reason = 'certificateHold'
            """, id.rawValue, time.milliseconds, revision)
        try KeyTable.revoke(id, revision, db)
    }

    /// A page of a CRL's entries: the index holds all of it, in this order.
    static let page = """
        SELECT serial_number, reason, revoked_at FROM revocations
        WHERE issuer_id = ? AND (bucket, serial_number) > (?, ?) AND bucket <= ?
            AND not_after >= ?
        ORDER BY bucket, serial_number LIMIT ?
        """

    static func releaseHold(_ id: CertificateID, _ db: Database) throws {
        try db.run(
            "DELETE FROM revocations WHERE certificate = ? AND reason = ?", id.rawValue,
            RevocationReason.certificateHold.rawValue)
    }

    static func takeListNumber(
        of issuer: CertificateID, at now: UnixTime, _ db: Database
    ) throws -> RevocationListNumber {
        let last = try db.first(
            "SELECT number FROM revocation_lists WHERE issuer_id = ?", issuer.rawValue,
            of: "revocation_lists"
        ) { RevocationListNumber(try $0.int64()) }
        let number = try RevocationListNumber(after: last, at: now)
        try db.run(
            """
            INSERT INTO revocation_lists (issuer_id, number) VALUES (?, ?)
            ON CONFLICT (issuer_id) DO UPDATE SET number = excluded.number
            """, issuer.rawValue, number.rawValue)
        return number
    }
}

extension SQLiteFleetStore: RevocationStore {
    package func revocations(
        of issuer: CertificateID, buckets: ClosedRange<Int>, endingAfter: UnixTime,
        after: RevocationEntries.Place?, limit: Int
    ) async throws(FleetError) -> RevocationEntries {
        let start = after ?? RevocationEntries.Place(bucket: buckets.lowerBound, serialNumber: "")
        return try await self.read { db in
            // Row by row into one run of octets: a page never is a list of records.
            var entries = RevocationEntries()
            var last: String?
            try db.each(
                RevocationTable.page, issuer.rawValue, start.bucket, start.serialNumber,
                buckets.upperBound, endingAfter.milliseconds, limit, of: "revocations"
            ) { row in
                let serial = try row.text()
                let reason: RevocationReason = try row.oneOf()
                // Reported and not passed over: a list without it would call it good.
                guard entries.append(hex: serial, revokedAt: try row.time(), reason: reason.code)
                else { throw DamagedRow("a row of 'revocations' is damaged") }
                last = serial
            }
            guard let last else { return entries }
            entries.end(
                at: RevocationEntries.Place(
                    bucket: Revocation.bucket(of: last), serialNumber: last))
            return entries
        }
    }

    package func revocationsAtMost() async throws(FleetError) -> Int {
        try await self.readBriefly { db in
            try db.first("SELECT max(rowid) FROM revocations", of: "revocations") {
                Int(try $0.optionalInt64() ?? 0)
            } ?? 0
        }
    }

    package func standing(
        of serialNumber: String, issuer: CertificateID
    ) async throws(FleetError) -> CertificateStanding {
        let bucket = Revocation.bucket(of: serialNumber)
        return try await self.readBriefly { db in
            let revocation = try db.first(
                """
                SELECT \(RevocationTable.columns) FROM revocations
                WHERE issuer_id = ? AND bucket = ? AND serial_number = ?
                """, issuer.rawValue, bucket, serialNumber, of: "revocations"
            ) { try RevocationTable.revocation(&$0) }
            if let revocation { return .revoked(revocation) }
            let known = try db.first(
                "SELECT 1 FROM certificates WHERE serial_number = ? AND issuer_id = ?",
                serialNumber, issuer.rawValue, of: "certificates"
            ) { try $0.int64() }
            return known == nil ? .unknown : .good
        }
    }

    /// nil where it is not revoked. The certificate itself may be gone.
    package func revocation(
        of certificate: CertificateID
    ) async throws(FleetError) -> Revocation? {
        try await self.readBriefly { db in
            try db.first(
                "SELECT \(RevocationTable.columns) FROM revocations WHERE certificate = ?",
                certificate.rawValue, of: "revocations"
            ) { try RevocationTable.revocation(&$0) }
        }
    }

    package func takeListNumber(
        of issuer: CertificateID, at now: UnixTime
    ) async throws(FleetError) -> RevocationListNumber {
        guard case .listNumber(let number) = try await self.write(.takeListNumber(issuer, now))
        else { throw Self.wrongAnswer }
        return number
    }
}

extension Revocation {
    var json: JSONValue {
        RecordJSON.object(
            ("certificate", RecordJSON.id(self.certificate)),
            ("issuerID", RecordJSON.id(self.issuerID)),
            ("serialNumber", .string(self.serialNumber)),
            ("notAfter", RecordJSON.time(self.notAfter)),
            ("reason", .string(self.reason.rawValue)),
            ("revokedAt", RecordJSON.time(self.revokedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a revocation")
        self.init(
            certificate: try fields.id("certificate"),
            issuerID: try fields.optionalID("issuerID"),
            serialNumber: try fields.text("serialNumber"),
            notAfter: try fields.time("notAfter"), reason: try fields.oneOf("reason"),
            revokedAt: try fields.time("revokedAt"))
    }
}
