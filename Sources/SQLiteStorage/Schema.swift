/// The tables, as numbered steps forward. A step that has been released is never edited: what must
/// change becomes the next step.
///
/// Times are milliseconds since 1970. `revision` is the sequence number of the commit that last
/// wrote the row. JSON columns hold what is never searched by.
enum Schema {
    /// "SLIP": tells our databases from those of other programs.
    static let applicationID: Int64 = 0x534C_4950

    /// Step n brings a database from version n to n + 1.
    static let steps: [String] = [
        Self.registry + Self.provisioning + Self.allowlists + Self.audit, Self.awsLabels,
        Self.wholeRegistry, Self.policyHistory, Self.access, Self.registrationTasks,
        Self.search, Self.templateHistory,
        Self.claims, Self.allowlistUnits,
        Self.revocations,
        Self.hookVersions,
        Self.unproven,
        Self.revocationLists,
        Self.revocationsOfAllRevoked,
        Self.temporaryClaims,
        Self.enrolmentFindings,
        Self.publicKeys,
        Self.renewals,
        Self.certificateProviders,
        Self.deletedTemplates,
        Self.customerVersions,
        Self.deletedTemplateVersions,
        Self.foldedAttributes,
        Self.taskAddresses,
    ]

    static var version: Int { Self.steps.count }

    private static let registry = """
        CREATE TABLE things (
            name TEXT NOT NULL PRIMARY KEY, type_name TEXT, attributes TEXT NOT NULL,
            billing_group TEXT, version INTEGER NOT NULL, created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE thing_types (
            name TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL, deprecated_at INTEGER,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE thing_groups (
            name TEXT NOT NULL PRIMARY KEY, parent TEXT, created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE group_members (
            thing TEXT NOT NULL REFERENCES things (name) ON DELETE CASCADE,
            thing_group TEXT NOT NULL REFERENCES thing_groups (name) ON DELETE CASCADE,
            PRIMARY KEY (thing, thing_group)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX group_members_by_group ON group_members (thing_group);

        CREATE TABLE certificates (
            id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, serial_number TEXT NOT NULL,
            issuer_id TEXT, issuer TEXT NOT NULL, subject TEXT NOT NULL, public_key TEXT NOT NULL,
            not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, pem TEXT NOT NULL,
            created_at INTEGER NOT NULL, status TEXT NOT NULL, status_changed_at INTEGER NOT NULL,
            status_reason TEXT, provenance TEXT, first_seen_at INTEGER,
            claim TEXT, template TEXT, lot TEXT, station TEXT, revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX certificates_by_key ON certificates (public_key);
        CREATE INDEX certificates_by_end ON certificates (not_after);
        CREATE INDEX certificates_by_claim ON certificates (claim, created_at)
            WHERE claim IS NOT NULL;
        CREATE INDEX certificates_by_template ON certificates (template, created_at)
            WHERE template IS NOT NULL;
        CREATE INDEX certificates_by_lot ON certificates (lot, created_at) WHERE lot IS NOT NULL;
        CREATE INDEX certificates_by_station ON certificates (station, created_at)
            WHERE station IS NOT NULL;

        CREATE TABLE policies (
            name TEXT NOT NULL PRIMARY KEY, default_version INTEGER NOT NULL,
            created_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE policy_versions (
            policy TEXT NOT NULL REFERENCES policies (name) ON DELETE CASCADE,
            position INTEGER NOT NULL, id INTEGER NOT NULL, document TEXT NOT NULL,
            created_at INTEGER NOT NULL, PRIMARY KEY (policy, position)
        ) STRICT;
        CREATE TABLE certificate_policies (
            certificate TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
            policy TEXT NOT NULL REFERENCES policies (name) ON DELETE CASCADE,
            PRIMARY KEY (certificate, policy)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX certificate_policies_by_policy ON certificate_policies (policy);
        CREATE TABLE group_policies (
            thing_group TEXT NOT NULL REFERENCES thing_groups (name) ON DELETE CASCADE,
            policy TEXT NOT NULL REFERENCES policies (name) ON DELETE CASCADE,
            PRIMARY KEY (thing_group, policy)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX group_policies_by_policy ON group_policies (policy);
        CREATE TABLE thing_principals (
            thing TEXT NOT NULL REFERENCES things (name) ON DELETE CASCADE,
            certificate TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
            exclusivity TEXT NOT NULL, PRIMARY KEY (thing, certificate)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX thing_principals_by_certificate ON thing_principals (certificate);
        """

    private static let provisioning = """

        CREATE TABLE templates (
            name TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, summary TEXT NOT NULL,
            enabled INTEGER NOT NULL, default_version INTEGER NOT NULL,
            latest_version INTEGER NOT NULL, hook TEXT, created_at INTEGER NOT NULL,
            last_modified_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE template_versions (
            template TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL,
            created_at INTEGER NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (template, id)
        ) STRICT;
        CREATE TABLE hooks (
            name TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, digest TEXT NOT NULL,
            created_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE claims (
            certificate TEXT NOT NULL PRIMARY KEY
                REFERENCES certificates (id) ON DELETE CASCADE,
            label TEXT NOT NULL, station TEXT, lot TEXT, created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE authorities (
            id TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, subject TEXT NOT NULL,
            public_key TEXT NOT NULL, pem TEXT NOT NULL, not_before INTEGER NOT NULL,
            not_after INTEGER NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL,
            revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX authorities_by_key ON authorities (public_key);
        CREATE TABLE ownership_tokens (
            hash TEXT NOT NULL PRIMARY KEY,
            certificate TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
            claim TEXT NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            template TEXT, template_version INTEGER, parameters_digest TEXT, answer TEXT,
            redeemed_at INTEGER, revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX ownership_tokens_by_end ON ownership_tokens (expires_at, hash);
        CREATE INDEX ownership_tokens_by_certificate ON ownership_tokens (certificate);
        """

    /// A batch is what one publication or addition put on a list, or means to: its rows count
    /// while its state is 1. So a draft of a million rows becomes the list by one row's change.
    private static let allowlists = """

        CREATE TABLE allowlists (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
            version INTEGER NOT NULL, versions_taken INTEGER NOT NULL, entries INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE allowlist_batches (
            list_id INTEGER NOT NULL REFERENCES allowlists (id), version INTEGER NOT NULL,
            state INTEGER NOT NULL CHECK (state IN (0, 1, 2)), mode TEXT NOT NULL,
            base_version INTEGER, entries INTEGER NOT NULL, PRIMARY KEY (list_id, version)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE allowlist_entries (
            list_id INTEGER NOT NULL, serial TEXT NOT NULL, version INTEGER NOT NULL,
            PRIMARY KEY (list_id, serial, version)
        ) STRICT, WITHOUT ROWID;
        """

    /// `leaf` is the row's own hash; `audit_log` holds the state of the Merkle tree over them all.
    private static let audit = """

        CREATE TABLE commits (
            sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor_kind TEXT NOT NULL,
            actor_identity TEXT NOT NULL, actor_address TEXT, action TEXT NOT NULL,
            refusal TEXT, message TEXT, changes TEXT NOT NULL, detail TEXT NOT NULL,
            leaf BLOB NOT NULL
        ) STRICT;
        CREATE TABLE audit_log (
            id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL,
            compact_range BLOB NOT NULL, root BLOB NOT NULL
        ) STRICT;
        """

    /// What AWS clients say of certificates, authorities and templates, and want to hear again.
    private static let awsLabels = """
        ALTER TABLE certificates ADD COLUMN mode TEXT NOT NULL DEFAULT 'DEFAULT';
        ALTER TABLE authorities ADD COLUMN mode TEXT NOT NULL DEFAULT 'DEFAULT';
        ALTER TABLE authorities ADD COLUMN auto_registration INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE authorities ADD COLUMN registration_config TEXT;
        ALTER TABLE authorities ADD COLUMN last_modified_at INTEGER NOT NULL DEFAULT 0;
        UPDATE authorities SET last_modified_at = created_at;
        ALTER TABLE templates ADD COLUMN role_arn TEXT;
        ALTER TABLE templates ADD COLUMN hook_target TEXT;
        ALTER TABLE templates ADD COLUMN hook_payload_version TEXT;
        """
}
