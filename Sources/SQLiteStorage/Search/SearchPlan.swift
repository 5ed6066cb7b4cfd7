internal import Fleet
internal import GRDB

/// How the things that a query finds are come by.
enum SearchPlan {
    /// Statements along indexes, each giving names of things as `thing`: all that the query can
    /// find is among what they give, which is little enough.
    case candidates([SQLFragment])
    /// Every thing is looked at, in the order of names.
    case scan
}

/// How much one read of a search may look at.
struct SearchBudget {
    var candidatesMax = StorageLimits.searchCandidatesMax
    var statementsMax = StorageLimits.searchStatementsMax
    var thingsMax = StorageLimits.searchedThingsPerReadMax
    var groupsMax = StorageLimits.searchedGroupsPerReadMax
}

/// Chooses the plan. Each index is asked how much it would give, and counts no further than what
/// would be too much: so a query with a term that few things meet costs what those few cost,
/// however large the fleet is, and whatever else it asks for.
struct SearchPlanner {
    let db: Database
    let budget: SearchBudget

    func plan(_ expression: QueryExpression) throws -> SearchPlan {
        let found = try self.fewest(expression, atMost: self.budget.candidatesMax)
        return found.map { .candidates($0.statements) } ?? .scan
    }

    private typealias Found = (statements: [SQLFragment], count: Int)

    /// The cheapest statements that give all `expression` can find; nil where they give more than
    /// `max`, or no index can give it.
    private func fewest(_ expression: QueryExpression, atMost max: Int) throws -> Found? {
        guard max >= 0 else { return nil }
        switch expression {
        case .everything, .not: return nil
        case .field(let field, let test):
            return try SearchCandidates.statements(field, test).flatMap {
                try self.counted($0, atMost: max)
            }
        case .anywhere(let test):
            return try SearchCandidates.statements(anywhere: test).flatMap {
                try self.counted($0, atMost: max)
            }
        case .all(let parts):
            var best: Found?
            for part in parts {
                let bound = best.map { $0.count - 1 } ?? max
                best = try self.fewest(part, atMost: bound) ?? best
            }
            return best
        case .any(let parts):
            var sum: Found = ([], 0)
            for part in parts {
                guard let found = try self.fewest(part, atMost: max - sum.count) else {
                    return nil
                }
                sum.statements += found.statements
                sum.count += found.count
                guard sum.statements.count <= self.budget.statementsMax else { return nil }
            }
            return sum
        }
    }

    private func counted(_ statements: [SQLFragment], atMost max: Int) throws -> Found? {
        var count = 0
        for statement in statements {
            let bounded = statement.within("SELECT count(*) FROM (", " LIMIT ?)")
            var query = bounded
            query.arguments.append(max - count + 1)
            count += try self.db.all(once: query, of: "things") { try $0.int() }.first ?? 0
            if count > max { return nil }
        }
        return (statements, count)
    }
}

/// Which index gives what a term can find.
enum SearchCandidates {
    /// nil where no index does.
    static func statements(anywhere test: FieldTest) -> [SQLFragment]? {
        var all: [SQLFragment] = []
        for field in QueryField.textual(in: .things) {
            guard let some = self.statements(field, test) else { return nil }
            all += some
        }
        return self.attribute(nil, test).map { all + [$0] }
    }

    static func statements(_ field: QueryField, _ test: FieldTest) -> [SQLFragment]? {
        switch field {
        case .thingName: self.column("things", "name", test).map { [$0] }
        case .thingID: self.column("things", "id", test).map { [$0] }
        // A thing's type and groups outlive it as records, and of those there are few.
        case .thingTypeName: self.named("thing_types", "things", "type_name", test).map { [$0] }
        case .billingGroupName:
            self.named("billing_groups", "things", "billing_group", test).map { [$0] }
        case .thingGroupNames:
            self.named("thing_groups", "group_members", "thing_group", test).map { [$0] }
        case .attribute(let name): self.attribute(name, test).map { [$0] }
        case .connected:
            switch test {
            case .flag(let flag):
                [
                    SQLFragment(
                        "SELECT client AS thing FROM connectivity WHERE connected = ?",
                        flag ? 1 : 0)
                ]
            case .present, .text, .pattern, .texts, .numbers: nil
            }
        case .connectivityTimestamp:
            switch test {
            case .numbers(let range):
                [
                    SQLFragment("SELECT client AS thing FROM connectivity WHERE")
                        + SearchConditions.range(range, "changed_at")
                ]
            case .present, .text, .pattern, .texts, .flag: nil
            }
        case .version, .disconnectReason: nil
        // No thing has them.
        case .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames: []
        }
    }

    /// Whether an index over texts is any help: from its beginning the term must be known.
    private static func isBounded(_ test: FieldTest) -> Bool {
        switch test {
        case .text, .texts: true
        case .pattern(let pattern): !pattern.prefix.isEmpty
        case .present, .numbers, .flag: false
        }
    }

    private static func column(
        _ table: String, _ column: String, _ test: FieldTest
    ) -> SQLFragment? {
        guard self.isBounded(test) else { return nil }
        return SQLFragment("SELECT name AS thing FROM \(table) WHERE")
            + SearchConditions.test(test, column)
    }

    private static func named(
        _ names: String, _ table: String, _ column: String, _ test: FieldTest
    ) -> SQLFragment? {
        let thing = table == "things" ? "name" : "thing"
        switch test {
        case .text, .texts, .pattern:
            return SearchConditions.test(test, "n.name").within(
                "SELECT \(thing) AS thing FROM \(table) WHERE \(column) IN "
                    + "(SELECT n.name FROM \(names) AS n WHERE ", ")")
        case .present, .numbers, .flag: return nil
        }
    }

    /// - Parameter name: nil for whatever attribute has such a value.
    private static func attribute(_ name: String?, _ test: FieldTest) -> SQLFragment? {
        let names = name.map { SQLFragment("name = ? AND", $0.storable) } ?? SQLFragment("")
        let table = "SELECT thing FROM thing_attributes"
        switch test {
        case .present:
            return name.map { SQLFragment("\(table) WHERE name = ?", $0.storable) }
        case .numbers(let range):
            guard name != nil else { return nil }
            return SQLFragment("\(table) INDEXED BY thing_attributes_by_number WHERE")
                + names + SearchConditions.range(range, "number")
        case .text, .texts, .pattern:
            guard self.isBounded(test) else { return nil }
            return SQLFragment("\(table) INDEXED BY thing_attributes_by_value WHERE")
                + names + SearchConditions.test(test, "value")
        case .flag: return nil
        }
    }
}
