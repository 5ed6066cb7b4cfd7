extension Schema {
    /// What a list says of its serial numbers (`facts`, absent where it says nothing), and what
    /// has become of them. A draft's changed entries are remembered until it is published.
    static let allowlistUnits = """
        ALTER TABLE allowlist_entries ADD COLUMN facts TEXT;
        CREATE TABLE allowlist_changed (
            list_id INTEGER NOT NULL, version INTEGER NOT NULL, serial TEXT NOT NULL,
            old_version INTEGER NOT NULL, PRIMARY KEY (list_id, version, serial)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE allowlist_standings (
            list_id INTEGER NOT NULL, serial TEXT NOT NULL, standing TEXT NOT NULL,
            PRIMARY KEY (list_id, serial)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE allowlist_history (
            list_id INTEGER NOT NULL, serial TEXT NOT NULL, id INTEGER NOT NULL,
            standing TEXT NOT NULL, PRIMARY KEY (list_id, serial, id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE allowlist_versions (
            list_id INTEGER NOT NULL, version INTEGER NOT NULL, entries INTEGER NOT NULL,
            made_at INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (list_id, version)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO allowlist_versions (list_id, version, entries, made_at, revision)
            SELECT id, version, entries, updated_at, revision FROM allowlists WHERE version > 0;
        """
}
