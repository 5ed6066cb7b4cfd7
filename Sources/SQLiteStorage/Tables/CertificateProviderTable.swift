internal import Fleet
internal import GRDB

/// Certificate providers: their SQL, both ways.
enum CertificateProviderTable {
    static let columns = "name, target, hook, client_token, created_at, last_modified_at"

    /// More than there may be; what a read is bounded by.
    static let readMax = 16

    static func provider(_ row: inout RowReader) throws -> CertificateProvider {
        CertificateProvider(
            name: try row.name(), target: try row.text(), hook: try row.name(),
            clientToken: try row.optionalText(), createdAt: try row.time(),
            lastModifiedAt: try row.time())
    }

    static func put(
        _ provider: CertificateProvider, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO certificate_providers (\(Self.columns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET target = excluded.target, hook = excluded.hook,
                client_token = excluded.client_token, created_at = excluded.created_at,
                last_modified_at = excluded.last_modified_at, revision = excluded.revision
            """,
            provider.name.rawValue, provider.target.storable, provider.hook.rawValue,
            provider.clientToken?.storable, provider.createdAt.milliseconds,
            provider.lastModifiedAt.milliseconds, revision)
    }

    static func delete(_ name: CertificateProviderName, _ db: Database) throws {
        try db.run("DELETE FROM certificate_providers WHERE name = ?", name.rawValue)
        try TagTables.set(.certificateProvider(name), [:], 0, db)
    }
}

extension RecordLoader {
    func certificateProvider(_ name: CertificateProviderName) throws -> RegistryView.Entry? {
        try self.one(
            "certificate_providers", CertificateProviderTable.columns, "name = ?", name.rawValue
        ) { .certificateProvider(try CertificateProviderTable.provider(&$0)) }
    }

    /// nil where there is none.
    func certificateProviders() throws -> Fleet.Record? {
        let found = try self.db.all(
            """
            SELECT \(CertificateProviderTable.columns) FROM certificate_providers
            ORDER BY name LIMIT ?
            """, CertificateProviderTable.readMax, of: "certificate_providers"
        ) { try CertificateProviderTable.provider(&$0) }
        return found.isEmpty ? nil : .certificateProviders(found)
    }
}
