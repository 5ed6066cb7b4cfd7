internal import Fleet
internal import GRDB

extension Schema {
    /// Claims that end by themselves, in the order in which they do.
    static let temporaryClaims = """
        CREATE INDEX certificates_temporary ON certificates (not_after, id)
            WHERE kind = 'temporaryClaim' AND status <> 'REVOKED';
        """
}

extension ListPages {
    func temporaryClaims(endedBefore moment: UnixTime, _ query: ListQuery) throws -> ListPage {
        let after = try Self.dated(query.after)
        let rows = try self.db.all(
            """
            SELECT \(CertificateTables.certificateColumns)
            FROM certificates INDEXED BY certificates_temporary
            WHERE kind = 'temporaryClaim' AND status <> 'REVOKED'
                AND not_after < ? AND (not_after, id) > (?, ?)
            ORDER BY not_after, id LIMIT ?
            """, moment.milliseconds, after.time, after.name, query.limit + 1,
            of: "certificates"
        ) { try CertificateTables.certificate(&$0) }
        return Self.cut(
            rows.map { found in
                ("\(found.notAfter.milliseconds):\(found.id)", .certificate(found))
            }, query)
    }
}
