import ControlPlane
import Fleet
import JSON

struct RoleDeclaration: DeclaredBehaviour {
    let members = ["document"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let listing = Listing(ControlCall("ListRoles"), "roles", .after(sized: false), [])
        try await listing.forEach(access) { role throws(FleetError) in
            guard role["builtIn"]?.boolValue != true, let name = role["name"]?.stringValue else {
                return
            }
            try await take(name)
        }
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeRole", path: ["roleName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        return CurrentResource(
            state: .present(("document", .document(answer["document"]?.stringValue))))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        guard current?.state["document"] != wanted["document"] else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "PutRole", path: ["roleName": name],
                    body: ["document": .string(wanted["document"]?.documentText ?? "")]))
        ]
    }
}

struct HookDeclaration: DeclaredBehaviour {
    let members = ["source"]

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
        let call = ControlCall("DescribeHook", path: ["hookName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        return CurrentResource(state: .present(("source", answer["source"])))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        guard current?.state["source"] != wanted["source"] else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "PutHook", path: ["hookName": name],
                    body: ["source": wanted["source"] ?? .null]))
        ]
    }
}

struct PolicyDeclaration: DeclaredBehaviour {
    let members = ["document", "tags"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListPolicies"), "policies", .marker, []), "policyName", access,
            take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("GetPolicy", path: ["policyName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        let arn = answer["policyArn"]?.stringValue
        return CurrentResource(
            state: .present(
                ("document", .document(answer["policyDocument"]?.stringValue)),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let document = JSONValue.string(wanted["document"]?.documentText ?? "")
        guard let current else {
            return [
                DeclaredStep(
                    ControlCall(
                        "CreatePolicy", path: ["policyName": name],
                        body: .present(
                            ("policyDocument", document), ("tags", self.making(tags: wanted)))))
            ]
        }
        var steps: [DeclaredStep] = []
        if current.state["document"] != wanted["document"] {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "CreatePolicyVersion", path: ["policyName": name],
                        query: ["setAsDefault": "true"], body: ["policyDocument": document])))
        }
        return steps + self.tagSteps(current, wanted)
    }
}

struct TemplateDeclaration: DeclaredBehaviour {
    let members = [
        "description", "enabled", "type", "body", "provisioningRoleArn", "preProvisioningHook",
        "tags",
    ]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListProvisioningTemplates"), "templates", .token, []),
            "templateName", access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeProvisioningTemplate", path: ["templateName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        let arn = answer["templateArn"]?.stringValue
        let type = answer["type"]?.stringValue
        return CurrentResource(
            state: .present(
                ("description", answer["description"]?.present),
                ("enabled", answer["enabled"]?.boolValue == true ? true : nil),
                ("type", type == "JITP" ? "JITP" : nil),
                ("body", .document(answer["templateBody"]?.stringValue)),
                ("provisioningRoleArn", answer["provisioningRoleArn"]?.present),
                ("preProvisioningHook", answer["preProvisioningHook"]?.present),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let body = JSONValue.string(wanted["body"]?.documentText ?? "")
        guard let current else {
            return [
                DeclaredStep(
                    ControlCall(
                        "CreateProvisioningTemplate",
                        body: .present(
                            ("templateName", .string(name)), ("templateBody", body),
                            ("description", wanted["description"]),
                            ("enabled", wanted["enabled"]), ("type", wanted["type"]),
                            ("provisioningRoleArn", wanted["provisioningRoleArn"]),
                            ("preProvisioningHook", wanted["preProvisioningHook"]),
                            ("tags", self.making(tags: wanted)))))
            ]
        }
        guard current.state["type"] == wanted["type"] else {
            throw FleetError(
                .invalidRequest, "a template's type cannot be changed: delete '\(name)' first")
        }
        var steps: [DeclaredStep] = []
        if current.state["body"] != wanted["body"] {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "CreateProvisioningTemplateVersion", path: ["templateName": name],
                        query: ["setAsDefault": "true"], body: ["templateBody": body])))
        }
        return steps + self.update(name, current.state, wanted) + self.tagSteps(current, wanted)
    }

    private func update(
        _ name: String, _ current: JSONObject, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        var body = JSONObject()
        for (member, empty) in [
            ("description", JSONValue.string("")), ("enabled", false),
            ("provisioningRoleArn", .string("")), ("preProvisioningHook", .null),
        ] where current[member] != wanted[member] {
            body[member] = wanted[member] ?? empty
        }
        if body["preProvisioningHook"] == .null {
            body["preProvisioningHook"] = nil
            body["removePreProvisioningHook"] = true
        }
        guard !body.isEmpty else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "UpdateProvisioningTemplate", path: ["templateName": name], body: body))
        ]
    }
}

/// Which registry events are published.
struct SettingDeclaration: DeclaredBehaviour {
    let members = ["enabled"]
    private static let events = "events"

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) { try await take(Self.events) }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        guard name == Self.events else { return nil }
        let answer = try await access.perform(ControlCall("DescribeEventConfigurations"))
        let all = answer["eventConfigurations"]?.objectValue?.members ?? []
        let enabled = all.filter { $0.value["Enabled"]?.boolValue == true }.map(\.key)
        return CurrentResource(state: .present(("enabled", .sorted(enabled))))
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        guard name == Self.events else {
            throw FleetError(.invalidRequest, "there is no setting '\(name.clipped)': events")
        }
        let change = SetChange(current?.state["enabled"], wanted["enabled"])
        let flags =
            change.added.map { ($0, JSONValue.object(["Enabled": true])) }
            + change.removed.map { ($0, JSONValue.object(["Enabled": false])) }
        guard !flags.isEmpty else { return [] }
        return [
            DeclaredStep(
                ControlCall(
                    "UpdateEventConfigurations",
                    body: ["eventConfigurations": .object(JSONObject(flags))]))
        ]
    }
}
