package import Fleet

/// What becomes of a serial number that is seen again, and of what goes with it: the policies of
/// the verdict table.
package struct EnrolmentSettings: Sendable {
    /// What a verdict leads to. Replacing supersedes the certificate before in the same commit;
    /// holding tells the device to come back until a person has decided.
    package typealias Policy = EnrolmentPolicy

    /// The parameter that carries the serial number.
    package var serialParameter = "SerialNumber"
    /// The same key again under the same serial.
    package var onRetry = Policy.replace
    /// Another key for the serial, at the same station within `reworkSeconds`.
    package var onRework = Policy.replace
    /// Another key for the serial anywhere else, or later.
    package var onElsewhere = Policy.hold
    /// The same key under another serial number.
    package var onCopiedImage = Policy.refuse
    /// One certificate on two live connections: `replace` leaves the newer one, `refuse` the older
    /// one, `hold` neither.
    package var onClone = Policy.allow
    /// How long after a registration another key at the same station counts as rework: one shift.
    package var reworkSeconds: Int64 = 8 * 3600

    package init() {}
}
