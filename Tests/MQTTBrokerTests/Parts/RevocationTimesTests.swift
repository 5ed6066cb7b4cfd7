import Fleet
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

    /// From the first of its commits to the last of its sockets, whatever closes in between; the
    /// next decision begins anew, and a revocation that stands alone is none.
    @Test func decisionIsMeasuredAsAWhole() {
        func cause(_ commit: Int64, _ time: Int64, _ decision: String?) -> ChangeEffects.Cause {
            ChangeEffects.Cause(
                sequence: commit, time: UnixTime(milliseconds: time), decision: decision)
        }
        var times = RevocationTimes()
        times.note(cause(3, 130, "a"), at: UnixTime(milliseconds: 140))
        times.note(cause(2, 100, "a"), at: UnixTime(milliseconds: 150))
        times.note(cause(4, 145, nil), at: UnixTime(milliseconds: 900))
        #expect(times.decision?.digest == "a" && times.decision?.sockets == 2)
        #expect(times.decision?.milliseconds == 50 && times.count == 3)
        times.note(cause(9, 1000, "b"), at: UnixTime(milliseconds: 1007))
        #expect(times.decision?.sockets == 1 && times.decision?.milliseconds == 7)
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
