import Fleet
import JSON
import Registry

/// Answers what a hook may ask, from the store.
struct StoreAllowlistLookup: AllowlistLookup {
    let store: any FleetStore

    /// Reads of the store that one count may take. A query that finds little in a large fleet may
    /// look at stretches without a hit; a hook must not wait for all of them.
    private static let readsPerCountMax = 100

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

    func thing(_ name: ThingName) async throws(FleetError) -> JSONObject? {
        try await self.store.load([.thing(name)]).thing(name)?.hookFields
    }

    func count(_ query: String, most: Int) async throws(FleetError) -> Int {
        let parsed = try FleetQuery.parse(query)
        var total = 0
        var place: String?
        for _ in 0..<Self.readsPerCountMax {
            let page = try await self.store.page(
                ListQuery(.values(of: .version, where: parsed), after: place))
            for case .fieldValue(_, let count) in page.records { total += count }
            place = page.next
            if place == nil || total >= most { return min(total, most) }
        }
        throw FleetError(
            .invalidQuery, "the query '\(query.clipped)' looks at too much of the fleet to count")
    }
}
