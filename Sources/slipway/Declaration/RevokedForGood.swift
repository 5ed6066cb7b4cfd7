import Fleet
import JSON

/// What is revoked does not come back, whatever an older file says: such a file is told of with the
/// plan, and not when half of it is done.
enum RevokedForGood {
    private static let status = JSONValue.string(Certificate.Status.revoked.rawValue)

    /// - Throws: `FleetError.invalidRequest` where `current` is revoked and `wanted` is not.
    static func check(
        _ what: String, _ current: JSONValue?, _ wanted: JSONValue?
    ) throws(FleetError) {
        guard current == Self.status, wanted != Self.status else { return }
        throw FleetError(
            .invalidRequest,
            "\(what) is REVOKED, for good: declare that, or leave it out of the file")
    }
}
