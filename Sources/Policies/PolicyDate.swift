/// The dates of a condition: `2026-11-24`, `2026-11-24T14:05Z`, with seconds, a fraction or an
/// offset if need be (W3C's profile of ISO 8601), or seconds since 1970.
package enum PolicyDate {
    /// Seconds beyond the year 9999 either way are no date.
    private static let secondsMax: Int64 = 253_402_300_799
    /// `2027` is a year in W3C's profile and a moment of 1970 to whoever counts seconds. A policy
    /// meant to begin in 2027 would be open today, so it is neither.
    private static let ambiguousDigits = 4

    /// - Returns: since 1970; nil for what is no date.
    package static func milliseconds(_ text: String) -> Int64? {
        if let seconds = Int64(text) {
            guard text.utf8.count != Self.ambiguousDigits,
                (-Self.secondsMax...Self.secondsMax).contains(seconds)
            else { return nil }
            return seconds * 1000
        }
        var reader = Reader(rest: text.utf8[...])
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
            reader.take("-"), let day = reader.digits(2),
            (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day)
        else { return nil }
        let midnight = Self.days(toYear: year, month, day) * 86_400_000
        if reader.rest.isEmpty { return midnight }
        guard reader.take("T"), let hour = reader.digits(2), reader.take(":"),
            let minute = reader.digits(2), let seconds = reader.secondMilliseconds(),
            hour < 24, minute < 60, let offset = reader.offsetMinutes(), reader.rest.isEmpty
        else { return nil }
        return midnight + (hour * 60 + minute - offset) * 60_000 + seconds
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        switch month {
        case 2: return leap ? 29 : 28
        case 4, 6, 9, 11: return 30
        default: return 31
        }
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, years beginning in March so
    /// that the leap day comes last.
    private static func days(toYear year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = (month <= 2 ? year - 1 : year) + 400
        let shiftedMonth = month <= 2 ? month + 9 : month - 3
        let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        return shiftedYear * 365 + leapDays + dayOfYear - 719_468 - 146_097
    }

    private struct Reader {
        var rest: Substring.UTF8View

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard self.rest.first == UInt8(ascii: character) else { return false }
            self.rest = self.rest.dropFirst()
            return true
        }

        mutating func digits(_ count: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<count {
                guard let byte = self.rest.first, (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
                self.rest = self.rest.dropFirst()
            }
            return value
        }

        /// Of the minute; W3C's profile lets a time end with its minutes.
        mutating func secondMilliseconds() -> Int64? {
            guard self.take(":") else { return 0 }
            guard let second = self.digits(2), second < 60, let fraction = self.fraction() else {
                return nil
            }
            return second * 1000 + fraction
        }

        /// Milliseconds; digits after the third are dropped.
        private mutating func fraction() -> Int64? {
            guard self.take(".") else { return 0 }
            var value: Int64 = 0
            var scale: Int64 = 100
            var count = 0
            while let digit = self.digits(1) {
                value += digit * scale
                scale /= 10
                count += 1
            }
            return count > 0 ? value : nil
        }

        mutating func offsetMinutes() -> Int64? {
            if self.take("Z") { return 0 }
            let sign: Int64
            if self.take("+") {
                sign = 1
            } else if self.take("-") {
                sign = -1
            } else {
                return nil
            }
            guard let hours = self.digits(2), self.take(":"), let minutes = self.digits(2),
                hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 60 + minutes)
        }
    }
}
