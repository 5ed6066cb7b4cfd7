import Fleet
import Testing

/// RFC 5280 5.2.3: it rises from list to list.
@Suite struct RevocationListNumberTests {
    @Test(
        arguments: [
            (nil, 1_000, 1_000), (1_000, 1_000, 1_001), (1_000, 999, 1_001), (1_000, 1_002, 1_002),
            // Without a clock, and with one from before 1970.
            (nil, 0, 1), (nil, -5, 1), (7, -5, 8),
        ] as [(Int64?, Int64, Int64)])
    func isTheTimeOrOneMoreThanTheLast(last: Int64?, now: Int64, next: Int64) throws {
        let number = try RevocationListNumber(
            after: last.map { RevocationListNumber($0) }, at: UnixTime(milliseconds: now))
        #expect(number.rawValue == next)
    }

    /// The backup knows less than was given out; the time since dominates.
    @Test func goesOnAfterABackupIsRestored() throws {
        var last: RevocationListNumber?
        var numbers: [RevocationListNumber] = []
        var backup: RevocationListNumber?
        for second: Int64 in 1...20 {
            if second == 5 { backup = last }
            if second == 12 { last = backup }
            let number = try RevocationListNumber(after: last, at: UnixTime(seconds: second))
            numbers.append(number)
            last = number
        }
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
    }

    @Test func damagedNumberIsNoCrash() {
        #expect(throws: FleetError.self) {
            try RevocationListNumber(
                after: RevocationListNumber(.max), at: UnixTime(milliseconds: 1))
        }
    }
}
