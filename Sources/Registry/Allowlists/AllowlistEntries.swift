package import Fleet

/// Single serial numbers on and off a list.
package enum AllowlistEntries {
    /// Serial numbers one call may name; more come as a file.
    package static let serialsMax = 1000

    /// Puts `serials` on the list, which is made where it does not exist. What is on it stays.
    package static func add(
        _ serials: [SerialNumber], to list: AllowlistName, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Self.checkCount(serials)
        return ChangeSet(
            action: "AddAllowlistEntries",
            changes: [.addAllowlistEntries(list, serials, at: now)])
    }

    /// Takes `serials` off the list.
    /// - Throws: `FleetError.notFound` where there is no such list, or one of them is not on it:
    ///   a mistyped serial number must not pass for a removed one.
    package static func remove(
        _ serials: [SerialNumber], from list: AllowlistName, view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Self.checkCount(serials)
        guard view.allowlist(list) != nil else {
            throw FleetError(
                .notFound, "there is no allowlist '\(list)'", resource: list.rawValue)
        }
        for serial in serials where !view.isOnAllowlist(list, serial) {
            throw FleetError(
                .notFound, "'\(serial)' is not on the allowlist '\(list)'; nothing was removed",
                resource: serial.rawValue)
        }
        return ChangeSet(
            action: "RemoveAllowlistEntries",
            preconditions: serials.map { .present(.allowlistEntry(list, $0)) },
            changes: [.removeAllowlistEntries(list, serials, at: now)])
    }

    private static func checkCount(_ serials: [SerialNumber]) throws(FleetError) {
        guard (1...Self.serialsMax).contains(serials.count) else {
            throw FleetError(
                .invalidRequest,
                "name 1 to \(Self.serialsMax) serial numbers, or import a file")
        }
    }
}
