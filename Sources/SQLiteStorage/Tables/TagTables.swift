internal import Fleet
internal import GRDB
internal import JSON

/// Tags, and the two records of which there is one in a fleet: their SQL, both ways.
enum TagTables {
    static func tags(_ row: inout RowReader) throws -> [String: String] { try row.map() }

    /// A resource without tags has no row.
    static func set(
        _ resource: TaggedResource, _ tags: [String: String], _ revision: Revision,
        _ db: Database
    ) throws {
        guard !tags.isEmpty else {
            try db.run("DELETE FROM tags WHERE resource = ?", resource.path)
            return
        }
        try db.run(
            """
            INSERT INTO tags (resource, tags, revision) VALUES (?, ?, ?)
            ON CONFLICT (resource) DO UPDATE SET tags = excluded.tags,
                revision = excluded.revision
            """, resource.path, RecordJSON.map(tags).description, revision)
    }

    static let eventConfigurationColumns = "enabled, created_at, last_modified_at"

    static func eventConfigurations(_ row: inout RowReader) throws -> EventConfigurations {
        EventConfigurations(
            enabled: try RecordJSON.eventTypes(row.json()), createdAt: try row.time(),
            lastModifiedAt: try row.time())
    }

    static func put(
        _ configurations: EventConfigurations, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO event_configurations (id, \(Self.eventConfigurationColumns), revision)
            VALUES (1, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET enabled = excluded.enabled,
                created_at = excluded.created_at, last_modified_at = excluded.last_modified_at,
                revision = excluded.revision
            """,
            RecordJSON.eventTypes(configurations.enabled).description,
            configurations.createdAt.milliseconds, configurations.lastModifiedAt.milliseconds,
            revision)
    }

    static let registrationCodeColumns = "text, created_at"

    static func registrationCode(_ row: inout RowReader) throws -> RegistrationCode {
        RegistrationCode(text: try row.text(), createdAt: try row.time())
    }

    static func put(_ code: RegistrationCode, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO registration_code (id, \(Self.registrationCodeColumns), revision)
            VALUES (1, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET text = excluded.text,
                created_at = excluded.created_at, revision = excluded.revision
            """, code.text.storable, code.createdAt.milliseconds, revision)
    }

    static func deleteRegistrationCode(_ db: Database) throws {
        try db.run("DELETE FROM registration_code")
    }
}
