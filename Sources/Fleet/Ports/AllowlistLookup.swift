/// The one question a hook may ask of the fleet: is this serial number on that list?
package protocol AllowlistLookup: Sendable {
    /// - Returns: whether the list in its current version holds `serial`, and that version; a list
    ///   that does not exist holds nothing and has none.
    /// - Throws: `FleetError.internalFailure` where the store cannot be read.
    func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?)
}
