/// A CRL's number (RFC 5280 5.2.3), which never falls: whoever keeps the list with the higher one
/// keeps the newer.
///
/// It is the time in milliseconds, so that a store restored from a backup goes on above what it
/// gave out before; and one more than the last where the clock says less than that, so that a clock
/// set back does not lower it.
package struct RevocationListNumber: Hashable, Comparable, Sendable {
    package let rawValue: Int64

    /// - Parameter rawValue: as it was stored.
    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// - Parameter last: the last number given out for any list of the same authority; nil before
    ///   the first.
    /// - Throws: `FleetError.internalFailure` where there is no higher one: what is stored is
    ///   damaged.
    package init(after last: Self?, at now: UnixTime) throws(FleetError) {
        let clock = max(1, now.milliseconds)
        guard let last else {
            self.init(clock)
            return
        }
        guard last.rawValue < Int64.max else {
            throw FleetError(.internalFailure, "the stored number of the last CRL is damaged")
        }
        self.init(max(last.rawValue + 1, clock))
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
