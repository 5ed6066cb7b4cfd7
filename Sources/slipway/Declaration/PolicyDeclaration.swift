import ControlPlane
import Fleet
import JSON
import Policies

struct PolicyDeclaration: DeclaredBehaviour {
    let members = ["document", "olderVersions", "newerVersions", "tags"]
    let left = ["olderVersions", "newerVersions"]
    let ordered = ["olderVersions", "newerVersions"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListPolicies"), "policies", .marker, []), "policyName", access
        ) { name throws(FleetError) in
            // The service's own, which it makes for itself.
            if name != RevocationCanary.policy.rawValue { try await take(name) }
        }
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let path = ["policyName": name]
        guard let answer = try await self.found(ControlCall("GetPolicy", path: path), access)
        else { return nil }
        let arn = answer["policyArn"]?.stringValue
        let history = try await VersionHistory.read(
            Listing(ControlCall("ListPolicyVersions", path: path), "policyVersions", .whole, []),
            number: "versionId", isDefault: { $0["isDefaultVersion"]?.boolValue == true }, access
        ) { number in
            (
                ControlCall(
                    "GetPolicyVersion", path: ["policyName": name, "policyVersionId": number]),
                "policyDocument"
            )
        }.documents
        return CurrentResource(
            state: .present(
                ("document", .document(answer["policyDocument"]?.stringValue)),
                ("olderVersions", .list(history.older)), ("newerVersions", .list(history.newer)),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {
        guard current?.state["document"] != wanted["document"] else { return }
        _ = try PolicyDocument.parse(wanted["document"]?.documentText ?? "")
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let document = wanted["document"] ?? .null
        let history = VersionHistory(wanted)
        func version(_ document: JSONValue, isDefault: Bool) -> DeclaredStep {
            DeclaredStep(
                ControlCall(
                    "CreatePolicyVersion", path: ["policyName": name],
                    query: ["setAsDefault": String(isDefault)],
                    body: ["policyDocument": .string(document.documentText)]))
        }
        guard let current else {
            let first = history.older.first ?? document
            var steps = [
                DeclaredStep(
                    ControlCall(
                        "CreatePolicy", path: ["policyName": name],
                        body: .present(
                            ("policyDocument", .string(first.documentText)),
                            ("tags", self.making(tags: wanted)))))
            ]
            steps += history.older.dropFirst().map { version($0, isDefault: false) }
            if !history.older.isEmpty { steps.append(version(document, isDefault: true)) }
            return steps + history.newer.map { version($0, isDefault: false) }
        }
        let present = current.state["document"]
        var steps = history.missing(
            from: VersionHistory(current.state), default: present, wanted: document
        ).map { version($0, isDefault: false) }
        if present != document { steps.append(version(document, isDefault: true)) }
        return steps + self.tagSteps(current, wanted)
    }
}
