extension Schema {
    /// Operators' own signers; AWS allows one of them.
    static let certificateProviders = """
        CREATE TABLE certificate_providers (
            name TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, hook TEXT NOT NULL,
            client_token TEXT, created_at INTEGER NOT NULL, last_modified_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        """

    /// How often somebody has changed a certificate or an authority, which its revision does not
    /// say: that is the number of the commit that last wrote the row.
    static let customerVersions = """
        ALTER TABLE certificates ADD COLUMN customer_version INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE authorities ADD COLUMN customer_version INTEGER NOT NULL DEFAULT 1;
        """
}
