import Fleet
import Testing

@Suite struct UnixTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (-1000, "1969-12-31T23:59:59.000Z"),
            (-86_400_000, "1969-12-31T00:00:00.000Z"), (-86_400_001, "1969-12-30T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_740_787_199_000, "2025-02-28T23:59:59.000Z"),
            (1_740_787_200_000, "2025-03-01T00:00:00.000Z"),
            (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-2_203_977_600_000, "1900-02-28T00:00:00.000Z"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
            (2_147_483_647_000, "2038-01-19T03:14:07.000Z"),
            (2_147_483_648_000, "2038-01-19T03:14:08.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func isWrittenAsRFC3339(milliseconds: Int64, text: String) {
        #expect(UnixTime(milliseconds: milliseconds).description == text)
    }

    @Test(
        arguments: [
            (0, 0), (999, 0), (1000, 1), (-1, -1), (-999, -1), (-1000, -1), (-1001, -2),
        ] as [(Int64, Int64)])
    func secondsRoundDown(milliseconds: Int64, seconds: Int64) {
        #expect(UnixTime(milliseconds: milliseconds).seconds == seconds)
    }

    /// Every day of four centuries follows the one before it.
    @Test func theCalendarCountsEveryDay() {
        var (year, month, day) = (1900, 1, 1)
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        for index in 0..<146_097 {
            let time = UnixTime(seconds: Int64(index - 25_567) * 86_400)
            guard time.description == "\(year)-\(padded(month))-\(padded(day))T00:00:00.000Z" else {
                Issue.record("day \(index): \(time)")
                return
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            day += 1
            if day > days[month - 1] { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test func theExtremesPrint() {
        for milliseconds in [Int64.min, Int64.max, Int64.min + 1, Int64.max - 1] {
            #expect(UnixTime(milliseconds: milliseconds).description.hasSuffix("Z"))
        }
    }

    @Test func arithmeticBeyondTheEndsStaysAtThem() {
        #expect(UnixTime(seconds: .max).milliseconds == .max)
        #expect(UnixTime(seconds: .min).milliseconds == .min)
        #expect(UnixTime(milliseconds: 5).advanced(bySeconds: .max).milliseconds == .max)
        #expect(UnixTime(milliseconds: -5).advanced(bySeconds: .min).milliseconds == .min)
        #expect(UnixTime(milliseconds: 5).advanced(bySeconds: -1).milliseconds == -995)
    }

    @Test func earlierIsLess() {
        #expect(UnixTime(milliseconds: -1) < UnixTime(milliseconds: 0))
        #expect(UnixTime(seconds: 1) == UnixTime(milliseconds: 1000))
    }
}
