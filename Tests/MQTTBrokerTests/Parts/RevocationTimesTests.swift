import Testing

@testable import MQTTBroker

@Suite struct RevocationTimesTests {
    @Test func knowNothingBeforeTheFirst() {
        let times = RevocationTimes()
        #expect(times.count == 0 && times.last == nil && times.p99 == nil && times.worst == nil)
    }

    /// The last of a commit's sockets counts, in whatever order two commits' sockets close.
    @Test func lastIsTheSlowestOfTheLatestCommit() {
        var times = RevocationTimes()
        times.note(7, milliseconds: 30)
        times.note(8, milliseconds: 12)
        times.note(8, milliseconds: 9)
        times.note(7, milliseconds: 90)
        #expect(times.last == 12 && times.worst == 90 && times.count == 4)
        times.note(9, milliseconds: -5)
        #expect(times.last == 0)
    }

    @Test func p99LeavesTheSlowestOfAHundredOut() {
        var times = RevocationTimes()
        for number in (1...100).reversed() { times.note(1, milliseconds: Int64(number)) }
        #expect(times.p99 == 99)
        // What is long ago is forgotten, but for the worst.
        for _ in 0..<RevocationTimes.samplesMax { times.note(2, milliseconds: 1) }
        #expect(times.p99 == 1 && times.worst == 100)
    }
}
