package import Fleet

/// How many refusals may be written to the audit log, which is never cut.
///
/// Whoever is refused a thousand times in a minute is told so in ten records and a count: a flood
/// of bad requests costs the disk no more than that, and still shows.
package struct RefusalBudget: Sendable {
    package static let windowSeconds: Int64 = 60
    /// Of one cause: a credential or an address, and a code.
    package static let recordsPerCauseMax = 10
    /// Of all causes together.
    package static let recordsMax = 300

    private var windowStart = UnixTime(milliseconds: .min)
    private var recorded: [String: Int] = [:]
    private var recordedCount = 0
    private var suppressedCount = 0

    package init() {}

    /// - Returns: nil where the refusal is only counted; else how many were counted since the last
    ///   one that was recorded.
    package mutating func admit(_ cause: String, at now: UnixTime) -> Int? {
        // A clock that was set back begins a window as well.
        if now >= self.windowStart.advanced(bySeconds: Self.windowSeconds)
            || now < self.windowStart
        {
            self.windowStart = now
            self.recorded = [:]
            self.recordedCount = 0
        }
        guard self.recordedCount < Self.recordsMax,
            self.recorded[cause, default: 0] < Self.recordsPerCauseMax
        else {
            self.suppressedCount += 1
            return nil
        }
        self.recorded[cause, default: 0] += 1
        self.recordedCount += 1
        defer { self.suppressedCount = 0 }
        return self.suppressedCount
    }
}
