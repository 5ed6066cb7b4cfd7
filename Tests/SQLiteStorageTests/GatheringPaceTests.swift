import Testing

@testable import SQLiteStorage

@Suite struct GatheringPaceTests {
    @Test func whoComesAloneIsServedAtOnce() {
        var pace = GatheringPace()
        let waits = [pace.waits(with: 1), pace.waits(with: 2)]
        #expect(waits == [false, true])
    }

    @Test func aWaitInVainIsNotRepeatedSoon() {
        var pace = GatheringPace()
        var waits = [pace.waits(with: 5)]
        pace.came(3)
        waits.append(pace.waits(with: 5))
        pace.came(0)
        for _ in 0...GatheringPace.batchesUnwaited { waits.append(pace.waits(with: 5)) }
        let unwaited = [Bool](repeating: false, count: GatheringPace.batchesUnwaited)
        #expect(waits == [true, true] + unwaited + [true])
    }
}
