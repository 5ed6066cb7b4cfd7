/// What becomes of a serial number that is seen again, and of what goes with it: the policies of
/// the verdict table.
package struct EnrolmentSettings: Sendable {
    /// What a verdict leads to.
    package enum Policy: String, Sendable, CaseIterable {
        /// Both certificates count.
        case allow
        /// The new certificate counts, and the one before is superseded in the same commit.
        case replace
        /// The device is refused.
        case refuse
        /// The device is told to come back, until a person has decided.
        case hold
    }

    /// The parameter that carries the serial number.
    package var serialParameter = "SerialNumber"
    /// The same key again under the same serial.
    package var onRetry = Policy.replace
    /// Another key for the serial, at the same station within `reworkSeconds`.
    package var onRework = Policy.replace
    /// Another key for the serial anywhere else, or later.
    package var onElsewhere = Policy.hold
    /// How long after a registration another key at the same station counts as rework: one shift.
    package var reworkSeconds: Int64 = 8 * 3600

    package init() {}
}
