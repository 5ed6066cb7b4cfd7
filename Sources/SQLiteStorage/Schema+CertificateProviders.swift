extension Schema {
    /// Operators' own signers; AWS allows one of them.
    static let certificateProviders = """
        CREATE TABLE certificate_providers (
            name TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, hook TEXT NOT NULL,
            client_token TEXT, created_at INTEGER NOT NULL, last_modified_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        """
}
