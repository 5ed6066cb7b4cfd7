internal import Fleet
internal import GRDB
internal import JSON

// Pages of what a query finds. The place between two pages is a name, so records that come or go
// meanwhile move no other.

extension ListPages {
    func search(_ search: FleetQuery, _ query: ListQuery) throws -> ListPage {
        switch search.index {
        case .things: try self.things(search, query)
        case .thingGroups: try self.groups(search, query)
        }
    }

    /// Looks at few things first, and at more at a time while few of them are found.
    private func things(_ search: FleetQuery, _ query: ListQuery) throws -> ListPage {
        let plan = try self.plan(search, query)
        var things: [Thing] = []
        var (place, size) = (query.after, query.limit + 1)
        var rest = self.budget.thingsMax
        repeat {
            let stretch = try SearchStretch(
                plan, search.expression, after: place, length: min(size, rest), self.db)
            let statement = stretch.statement(
                selecting: "t.name, t.id, t.type_name, t.attributes, t.billing_group, t.version, "
                    + "t.created_at")
            things += try self.db.all(
                once: statement
                    + SQLFragment("ORDER BY t.name LIMIT ?", query.limit + 1 - things.count),
                of: "things"
            ) { try ThingTables.thing(&$0) }
            (place, rest, size) = (stretch.end, rest - size, size * Self.growth)
        } while things.count <= query.limit && place != nil && rest > 0
        let rows: [Row] = try things.prefix(query.limit).map { thing in
            (thing.name.rawValue, .document(try RecordLoader(db: self.db).document(thing)))
        }
        return ListPage(
            records: rows.map(\.record),
            next: things.count > rows.count ? rows.last?.key : place)
    }

    /// How much longer each stretch of a page is than the one before it.
    private static let growth = 4

    private func plan(_ search: FleetQuery, _ query: ListQuery) throws -> SearchPlan {
        try SearchPlanner(db: self.db, budget: self.budget, place: query.after)
            .plan(search.expression)
    }

    /// Groups are few beside things, so each is looked at; a page looks at so many and no more.
    private func groups(_ search: FleetQuery, _ query: ListQuery) throws -> ListPage {
        let (groups, end) = try self.groups(after: query.after)
        let found = groups.filter(search.matches)
        let page = found.prefix(query.limit)
        return ListPage(
            records: page.map { .thingGroup($0) },
            next: found.count > page.count ? page.last?.name.rawValue : end)
    }

    /// - Returns: the groups of one stretch, and where it ends unless nothing follows.
    private func groups(after place: String?) throws -> (groups: [ThingGroup], end: String?) {
        let max = self.budget.groupsMax
        let groups = try self.db.all(
            """
            SELECT \(GroupTables.groupColumns) FROM thing_groups WHERE name > ?
            ORDER BY name LIMIT ?
            """, place ?? "", max, of: "thing_groups"
        ) { try GroupTables.group(&$0) }
        return (groups, groups.count == max ? groups.last?.name.rawValue : nil)
    }

    // MARK: Values

    /// How often which value is found, over one stretch of the fleet.
    func values(
        of field: QueryField, where search: FleetQuery, _ query: ListQuery
    ) throws -> ListPage {
        let (counts, end): ([FieldValue: Int], String?)
        switch search.index {
        case .things:
            if case .attribute(let name) = field, search.expression == .everything {
                (counts, end) = try self.values(ofAttribute: name, query)
                break
            }
            let stretch = try SearchStretch(
                try self.plan(search, query), search.expression, after: query.after,
                length: self.budget.thingsMax, self.db)
            (counts, end) = (try self.values(of: field, stretch), stretch.end)
        case .thingGroups:
            let (groups, groupsEnd) = try self.groups(after: query.after)
            var sums: [FieldValue: Int] = [:]
            for group in groups where search.matches(group) {
                for value in group.values(of: field) { sums[value, default: 0] += 1 }
            }
            (counts, end) = (sums, groupsEnd)
        }
        return ListPage(
            records: counts.map { .fieldValue($0.key, count: $0.value) }, next: end)
    }

    /// Of all things there are: along the index of attributes, which has them without the things.
    /// The place between two pages is a thing and its value.
    private func values(
        ofAttribute name: String, _ query: ListQuery
    ) throws -> (counts: [FieldValue: Int], end: String?) {
        let place = try Self.place(query.after) ?? (name: "", rest: "")
        var rows = SQLFragment(
            "FROM thing_attributes WHERE name = ? AND (value, thing) > (?, ?)", name.storable,
            place.rest, place.name)
        let last = try self.db.all(
            once: SQLFragment("SELECT value, thing") + rows
                + SQLFragment("ORDER BY value, thing LIMIT 1 OFFSET ?", self.budget.thingsMax - 1),
            of: "thing_attributes"
        ) { (value: try $0.text(), thing: try $0.text()) }.first
        if let last {
            rows = rows + SQLFragment("AND (value, thing) <= (?, ?)", last.value, last.thing)
        }
        // Searches take no heed of case, and figures do.
        let counts = try self.db.all(
            once: SQLFragment("SELECT value, count(*)") + rows
                + SQLFragment("GROUP BY value COLLATE BINARY"), of: "thing_attributes"
        ) { (value: FieldValue.text(try $0.text()), count: try $0.int()) }
        return (
            Dictionary(counts.map { ($0.value, $0.count) }, uniquingKeysWith: +),
            last.map { "\($0.thing)|\($0.value)" }
        )
    }

    private func values(
        of field: QueryField, _ stretch: SearchStretch
    ) throws -> [FieldValue: Int] {
        guard let (value, join) = Self.source(of: field) else { return [:] }
        let statement = stretch.statement(
            selecting: "\(value) AS found, count(*)", joining: join)
        let rows = try self.db.all(
            once: statement + SQLFragment("GROUP BY found"), of: "things"
        ) { row -> (FieldValue?, Int) in
            let value: FieldValue? =
                switch field.kind {
                case .text, .prose: try row.optionalText().map { .text($0) }
                case .number: try row.optionalInt64().map { .number(Double($0)) }
                case .flag: try row.optionalInt64().map { .flag($0 != 0) }
                }
            return (value, try row.int())
        }
        var counts: [FieldValue: Int] = [:]
        for case (let value?, let count) in rows { counts[value, default: 0] += count }
        return counts
    }

    /// Where the values of a field are, beside the things that were found.
    private static func source(of field: QueryField) -> (value: String, join: SQLFragment)? {
        let none = SQLFragment("")
        let connectivity = SQLFragment("JOIN connectivity AS c ON c.client = t.name")
        return switch field {
        case .thingName: ("t.name", none)
        case .thingID: ("t.id", none)
        case .thingTypeName: ("t.type_name", none)
        case .billingGroupName: ("t.billing_group", none)
        case .thingGroupNames:
            ("m.thing_group", SQLFragment("JOIN group_members AS m ON m.thing = t.name"))
        case .attribute(let name):
            (
                "a.value",
                SQLFragment("JOIN json_each(t.attributes) AS a ON a.key = ?", name.storable)
            )
        case .version: ("t.version", none)
        case .connected: ("c.connected", connectivity)
        case .connectivityTimestamp: ("c.changed_at", connectivity)
        case .disconnectReason: ("c.reason", connectivity)
        case .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames: nil
        }
    }
}

/// The part of the fleet that is looked at next, in the order of names: so many of those that
/// indexes give for the query, or so many of all.
struct SearchStretch {
    /// Where the next stretch begins; nil where nothing follows.
    let end: String?
    private let source: SQLFragment
    private let condition: SQLFragment

    init(
        _ plan: SearchPlan, _ expression: QueryExpression, after place: String?, length: Int,
        _ db: Database
    ) throws {
        let condition = SearchConditions.condition(expression)
        switch plan {
        case .sources(let sources):
            let names = try Self.names(of: sources, after: place, length, db)
            self.end = names.count == length ? names.last : nil
            let list = JSONValue.array(Self.withoutRepeats(names).map { .string($0) })
            self.source = SQLFragment(
                "json_each(?) AS f CROSS JOIN things AS t ON t.name = f.value", list.description)
            self.condition = condition
        case .scan:
            self.end = try Self.end(after: place, length, db)
            self.source = SQLFragment("things AS t")
            var range = SQLFragment("t.name > ? AND", place ?? "")
            if let end = self.end { range = range + SQLFragment("t.name <= ? AND", end) }
            self.condition = range + condition
        }
    }

    private static func names(
        of sources: [SearchSource], after place: String?, _ length: Int, _ db: Database
    ) throws -> [String] {
        guard !sources.isEmpty else { return [] }
        return try db.all(
            once: SearchSource.names(of: sources, after: place) + SQLFragment("LIMIT ?", length),
            of: "things"
        ) { try $0.text() }
    }

    /// Two sources may give the same thing, and it is found once.
    private static func withoutRepeats(_ names: [String]) -> [String] {
        var last: String?
        return names.filter { name in
            defer { last = name }
            return name != last
        }
    }

    private static func end(
        after place: String?, _ length: Int, _ db: Database
    ) throws -> String? {
        try db.first(
            "SELECT name FROM things WHERE name > ? ORDER BY name LIMIT 1 OFFSET ?",
            place ?? "", length - 1, of: "things"
        ) { try $0.text() }
    }

    func statement(
        selecting columns: String, joining join: SQLFragment = SQLFragment("")
    ) -> SQLFragment {
        SQLFragment("SELECT \(columns) FROM") + self.source + join + SQLFragment("WHERE")
            + self.condition
    }
}
