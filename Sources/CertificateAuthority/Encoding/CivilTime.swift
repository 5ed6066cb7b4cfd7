import Fleet
import SwiftASN1

/// A moment as certificates write it: a UTC date and time of day, to the second.
struct CivilTime: Hashable {
    /// The first and last years that X.509 can write (RFC 5280 4.1.2.5).
    static let yearRange = 1950...9999
    /// UTCTime serves "through the year 2049", GeneralizedTime after (RFC 5280 4.1.2.5).
    static let utcTimeYearMax = 2049
    /// 9999-12-31T23:59:59Z, "no well-defined expiration date" (RFC 5280 4.1.2.5).
    static let latest = UnixTime(seconds: 253_402_300_799)

    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// Days to civil date in the proleptic Gregorian calendar, counting years from March so that
    /// the leap day comes last.
    init(_ time: UnixTime) {
        let seconds = time.seconds
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let secondOfDay = Int(seconds - days * 86_400)
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        self.day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        self.month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        self.year = Int(yearOfEra + era * 400) + (self.month <= 2 ? 1 : 0)
        self.hour = secondOfDay / 3600
        self.minute = secondOfDay / 60 % 60
        self.second = secondOfDay % 60
    }

    var unixTime: UnixTime {
        let shiftedYear = self.month <= 2 ? self.year - 1 : self.year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = self.month > 2 ? self.month - 3 : self.month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + self.day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let secondOfDay = self.hour * 3600 + self.minute * 60 + self.second
        return UnixTime(seconds: Int64(days) * 86_400 + Int64(secondOfDay))
    }
}

extension CivilTime: DERSerializable, DERParseable {
    func serialize(into coder: inout DER.Serializer) throws {
        if self.year <= Self.utcTimeYearMax {
            try coder.serialize(
                UTCTime(
                    year: self.year, month: self.month, day: self.day, hours: self.hour,
                    minutes: self.minute, seconds: self.second))
        } else {
            try coder.serialize(
                GeneralizedTime(
                    year: self.year, month: self.month, day: self.day, hours: self.hour,
                    minutes: self.minute, seconds: self.second, fractionalSeconds: 0))
        }
    }

    /// Strict: the form that RFC 5280 4.1.2.5 demands for the year, with seconds and `Z`.
    init(derEncoded node: ASN1Node) throws {
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            guard time.seconds < 60 else {
                throw ASN1Error.invalidASN1Object(reason: "a minute's 61st second")
            }
            self.init(
                year: time.year, month: time.month, day: time.day, hour: time.hours,
                minute: time.minutes, second: time.seconds)
        } else {
            let time = try GeneralizedTime(derEncoded: node)
            guard time.year > Self.utcTimeYearMax, time.rawFractionalSeconds.isEmpty,
                time.seconds < 60
            else {
                throw ASN1Error.invalidASN1Object(
                    reason: "GeneralizedTime before 2050, with a fraction or a 61st second")
            }
            self.init(
                year: time.year, month: time.month, day: time.day, hour: time.hours,
                minute: time.minutes, second: time.seconds)
        }
    }
}

extension CivilTime {
    /// Whole seconds, as certificates have no smaller unit.
    /// - Throws: `FleetError.internalFailure` for what no certificate can be issued at.
    static func moment(
        _ now: UnixTime, plus seconds: Int64
    ) throws(FleetError) -> UnixTime {
        let (sum, overflow) = now.seconds.addingReportingOverflow(seconds)
        guard !overflow, sum >= 0 else {
            throw FleetError(.internalFailure, "\(now) is no time to issue a certificate")
        }
        return UnixTime(seconds: min(sum, Self.latest.seconds))
    }
}
