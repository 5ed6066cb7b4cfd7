import Fleet

/// Answers the one question a hook may ask, from the store.
struct StoreAllowlistLookup: AllowlistLookup {
    let store: any FleetStore

    func contains(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (found: Bool, version: Int?) {
        let name: SerialNumber
        // What can be no serial number is on no list.
        do throws(FleetError) { name = try SerialNumber(serial) } catch {
            let view = try await self.store.load([.allowlist(list)])
            return (false, view.allowlist(list)?.version)
        }
        let view = try await self.store.load([.allowlist(list), .allowlistUnit(list, name)])
        return (view.allowlistUnit(list, name)?.admits == true, view.allowlist(list)?.version)
    }
}
