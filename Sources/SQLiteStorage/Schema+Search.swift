extension Schema {
    /// What searches run along: upper and lower case are alike to them (AWS: "Query syntax"), and
    /// values that are numbers are compared as such.
    ///
    /// `connectivity` is written by the gateway behind its connections' backs; `run` counts the
    /// times the database was opened for writing, and a session's number is one of its run.
    static let search = """
        ALTER TABLE thing_attributes ADD COLUMN number REAL;
        UPDATE thing_attributes SET number = CAST(value AS REAL)
            WHERE json_valid(value) AND json_type(value) IN ('integer', 'real')
                AND abs(CAST(value AS REAL)) <= 1.7976931348623157e308;
        CREATE INDEX thing_attributes_by_value
            ON thing_attributes (value COLLATE NOCASE, name, thing);
        CREATE INDEX thing_attributes_by_number ON thing_attributes (name, number, thing)
            WHERE number IS NOT NULL;
        CREATE INDEX things_by_folded_name ON things (name COLLATE NOCASE);
        CREATE INDEX things_by_id ON things (id COLLATE NOCASE);
        CREATE INDEX thing_types_by_folded_name ON thing_types (name COLLATE NOCASE);
        CREATE INDEX thing_groups_by_folded_name ON thing_groups (name COLLATE NOCASE);
        CREATE INDEX billing_groups_by_folded_name ON billing_groups (name COLLATE NOCASE);

        CREATE TABLE connectivity (
            client TEXT NOT NULL PRIMARY KEY, run INTEGER NOT NULL, session INTEGER NOT NULL,
            connected INTEGER NOT NULL, changed_at INTEGER NOT NULL, reason TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX connectivity_by_state ON connectivity (connected, changed_at);
        CREATE INDEX connectivity_by_change ON connectivity (changed_at);
        CREATE TABLE connectivity_run (
            id INTEGER PRIMARY KEY CHECK (id = 1), run INTEGER NOT NULL
        ) STRICT;
        INSERT INTO connectivity_run (id, run) VALUES (1, 0);

        CREATE TABLE indexing_configuration (
            id INTEGER PRIMARY KEY CHECK (id = 1), configuration TEXT NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        """

    /// An attribute's values in the order in which searches compare them, so that a range of them
    /// is one of an index, however many other attributes have such values; and clients in the
    /// order of their names, by what they are found by.
    static let foldedAttributes = """
        CREATE TABLE folded_attributes (
            name TEXT NOT NULL, value TEXT NOT NULL COLLATE NOCASE, thing TEXT NOT NULL,
            number REAL, PRIMARY KEY (name, value, thing)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO folded_attributes (name, value, thing, number)
            SELECT name, value, thing, number FROM thing_attributes
            ORDER BY name, value COLLATE NOCASE, thing;
        DROP TABLE thing_attributes;
        ALTER TABLE folded_attributes RENAME TO thing_attributes;
        CREATE INDEX thing_attributes_by_value ON thing_attributes (value, name, thing);
        CREATE INDEX thing_attributes_by_number ON thing_attributes (name, number, thing)
            WHERE number IS NOT NULL;
        DROP INDEX connectivity_by_state;
        CREATE INDEX connectivity_by_state ON connectivity (connected, reason, client);
        """
}
