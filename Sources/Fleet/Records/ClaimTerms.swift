/// What a claim may be used for, and how much. All of it is judged by the service itself, beside
/// the policy of the claim's certificate, since a budget is nothing that a policy could say.
package struct ClaimTerms: Hashable, Sendable {
    package enum Status: String, Sendable, CaseIterable {
        case active = "ACTIVE"
        /// For now: it can be made active again.
        case disabled = "DISABLED"
        /// For good; its certificates are revoked with it.
        case revoked = "REVOKED"
    }

    /// How many registrations of one and the same thing a claim pays for where nothing else is
    /// said. They count as one unit of the budget, but each leaves a certificate behind.
    package static let registrationsPerUnitDefault = 100
    /// Certificates a claim may have asked for and not yet registered, where nothing else is said.
    package static let pendingDefault = 10_000
    /// The same for a principal that has no terms: a trusted user's claim, or a device that may
    /// provision others.
    package static let pendingWithoutTerms = 10_000

    /// Of a station or a lot, whoever names it.
    package static let labelBytesMax = 128

    /// Whether a station or a lot may be called so: it stands in tables, logs and reports.
    package static func isLabel(_ text: String) -> Bool {
        (1...Self.labelBytesMax).contains(text.utf8.count)
            && !text.unicodeScalars.contains(where: \.breaksLines)
    }

    package let name: ClaimName
    package var status: Status
    package var statusReason: String?
    package var statusChangedAt: UnixTime
    /// nil for whatever the policy of its certificate reaches.
    package var templates: [TemplateName]?
    /// Units, which are things registered under this claim's name; nil for no bound.
    package var budget: Int?
    package var registrationsPerUnit: Int
    package var pendingMax: Int
    /// Certificates in a minute; nil for no bound.
    package var perMinute: Int?
    package var notBefore: UnixTime?
    package var notAfter: UnixTime?
    /// CIDR; empty for anywhere.
    package var networks: [String]
    package var serials: SerialRange?
    /// Empty for always.
    package var shifts: [Shift]
    /// Go into the provenance of every certificate it pays for.
    package var station: String?
    package var lot: String?
    package let createdAt: UnixTime
    package var createdBy: String?

    package init(
        name: ClaimName, createdAt: UnixTime, createdBy: String? = nil,
        status: Status = .active, statusReason: String? = nil, statusChangedAt: UnixTime? = nil,
        templates: [TemplateName]? = nil, budget: Int? = nil,
        registrationsPerUnit: Int = Self.registrationsPerUnitDefault,
        pendingMax: Int = Self.pendingDefault, perMinute: Int? = nil,
        notBefore: UnixTime? = nil, notAfter: UnixTime? = nil, networks: [String] = [],
        serials: SerialRange? = nil, shifts: [Shift] = [], station: String? = nil,
        lot: String? = nil
    ) {
        self.name = name
        self.status = status
        self.statusReason = statusReason
        self.statusChangedAt = statusChangedAt ?? createdAt
        self.templates = templates
        self.budget = budget
        self.registrationsPerUnit = registrationsPerUnit
        self.pendingMax = pendingMax
        self.perMinute = perMinute
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.networks = networks
        self.serials = serials
        self.shifts = shifts
        self.station = station
        self.lot = lot
        self.createdAt = createdAt
        self.createdBy = createdBy
    }
}

/// From a first to a last serial number of the same length, both included; compared byte by byte,
/// so that numbers want their leading zeros: `SN-000001..SN-000500`.
package struct SerialRange: Hashable, Sendable, CustomStringConvertible {
    package let first: SerialNumber
    package let last: SerialNumber

    /// - Throws: `FleetError.invalidRequest` for ends of different length or the wrong way round.
    package init(first: SerialNumber, last: SerialNumber) throws(FleetError) {
        guard first.rawValue.utf8.count == last.rawValue.utf8.count else {
            throw FleetError(
                .invalidRequest,
                "'\(first)' and '\(last)' are not of the same length: a range of serial numbers "
                    + "wants leading zeros")
        }
        guard !last.rawValue.utf8.lexicographicallyPrecedes(first.rawValue.utf8) else {
            throw FleetError(.invalidRequest, "'\(last)' comes before '\(first)'")
        }
        self.first = first
        self.last = last
    }

    /// Reads `FIRST..LAST`.
    package init(_ text: String) throws(FleetError) {
        guard let dots = text.firstDots else {
            throw FleetError(
                .invalidRequest, "'\(text.clipped)' is no range of serial numbers: FIRST..LAST")
        }
        try self.init(
            first: try SerialNumber(String(text[..<dots])),
            last: try SerialNumber(String(text[text.index(dots, offsetBy: 2)...])))
    }

    package func contains(_ serial: String) -> Bool {
        serial.utf8.count == self.first.rawValue.utf8.count
            && !serial.utf8.lexicographicallyPrecedes(self.first.rawValue.utf8)
            && !self.last.rawValue.utf8.lexicographicallyPrecedes(serial.utf8)
    }

    package var description: String { "\(self.first)..\(self.last)" }
}

extension String {
    /// Where the first `..` begins.
    fileprivate var firstDots: Index? {
        var index = self.startIndex
        while index < self.endIndex {
            let next = self.index(after: index)
            if self[index] == ".", next < self.endIndex, self[next] == "." { return index }
            index = next
        }
        return nil
    }
}

/// Hours of the week in which a claim works: `mon-fri 06:00-14:00 +01:00`. One that ends before
/// it begins runs over midnight, and belongs to the day it began on. The offset from UTC is fixed:
/// a factory states its shifts by its own clock, and changes them when that changes.
package struct Shift: Hashable, Sendable, CustomStringConvertible {
    private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    private static let minutesPerDay = 1440

    /// 0 is Monday.
    package let weekdays: ClosedRange<Int>
    package let startMinute: Int
    package let endMinute: Int
    package let offsetMinutes: Int

    /// - Throws: `FleetError.invalidRequest`, with an example.
    package init(_ text: String) throws(FleetError) {
        guard let shift = Self.parse(text) else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no shift: DAYS HH:MM-HH:MM and, other than UTC, an offset, "
                    + "as in 'mon-fri 06:00-14:00 +01:00'")
        }
        self = shift
    }

    private init(_ weekdays: ClosedRange<Int>, _ start: Int, _ end: Int, _ offset: Int) {
        self.weekdays = weekdays
        self.startMinute = start
        self.endMinute = end
        self.offsetMinutes = offset
    }

    private static func parse(_ text: String) -> Shift? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count) else { return nil }
        let days = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        let weekdays: ClosedRange<Int>
        if parts[0] == "daily" {
            weekdays = 0...6
        } else {
            guard (1...2).contains(days.count),
                let first = Self.days.firstIndex(of: String(days[0])),
                let last = Self.days.firstIndex(of: String(days[days.count - 1])), first <= last
            else { return nil }
            weekdays = first...last
        }
        let hours = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard hours.count == 2, let start = Self.minute(hours[0]), let end = Self.minute(hours[1]),
            start != end, start < Self.minutesPerDay
        else { return nil }
        guard parts.count == 3 else { return Shift(weekdays, start, end, 0) }
        guard let sign = parts[2].first, sign == "+" || sign == "-",
            let offset = Self.minute(parts[2].dropFirst()), offset <= 14 * 60
        else { return nil }
        return Shift(weekdays, start, end, sign == "-" ? -offset : offset)
    }

    /// `HH:MM`, up to 24:00.
    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
            text.utf8.allSatisfy({ (0x30...0x3A).contains($0) }), let hour = Int(parts[0]),
            let minute = Int(parts[1]), minute < 60, hour < 24 || (hour == 24 && minute == 0)
        else { return nil }
        return hour * 60 + minute
    }

    package func contains(_ moment: UnixTime) -> Bool {
        let local = moment.advanced(bySeconds: Int64(self.offsetMinutes) * 60).seconds
        let day = Int(local >= 0 ? local / 86_400 : (local - 86_399) / 86_400)
        let minute = Int(local - Int64(day) * 86_400) / 60
        // 1970-01-01 was a Thursday.
        let weekday = ((day + 3) % 7 + 7) % 7
        if self.startMinute < self.endMinute {
            return self.weekdays.contains(weekday)
                && (self.startMinute..<self.endMinute).contains(minute)
        }
        let yesterday = (weekday + 6) % 7
        return (self.weekdays.contains(weekday) && minute >= self.startMinute)
            || (self.weekdays.contains(yesterday) && minute < self.endMinute)
    }

    package var description: String {
        let first = Self.days[self.weekdays.lowerBound]
        let days =
            self.weekdays == 0...6
            ? "daily"
            : self.weekdays.count == 1
                ? first : "\(first)-\(Self.days[self.weekdays.upperBound])"
        let offset =
            self.offsetMinutes == 0
            ? "" : (self.offsetMinutes < 0 ? " -" : " +") + Self.clock(abs(self.offsetMinutes))
        return "\(days) \(Self.clock(self.startMinute))-\(Self.clock(self.endMinute))\(offset)"
    }

    private static func clock(_ minute: Int) -> String {
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        return "\(two(minute / 60)):\(two(minute % 60))"
    }
}

/// One registration against a claim's budget. A thing that the claim has paid for before is a unit
/// that came again and counts no second time.
package struct ClaimSpend: Hashable, Sendable {
    package let claim: ClaimName
    package let thing: ThingName
    package let station: String?
    package let at: UnixTime

    package init(claim: ClaimName, thing: ThingName, station: String?, at: UnixTime) {
        self.claim = claim
        self.thing = thing
        self.station = station
        self.at = at
    }

    package static let millisecondsPerHour: Int64 = 3_600_000

    /// The hour's beginning, UTC.
    package var hour: UnixTime {
        let milliseconds = self.at.milliseconds
        let rest = milliseconds % Self.millisecondsPerHour
        return UnixTime(
            milliseconds: milliseconds - (rest < 0 ? rest + Self.millisecondsPerHour : rest))
    }
}

/// What a claim spent at one station in one hour.
package struct ClaimHour: Hashable, Sendable {
    package let hour: UnixTime
    /// Empty where no station was named.
    package let station: String
    /// New units.
    package var units: Int
    /// Registrations of units that were counted before.
    package var repeats: Int

    package init(hour: UnixTime, station: String, units: Int, repeats: Int) {
        self.hour = hour
        self.station = station
        self.units = units
        self.repeats = repeats
    }
}
