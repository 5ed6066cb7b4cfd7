internal import Fleet
internal import GRDB

extension Schema {
    /// Devices that were registered and have never been seen since: few, and asked for by lot.
    static let unproven = """
        CREATE INDEX certificates_unproven ON certificates (id)
            WHERE kind = 'device' AND status = 'ACTIVE' AND first_seen_at IS NULL;
        CREATE INDEX certificates_unproven_by_lot ON certificates (lot, id)
            WHERE kind = 'device' AND status = 'ACTIVE' AND first_seen_at IS NULL;
        """
}

extension ListPages {
    func unproven(lot: String?, _ query: ListQuery) throws -> ListPage {
        let condition = "kind = 'device' AND status = 'ACTIVE' AND first_seen_at IS NULL"
        func row(_ reader: inout RowReader) throws -> (key: String, record: Fleet.Record) {
            let certificate = try CertificateTables.certificate(&reader)
            return (key: certificate.id.rawValue, record: .certificate(certificate))
        }
        if let lot {
            let rows = try self.db.all(
                """
                SELECT \(CertificateTables.certificateColumns)
                FROM certificates INDEXED BY certificates_unproven_by_lot
                WHERE \(condition) AND lot = ? AND id > ? ORDER BY id LIMIT ?
                """, lot.storable, query.after ?? "", query.limit + 1, of: "certificates",
                row)
            return Self.cut(rows, query)
        }
        let rows = try self.db.all(
            """
            SELECT \(CertificateTables.certificateColumns)
            FROM certificates INDEXED BY certificates_unproven
            WHERE \(condition) AND id > ? ORDER BY id LIMIT ?
            """, query.after ?? "", query.limit + 1, of: "certificates", row)
        return Self.cut(rows, query)
    }
}
