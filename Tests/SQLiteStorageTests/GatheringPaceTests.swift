import Testing

@testable import SQLiteStorage

@Suite struct GatheringPaceTests {
    @Test func whoComesAloneIsServedAtOnce() {
        var pace = GatheringPace()
        #expect(!pace.waits(with: 1))
        #expect(pace.waits(with: 2))
    }

    @Test func aWaitInVainIsNotRepeatedSoon() {
        var pace = GatheringPace()
        #expect(pace.waits(with: 5))
        pace.came(3)
        #expect(pace.waits(with: 5))
        pace.came(0)
        for _ in 0..<GatheringPace.batchesUnwaited { #expect(!pace.waits(with: 5)) }
        #expect(pace.waits(with: 5))
    }
}
