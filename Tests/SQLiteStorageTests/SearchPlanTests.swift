import Fleet
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStorage

/// That a term which few things meet is answered along an index, and one which many meet in the
/// order of names, a stretch at a time.
@Suite struct SearchPlanTests {
    private typealias Ran = (sql: String, plan: String)

    /// Runs a page of `query` on an empty fleet: every index gives little enough there.
    /// - Parameter filled: whether there are the type, the groups and a thing that terms name.
    private func plans(
        _ expression: QueryExpression, _ budget: SearchBudget = SearchBudget(),
        filled: Bool = false
    ) throws -> [Ran] {
        let queue = try DatabaseQueue()
        return try queue.writeWithoutTransaction { db in
            for step in Schema.steps { try db.execute(sql: step) }
            SearchFunctions.add(to: db)
            if filled { try db.execute(sql: Self.named) }
            let statements = Mutex<[String]>([])
            db.trace { event in
                if case .statement(let statement) = event {
                    statements.withLock { $0.append(statement.expandedSQL) }
                }
            }
            _ = try ListPages(db: db, budget: budget).page(
                ListQuery(.search(FleetQuery(.things, expression)), after: "a"))
            db.trace(options: [])
            return try statements.withLock { $0 }.map { sql in
                let steps = try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)")
                return (sql, steps.map { $0["detail"] as String }.joined(separator: "; "))
            }
        }
    }

    private static let named = """
        INSERT INTO thing_types (name, created_at, revision) VALUES ('A1', 1, 1);
        INSERT INTO thing_groups (name, path, created_at, revision) VALUES ('A1', '/A1/', 1, 1);
        INSERT INTO billing_groups (name, id, version, created_at, revision)
            VALUES ('a1', '', 1, 1, 1);
        INSERT INTO things (name, id, attributes, version, created_at, revision)
            VALUES ('a12', '00000000-0000-4000-8000-000000000001', '{}', 1, 1, 1);
        """

    private static func text(_ field: QueryField) -> QueryExpression {
        .field(field, .text("A1"))
    }
    private static func prefix(_ field: QueryField) -> QueryExpression {
        .field(field, .pattern(QueryPattern([.literal("A1"), .anyRun])))
    }
    private static let numbers = FieldTest.numbers(
        QueryRange(lower: .init(5, isIncluded: true), upper: nil))
    private static let unselective: [QueryExpression] = [
        .everything, .not(text(.thingName)), .field(.version, numbers),
        .field(.attribute("x"), .pattern(QueryPattern([.anyRun, .literal("a")]))),
        .any([text(.thingName), .not(text(.thingName))]),
    ]
    private static let selective: [QueryExpression] =
        [
            .thingName, .thingID, .thingTypeName, .thingGroupNames, .billingGroupName,
            .attribute("x"),
        ].flatMap { [text($0), prefix($0)] } + [
            .field(.attribute("x"), numbers), .field(.attribute("x"), .present),
            .field(.connected, .flag(true)), .field(.connectivityTimestamp, numbers),
            .anywhere(.text("a1")),
            .anywhere(.pattern(QueryPattern([.literal("a"), .anyOne, .literal("b")]))),
            .field(
                .thingName,
                .texts(QueryRange(lower: .init("a", isIncluded: true), upper: nil))),
            .any([text(.thingName), text(.attribute("x"))]),
            .field(.thingGroupNames, .present), .field(.disconnectReason, .text("THROTTLED")),
            .field(.connected, .present), .field(.connected, .flag(false)),
        ]

    private static let inOrder: [QueryExpression] = [
        text(.attribute("x")), text(.thingTypeName), text(.thingGroupNames),
        text(.billingGroupName), prefix(.thingName), .field(.connected, .flag(true)),
        .field(.disconnectReason, .text("throttled")), .field(.thingGroupNames, .present),
        .any([text(.thingTypeName), text(.attribute("x")), .field(.connected, .flag(true))]),
    ]

    private func expectSearches(_ plans: [Ran]) {
        for (sql, plan) in plans {
            for step in plan.split(separator: "; ") where step.hasPrefix("SCAN") {
                // What was found, a row's own attributes, and the one row of a subquery.
                let isSmall =
                    step.hasPrefix("SCAN f") || step.hasPrefix("SCAN a VIRTUAL TABLE")
                    || step.hasPrefix("SCAN (subquery")
                #expect(isSmall, "\(plan): \(sql)")
            }
        }
    }

    @Test(arguments: Self.selective)
    func aSelectiveTermRunsAlongAnIndex(_ expression: QueryExpression) throws {
        self.expectSearches(try self.plans(expression))
    }

    @Test(arguments: Self.unselective)
    func aSelectiveTermMakesItsConjunctionSelective(_ expression: QueryExpression) throws {
        self.expectSearches(try self.plans(.all([expression, Self.text(.attribute("x"))])))
    }

    @Test(arguments: Self.unselective)
    func anUnselectiveQueryWalksInTheOrderOfNames(_ expression: QueryExpression) throws {
        let plans = try self.plans(expression)
        let page = try #require(plans.last)
        #expect(!page.plan.contains("TEMP B-TREE"), "\(page.plan): \(page.sql)")
        #expect(
            page.plan.hasPrefix("SEARCH t USING INDEX sqlite_autoindex_things_1"),
            "\(page.plan): \(page.sql)")
    }

    /// The same where there would be indexes, and they would give too much.
    @Test(arguments: Self.selective)
    func aTermThatManyMeetDoesSoToo(_ expression: QueryExpression) throws {
        let plans = try self.plans(expression, SearchBudget(candidatesMax: -1))
        let page = try #require(plans.last)
        #expect(!page.plan.contains("TEMP B-TREE"), "\(page.plan): \(page.sql)")
        #expect(
            page.plan.hasPrefix("SEARCH t USING INDEX sqlite_autoindex_things_1"),
            "\(page.plan): \(page.sql)")
    }

    /// Values alone are no range of the index: other attributes, of all things maybe, have such
    /// values too.
    @Test func aRangeOfAnAttributeIsOneOfThatAttributeAlone() throws {
        let range = FieldTest.texts(
            QueryRange(lower: .init("1", isIncluded: true), upper: .init("2", isIncluded: true)))
        for expression in [Self.prefix(.attribute("x")), .field(.attribute("x"), range)] {
            let plans = try self.plans(expression).filter { $0.sql.contains("value >=") }
            #expect(!plans.isEmpty)
            for (sql, plan) in plans {
                let isBounded =
                    plan.contains("(name=? AND value>? AND value<?)") || plan.contains("SCAN f")
                #expect(isBounded, "\(plan): \(sql)")
            }
        }
    }

    /// What an index has in the order of names is read as far as the page goes: nothing is sorted
    /// but the page, and names are read from the place on.
    @Test(arguments: Self.inOrder)
    func whatIsInOrderIsReadAsFarAsThePageGoes(_ expression: QueryExpression) throws {
        let plans = try self.plans(expression, filled: true)
        let names = plans.filter { $0.sql.contains("ORDER BY thing LIMIT") }
        #expect(names.count == 1)
        for (sql, plan) in names {
            #expect(!plan.contains("TEMP B-TREE"), "\(plan): \(sql)")
            for step in plan.split(separator: "; ") where step.hasPrefix("SEARCH") {
                let isFromPlace = ["thing>?", "name>?", "client>?"].contains { step.contains($0) }
                #expect(isFromPlace, "\(plan): \(sql)")
            }
        }
    }

    /// 200 terms, each a whole disjunction: SQLite bounds the depth and length of a statement.
    @Test func theLargestQueryIsNoTooLargeStatement() throws {
        let parts = (0..<1000).map { QueryExpression.anywhere(.text("a\($0)")) }
        _ = try self.plans(.any(parts))
        _ = try self.plans(.all(parts.map { .not($0) }))
    }
}
