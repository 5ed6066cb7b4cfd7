import Fleet
import GRDB

/// Hooks and their versions: their SQL, both ways.
extension ProvisioningTables {
    static let hookColumns = """
        name, source, digest, created_at, author, approver, approved_at, message, version, \
        enabled, latest_version, loaded_digest
        """

    static func hook(_ row: inout RowReader) throws -> HookScript {
        let name: HookName = try row.name()
        let source = try row.text()
        let digest = try row.text()
        let createdAt = try row.time()
        let author = try row.optionalText()
        let approval = try Self.approval(&row)
        return HookScript(
            name: name, source: source, digest: digest, createdAt: createdAt, author: author,
            message: try row.optionalText(), version: try row.int(), approval: approval,
            enabled: try row.int() != 0, latestVersion: try row.int(),
            loadedDigest: try row.optionalText())
    }

    static let hookVersionColumns = """
        hook, source, digest, created_at, author, approver, approved_at, message, number
        """

    static func hookVersion(_ row: inout RowReader) throws -> HookScript {
        let name: HookName = try row.name()
        let source = try row.text()
        let digest = try row.text()
        let createdAt = try row.time()
        let author = try row.optionalText()
        let approval = try Self.approval(&row)
        return HookScript(
            name: name, source: source, digest: digest, createdAt: createdAt, author: author,
            message: try row.optionalText(), version: try row.int(), approval: approval)
    }

    private static func approval(_ row: inout RowReader) throws -> HookScript.Approval? {
        let approver = try row.optionalText()
        let approvedAt = try row.optionalTime()
        guard let approver, let approvedAt else { return nil }
        return HookScript.Approval(approver: approver, approvedAt: approvedAt)
    }

    /// Writes the hook, and its text as a version. A version's text, author and message stay as
    /// they were when it first came; only an approval is added.
    static func put(_ hook: HookScript, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO hooks (\(Self.hookColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET source = excluded.source, digest = excluded.digest,
                created_at = excluded.created_at, author = excluded.author,
                approver = excluded.approver, approved_at = excluded.approved_at,
                message = excluded.message, version = excluded.version,
                enabled = excluded.enabled, latest_version = excluded.latest_version,
                loaded_digest = excluded.loaded_digest, revision = excluded.revision
            """,
            hook.name.rawValue, hook.source.storable, hook.digest.storable,
            hook.createdAt.milliseconds, hook.author, hook.approval?.approver,
            hook.approval?.approvedAt.milliseconds, hook.message?.storable, hook.version,
            hook.enabled ? 1 : 0, hook.latestVersion, hook.loadedDigest?.storable, revision)
        try db.run(
            """
            INSERT INTO hook_versions (\(Self.hookVersionColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (hook, digest) DO UPDATE SET approver = excluded.approver,
                approved_at = excluded.approved_at, revision = excluded.revision
            """,
            hook.name.rawValue, hook.source.storable, hook.digest.storable,
            hook.createdAt.milliseconds, hook.author, hook.approval?.approver,
            hook.approval?.approvedAt.milliseconds, hook.message?.storable, hook.version, revision)
    }
}
