extension Schema {
    /// Every text a hook has had, whether it is in force, and which file was last loaded.
    static let hookVersions = """
        ALTER TABLE hooks ADD COLUMN message TEXT;
        ALTER TABLE hooks ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE hooks ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE hooks ADD COLUMN latest_version INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE hooks ADD COLUMN loaded_digest TEXT;
        CREATE TABLE hook_versions (
            hook TEXT NOT NULL, digest TEXT NOT NULL, number INTEGER NOT NULL,
            source TEXT NOT NULL, created_at INTEGER NOT NULL, author TEXT, message TEXT,
            approver TEXT, approved_at INTEGER, revision INTEGER NOT NULL,
            PRIMARY KEY (hook, digest)
        ) STRICT;
        CREATE UNIQUE INDEX hook_versions_by_number ON hook_versions (hook, number);
        INSERT INTO hook_versions (hook, digest, number, source, created_at, author, approver,
            approved_at, revision)
        SELECT name, digest, 1, source, created_at, author, approver, approved_at, revision
        FROM hooks;
        """
}
