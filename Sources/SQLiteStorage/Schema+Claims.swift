extension Schema {
    /// What claims may do and what they have spent. How many tokens wait is counted by triggers,
    /// since a token also goes where its certificate does.
    ///
    /// Claims from before there were terms get some that bound nothing, where their label is a
    /// name.
    static let claims = """
        CREATE TABLE claim_terms (
            name TEXT NOT NULL PRIMARY KEY, terms TEXT NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        INSERT INTO claim_terms (name, terms, revision)
            SELECT label, json_patch('{}', json_object(
                'name', label, 'status', 'ACTIVE', 'statusChangedAt', min(created_at),
                'registrationsPerUnit', 100, 'pendingMax', 10000,
                'networks', json('[]'), 'shifts', json('[]'),
                'station', min(station), 'lot', min(lot), 'createdAt', min(created_at))),
                max(revision)
            FROM claims
            WHERE length(label) BETWEEN 1 AND 64 AND label NOT GLOB '*[^A-Za-z0-9_-]*'
            GROUP BY label;
        CREATE INDEX claims_by_label ON claims (label, certificate);
        CREATE TABLE claim_spent (
            claim TEXT NOT NULL PRIMARY KEY, units INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE claim_units (
            claim TEXT NOT NULL, thing TEXT NOT NULL, registrations INTEGER NOT NULL,
            first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, PRIMARY KEY (claim, thing)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE claim_hours (
            claim TEXT NOT NULL, hour INTEGER NOT NULL, station TEXT NOT NULL,
            units INTEGER NOT NULL, repeats INTEGER NOT NULL, PRIMARY KEY (claim, hour, station)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE pending_tokens (
            principal TEXT NOT NULL PRIMARY KEY, tokens INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO pending_tokens (principal, tokens)
            SELECT claim, count(*) FROM ownership_tokens WHERE redeemed_at IS NULL GROUP BY claim;
        CREATE TRIGGER pending_token_made AFTER INSERT ON ownership_tokens
            WHEN new.redeemed_at IS NULL BEGIN
                INSERT INTO pending_tokens (principal, tokens) VALUES (new.claim, 1)
                    ON CONFLICT (principal) DO UPDATE SET tokens = tokens + 1;
            END;
        CREATE TRIGGER pending_token_redeemed AFTER UPDATE OF redeemed_at ON ownership_tokens
            WHEN old.redeemed_at IS NULL AND new.redeemed_at IS NOT NULL BEGIN
                UPDATE pending_tokens SET tokens = tokens - 1 WHERE principal = old.claim;
            END;
        CREATE TRIGGER pending_token_gone AFTER DELETE ON ownership_tokens
            WHEN old.redeemed_at IS NULL BEGIN
                UPDATE pending_tokens SET tokens = tokens - 1 WHERE principal = old.claim;
            END;
        """
}
