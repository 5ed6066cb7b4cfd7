extension Schema {
    /// Every public key ever seen, and what certificates are selected by beside their lots.
    ///
    /// `thing` is the first that a certificate of the key spoke for. Where several did before this
    /// step, the one that sorts first stands for them. Indexes are unique where a listing goes on
    /// from their order to another table's: only then does SQLite take the order for granted.
    static let publicKeys = """
        CREATE TABLE public_keys (
            fingerprint TEXT NOT NULL PRIMARY KEY, use TEXT NOT NULL, thing TEXT,
            is_revoked INTEGER NOT NULL, weakness TEXT, revision INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO public_keys (fingerprint, use, thing, is_revoked, revision)
            SELECT public_key, iif(kind = 'device', 'device', 'claim'),
                (SELECT min(p.thing) FROM certificates AS other
                    JOIN thing_principals AS p ON p.certificate = other.id
                    WHERE other.public_key = c.public_key),
                EXISTS (SELECT 1 FROM certificates AS other
                    JOIN revocations AS r ON r.certificate = other.id
                    WHERE other.public_key = c.public_key AND r.reason <> 'certificateHold'),
                max(revision)
            FROM certificates AS c GROUP BY public_key;
        INSERT OR IGNORE INTO public_keys (fingerprint, use, is_revoked, revision)
            SELECT public_key, 'authority', 0, revision FROM authorities;
        CREATE UNIQUE INDEX public_keys_by_weakness ON public_keys (weakness, fingerprint)
            WHERE weakness IS NOT NULL;
        DROP INDEX group_members_by_group;
        CREATE UNIQUE INDEX group_members_by_group ON group_members (thing_group, thing);
        ALTER TABLE certificates ADD COLUMN hook_digest TEXT;
        UPDATE certificates
            SET hook_digest = json_extract(provenance, '$.registration.hookDigest')
            WHERE provenance IS NOT NULL;
        CREATE INDEX certificates_by_hook ON certificates (hook_digest, created_at)
            WHERE hook_digest IS NOT NULL;
        """
}
