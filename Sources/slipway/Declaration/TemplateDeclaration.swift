import ControlPlane
import Fleet
import JSON
import Provisioning

struct TemplateDeclaration: DeclaredBehaviour {
    let members = [
        "description", "enabled", "type", "body", "olderVersions", "newerVersions",
        "provisioningRoleArn", "preProvisioningHook", "tags",
    ]
    let left = ["olderVersions", "newerVersions", "provisioningRoleArn"]
    /// Where nothing else is said. AWS asks for one; here it is a label.
    private static let roleDefault = "arn:aws:iam::000000000000:role/slipway-provisioning"
    let ordered = ["olderVersions", "newerVersions"]

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
        let path = ["templateName": name]
        let call = ControlCall("DescribeProvisioningTemplate", path: path)
        guard let answer = try await self.found(call, access) else { return nil }
        let versions = ControlCall("ListProvisioningTemplateVersions", path: path)
        let history = try await VersionHistory.read(
            Listing(versions, "versions", .token, []),
            number: "versionId", isDefault: { $0["isDefaultVersion"]?.boolValue == true }, access
        ) { number in
            (
                ControlCall(
                    "DescribeProvisioningTemplateVersion",
                    path: ["templateName": name, "versionId": number]), "templateBody"
            )
        }.documents
        let arn = answer["templateArn"]?.stringValue
        let type = answer["type"]?.stringValue
        return CurrentResource(
            state: .present(
                ("description", answer["description"]?.present),
                ("enabled", answer["enabled"]?.boolValue == true ? true : nil),
                ("type", type == "JITP" ? "JITP" : nil),
                ("body", .document(answer["templateBody"]?.stringValue)),
                ("olderVersions", .list(history.older)), ("newerVersions", .list(history.newer)),
                ("provisioningRoleArn", answer["provisioningRoleArn"]?.present),
                ("preProvisioningHook", answer["preProvisioningHook"]?.present),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    /// How long a body may be is the service's setting, and is left to it.
    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {
        guard current?.state["body"] != wanted["body"] else { return }
        _ = try TemplateChecker.document(
            of: wanted["body"]?.documentText ?? "", named: try TemplateName(name),
            limits: .largest)
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let body = wanted["body"] ?? .null
        let history = VersionHistory(wanted)
        func version(_ body: JSONValue, isDefault: Bool) -> DeclaredStep {
            DeclaredStep(
                ControlCall(
                    "CreateProvisioningTemplateVersion", path: ["templateName": name],
                    query: ["setAsDefault": String(isDefault)],
                    body: ["templateBody": .string(body.documentText)]))
        }
        guard let current else {
            var steps = [self.creation(name, history.older.first ?? body, wanted)]
            steps += history.older.dropFirst().map { version($0, isDefault: false) }
            if !history.older.isEmpty { steps.append(version(body, isDefault: true)) }
            return steps + history.newer.map { version($0, isDefault: false) }
        }
        guard current.state["type"] == wanted["type"] else {
            throw FleetError(
                .invalidRequest, "a template's type cannot be changed: delete '\(name)' first")
        }
        let present = current.state["body"]
        var steps = history.missing(
            from: VersionHistory(current.state), default: present, wanted: body
        ).map { version($0, isDefault: false) }
        if present != body { steps.append(version(body, isDefault: true)) }
        return steps + self.update(name, current.state, wanted) + self.tagSteps(current, wanted)
    }

    /// Its first version decides until its default one is there.
    private func creation(
        _ name: String, _ first: JSONValue, _ wanted: JSONObject
    ) -> DeclaredStep {
        DeclaredStep(
            ControlCall(
                "CreateProvisioningTemplate",
                body: .present(
                    ("templateName", .string(name)),
                    ("templateBody", .string(first.documentText)),
                    ("description", wanted["description"]), ("enabled", wanted["enabled"]),
                    ("type", wanted["type"]),
                    (
                        "provisioningRoleArn",
                        wanted["provisioningRoleArn"] ?? .string(Self.roleDefault)
                    ),
                    ("preProvisioningHook", wanted["preProvisioningHook"]),
                    ("tags", self.making(tags: wanted)))))
    }

    private func update(
        _ name: String, _ current: JSONObject, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        var body = JSONObject()
        for (member, empty) in [
            ("description", JSONValue.string("")), ("enabled", false),
            ("provisioningRoleArn", .null), ("preProvisioningHook", .null),
        ] where current[member] != wanted[member] {
            body[member] = wanted[member] ?? empty
        }
        if body["provisioningRoleArn"] == .null { body["provisioningRoleArn"] = nil }
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
