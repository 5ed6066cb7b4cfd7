internal import Fleet
internal import GRDB
internal import JSON

/// Things and their types: their SQL, both ways.
///
/// Rows are written by upsert, never by replacement: replacing deletes first, and the deletion
/// would take what hangs on the row with it.
enum ThingTables {
    static let thingColumns =
        "name, id, type_name, attributes, billing_group, version, created_at"

    static func thing(_ row: inout RowReader) throws -> Thing {
        Thing(
            name: try row.name(), id: try row.resourceID(), typeName: try row.optionalName(),
            attributes: try row.map(), billingGroup: try row.optionalName(),
            version: try row.int(), createdAt: try row.time())
    }

    static func put(_ thing: Thing, _ revision: Revision, _ db: Database) throws {
        let before = try Self.attributes(of: thing.name, db)
        try db.run(
            """
            INSERT INTO things (\(Self.thingColumns), revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET id = excluded.id, type_name = excluded.type_name,
                attributes = excluded.attributes, billing_group = excluded.billing_group,
                version = excluded.version, created_at = excluded.created_at,
                revision = excluded.revision
            """,
            thing.name.rawValue, thing.id.rawValue, thing.typeName?.rawValue,
            RecordJSON.map(thing.attributes).description, thing.billingGroup?.rawValue,
            thing.version, thing.createdAt.milliseconds, revision)
        try Self.index(thing.name, from: before ?? [:], to: thing.attributes, db)
    }

    static func deleteThing(_ name: ThingName, _ db: Database) throws {
        guard let before = try Self.attributes(of: name, db) else { return }
        try Self.index(name, from: before, to: [:], db)
        try db.run("DELETE FROM things WHERE name = ?", name.rawValue)
        try ConnectivityTable.thingDeleted(name, db)
    }

    /// nil where there is no such thing.
    private static func attributes(
        of name: ThingName, _ db: Database
    ) throws -> [String: String]? {
        try db.first(
            "SELECT attributes FROM things WHERE name = ?", name.rawValue, of: "things"
        ) { try $0.map() }
    }

    /// Keeps the index of attributes in step. What a thing has there is known from its own row, so
    /// the index needs no second one by thing, which every write would pay for. Upper and lower
    /// case are alike in it: what was goes before what is comes.
    private static func index(
        _ name: ThingName, from before: [String: String], to after: [String: String],
        _ db: Database
    ) throws {
        for (key, value) in before where after[key] != value {
            try db.run(
                "DELETE FROM thing_attributes WHERE name = ? AND value = ? AND thing = ?",
                key.storable, value.storable, name.rawValue)
        }
        for (key, value) in after where before[key] != value {
            try db.run(
                """
                INSERT OR IGNORE INTO thing_attributes (name, value, thing, number)
                VALUES (?, ?, ?, ?)
                """,
                key.storable, value.storable, name.rawValue, QueryNumber.value(of: value))
        }
    }

    // MARK: Types

    static let thingTypeColumns = """
        name, id, summary, searchable_attributes, propagating_attributes, created_at, \
        deprecated_at
        """

    static func thingType(_ row: inout RowReader) throws -> ThingType {
        ThingType(
            name: try row.name(), id: try row.resourceID(), summary: try row.optionalText(),
            searchableAttributes: try RecordJSON.texts(row.json(), "a thing type"),
            propagatingAttributes: try RecordJSON.propagating(row.json()),
            createdAt: try row.time(), deprecatedAt: try row.optionalTime())
    }

    static func put(_ type: ThingType, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO thing_types (\(Self.thingTypeColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET id = excluded.id, summary = excluded.summary,
                searchable_attributes = excluded.searchable_attributes,
                propagating_attributes = excluded.propagating_attributes,
                created_at = excluded.created_at, deprecated_at = excluded.deprecated_at,
                revision = excluded.revision
            """,
            type.name.rawValue, type.id.rawValue, type.summary?.storable,
            RecordJSON.texts(type.searchableAttributes).description,
            RecordJSON.propagating(type.propagatingAttributes).description,
            type.createdAt.milliseconds, type.deprecatedAt?.milliseconds, revision)
    }

    static func deleteThingType(_ name: ThingTypeName, _ db: Database) throws {
        try db.run("DELETE FROM thing_types WHERE name = ?", name.rawValue)
        try TagTables.set(.thingType(name), [:], 0, db)
    }
}
