import Fleet
import JSON

extension StoreAllowlistLookup {
    /// All that the list says of a serial number, and what became of it, for a hook.
    func entry(
        _ list: AllowlistName, _ serial: String
    ) async throws(FleetError) -> (fields: JSONObject?, version: Int?) {
        guard let name = try? SerialNumber(serial) else {
            let view = try await self.store.load([.allowlist(list)])
            return (nil, view.allowlist(list)?.version)
        }
        let view = try await self.store.load([.allowlist(list), .allowlistUnit(list, name)])
        return (view.allowlistUnit(list, name)?.hookFields, view.allowlist(list)?.version)
    }
}

extension AllowlistUnit {
    /// `serial`, `state` and whatever else is known.
    fileprivate var hookFields: JSONObject {
        var fields: JSONObject = [
            "serial": .string(self.facts.serial.rawValue), "state": .string(self.state.rawValue),
        ]
        func set(_ name: String, _ text: String?) {
            if let text { fields[name] = .string(text) }
        }
        set("keyFingerprint", self.facts.key?.rawValue)
        set("mac", self.facts.mac)
        set("hardwareType", self.facts.hardwareType)
        set("lot", self.facts.lot)
        let attributes = self.facts.attributes.sorted { $0.key < $1.key }
        fields["attributes"] = .object(
            JSONObject(attributes.map { ($0.key, .string($0.value)) }))
        set("since", self.standing?.since.description)
        set("reason", self.standing?.reason)
        set("station", self.standing?.station)
        set("thing", self.standing?.thing?.rawValue)
        return fields
    }
}
