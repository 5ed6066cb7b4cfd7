package import Fleet

/// Who is in which dynamic thing group: whatever its query finds, now. Membership is looked up and
/// never stored, so it is never stale, and a group of a million things costs nothing while nobody
/// asks.
///
/// A dynamic group's query sees the groups that things were put into, and no dynamic ones.
package struct DynamicMembership: Sendable {
    private let groups: [(name: ThingGroupName, id: ResourceID, query: FleetQuery)]

    /// Where there are no dynamic groups.
    package static let empty = DynamicMembership()

    private init() { self.groups = [] }

    /// - Parameter groups: the static ones among them are passed over.
    /// - Throws: `FleetError.internalFailure` where a group's query cannot be read, as it could
    ///   when the group was made: a group that silently had no members would mislead.
    package init(_ groups: [ThingGroup]) throws(FleetError) {
        var parsed: [(name: ThingGroupName, id: ResourceID, query: FleetQuery)] = []
        for group in groups {
            guard let query = group.query else { continue }
            do throws(FleetError) {
                let read = try FleetQuery.parse(query.queryString, isStored: true)
                parsed.append((group.name, group.id, read))
            } catch {
                throw FleetError(
                    .internalFailure,
                    "the query of dynamic thing group '\(group.name)' cannot be read: "
                        + error.message, resource: group.name.rawValue)
            }
        }
        self.groups = parsed
    }

    package var isEmpty: Bool { self.groups.isEmpty }

    func id(of group: ThingGroupName) -> ResourceID? {
        self.groups.first { $0.name == group }?.id
    }

    package func groups(of document: FleetDocument) -> [ThingGroupName] {
        self.groups.filter { $0.query.matches(document) }.map(\.name)
    }

    /// The document with its dynamic groups among the others.
    package func completing(_ document: FleetDocument) -> FleetDocument {
        guard !self.groups.isEmpty else { return document }
        var document = document
        document.groups = (document.groups + self.groups(of: document)).sorted()
        return document
    }

    /// The query that finds by stored groups alone what `query` finds by dynamic ones as well:
    /// beside each term that a dynamic group's name passes stands the group's own query.
    /// - Throws: `FleetError.invalidQuery` where that becomes too large.
    package func expanding(_ query: FleetQuery) throws(FleetError) -> FleetQuery {
        guard query.index == .things, !self.groups.isEmpty else { return query }
        let expanded = FleetQuery(.things, self.expanding(query.expression))
        guard expanded.expression.terms <= QueryLimits.expandedTermsMax else {
            throw FleetError(
                .invalidQuery,
                "the query and those of the dynamic groups it names have "
                    + "\(expanded.expression.terms) terms; at most "
                    + "\(QueryLimits.expandedTermsMax)")
        }
        return expanded
    }

    private func expanding(_ expression: QueryExpression) -> QueryExpression {
        switch expression {
        case .everything: expression
        case .field(.thingGroupNames, let test), .anywhere(let test):
            .disjunction([expression] + self.queries(named: test))
        case .field: expression
        case .not(let inner): .not(self.expanding(inner))
        case .all(let parts): .conjunction(parts.map(self.expanding))
        case .any(let parts): .disjunction(parts.map(self.expanding))
        }
    }

    private func queries(named test: FieldTest) -> [QueryExpression] {
        self.groups.filter { test.passes(.text($0.name.rawValue), .text) }.map(\.query.expression)
    }
}

extension QueryExpression {
    /// How many terms it is made of.
    package var terms: Int {
        switch self {
        case .everything, .field, .anywhere: 1
        case .not(let inner): inner.terms
        case .all(let parts), .any(let parts): parts.reduce(0) { $0 + $1.terms }
        }
    }
}
