internal import Fleet
internal import GRDB

/// How the things that a query finds are come by.
enum SearchPlan {
    /// All that the query can find is among the names that these give together. None: it can find
    /// nothing.
    case sources([SearchSource])
    /// Every thing is looked at, in the order of names.
    case scan
}

/// How much one read of a search may look at.
struct SearchBudget {
    var candidatesMax = StorageLimits.searchCandidatesMax
    var probedMax = StorageLimits.searchProbedMax
    var statementsMax = StorageLimits.searchStatementsMax
    var namesMax = StorageLimits.searchNamesMax
    var thingsMax = StorageLimits.searchedThingsPerReadMax
    var groupsMax = StorageLimits.searchedGroupsPerReadMax
}

/// Names of things along one index.
struct SearchSource {
    /// Ends inside its WHERE.
    private let statement: SQLFragment
    /// The column that the names stand in.
    private let column: String
    /// Where the names begin, unless a page begins behind that.
    private let start: String?
    /// Whether the index has the names in their own order, so that a page reads no more of them
    /// than it looks at. Others must all be read before the first of them is known.
    let isOrdered: Bool

    init(
        _ statement: SQLFragment, column: String, from start: String? = nil, isOrdered: Bool
    ) {
        self.statement = statement
        self.column = column
        self.start = start
        self.isOrdered = isOrdered
    }

    func statement(after place: String?) -> SQLFragment {
        // One bound alone steers an index, so the higher of the two is chosen here.
        if let start, place.map({ $0.utf8.lexicographicallyPrecedes(start.utf8) }) ?? true {
            return self.statement + SQLFragment("AND \(self.column) >= ?", start)
        }
        return self.statement + SQLFragment("AND \(self.column) > ?", place ?? "")
    }

    /// What `sources` give together, in order. SQLite merges what is in order as it stands, and
    /// reads no more of it than what is asked for.
    static func names(of sources: [SearchSource], after place: String?) -> SQLFragment {
        SQLFragment(joining: sources.map { $0.statement(after: place) }, " UNION ALL ")
            + SQLFragment("ORDER BY thing")
    }
}

/// Chooses the plan. Each index is asked how much it would give, and counts no further than what
/// would be too much: so a query with a term that few things meet costs what those few cost,
/// however large the fleet is, and whatever else it asks for; and one with a term that many meet
/// costs what its page shows, where an index has those in the order of names.
struct SearchPlanner {
    let db: Database
    let budget: SearchBudget
    /// Where the page begins.
    let place: String?

    func plan(_ expression: QueryExpression) throws -> SearchPlan {
        let found = try self.cheapest(expression, within: self.budget.candidatesMax)
        return found.map { .sources($0.sources) } ?? .scan
    }

    private struct Found {
        var sources: [SearchSource] = []
        /// Names that are in no order.
        var unordered = 0
        /// Those in order that follow the page's place; nil where they are many.
        var ordered: Int? = 0

        var total: Int? { self.ordered.map { $0 + self.unordered } }
    }

    /// The cheapest sources that give all `expression` can find; nil where they give more than
    /// `max` names in no order, or no index can give it.
    private func cheapest(_ expression: QueryExpression, within max: Int) throws -> Found? {
        guard max >= 0 else { return nil }
        switch expression {
        case .everything, .not: return nil
        case .field(let field, let test):
            let sources = try SearchSources(db: self.db, budget: self.budget).of(field, test)
            return try sources.flatMap { try self.counted($0, within: max) }
        case .anywhere(let test):
            let sources = try SearchSources(db: self.db, budget: self.budget).anywhere(test)
            return try sources.flatMap { try self.counted($0, within: max) }
        case .all(let parts):
            var best: Found?
            for part in parts {
                let bound = best?.total.map { $0 - 1 } ?? max
                guard let found = try self.cheapest(part, within: bound) else { continue }
                best = try best.map { try self.cheaper($0, found) } ?? found
            }
            return best
        case .any(let parts):
            var sum = Found()
            for part in parts {
                guard let found = try self.cheapest(part, within: max - sum.unordered) else {
                    return nil
                }
                sum.sources += found.sources
                sum.unordered += found.unordered
                sum.ordered = sum.ordered.flatMap { so in found.ordered.map { so + $0 } }
                guard sum.sources.count <= self.budget.statementsMax else { return nil }
            }
            return sum
        }
    }

    private func counted(_ sources: [SearchSource], within max: Int) throws -> Found? {
        var found = Found(sources: sources)
        for source in sources {
            if source.isOrdered {
                let count = try self.count(source, after: self.place, upTo: self.budget.probedMax)
                found.ordered = found.ordered.flatMap { so in count.map { so + $0 } }
            } else {
                // From the beginning: what lies before the place is read all the same.
                guard
                    let count = try self.count(source, after: nil, upTo: max - found.unordered)
                else { return nil }
                found.unordered += count
            }
        }
        return found
    }

    /// nil where it gives more than `max`.
    private func count(
        _ source: SearchSource, after place: String?, upTo max: Int
    ) throws -> Int? {
        let statement =
            (source.statement(after: place) + SQLFragment("LIMIT ?", max + 1))
            .within("SELECT count(*) FROM (", ")")
        let count = try self.db.all(once: statement, of: "things") { try $0.int() }.first ?? 0
        return count > max ? nil : count
    }

    private func cheaper(_ one: Found, _ other: Found) throws -> Found {
        switch (one.total, other.total) {
        case (let some?, let more?): return more < some ? other : one
        case (_?, nil): return one
        case (nil, _?): return other
        case (nil, nil):
            // Nobody has counted either. So many names of the rarer get further.
            guard let reach = try self.reach(one) else { return one }
            guard let further = try self.reach(other) else { return other }
            return reach.utf8.lexicographicallyPrecedes(further.utf8) ? other : one
        }
    }

    /// How far the next names get, as many as are looked at to see whether they are many; nil
    /// where fewer are left.
    private func reach(_ found: Found) throws -> String? {
        try self.db.all(
            once: SearchSource.names(of: found.sources, after: self.place)
                + SQLFragment("LIMIT 1 OFFSET ?", self.budget.probedMax),
            of: "things"
        ) { try $0.text() }.first
    }
}
