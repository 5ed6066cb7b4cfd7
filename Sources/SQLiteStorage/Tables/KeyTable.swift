internal import Fleet
internal import GRDB

/// Public keys that were ever seen: their SQL, both ways. Rows come with the first certificate of a
/// key and are never deleted.
enum KeyTable {
    static let columns = "fingerprint, use, thing, is_revoked, weakness"

    static func key(_ row: inout RowReader) throws -> KnownKey {
        KnownKey(
            fingerprint: try row.fingerprint(), use: try row.oneOf(),
            thing: try row.optionalName(), isRevoked: try row.flag(),
            weakness: try row.optionalText().map { text in
                guard let weakness = KeyWeakness(rawValue: text) else {
                    throw DamagedRow("a row of 'public_keys' has an unknown weakness")
                }
                return weakness
            })
    }

    /// The first use stays.
    static func see(
        _ key: PublicKeyFingerprint, as use: KnownKey.Use, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO public_keys (fingerprint, use, is_revoked, revision) VALUES (?, ?, 0, ?)
            ON CONFLICT (fingerprint) DO NOTHING
            """, key.rawValue, use.rawValue, revision)
    }

    /// The first thing stays.
    static func speak(
        for thing: ThingName, certificate: CertificateID, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE public_keys SET thing = ?, revision = ? WHERE thing IS NULL
                AND fingerprint = (SELECT public_key FROM certificates WHERE id = ?)
            """, thing.rawValue, revision, certificate.rawValue)
    }

    static func revoke(
        _ certificate: CertificateID, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE public_keys SET is_revoked = 1, revision = ? WHERE is_revoked = 0
                AND fingerprint = (SELECT public_key FROM certificates WHERE id = ?)
            """, revision, certificate.rawValue)
    }

    static func note(
        _ weakness: KeyWeakness, of key: PublicKeyFingerprint, _ revision: Revision,
        _ db: Database
    ) throws {
        try db.run(
            "UPDATE public_keys SET weakness = ?, revision = ? WHERE fingerprint = ?",
            weakness.rawValue, revision, key.rawValue)
        guard db.changesCount > 0 else {
            throw FleetError.conflict("\(RecordKey.knownKey(key)) does not exist")
        }
    }
}
