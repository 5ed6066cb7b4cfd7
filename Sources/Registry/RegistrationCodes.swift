package import Fleet

/// AWS: GetRegistrationCode. Made on first use, then the same until it is deleted.
package enum RegistrationCodes {
    /// 64 hex digits.
    package static func text(from bytes: [UInt8]) -> String { bytes.hex }

    package static func get(
        orMake text: String, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        ChangeSet(
            action: "GetRegistrationCode", preconditions: [view.asSeen(.registrationCode)],
            changes: view.registrationCode == nil
                ? [.putRegistrationCode(RegistrationCode(text: text, createdAt: now))] : [])
    }

    package static func delete(in view: RegistryView) throws(FleetError) -> ChangeSet {
        guard view.registrationCode != nil else {
            throw FleetError(.notFound, "there is no registration code")
        }
        return ChangeSet(
            action: "DeleteRegistrationCode", preconditions: [view.asSeen(.registrationCode)],
            changes: [.deleteRegistrationCode])
    }
}
