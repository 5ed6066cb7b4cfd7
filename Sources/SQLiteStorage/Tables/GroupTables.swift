internal import Fleet
internal import GRDB
internal import JSON

/// Thing groups, who is in them, and billing groups: their SQL, both ways.
enum GroupTables {
    static let groupColumns = """
        name, id, path, summary, attributes, version, created_at, index_name, query_string, \
        query_version, query_status
        """

    /// The same columns of a table that is joined as `g`.
    static let joinedGroupColumns = """
        g.name, g.id, g.path, g.summary, g.attributes, g.version, g.created_at, g.index_name, \
        g.query_string, g.query_version, g.query_status
        """

    static func group(_ row: inout RowReader) throws -> ThingGroup {
        let name: ThingGroupName = try row.name()
        let id = try row.resourceID()
        let ancestors = GroupPath.ancestors(inPath: try row.text())
        return ThingGroup(
            name: name, id: id, ancestors: ancestors, summary: try row.optionalText(),
            attributes: try row.map(), version: try row.int(), createdAt: try row.time(),
            query: try Self.query(&row))
    }

    private static func query(_ row: inout RowReader) throws -> ThingGroup.DynamicQuery? {
        guard let indexName = try row.optionalText() else { return nil }
        return ThingGroup.DynamicQuery(
            indexName: indexName, queryString: try row.text(), queryVersion: try row.text(),
            status: try row.oneOf())
    }

    static func put(_ group: ThingGroup, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO thing_groups (\(Self.groupColumns), parent, revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET id = excluded.id, path = excluded.path,
                summary = excluded.summary, attributes = excluded.attributes,
                version = excluded.version, created_at = excluded.created_at,
                index_name = excluded.index_name, query_string = excluded.query_string,
                query_version = excluded.query_version, query_status = excluded.query_status,
                parent = excluded.parent, revision = excluded.revision
            """,
            row: [
                group.name.rawValue, group.id.rawValue, GroupPath.path(of: group),
                group.summary?.storable, RecordJSON.map(group.attributes).description,
                group.version, group.createdAt.milliseconds, group.query?.indexName.storable,
                group.query?.queryString.storable, group.query?.queryVersion.storable,
                group.query?.status.rawValue, group.parent?.rawValue, revision,
            ])
    }

    /// Foreign keys take memberships and attached policies along.
    static func deleteGroup(_ name: ThingGroupName, _ db: Database) throws {
        try db.run("DELETE FROM thing_groups WHERE name = ?", name.rawValue)
        try TagTables.set(.thingGroup(name), [:], 0, db)
    }

    static func add(_ thing: ThingName, to group: ThingGroupName, _ db: Database) throws {
        try db.run(
            "INSERT OR IGNORE INTO group_members (thing, thing_group) VALUES (?, ?)",
            thing.rawValue, group.rawValue)
    }

    static func remove(_ thing: ThingName, from group: ThingGroupName, _ db: Database) throws {
        try db.run(
            "DELETE FROM group_members WHERE thing = ? AND thing_group = ?", thing.rawValue,
            group.rawValue)
    }

    // MARK: Billing groups

    static let billingGroupColumns = "name, id, summary, version, created_at"

    static func billingGroup(_ row: inout RowReader) throws -> BillingGroup {
        BillingGroup(
            name: try row.name(), id: try row.resourceID(), summary: try row.optionalText(),
            version: try row.int(), createdAt: try row.time())
    }

    static func put(_ group: BillingGroup, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO billing_groups (\(Self.billingGroupColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET id = excluded.id, summary = excluded.summary,
                version = excluded.version, created_at = excluded.created_at,
                revision = excluded.revision
            """,
            group.name.rawValue, group.id.rawValue, group.summary?.storable, group.version,
            group.createdAt.milliseconds, revision)
    }

    static func set(
        _ group: BillingGroupName?, of thing: ThingName, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            "UPDATE things SET billing_group = ?, revision = ? WHERE name = ?", group?.rawValue,
            revision, thing.rawValue)
        guard db.changesCount > 0 else {
            throw FleetError.conflict("\(RecordKey.thing(thing)) does not exist")
        }
    }

    static func deleteBillingGroup(
        _ name: BillingGroupName, _ revision: Revision, _ db: Database
    ) throws {
        try db.run("DELETE FROM billing_groups WHERE name = ?", name.rawValue)
        try db.run(
            "UPDATE things SET billing_group = NULL, revision = ? WHERE billing_group = ?",
            revision, name.rawValue)
        try TagTables.set(.billingGroup(name), [:], 0, db)
    }
}

/// A group's place in its tree as text: `/root/child/`, so that all groups below one are one range
/// of an index. Names hold no slash.
enum GroupPath {
    static func path(of group: ThingGroup) -> String {
        Self.path(group.ancestors + [group.name])
    }

    private static func path(_ names: [ThingGroupName]) -> String {
        "/" + names.map { "\($0)/" }.joined()
    }

    static func ancestors(inPath path: String) -> [ThingGroupName] {
        path.split(separator: "/").dropLast().map { ThingGroupName(checked: String($0)) }
    }

    /// What every path below `path` is smaller than: `/` is followed by `0` in ASCII.
    static func end(of path: String) -> String { path.dropLast() + "0" }
}
