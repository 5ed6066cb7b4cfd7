extension Schema {
    /// Step 3: what the registry of AWS IoT has beyond what provisioning needs, and an index for
    /// every listing.
    static let wholeRegistry =
        Self.thingsInFull + Self.groupsInFull + Self.settingsOfTheRegistry + Self.listingIndexes

    /// A random UUID (RFC 9562, version 4), another for each row.
    private static let randomUUID = """
        lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4'
            || substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1)
            || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))
        """

    /// Attributes are kept twice: with the thing, as it is read, and here, as things are searched
    /// for.
    private static let thingsInFull = """
        ALTER TABLE things ADD COLUMN id TEXT NOT NULL DEFAULT '';
        UPDATE things SET id = \(Self.randomUUID);
        ALTER TABLE thing_types ADD COLUMN id TEXT NOT NULL DEFAULT '';
        ALTER TABLE thing_types ADD COLUMN summary TEXT;
        ALTER TABLE thing_types ADD COLUMN searchable_attributes TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE thing_types ADD COLUMN propagating_attributes TEXT NOT NULL DEFAULT '[]';
        UPDATE thing_types SET id = \(Self.randomUUID);
        CREATE TABLE thing_attributes (
            name TEXT NOT NULL, value TEXT NOT NULL, thing TEXT NOT NULL,
            PRIMARY KEY (name, value, thing)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO thing_attributes (name, value, thing)
            SELECT attribute.key, attribute.value, things.name
            FROM things, json_each(things.attributes) AS attribute;

        """

    /// `path` is the names from the root of the tree down to the group, so that all groups below
    /// one are one range of an index.
    private static let groupsInFull = """
        ALTER TABLE thing_groups ADD COLUMN id TEXT NOT NULL DEFAULT '';
        ALTER TABLE thing_groups ADD COLUMN path TEXT NOT NULL DEFAULT '';
        ALTER TABLE thing_groups ADD COLUMN summary TEXT;
        ALTER TABLE thing_groups ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
        ALTER TABLE thing_groups ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE thing_groups ADD COLUMN index_name TEXT;
        ALTER TABLE thing_groups ADD COLUMN query_string TEXT;
        ALTER TABLE thing_groups ADD COLUMN query_version TEXT;
        ALTER TABLE thing_groups ADD COLUMN query_status TEXT;
        UPDATE thing_groups SET id = \(Self.randomUUID);
        WITH RECURSIVE tree (name, path) AS (
            SELECT name, '/' || name || '/' FROM thing_groups WHERE parent IS NULL
            UNION ALL
            SELECT child.name, tree.path || child.name || '/'
            FROM tree JOIN thing_groups AS child ON child.parent = tree.name
        )
        UPDATE thing_groups SET path = tree.path FROM tree WHERE tree.name = thing_groups.name;
        UPDATE thing_groups SET path = '/' || name || '/', parent = NULL WHERE path = '';
        CREATE UNIQUE INDEX thing_groups_by_path ON thing_groups (path);
        CREATE INDEX thing_groups_by_parent ON thing_groups (parent, name);
        CREATE INDEX thing_groups_dynamic ON thing_groups (name) WHERE index_name IS NOT NULL;

        CREATE TABLE billing_groups (
            name TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, summary TEXT,
            version INTEGER NOT NULL, created_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        INSERT INTO billing_groups (name, id, version, created_at, revision)
            SELECT found.name, \(Self.randomUUID), 1, found.created_at, 0
            FROM (
                SELECT billing_group AS name, min(created_at) AS created_at FROM things
                WHERE billing_group IS NOT NULL GROUP BY billing_group
            ) AS found;

        """

    private static let settingsOfTheRegistry = """
        CREATE TABLE tags (
            resource TEXT NOT NULL PRIMARY KEY, tags TEXT NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE event_configurations (
            id INTEGER PRIMARY KEY CHECK (id = 1), enabled TEXT NOT NULL,
            created_at INTEGER NOT NULL, last_modified_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE registration_code (
            id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL,
            created_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;

        """

    private static let listingIndexes = """
        CREATE INDEX things_by_type ON things (type_name, name) WHERE type_name IS NOT NULL;
        CREATE INDEX things_by_billing_group ON things (billing_group, name)
            WHERE billing_group IS NOT NULL;
        CREATE INDEX certificates_by_creation ON certificates (created_at, id);
        CREATE INDEX certificates_by_issuer ON certificates (issuer_id, created_at, id)
            WHERE issuer_id IS NOT NULL;
        CREATE INDEX policies_by_creation ON policies (created_at, name);
        CREATE INDEX authorities_by_creation ON authorities (created_at, id);
        CREATE INDEX authorities_by_subject ON authorities (subject);
        """

    /// Step 4: what a policy remembers of its versions.
    static let policyHistory = """
        ALTER TABLE policies ADD COLUMN latest_version INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE policies ADD COLUMN last_modified_at INTEGER NOT NULL DEFAULT 0;
        UPDATE policies SET latest_version = max(default_version, ifnull(
                (SELECT max(id) FROM policy_versions WHERE policy = name), 0)),
            last_modified_at = ifnull(
                (SELECT max(created_at) FROM policy_versions WHERE policy = name), created_at);
        """
}
