internal import Fleet
internal import GRDB
internal import JSON

/// The one record of what somebody asked to be indexed: its SQL, both ways.
enum IndexingTable {
    static func configuration(_ row: inout RowReader) throws -> IndexingConfiguration {
        try IndexingConfiguration(json: row.json())
    }

    static func put(
        _ configuration: IndexingConfiguration, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO indexing_configuration (id, configuration, revision) VALUES (1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET configuration = excluded.configuration,
                revision = excluded.revision
            """, configuration.json.description, revision)
    }
}

extension IndexingConfiguration {
    var json: JSONValue {
        RecordJSON.object(
            ("mode", .string(self.things.mode.rawValue)),
            ("connectivity", .bool(self.things.indexesConnectivity)),
            ("violations", .bool(self.things.indexesViolations)),
            ("namedShadows", .bool(self.things.indexesNamedShadows)),
            ("namedShadowNames", RecordJSON.texts(self.things.namedShadowNames)),
            ("thingFields", Self.json(self.things.customFields)),
            ("thingGroups", .bool(self.thingGroups.isOn)),
            ("thingGroupFields", Self.json(self.thingGroups.customFields)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "the indexing configuration")
        var things = Things(
            mode: try fields.oneOf("mode"), indexesConnectivity: try fields.flag("connectivity"),
            indexesViolations: try fields.flag("violations"),
            indexesNamedShadows: try fields.flag("namedShadows"))
        things.namedShadowNames = try RecordJSON.texts(
            fields.value("namedShadowNames"), "the indexing configuration")
        things.customFields = try Self.fields(fields.value("thingFields"))
        self.init(
            things: things,
            thingGroups: ThingGroups(
                isOn: try fields.flag("thingGroups"),
                customFields: try Self.fields(fields.value("thingGroupFields"))))
    }

    private static func json(_ fields: [CustomField]) -> JSONValue {
        .array(
            fields.map { field in
                RecordJSON.object(
                    ("name", .string(field.name)), ("type", .string(field.type.rawValue)))
            })
    }

    private static func fields(_ json: JSONValue) throws -> [CustomField] {
        try (json.arrayValue ?? []).map { element in
            let fields = try JSONFields(element, "a custom field")
            return CustomField(name: try fields.text("name"), type: try fields.oneOf("type"))
        }
    }
}
