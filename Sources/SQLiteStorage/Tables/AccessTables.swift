internal import Fleet
internal import GRDB
internal import JSON

/// Access keys and roles: their SQL, both ways.
enum AccessTables {
    static let keyColumns =
        "id, user, roles, secret, secret_digest, status, created_at, rotated_from"

    static func key(_ row: inout RowReader) throws -> AccessKey {
        let (id, user) = (try row.name(AccessKeyID.self), try row.name(UserName.self))
        let roles = try AccessKey.roles(try row.json())
        let ciphertext = try row.bytes()
        return AccessKey(
            id: id, user: user, roles: roles,
            secret: SealedSecret(digest: try row.text(), ciphertext: ciphertext),
            status: try row.oneOf(), createdAt: try row.time(), rotatedFrom: try row.optionalName())
    }

    /// A secret without its ciphertext, as the audit log gives it back, is none to keep.
    static func put(_ key: AccessKey, _ revision: Revision, _ db: Database) throws {
        guard let ciphertext = key.secret.ciphertext else {
            throw FleetError(
                .internalFailure, "access key \(key.id) comes without its sealed secret")
        }
        try db.run(
            """
            INSERT INTO access_keys (\(Self.keyColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET user = excluded.user, roles = excluded.roles,
                secret = excluded.secret, secret_digest = excluded.secret_digest,
                status = excluded.status, created_at = excluded.created_at,
                rotated_from = excluded.rotated_from, revision = excluded.revision
            """,
            key.id.rawValue, key.user.rawValue, JSONPrinter.print(key.rolesJSON), ciphertext.data,
            key.secret.digest, key.status.rawValue, key.createdAt.milliseconds,
            key.rotatedFrom?.rawValue, revision)
    }

    static func deleteKey(_ id: AccessKeyID, _ db: Database) throws {
        try db.run("DELETE FROM access_keys WHERE id = ?", id.rawValue)
    }

    static let roleColumns = "name, document, created_at, last_modified_at"

    static func role(_ row: inout RowReader) throws -> AccessRole {
        AccessRole(
            name: try row.name(), document: try row.text(), createdAt: try row.time(),
            lastModifiedAt: try row.time())
    }

    static func put(_ role: AccessRole, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO access_roles (\(Self.roleColumns), revision) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET document = excluded.document,
                created_at = excluded.created_at, last_modified_at = excluded.last_modified_at,
                revision = excluded.revision
            """,
            role.name.rawValue, role.document.storable, role.createdAt.milliseconds,
            role.lastModifiedAt.milliseconds, revision)
    }

    static func deleteRole(_ name: RoleName, _ db: Database) throws {
        try db.run("DELETE FROM access_roles WHERE name = ?", name.rawValue)
    }
}
