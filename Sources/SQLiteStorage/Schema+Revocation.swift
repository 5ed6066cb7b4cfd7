extension Schema {
    /// Revocations outlive their certificates, hence no reference. `bucket` is the serial's last
    /// octet, by which CRLs are sharded.
    static let revocations = """
        CREATE TABLE revocations (
            certificate TEXT NOT NULL PRIMARY KEY, issuer_id TEXT, serial_number TEXT NOT NULL,
            bucket INTEGER NOT NULL, not_after INTEGER NOT NULL, reason TEXT NOT NULL,
            revoked_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX revocations_by_issuer ON revocations (
            issuer_id, bucket, serial_number, certificate, not_after, reason, revoked_at)
            WHERE issuer_id IS NOT NULL;
        CREATE INDEX certificates_by_serial ON certificates (serial_number);
        INSERT INTO revocations
            SELECT id, issuer_id, serial_number,
                (instr('0123456789abcdef', substr(serial_number, -2, 1)) - 1) * 16
                    + instr('0123456789abcdef', substr(serial_number, -1, 1)) - 1,
                not_after, 'unspecified', status_changed_at, revision
            FROM certificates WHERE status = 'REVOKED';
        """

    /// Certificates that a rotated or revoked claim, or an enrolment that was decided, had left
    /// REVOKED and on no list.
    static let revocationsOfAllRevoked = """
        INSERT OR IGNORE INTO revocations
            SELECT id, issuer_id, serial_number,
                max(0, (instr('0123456789abcdef', substr(serial_number, -2, 1)) - 1) * 16
                    + instr('0123456789abcdef', substr(serial_number, -1, 1)) - 1),
                not_after, 'unspecified', status_changed_at, revision
            FROM certificates WHERE status = 'REVOKED';
        """

    /// The last CRL number of each authority. No change of the fleet: it has no audit record.
    static let revocationLists = """
        CREATE TABLE revocation_lists (
            issuer_id TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
