internal import Fleet
internal import GRDB

/// Which indexes give what a term can find: all of it, and now and then more. nil where none does.
struct SearchSources {
    let db: Database
    let budget: SearchBudget

    func anywhere(_ test: FieldTest) throws -> [SearchSource]? {
        var all: [SearchSource] = []
        for field in QueryField.textual(in: .things) {
            guard let some = try self.of(field, test) else { return nil }
            all += some
        }
        guard let values = Self.bounds(test, "value") else { return nil }
        let attributes = SearchSource(
            SQLFragment(
                "SELECT thing FROM thing_attributes INDEXED BY thing_attributes_by_value WHERE")
                + values, column: "thing", isOrdered: false)
        return all + [attributes]
    }

    func of(_ field: QueryField, _ test: FieldTest) throws -> [SearchSource]? {
        switch field {
        case .thingName: try self.thingName(test)
        case .thingID:
            Self.bounds(test, "id").map { [Self.things(along: "things_by_id", $0)] }
        case .thingTypeName:
            try self.named(
                test, "thing_types", Memberships("things", "type_name", along: "things_by_type"))
        case .billingGroupName:
            try self.named(
                test, "billing_groups",
                Memberships("things", "billing_group", along: "things_by_billing_group"))
        case .thingGroupNames: try self.thingGroups(test)
        case .attribute(let name): Self.attribute(name, test).map { [$0] }
        case .connected: Self.connected(test)
        case .connectivityTimestamp: Self.changed(test)
        case .disconnectReason: Self.disconnected(test)
        case .version: nil
        // No thing has them.
        case .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames: []
        }
    }

    /// The range of an index over texts that a test can pass in; nil where its beginning is not
    /// known.
    private static func bounds(_ test: FieldTest, _ column: String) -> SQLFragment? {
        switch test {
        case .text, .texts: return SearchConditions.test(test, column)
        case .pattern(let pattern):
            // What follows a wildcard is compared with each name's own record: here it would have
            // the index read on for as long as nothing passes.
            return SearchConditions.range(prefix: pattern.prefix, column)
        case .present, .numbers, .flag: return nil
        }
    }

    private static func things(along index: String, _ condition: SQLFragment) -> SearchSource {
        SearchSource(
            SQLFragment("SELECT name AS thing FROM things INDEXED BY \(index) WHERE") + condition,
            column: "name", isOrdered: false)
    }

    // MARK: Names

    private func thingName(_ test: FieldTest) throws -> [SearchSource]? {
        if case .pattern(let pattern) = test, !pattern.prefix.isEmpty,
            let variants = try self.variants(of: pattern.prefix.storable)
        {
            return variants.map { prefix in
                SearchSource(
                    SQLFragment(
                        "SELECT name AS thing FROM things WHERE name < ?", prefix + "\u{10FFFF}"),
                    column: "name", from: prefix, isOrdered: true)
            }
        }
        return Self.bounds(test, "name").map {
            [Self.things(along: "things_by_folded_name", $0)]
        }
    }

    /// How the names there are write a beginning whose case does not matter; nil where they write
    /// it in too many ways.
    private func variants(of prefix: String) throws -> [String]? {
        let variants = CaseVariants(of: prefix)
        var found: [String] = []
        var next: [UInt8]? = variants.first
        for _ in 0..<self.budget.namesMax {
            guard let variant = next else { return found }
            let text = String(decoding: variant, as: UTF8.self)
            let name = try self.db.first(
                "SELECT name FROM things WHERE name >= ? ORDER BY name LIMIT 1", text,
                of: "things"
            ) { try $0.text() }
            guard let name else { return found }
            if name.utf8.starts(with: variant) {
                found.append(text)
                next = variants.successor(of: variant)
            } else {
                next = variants.variant(from: Array(name.utf8))
            }
        }
        return next == nil ? found : nil
    }

    // MARK: What has names of its own, of which there are few beside things

    /// Where it is written which thing is in what.
    private struct Memberships {
        let table: String
        let column: String
        let index: String
        /// The column of the things' names.
        let thing: String

        init(_ table: String, _ column: String, along index: String, thing: String = "name") {
            self.table = table
            self.column = column
            self.index = index
            self.thing = thing
        }

        func source(_ condition: SQLFragment, isOrdered: Bool) -> SearchSource {
            SearchSource(
                SQLFragment(
                    "SELECT \(self.thing) AS thing FROM \(self.table) INDEXED BY \(self.index) "
                        + "WHERE \(self.column)") + condition,
                column: self.thing, isOrdered: isOrdered)
        }
    }

    private func thingGroups(_ test: FieldTest) throws -> [SearchSource]? {
        if case .present = test {
            return [
                SearchSource(
                    SQLFragment("SELECT thing FROM group_members WHERE 1"), column: "thing",
                    isOrdered: true)
            ]
        }
        return try self.named(
            test, "thing_groups",
            Memberships(
                "group_members", "thing_group", along: "group_members_by_group", thing: "thing"))
    }

    private func named(
        _ test: FieldTest, _ table: String, _ memberships: Memberships
    ) throws -> [SearchSource]? {
        switch test {
        case .present:
            return [memberships.source(SQLFragment("IS NOT NULL"), isOrdered: false)]
        case .numbers, .flag: return nil
        case .text, .texts, .pattern: break
        }
        let passing =
            SQLFragment("SELECT n.name FROM \(table) AS n WHERE")
            + SearchConditions.test(test, "n.name")
        let names = try self.db.all(
            once: passing + SQLFragment("LIMIT ?", self.budget.namesMax + 1), of: table
        ) { try $0.text() }
        guard names.count <= self.budget.namesMax else {
            return [memberships.source(passing.within("IN (", ")"), isOrdered: false)]
        }
        return names.map { memberships.source(SQLFragment("= ?", $0), isOrdered: true) }
    }

    // MARK: Attributes

    private static func attribute(_ name: String, _ test: FieldTest) -> SearchSource? {
        let table = "SELECT thing FROM thing_attributes"
        func source(
            _ statement: String, _ condition: SQLFragment?, isOrdered: Bool = false
        ) -> SearchSource? {
            condition.map { condition in
                SearchSource(
                    SQLFragment("\(statement) WHERE name = ? AND", name.storable) + condition,
                    column: "thing", isOrdered: isOrdered)
            }
        }
        switch test {
        case .present: return source(table, SQLFragment("1"))
        case .text: return source(table, Self.bounds(test, "value"), isOrdered: true)
        case .texts, .pattern: return source(table, Self.bounds(test, "value"))
        case .numbers(let range):
            return source(
                "\(table) INDEXED BY thing_attributes_by_number",
                SearchConditions.range(range, "number"))
        case .flag: return nil
        }
    }

    // MARK: Connectivity

    private static func clients(
        _ condition: SQLFragment, isOrdered: Bool
    ) -> SearchSource {
        SearchSource(
            SQLFragment("SELECT client AS thing FROM connectivity WHERE") + condition,
            column: "client", isOrdered: isOrdered)
    }

    private static var everyClient: SearchSource {
        Self.clients(SQLFragment("1"), isOrdered: true)
    }
    private static var everyAbsent: SearchSource {
        Self.clients(SQLFragment("connected = 0"), isOrdered: false)
    }

    private static func connected(_ test: FieldTest) -> [SearchSource]? {
        switch test {
        case .present: [Self.everyClient]
        // Who is connected has no reason not to be.
        case .flag(true):
            [Self.clients(SQLFragment("connected = 1 AND reason IS NULL"), isOrdered: true)]
        case .flag(false): [Self.everyAbsent]
        case .text, .pattern, .texts, .numbers: nil
        }
    }

    private static func changed(_ test: FieldTest) -> [SearchSource]? {
        switch test {
        case .present: [Self.everyClient]
        case .numbers(let range):
            [Self.clients(SearchConditions.range(range, "changed_at"), isOrdered: false)]
        case .text, .pattern, .texts, .flag: nil
        }
    }

    private static func disconnected(_ test: FieldTest) -> [SearchSource]? {
        if case .present = test { return [Self.everyAbsent] }
        return DisconnectReason.allCases.filter { test.passes(.text($0.rawValue), .text) }.map {
            Self.clients(
                SQLFragment("connected = 0 AND reason = ?", $0.rawValue), isOrdered: true)
        }
    }
}
