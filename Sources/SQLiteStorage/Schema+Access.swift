extension Schema {
    /// Step 3: who may use the control plane, and who has approved which hook.
    static let access = """
        CREATE TABLE access_keys (
            id TEXT NOT NULL PRIMARY KEY, user TEXT NOT NULL, roles TEXT NOT NULL,
            secret BLOB NOT NULL, secret_digest TEXT NOT NULL, status TEXT NOT NULL,
            created_at INTEGER NOT NULL, rotated_from TEXT, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE access_roles (
            name TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, created_at INTEGER NOT NULL,
            last_modified_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        ALTER TABLE hooks ADD COLUMN author TEXT;
        ALTER TABLE hooks ADD COLUMN approver TEXT;
        ALTER TABLE hooks ADD COLUMN approved_at INTEGER;
        """
}
