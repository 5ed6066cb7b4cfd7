import Fleet
import NIOHTTP1
import Synchronization

/// The fields that every answer has, whatever it is about.
final class GeneralFields: Sendable {
    private static let serverName = "slipway"

    private let clock: any WallClock
    /// The date is written once a second.
    private let written = Mutex<(second: Int64, text: String)>((.min, ""))

    init(clock: any WallClock) { self.clock = clock }

    func add(to headers: inout HTTPHeaders) {
        headers.add(name: "Date", value: self.date)
        headers.add(name: "Server", value: Self.serverName)
    }

    /// RFC 9110 6.6.1.
    private var date: String {
        let now = self.clock.now
        return self.written.withLock { written in
            if written.second != now.seconds { written = (now.seconds, HTTPDate.text(of: now)) }
            return written.text
        }
    }
}

/// RFC 9110 5.6.7: `Tue, 24 Nov 2026 14:05:00 GMT`.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(of time: UnixTime) -> String {
        // 2026-11-24T14:05:00.000Z; the first day of 1970 was a Thursday.
        let text = Array(time.description)
        let month = (Int(String(text[5..<7])) ?? 1) - 1
        let day = Int(max(0, time.seconds) / 86_400 % 7)
        return "\(Self.days[day]), \(String(text[8..<10])) \(Self.months[month]) "
            + "\(String(text[0..<4])) \(String(text[11..<19])) GMT"
    }
}
