import ControlPlane
import Fleet
import JSON

/// What a service is set to do: which registry events are published, and what is indexed how.
struct SettingDeclaration: DeclaredBehaviour {
    let members = ["enabled", "things", "thingGroups"]
    private static let events = "events"
    private static let indexing = "indexing"

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await take(Self.events)
        try await take(Self.indexing)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        switch name {
        case Self.events:
            let answer = try await access.perform(ControlCall("DescribeEventConfigurations"))
            let all = answer["eventConfigurations"]?.objectValue?.members ?? []
            let enabled = all.filter { $0.value["Enabled"]?.boolValue == true }.map(\.key)
            return CurrentResource(state: .present(("enabled", .sorted(enabled))))
        case Self.indexing:
            let answer = try await access.perform(ControlCall("GetIndexingConfiguration"))
            return CurrentResource(
                state: .present(
                    ("things", Self.configuration(answer["thingIndexingConfiguration"])),
                    (
                        "thingGroups",
                        Self.configuration(answer["thingGroupIndexingConfiguration"])
                    )))
        case _: return nil
        }
    }

    /// What a service says of its own fields is no setting, and neither is what is empty.
    private static func configuration(_ answer: JSONValue?) -> JSONValue? {
        guard let members = answer?.objectValue?.members else { return nil }
        return .object(
            JSONObject(
                members.filter { $0.key != "managedFields" && $0.value.present != nil }
                    .map { ($0.key, $0.value) }))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let (own, operation): ([String], (CurrentResource?, JSONObject) -> DeclaredStep?)
        switch name {
        case Self.events: (own, operation) = (["enabled"], Self.eventStep)
        case Self.indexing: (own, operation) = (["things", "thingGroups"], Self.indexingStep)
        case _:
            throw FleetError(
                .invalidRequest, "there is no setting '\(name.clipped)': events, indexing")
        }
        for member in wanted.keys where !own.contains(member) {
            throw FleetError(
                .invalidRequest,
                "the setting '\(name)' has no member '\(member)'; it has "
                    + own.joined(separator: ", "))
        }
        return [operation(current, wanted)].compactMap { $0 }
    }

    private static func eventStep(
        _ current: CurrentResource?, _ wanted: JSONObject
    ) -> DeclaredStep? {
        let change = SetChange(current?.state["enabled"], wanted["enabled"])
        let flags =
            change.added.map { ($0, JSONValue.object(["Enabled": true])) }
            + change.removed.map { ($0, JSONValue.object(["Enabled": false])) }
        guard !flags.isEmpty else { return nil }
        return DeclaredStep(
            ControlCall(
                "UpdateEventConfigurations",
                body: ["eventConfigurations": .object(JSONObject(flags))]))
    }

    private static func indexingStep(
        _ current: CurrentResource?, _ wanted: JSONObject
    ) -> DeclaredStep? {
        var body = JSONObject()
        for (member, name) in [
            ("things", "thingIndexingConfiguration"),
            ("thingGroups", "thingGroupIndexingConfiguration"),
        ] where wanted[member] != nil && wanted[member] != current?.state[member] {
            body[name] = wanted[member]
        }
        guard !body.isEmpty else { return nil }
        return DeclaredStep(ControlCall("UpdateIndexingConfiguration", body: body))
    }
}
