internal import Fleet
internal import GRDB
internal import JSON

/// Templates, hooks and ownership tokens: their SQL, both ways.
enum ProvisioningTables {
    static let templateColumns = """
        name, kind, summary, enabled, default_version, latest_version, hook, created_at, \
        last_modified_at, role_arn, hook_target, hook_payload_version, loaded_digest
        """

    static func template(_ row: inout RowReader) throws -> ProvisioningTemplate {
        ProvisioningTemplate(
            name: try row.name(), kind: try row.oneOf(), summary: try row.text(),
            enabled: try row.flag(), defaultVersionID: try row.int(),
            latestVersionID: try row.int(), hook: try row.optionalName(),
            createdAt: try row.time(), lastModifiedAt: try row.time(),
            labels: ProvisioningTemplate.Labels(
                roleARN: try row.optionalText(), hookTarget: try row.optionalText(),
                hookPayloadVersion: try row.optionalText()),
            loadedDigest: try row.optionalText())
    }

    static func put(
        _ template: ProvisioningTemplate, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO templates (\(Self.templateColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, summary = excluded.summary,
                enabled = excluded.enabled, default_version = excluded.default_version,
                latest_version = excluded.latest_version, hook = excluded.hook,
                created_at = excluded.created_at, last_modified_at = excluded.last_modified_at,
                role_arn = excluded.role_arn, hook_target = excluded.hook_target,
                hook_payload_version = excluded.hook_payload_version,
                loaded_digest = excluded.loaded_digest,
                revision = excluded.revision
            """,
            template.name.rawValue, template.kind.rawValue, template.summary.storable,
            template.enabled, template.defaultVersionID, template.latestVersionID,
            template.hook?.rawValue, template.createdAt.milliseconds,
            template.lastModifiedAt.milliseconds, template.labels.roleARN?.storable,
            template.labels.hookTarget?.storable, template.labels.hookPayloadVersion?.storable,
            template.loadedDigest, revision)
        guard template.loadedDigest != nil else { return }
        try db.run("DELETE FROM deleted_templates WHERE name = ?", template.name.rawValue)
    }

    /// What file it came from outlives it: an unchanged file does not bring it back. So does the
    /// number of its last version, which certificates may name: no other body gets it.
    static func deleteTemplate(_ name: TemplateName, _ db: Database) throws {
        try db.run(
            """
            INSERT OR REPLACE INTO deleted_templates (name, loaded_digest)
            SELECT name, loaded_digest FROM templates
            WHERE name = ? AND loaded_digest IS NOT NULL
            """, name.rawValue)
        try db.run(
            """
            INSERT INTO deleted_template_versions (name, latest)
            SELECT name, latest_version FROM templates WHERE name = ?
            ON CONFLICT (name) DO UPDATE SET latest = max(latest, excluded.latest)
            """, name.rawValue)
        try db.run("DELETE FROM templates WHERE name = ?", name.rawValue)
        try db.run("DELETE FROM template_versions WHERE template = ?", name.rawValue)
        try TagTables.set(.template(name), [:], 0, db)
    }

    static let templateVersionColumns =
        "template, id, body, digest, created_at, author, message"

    static func templateVersion(_ row: inout RowReader) throws -> TemplateVersion {
        TemplateVersion(
            template: try row.name(), id: try row.int(), body: try row.text(),
            digest: try row.text(), createdAt: try row.time(), author: try row.optionalText(),
            message: try row.optionalText())
    }

    static func put(_ version: TemplateVersion, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO template_versions (\(Self.templateVersionColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (template, id) DO UPDATE SET body = excluded.body,
                digest = excluded.digest, created_at = excluded.created_at,
                author = excluded.author, message = excluded.message,
                revision = excluded.revision
            """,
            version.template.rawValue, version.id, version.body.storable,
            version.digest.storable, version.createdAt.milliseconds, version.author?.storable,
            version.message?.storable, revision)
    }

    static func deleteVersion(
        _ template: TemplateName, _ id: Int, _ db: Database
    ) throws {
        try db.run(
            "DELETE FROM template_versions WHERE template = ? AND id = ?", template.rawValue, id)
    }

    // MARK: Ownership tokens

    static let tokenColumns = """
        hash, certificate, claim, issued_at, expires_at, template, template_version, \
        parameters_digest, answer, redeemed_at
        """

    static func token(_ row: inout RowReader) throws -> OwnershipToken {
        OwnershipToken(
            hash: OwnershipTokenHash(rawValue: try row.text()),
            certificate: try row.certificateID(), claim: try row.certificateID(),
            issuedAt: try row.time(), expiresAt: try row.time(),
            redemption: try Self.redemption(&row))
    }

    private static func redemption(
        _ row: inout RowReader
    ) throws -> OwnershipToken.Redemption? {
        guard let template = try row.optionalName(TemplateName.self) else { return nil }
        return OwnershipToken.Redemption(
            template: template, templateVersion: try row.int(),
            parametersDigest: try row.text(), answer: try row.text(),
            redeemedAt: try row.time())
    }

    static func put(_ token: OwnershipToken, _ revision: Revision, _ db: Database) throws {
        let redemption = token.redemption
        try db.run(
            """
            INSERT INTO ownership_tokens (\(Self.tokenColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (hash) DO UPDATE SET certificate = excluded.certificate,
                claim = excluded.claim, issued_at = excluded.issued_at,
                expires_at = excluded.expires_at, template = excluded.template,
                template_version = excluded.template_version,
                parameters_digest = excluded.parameters_digest, answer = excluded.answer,
                redeemed_at = excluded.redeemed_at, revision = excluded.revision
            """,
            token.hash.rawValue, token.certificate.rawValue, token.claim.rawValue,
            token.issuedAt.milliseconds, token.expiresAt.milliseconds,
            redemption?.template.rawValue, redemption?.templateVersion,
            redemption?.parametersDigest, redemption?.answer.storable,
            redemption?.redeemedAt.milliseconds, revision)
    }

    /// A token pays once: redeeming it again is a conflict, whatever for.
    static func redeem(
        _ hash: OwnershipTokenHash, _ redemption: OwnershipToken.Redemption,
        _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE ownership_tokens SET template = ?, template_version = ?, parameters_digest = ?,
                answer = ?, redeemed_at = ?, revision = ? WHERE hash = ? AND redeemed_at IS NULL
            """, redemption.template.rawValue, redemption.templateVersion,
            redemption.parametersDigest, redemption.answer.storable,
            redemption.redeemedAt.milliseconds, revision, hash.rawValue)
        guard db.changesCount > 0 else {
            throw FleetError.conflict(
                "\(RecordKey.ownershipToken(hash)) does not exist or was redeemed before")
        }
    }

    static func deleteToken(_ hash: OwnershipTokenHash, _ db: Database) throws {
        try db.run("DELETE FROM ownership_tokens WHERE hash = ?", hash.rawValue)
    }
}
