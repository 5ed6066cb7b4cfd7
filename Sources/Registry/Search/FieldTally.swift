package import Fleet

/// How often each value of a field was found: what all aggregations are made of.
package struct FieldTally: Hashable, Sendable {
    /// Different values that one aggregation keeps in memory.
    package static let valuesMax = 1_000_000

    package private(set) var counts: [FieldValue: Int] = [:]

    package init() {}

    /// - Throws: `FleetError.invalidAggregation` where there are too many different values.
    package mutating func add(_ value: FieldValue, count: Int) throws(FleetError) {
        self.counts[value, default: 0] += count
        guard self.counts.count <= Self.valuesMax else {
            throw FleetError(
                .invalidAggregation,
                "the field has more than \(Self.valuesMax) different values; narrow the query")
        }
    }

    package var total: Int { self.counts.values.reduce(0, +) }

    /// The values that are of the type, as numbers; those that are not are passed over (AWS:
    /// "type inconsistency"). A boolean is 0 or 1.
    fileprivate func numbers(as type: FieldType) -> [Double: Int] {
        var numbers: [Double: Int] = [:]
        for (value, count) in self.counts {
            if let number = type.number(of: value) { numbers[number, default: 0] += count }
        }
        return numbers
    }

    /// What the values are taken for where nobody has said: numbers if any of them is one.
    package var ownType: FieldType {
        if self.counts.keys.contains(where: { FieldType.number.number(of: $0) != nil }) {
            return .number
        }
        let isFlag = self.counts.keys.contains { if case .flag = $0 { true } else { false } }
        return isFlag ? .boolean : .string
    }
}

extension FieldType {
    fileprivate func number(of value: FieldValue) -> Double? {
        switch (self, value) {
        case (.number, .number(let number)): number
        case (.number, .text(let text)): QueryNumber.value(of: text)
        case (.boolean, .flag(let flag)): flag ? 1 : 0
        case (.boolean, .text(let text)):
            switch text.caseFolded {
            case "true": 1
            case "false": 0
            case _: nil
            }
        case (.number, .flag), (.boolean, .number), (.string, _): nil
        }
    }
}

// MARK: Aggregations

/// AWS: Statistics. All but the count are nil for texts, and where there is nothing to be said.
package struct FieldStatistics: Hashable, Sendable {
    package var count: Int
    package var average: Double?
    package var sum: Double?
    package var minimum: Double?
    package var maximum: Double?
    package var sumOfSquares: Double?
    /// The average of the squared distances from the average, over all values there are.
    package var variance: Double?
    package var standardDeviation: Double?
}

extension FieldTally {
    package func statistics(as type: FieldType) -> FieldStatistics {
        guard type != .string else { return FieldStatistics(count: self.total) }
        // In one order, so that the same fleet always gives the same last digit.
        let numbers = self.numbers(as: type).sorted { $0.key < $1.key }
        var statistics = FieldStatistics(count: numbers.reduce(0) { $0 + $1.value })
        guard let first = numbers.first, let last = numbers.last else { return statistics }
        let count = Double(statistics.count)
        let sum = numbers.reduce(0.0) { $0 + $1.key * Double($1.value) }
        let average = sum / count
        let variance =
            numbers.reduce(0.0) { sum, next in
                let distance = next.key - average
                return sum + distance * distance * Double(next.value)
            } / count
        let squares = numbers.reduce(0.0) { $0 + $1.key * $1.key * Double($1.value) }
        statistics.minimum = first.key
        statistics.maximum = last.key
        // AWS: what is beyond the largest number is left out.
        if squares.isFinite, variance.isFinite {
            statistics.sum = sum
            statistics.average = average
            statistics.sumOfSquares = squares
            statistics.variance = variance
            statistics.standardDeviation = variance.squareRoot()
        }
        return statistics
    }

    /// AWS: GetCardinality, which is exact here.
    package func cardinality(as type: FieldType) -> Int {
        type == .string ? self.counts.count : self.numbers(as: type).count
    }

    /// AWS: GetPercentiles. Between two values the straight line counts.
    /// - Returns: nothing where there are no numbers.
    package func percentiles(
        _ percents: [Double], as type: FieldType
    ) -> [(percent: Double, value: Double)] {
        let numbers = self.numbers(as: type).sorted { $0.key < $1.key }
        let count = numbers.reduce(0) { $0 + $1.value }
        guard count > 0 else { return [] }
        func value(at index: Int) -> Double {
            var rest = index
            for (number, times) in numbers {
                if rest < times { return number }
                rest -= times
            }
            return numbers[numbers.count - 1].key
        }
        return percents.map { percent in
            let place = percent / 100 * Double(count - 1)
            let lower = Int(place.rounded(.down))
            let share = place - Double(lower)
            let (below, above) = (value(at: lower), value(at: min(lower + 1, count - 1)))
            // Weighted so, no difference of two large numbers is formed.
            return (percent, below * (1 - share) + above * share)
        }
    }

    /// AWS: GetBucketsAggregation. The most frequent values first, equal ones by their names.
    package func buckets(max: Int) -> [(value: String, count: Int)] {
        let buckets = self.counts.map { (value: $0.key.text, count: $0.value) }
        return Array(
            buckets.sorted { ($1.count, $0.value) < ($0.count, $1.value) }.prefix(max))
    }
}

extension FieldValue {
    fileprivate var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): QueryNumber.text(of: number)
        case .flag(let flag): "\(flag)"
        }
    }
}
