/// A query over an index: what a search, an aggregation or a dynamic thing group asks for.
///
/// It is parsed by `Registry`, answered by the store, and `matches(_:)` says literally what it
/// means.
package struct FleetQuery: Hashable, Sendable {
    package let index: FleetIndex
    package var expression: QueryExpression

    package init(_ index: FleetIndex = .things, _ expression: QueryExpression) {
        self.index = index
        self.expression = expression
    }
}

package indirect enum QueryExpression: Hashable, Sendable {
    /// `*`.
    case everything
    case field(QueryField, FieldTest)
    /// Whether any text of the registry passes: names, ids, groups and every attribute.
    case anywhere(FieldTest)
    case not(QueryExpression)
    case all([QueryExpression])
    case any([QueryExpression])

    /// What holds where all of `parts` do; nested conjunctions become one.
    package static func conjunction(_ parts: [QueryExpression]) -> QueryExpression {
        let flat = parts.flatMap { part -> [QueryExpression] in
            if case .all(let inner) = part { inner } else { [part] }
        }
        return flat.count == 1 ? flat[0] : .all(flat)
    }

    /// What holds where one of `parts` does; nested disjunctions become one.
    package static func disjunction(_ parts: [QueryExpression]) -> QueryExpression {
        let flat = parts.flatMap { part -> [QueryExpression] in
            if case .any(let inner) = part { inner } else { [part] }
        }
        return flat.count == 1 ? flat[0] : .any(flat)
    }
}

/// What a field's value must be. A field that the document has not passes no test.
package enum FieldTest: Hashable, Sendable {
    /// `*`: whatever it is.
    case present
    case text(String)
    case pattern(QueryPattern)
    /// Between two texts in the order of their folded bytes.
    case texts(QueryRange<String>)
    /// A value that is a number, between two others.
    case numbers(QueryRange<Double>)
    case flag(Bool)
}

/// `[5 TO 10}`, `>5`: at least one end is bounded.
package struct QueryRange<Value: Hashable & Sendable>: Hashable, Sendable {
    package struct Bound: Hashable, Sendable {
        package let value: Value
        package let isIncluded: Bool

        package init(_ value: Value, isIncluded: Bool) {
            self.value = value
            self.isIncluded = isIncluded
        }
    }
    package let lower: Bound?
    package let upper: Bound?

    package init(lower: Bound?, upper: Bound?) {
        self.lower = lower
        self.upper = upper
    }
}

extension QueryRange<Double> {
    package static func exactly(_ value: Double) -> Self {
        let bound = Bound(value, isIncluded: true)
        return Self(lower: bound, upper: bound)
    }
}
