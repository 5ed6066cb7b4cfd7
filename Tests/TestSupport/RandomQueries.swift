package import Fleet

/// Queries over the small fleets of `SearchableFleet`, in the form that parsing gives: so each of
/// them finds something often enough.
package struct RandomQueries {
    package var random: SplitMix64
    private let index: FleetIndex

    package init(seed: UInt64, index: FleetIndex = .things) {
        self.random = SplitMix64(seed: seed)
        self.index = index
    }

    package mutating func query() -> FleetQuery {
        FleetQuery(self.index, self.expression(depth: 3))
    }

    private mutating func chance(_ outOf: Int) -> Bool {
        Int.random(in: 0..<outOf, using: &self.random) == 0
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self.random)]
    }

    private mutating func expression(depth: Int) -> QueryExpression {
        guard depth > 0, !self.chance(3) else { return self.leaf() }
        switch Int.random(in: 0..<5, using: &self.random) {
        case 0: return .not(self.expression(depth: depth - 1))
        case 1, 2: return .conjunction(self.parts(depth: depth - 1))
        default: return .disjunction(self.parts(depth: depth - 1))
        }
    }

    private mutating func parts(depth: Int) -> [QueryExpression] {
        let count = Int.random(in: 2...3, using: &self.random)
        return (0..<count).map { _ in self.expression(depth: depth) }
    }

    private mutating func leaf() -> QueryExpression {
        if self.chance(20) { return .everything }
        if self.chance(5) {
            return .anywhere(self.chance(2) ? .text(self.text()) : .pattern(self.pattern()))
        }
        let field = self.field()
        return .field(field, self.test(field.kind))
    }

    private mutating func field() -> QueryField {
        if self.chance(2) {
            return .attribute(self.pick(SearchableFleet.attributeNames + ["a:b \\c"]))
        }
        return self.pick(QueryField.named(in: self.index))
    }

    private mutating func test(_ kind: QueryField.Kind) -> FieldTest {
        if self.chance(8) { return .present }
        switch kind {
        case .flag: return .flag(Bool.random(using: &self.random))
        case .number: return .numbers(self.range(of: self.numbers))
        case .text, .prose:
            switch Int.random(in: 0..<6, using: &self.random) {
            case 0: return .numbers(self.range(of: self.numbers))
            case 1: return .texts(self.range(of: self.texts))
            case 2: return .pattern(self.pattern())
            default: return .text(self.text())
            }
        }
    }

    private mutating func range<Value>(of value: [Value]) -> QueryRange<Value> {
        var lower: QueryRange<Value>.Bound? = QueryRange.Bound(
            self.pick(value), isIncluded: Bool.random(using: &self.random))
        var upper: QueryRange<Value>.Bound? = QueryRange.Bound(
            self.pick(value), isIncluded: Bool.random(using: &self.random))
        switch Int.random(in: 0..<3, using: &self.random) {
        case 0: lower = nil
        case 1: upper = nil
        default: break
        }
        return QueryRange(lower: lower, upper: upper)
    }

    private let numbers: [Double] = [
        -5, -0.5, 0, 1, 2, 3, 5, 5.5, 70, 75, 1e3, Double(Samples.time.milliseconds),
        Double(Samples.time.milliseconds) + 3000,
    ]
    private let texts =
        SearchableFleet.values + SearchableFleet.typeNames + SearchableFleet.groupNames
        + SearchableFleet.words
        + ["thing-1", "THING-2", "thing-10", "00000000", "CONNECTION_LOST", "server_error"]

    private mutating func text() -> String { self.pick(self.texts) }

    /// Part of a text that may be there, with wildcards for the rest.
    private mutating func pattern() -> QueryPattern {
        let text = Array(self.text())
        var pattern = QueryPattern()
        for character in text {
            switch Int.random(in: 0..<8, using: &self.random) {
            case 0: pattern.append(.anyOne)
            case 1: pattern.append(.anyRun)
            case 2: break
            default: pattern.append(.literal(String(character)))
            }
        }
        pattern.append(.anyRun)
        if pattern.matchesEverything { pattern.append(.literal("1")) }
        return pattern
    }
}
