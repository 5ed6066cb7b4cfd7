import Fleet
import TestSupport
import Testing

@testable import Registry

@Suite struct FieldTallyTests {
    private func tally(_ texts: String...) throws -> FieldTally {
        var tally = FieldTally()
        for text in texts { try tally.add(.text(text), count: 1) }
        return tally
    }

    /// AWS: developer guide, "Querying for aggregate data".
    @Test func theGuidesStatisticsComeOut() throws {
        let found = try self.tally("75", "150", "-125").statistics(as: .number)
        #expect(found.count == 3)
        #expect(found.average == 100.0 / 3)
        #expect(found.sum == 100)
        #expect((found.minimum, found.maximum) == (-125, 150))
        #expect(found.sumOfSquares == 43_750)
        let variance = try #require(found.variance)
        #expect(abs(variance - 13_472.222222222) < 1e-6)
        let deviation = try #require(found.standardDeviation)
        #expect(abs(deviation - 116.069902309) < 1e-6)
    }

    @Test func ofTextsOnlyTheNumberIsKnown() throws {
        let found = try self.tally("a", "75", "b").statistics(as: .string)
        #expect(found == FieldStatistics(count: 3))
    }

    @Test func valuesOfAnotherTypeArePassedOver() throws {
        let tally = try self.tally("75", "x", "007", "25", "TRUE", "false")
        #expect(tally.ownType == .number)
        #expect(tally.statistics(as: .number).count == 2)
        let flags = tally.statistics(as: .boolean)
        #expect((flags.count, flags.sum, flags.average) == (2, 1, 0.5))
        #expect(tally.cardinality(as: .number) == 2)
        #expect(tally.cardinality(as: .string) == 6)
        #expect(try self.tally("x").ownType == .string)
    }

    @Test func nothingFoundIsCountedAsNothing() {
        #expect(FieldTally().statistics(as: .number) == FieldStatistics(count: 0))
        #expect(FieldTally().percentiles([50], as: .number).isEmpty)
        #expect(FieldTally().cardinality(as: .number) == 0)
        #expect(FieldTally().buckets(max: 5).isEmpty)
    }

    @Test func whatIsLargerThanAnyNumberIsLeftOut() throws {
        let found = try self.tally("1e308", "-1e308").statistics(as: .number)
        #expect(found.minimum == -1e308)
        #expect(found.sumOfSquares == nil && found.variance == nil && found.average == nil)
    }

    @Test func percentilesLieOnTheLineBetweenTwoValues() throws {
        var tally = FieldTally()
        for (value, count) in [(1.0, 2), (2.0, 3), (4.0, 1)] {
            try tally.add(.number(value), count: count)
        }
        let found = tally.percentiles([0, 20, 30, 50, 90, 100], as: .number)
        #expect(found.map(\.percent) == [0, 20, 30, 50, 90, 100])
        let expected = [1, 1, 1.5, 2, 3, 4]
        for (value, wanted) in zip(found.map(\.value), expected) {
            #expect(abs(value - wanted) < 1e-9)
        }
    }

    @Test func bucketsComeByTheirSizeAndThenByName() throws {
        var tally = FieldTally()
        for (text, count) in [("b", 2), ("a", 2), ("c", 5), ("d", 1)] {
            try tally.add(.text(text), count: count)
        }
        #expect(tally.buckets(max: 3).map(\.value) == ["c", "a", "b"])
        #expect(tally.buckets(max: 3).map(\.count) == [5, 2, 2])
    }
}
