import ControlPlane
import Fleet
import JSON

/// A hook's text in force, and the texts it has had. Approvals are given anew.
struct HookDeclaration: DeclaredBehaviour {
    let members = ["source", "disabled", "olderSources", "newerSources"]
    /// A hook that is there keeps its own past: a text of old would judge devices for a moment.
    let making = ["olderSources", "newerSources"]
    let ordered = ["olderSources", "newerSources"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListHooks"), "hooks", .after(sized: false), []), "name", access,
            take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let path = ["hookName": name]
        guard let answer = try await self.found(ControlCall("DescribeHook", path: path), access)
        else { return nil }
        let listing = Listing(
            ControlCall("ListHookVersions", path: path), "versions", .after(sized: false), [])
        let history = try await VersionHistory.read(
            listing, number: "version", isDefault: { $0["digest"] == answer["digest"] }, access
        ) { number in
            (
                ControlCall("DescribeHookVersion", path: ["hookName": name, "digest": number]),
                "source"
            )
        }
        return CurrentResource(
            state: .present(
                ("source", answer["source"]),
                ("disabled", answer["enabled"]?.boolValue == false ? true : nil),
                ("olderSources", .list(history.older)), ("newerSources", .list(history.newer))))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        func put(_ source: JSONValue) -> DeclaredStep {
            DeclaredStep(
                ControlCall("PutHook", path: ["hookName": name], body: ["source": source]))
        }
        let source = wanted["source"] ?? .null
        var steps: [DeclaredStep] = []
        if let current {
            if current.state["source"] != source { steps.append(put(source)) }
        } else {
            let newer = wanted["newerSources"]?.arrayValue ?? []
            steps += (wanted["olderSources"]?.arrayValue ?? []).map(put)
            steps.append(put(source))
            steps += newer.map(put)
            // The last one put is in force.
            if !newer.isEmpty { steps.append(put(source)) }
        }
        if current?.state["disabled"] != wanted["disabled"] {
            let operation = wanted["disabled"] == nil ? "EnableHook" : "DisableHook"
            steps.append(DeclaredStep(ControlCall(operation, path: ["hookName": name])))
        }
        return steps
    }
}
