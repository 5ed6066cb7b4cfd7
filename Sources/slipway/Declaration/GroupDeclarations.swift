import ControlPlane
import Fleet
import JSON

struct TypeDeclaration: DeclaredBehaviour {
    let members = [
        "description", "searchableAttributes", "mqtt5Configuration", "deprecated", "tags",
    ]
    private static let properties = [
        "description", "searchableAttributes", "mqtt5Configuration",
    ]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListThingTypes"), "thingTypes", .token, []), "thingTypeName",
            access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeThingType", path: ["thingTypeName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        let arn = answer["thingTypeArn"]?.stringValue
        let properties = answer["thingTypeProperties"]
        return CurrentResource(
            state: .present(
                ("description", properties?["thingTypeDescription"]?.present),
                ("searchableAttributes", .sorted(properties?["searchableAttributes"].names ?? [])),
                ("mqtt5Configuration", properties?["mqtt5Configuration"]?.present),
                (
                    "deprecated",
                    answer.member(at: "thingTypeMetadata.deprecated")?.boolValue == true
                        ? true : nil
                ), ("tags", try await self.tags(arn, access))), arn: arn)
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let path = ["thingTypeName": name]
        let properties = JSONObject.present(
            ("thingTypeDescription", wanted["description"]),
            ("searchableAttributes", wanted["searchableAttributes"]),
            ("mqtt5Configuration", wanted["mqtt5Configuration"]))
        var steps: [DeclaredStep] = []
        if let current {
            if Self.properties.contains(where: { current.state[$0] != wanted[$0] }) {
                var all = properties
                // What is not said stays as it was, so that what is to go is said.
                all["thingTypeDescription"] = wanted["description"] ?? ""
                all["searchableAttributes"] = wanted["searchableAttributes"] ?? []
                if current.state["mqtt5Configuration"] != nil {
                    all["mqtt5Configuration"] =
                        wanted["mqtt5Configuration"] ?? ["propagatingAttributes": []]
                }
                steps.append(
                    DeclaredStep(
                        ControlCall(
                            "UpdateThingType", path: path,
                            body: ["thingTypeProperties": .object(all)])))
            }
        } else {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "CreateThingType", path: path,
                        body: .present(
                            (
                                "thingTypeProperties",
                                properties.isEmpty ? nil : .object(properties)
                            ), ("tags", self.making(tags: wanted))))))
        }
        if (current?.state["deprecated"] ?? false) != (wanted["deprecated"] ?? false) {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "DeprecateThingType", path: path,
                        body: ["undoDeprecate": .bool(wanted["deprecated"]?.boolValue != true)])))
        }
        return steps + (current.map { self.tagSteps($0, wanted) } ?? [])
    }
}

struct BillingGroupDeclaration: DeclaredBehaviour {
    let members = ["description", "tags"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListBillingGroups"), "billingGroups", .token, []), "groupName",
            access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeBillingGroup", path: ["billingGroupName": name])
        guard let answer = try await self.found(call, access) else { return nil }
        let arn = answer["billingGroupArn"]?.stringValue
        let summary = answer.member(at: "billingGroupProperties.billingGroupDescription")
        return CurrentResource(
            state: .present(
                ("description", summary?.present), ("tags", try await self.tags(arn, access))),
            arn: arn)
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let path = ["billingGroupName": name]
        func properties(_ text: JSONValue) -> JSONValue { ["billingGroupDescription": text] }
        guard let current else {
            return [
                DeclaredStep(
                    ControlCall(
                        "CreateBillingGroup", path: path,
                        body: .present(
                            ("billingGroupProperties", wanted["description"].map(properties)),
                            ("tags", self.making(tags: wanted)))))
            ]
        }
        var steps: [DeclaredStep] = []
        if current.state["description"] != wanted["description"] {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "UpdateBillingGroup", path: path,
                        body: [
                            "billingGroupProperties": properties(wanted["description"] ?? "")
                        ])))
        }
        return steps + self.tagSteps(current, wanted)
    }
}

struct GroupDeclaration: DeclaredBehaviour {
    let members = ["parent", "query", "description", "attributes", "policies", "tags"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListThingGroups"), "thingGroups", .token, []), "groupName",
            access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeThingGroup", path: ["thingGroupName": name])
        guard let answer = try await self.found(call, access),
            let arn = answer["thingGroupArn"]?.stringValue
        else { return nil }
        let properties = answer["thingGroupProperties"]
        let query = answer["queryString"]?.present
        return CurrentResource(
            state: .present(
                ("parent", answer.member(at: "thingGroupMetadata.parentGroupName")?.present),
                ("query", query), ("description", properties?["thingGroupDescription"]?.present),
                ("attributes", properties?.member(at: "attributePayload.attributes")?.present),
                ("policies", query == nil ? try await self.policies(arn, access) : nil),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        self.policyReferences(state)
            + (state["parent"]?.stringValue).map { [DeclaredReference(kind: .group, name: $0)] }
            .orNone
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let path = ["thingGroupName": name]
        let isDynamic = wanted["query"] != nil
        guard !isDynamic || wanted["parent"] == nil else {
            throw FleetError(.invalidRequest, "a group of a query has no parent")
        }
        var body = JSONObject.present(("queryString", wanted["query"]))
        guard let current else {
            let payload = wanted["attributes"].map { attributes -> JSONValue in
                ["attributes": attributes]
            }
            let properties = JSONObject.present(
                ("thingGroupDescription", wanted["description"]), ("attributePayload", payload))
            if !properties.isEmpty { body["thingGroupProperties"] = .object(properties) }
            body["parentGroupName"] = wanted["parent"]
            body["tags"] = self.making(tags: wanted)
            let operation = isDynamic ? "CreateDynamicThingGroup" : "CreateThingGroup"
            return [DeclaredStep(ControlCall(operation, path: path, body: body))]
                + self.policySteps(name, nil, wanted)
        }
        guard current.state["parent"] == wanted["parent"],
            (current.state["query"] == nil) == !isDynamic
        else {
            throw FleetError(
                .invalidRequest,
                "a group stays below its parent, and with or without a query: delete '\(name)' "
                    + "first")
        }
        var steps: [DeclaredStep] = []
        if ["query", "description", "attributes"].contains(where: {
            current.state[$0] != wanted[$0]
        }) {
            body["thingGroupProperties"] = [
                "thingGroupDescription": wanted["description"] ?? "",
                "attributePayload": ["attributes": wanted["attributes"] ?? [:], "merge": false],
            ]
            let operation = isDynamic ? "UpdateDynamicThingGroup" : "UpdateThingGroup"
            steps.append(DeclaredStep(ControlCall(operation, path: path, body: body)))
        }
        return steps + self.policySteps(name, current, wanted) + self.tagSteps(current, wanted)
    }
}

extension [DeclaredReference]? {
    var orNone: [DeclaredReference] { self ?? [] }
}
