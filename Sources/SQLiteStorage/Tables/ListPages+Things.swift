internal import Fleet
internal import GRDB

// Listings of things and groups. Each reads one index from where the page before ended.

/// The names that begin with a prefix and come after the page before.
private struct NameRange {
    let comparison: String
    let start: String
    let end: String

    init(prefix: String, after: String?) {
        // One bound alone steers an index, so the higher of the two is chosen here.
        if let after, !after.utf8.lexicographicallyPrecedes(prefix.utf8) {
            (self.comparison, self.start) = (">", after)
        } else {
            (self.comparison, self.start) = (">=", prefix)
        }
        self.end = Self.end(of: prefix)
    }

    /// What all texts with the prefix are smaller than: no text holds the last scalar there is.
    static func end(of prefix: String) -> String { prefix + "\u{10FFFF}" }
}

extension ListPages {
    typealias Row = (key: String, record: Fleet.Record)

    /// - Parameter arguments: those of the condition; the statement's last one is the limit.
    func rows(
        _ sql: String, _ arguments: [(any DatabaseValueConvertible)?], limit: Int,
        of table: String, _ decode: (inout RowReader) throws -> Row
    ) throws -> [Row] {
        try self.db.all(sql, arguments: arguments + [limit], of: table, decode)
    }

    /// The two parts of a place that needs two, the name first: names hold no bar.
    static func place(_ text: String?) throws -> (name: String, rest: String)? {
        guard let text else { return nil }
        guard let bar = text.firstIndex(of: "|") else { throw Self.badPlace(text) }
        return (String(text[..<bar]), String(text[text.index(after: bar)...]))
    }

    // MARK: Things

    func things(_ filter: ThingFilter, _ query: ListQuery) throws -> ListPage {
        switch (filter.typeName, filter.attribute) {
        case (nil, nil):
            return try self.page(
                ListQuery(.things, after: query.after, limit: query.limit))
        case (let type?, nil):
            let rows = try self.rows(
                """
                SELECT \(ThingTables.thingColumns) FROM things
                WHERE type_name = ? AND name > ? ORDER BY name LIMIT ?
                """, [type.rawValue, query.after ?? ""], limit: query.limit + 1, of: "things"
            ) { row in
                let thing = try ThingTables.thing(&row)
                return (thing.name.rawValue, .thing(thing))
            }
            return Self.cut(rows, query)
        case (let type, let attribute?):
            let page =
                attribute.isPrefix
                ? try self.things(withPrefix: attribute, query)
                : try self.things(with: attribute, query)
            guard let type else { return page }
            // The page's place stays where its last row was, shown or not.
            return ListPage(
                records: page.records.filter { record in
                    if case .thing(let thing) = record { thing.typeName == type } else { false }
                }, next: page.next)
        }
    }

    /// AWS: case counts here. The index has texts that differ in nothing else side by side.
    private static let attributedThings = """
        SELECT a.value, t.name, t.id, t.type_name, t.attributes, t.billing_group, t.version,
            t.created_at
        FROM thing_attributes AS a CROSS JOIN things AS t ON t.name = a.thing
        """

    private func things(
        with attribute: ThingFilter.Attribute, _ query: ListQuery
    ) throws -> ListPage {
        let rows = try self.rows(
            """
            \(Self.attributedThings)
            WHERE a.name = ? AND a.value = ? AND a.value = ? COLLATE BINARY AND a.thing > ?
            ORDER BY a.thing LIMIT ?
            """,
            [
                attribute.name.storable, attribute.value.storable, attribute.value.storable,
                query.after ?? "",
            ], limit: query.limit + 1, of: "things"
        ) { row in
            _ = try row.text()
            let thing = try ThingTables.thing(&row)
            return (thing.name.rawValue, .thing(thing))
        }
        return Self.cut(rows, query)
    }

    /// In the order of the values, and of the things that have the same.
    private func things(
        withPrefix attribute: ThingFilter.Attribute, _ query: ListQuery
    ) throws -> ListPage {
        let prefix = attribute.value.storable
        let place = try Self.place(query.after)
        let rows = try self.rows(
            """
            \(Self.attributedThings)
            WHERE a.name = ? AND (a.value, a.thing) > (?, ?) AND a.value < ?
                AND a.value >= ? COLLATE BINARY AND a.value < ? COLLATE BINARY
            ORDER BY a.value, a.thing LIMIT ?
            """,
            [
                attribute.name.storable, place?.rest ?? prefix, place?.name ?? "",
                NameRange.end(of: prefix), prefix, NameRange.end(of: prefix),
            ], limit: query.limit + 1, of: "things"
        ) { row in
            let value = try row.text()
            let thing = try ThingTables.thing(&row)
            return ("\(thing.name)|\(value)", .thing(thing))
        }
        return Self.cut(rows, query)
    }

    func things(in group: BillingGroupName, _ query: ListQuery) throws -> ListPage {
        let rows = try self.rows(
            "SELECT name FROM things WHERE billing_group = ? AND name > ? ORDER BY name LIMIT ?",
            [group.rawValue, query.after ?? ""], limit: query.limit + 1, of: "things"
        ) { try Self.thingName(&$0) }
        return Self.cut(rows, query)
    }

    private static func thingName(_ row: inout RowReader) throws -> Row {
        let name: ThingName = try row.name()
        return (name.rawValue, .thingName(name))
    }

    // MARK: Groups and their members

    func groups(_ filter: ThingGroupFilter, _ query: ListQuery) throws -> ListPage {
        switch filter.scope {
        case .all: try self.groups("", [], filter.prefix, query)
        case .roots: try self.groups("parent IS NULL AND", [], filter.prefix, query)
        case .children(let parent):
            try self.groups("parent = ? AND", [parent.rawValue], filter.prefix, query)
        case .descendants(let top): try self.groups(below: top, filter.prefix, query)
        }
    }

    private func groups(
        _ condition: String, _ arguments: [String], _ prefix: String, _ query: ListQuery
    ) throws -> ListPage {
        let range = NameRange(prefix: prefix, after: query.after)
        let rows = try self.rows(
            """
            SELECT \(GroupTables.groupColumns) FROM thing_groups
            WHERE \(condition) name \(range.comparison) ? AND name < ? ORDER BY name LIMIT ?
            """, arguments + [range.start, range.end], limit: query.limit + 1,
            of: "thing_groups"
        ) { row in
            let group = try GroupTables.group(&row)
            return (group.name.rawValue, .thingGroup(group))
        }
        return Self.cut(rows, query)
    }

    private func path(of group: ThingGroupName) throws -> String? {
        try self.db.first(
            "SELECT path FROM thing_groups WHERE name = ?", group.rawValue, of: "thing_groups"
        ) { try $0.text() }
    }

    private func groups(
        below top: ThingGroupName, _ prefix: String, _ query: ListQuery
    ) throws -> ListPage {
        guard let path = try self.path(of: top) else { return ListPage(records: [], next: nil) }
        let rows = try self.rows(
            """
            SELECT \(GroupTables.groupColumns) FROM thing_groups
            WHERE path > ? AND path < ? ORDER BY path LIMIT ?
            """, [query.after ?? path, GroupPath.end(of: path)], limit: query.limit + 1,
            of: "thing_groups"
        ) { row in
            let group = try GroupTables.group(&row)
            return (GroupPath.path(of: group), .thingGroup(group))
        }
        let page = Self.cut(rows, query)
        guard !prefix.isEmpty else { return page }
        return ListPage(
            records: page.records.filter { record in
                if case .thingGroup(let group) = record {
                    group.name.rawValue.utf8.starts(with: prefix.utf8)
                } else {
                    false
                }
            }, next: page.next)
    }

    func groups(of thing: ThingName, _ query: ListQuery) throws -> ListPage {
        let rows = try self.rows(
            """
            SELECT \(GroupTables.joinedGroupColumns)
            FROM group_members AS m CROSS JOIN thing_groups AS g ON g.name = m.thing_group
            WHERE m.thing = ? AND m.thing_group > ? ORDER BY m.thing_group LIMIT ?
            """, [thing.rawValue, query.after ?? ""], limit: query.limit + 1,
            of: "thing_groups"
        ) { row in
            let group = try GroupTables.group(&row)
            return (group.name.rawValue, .thingGroup(group))
        }
        return Self.cut(rows, query)
    }

    func things(in group: ThingGroupName, _ query: ListQuery) throws -> ListPage {
        Self.cut(
            try self.members(of: group, after: query.after ?? "", limit: query.limit + 1), query)
    }

    private func members(
        of group: ThingGroupName, after thing: String, limit: Int
    ) throws -> [Row] {
        try self.rows(
            """
            SELECT thing FROM group_members WHERE thing_group = ? AND thing > ?
            ORDER BY thing LIMIT ?
            """, [group.rawValue, thing], limit: limit, of: "group_members"
        ) { try Self.thingName(&$0) }
    }

    /// Group by group in the order of their paths: first the rest of the group in which the page
    /// before ended, then those that follow.
    func things(below top: ThingGroupName, _ query: ListQuery) throws -> ListPage {
        guard let path = try self.path(of: top) else { return ListPage(records: [], next: nil) }
        let place = try Self.place(query.after) ?? (name: "", rest: path)
        guard place.rest.hasPrefix(path), let last = place.rest.split(separator: "/").last
        else { throw Self.badPlace(query.after ?? "") }
        let group = ThingGroupName(checked: String(last))
        var rows = try self.members(of: group, after: place.name, limit: query.limit + 1)
            .map { row in (key: "\(row.key)|\(place.rest)", record: row.record) }
        let missing = query.limit + 1 - rows.count
        if missing > 0 {
            rows += try self.rows(
                """
                SELECT g.path, m.thing
                FROM thing_groups AS g CROSS JOIN group_members AS m ON m.thing_group = g.name
                WHERE g.path > ? AND g.path < ? ORDER BY g.path, m.thing LIMIT ?
                """, [place.rest, GroupPath.end(of: path)], limit: missing,
                of: "group_members"
            ) { row in
                let path = try row.text()
                let thing: ThingName = try row.name()
                return ("\(thing)|\(path)", .thingName(thing))
            }
        }
        return Self.cut(rows, query)
    }

    func billingGroups(_ prefix: String, _ query: ListQuery) throws -> ListPage {
        let range = NameRange(prefix: prefix, after: query.after)
        let rows = try self.rows(
            """
            SELECT \(GroupTables.billingGroupColumns) FROM billing_groups
            WHERE name \(range.comparison) ? AND name < ? ORDER BY name LIMIT ?
            """, [range.start, range.end], limit: query.limit + 1, of: "billing_groups"
        ) { row in
            let group = try GroupTables.billingGroup(&row)
            return (group.name.rawValue, .billingGroup(group))
        }
        return Self.cut(rows, query)
    }
}
