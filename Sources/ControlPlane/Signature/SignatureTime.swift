import Fleet

/// The moment a request was signed, in the one form that is signed: `20260115T083000Z`.
struct SignatureTime: Hashable {
    let time: UnixTime
    let text: String

    /// `20260115`, as a credential scope says it.
    var day: Substring { Substring(self.text.utf8.prefix(8)) }

    init(_ time: UnixTime) {
        self.time = time
        // RFC 3339, without what ISO 8601's basic form leaves out, and without the fraction.
        self.text = String(time.description.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// ISO 8601's basic form, nothing else. nil for any other text, and for a day or time of day
    /// that does not exist.
    init?(basic text: String) {
        var copy = text
        let read: UnixTime? = copy.withUTF8 { bytes in
            guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z")
            else { return nil }
            return Self.time(
                Date(
                    year: Self.number(bytes[0..<4]), month: Self.number(bytes[4..<6]),
                    day: Self.number(bytes[6..<8])),
                Clock(
                    hour: Self.number(bytes[9..<11]), minute: Self.number(bytes[11..<13]),
                    second: Self.number(bytes[13..<15])))
        }
        guard let time = read else { return nil }
        self.time = time
        self.text = text
    }

    /// RFC 9110's IMF-fixdate, `Thu, 15 Jan 2026 08:30:00 GMT`, as the `Date` header has it.
    init?(fixdate text: String) {
        let words = text.split(separator: " ")
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT",
            words[1].utf8.count == 2, words[3].utf8.count == 4,
            let month = Self.months.firstIndex(of: words[2])
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, clock.allSatisfy({ $0.utf8.count == 2 }),
            let time = Self.time(
                Date(
                    year: Self.number(words[3].utf8), month: Int64(month) + 1,
                    day: Self.number(words[1].utf8)),
                Clock(
                    hour: Self.number(clock[0].utf8), minute: Self.number(clock[1].utf8),
                    second: Self.number(clock[2].utf8)))
        else { return nil }
        self.init(time)
    }

    /// Each part nil where it is no number.
    private struct Date { let year, month, day: Int64? }
    private struct Clock { let hour, minute, second: Int64? }

    private static let months: [Substring] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// nil for anything but decimal digits; at most four are asked for.
    private static func number(_ digits: some Collection<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits.prefix(4) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Civil date to days in the proleptic Gregorian calendar, counting years from March so that
    /// the leap day comes last.
    private static func time(_ date: Date, _ clock: Clock) -> UnixTime? {
        guard let year = date.year, let month = date.month, let day = date.day,
            let hour = clock.hour, let minute = clock.minute, let second = clock.second,
            (1...12).contains(month),
            (1...Self.days(in: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return UnixTime(seconds: days * 86_400 + hour * 3600 + minute * 60 + second)
    }
}
