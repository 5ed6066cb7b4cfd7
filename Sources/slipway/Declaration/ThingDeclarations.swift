import ControlPlane
import Fleet
import JSON

struct AuthorityDeclaration: DeclaredBehaviour {
    let members = [
        "certificatePem", "status", "mode", "autoRegistration", "registrationConfig",
        "verificationCertificatePem", "tags",
    ]
    let making = ["certificatePem", "verificationCertificatePem"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListCACertificates"), "certificates", .marker, []),
            "certificateId", access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeCACertificate", path: ["caCertificateId": name])
        // This service's own are made by 'slipway init', and registered nowhere.
        guard let answer = try await self.found(call, access),
            try await !LookedUp.own.holds(name, access, Self.isOwn)
        else { return nil }
        let found = answer["certificateDescription"]
        let arn = found?["certificateArn"]?.stringValue
        return CurrentResource(
            state: .present(
                ("certificatePem", found?["certificatePem"]), ("status", found?["status"]),
                ("mode", found?["certificateMode"] ?? "DEFAULT"),
                (
                    "autoRegistration",
                    found?["autoRegistrationStatus"]?.stringValue == "ENABLE" ? true : nil
                ), ("registrationConfig", answer["registrationConfig"]?.present),
                ("tags", try await self.tags(arn, access))), arn: arn)
    }

    /// Whether an authority is the service's own. AWS IoT's own are not listed among one's CAs.
    private static func isOwn(
        _ id: String, _ access: ControlAccess
    ) async throws(FleetError) -> Bool {
        let answer: JSONValue
        do throws(FleetError) {
            answer = try await access.perform(ControlCall("ListOwnAuthorities"))
        } catch  where !access.isSlipway { return false }
        return (answer["authorities"]?.arrayValue ?? []).contains {
            $0["certificateId"]?.stringValue == id
        }
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        (state["registrationConfig"]?["templateName"]?.stringValue).map {
            [DeclaredReference(kind: .template, name: $0)]
        }.orNone
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let isAutomatic = wanted["autoRegistration"]?.boolValue == true
        guard let current else {
            let proof = wanted["verificationCertificatePem"]
            guard wanted["mode"]?.stringValue == "SNI_ONLY" || proof != nil else {
                throw FleetError(
                    .invalidRequest,
                    "registering CA \(name) needs proof that its key is held: put a certificate "
                        + "that it signed for this service's registration code into "
                        + "verificationCertificatePem")
            }
            return [
                DeclaredStep(
                    ControlCall(
                        "RegisterCACertificate",
                        query: [
                            "setAsActive": String(wanted["status"]?.stringValue == "ACTIVE"),
                            "allowAutoRegistration": String(isAutomatic),
                        ],
                        body: .present(
                            ("caCertificate", wanted["certificatePem"]),
                            ("certificateMode", wanted["mode"]),
                            ("verificationCertificate", proof),
                            ("registrationConfig", wanted["registrationConfig"]),
                            ("tags", self.making(tags: wanted)))))
            ]
        }
        guard current.state["mode"] == wanted["mode"] else {
            throw FleetError(.invalidRequest, "the mode of CA \(name) cannot be changed")
        }
        let changed = self.differences(current, wanted).filter { $0 != "tags" }
        guard !changed.isEmpty else { return self.tagSteps(current, wanted) }
        var body = JSONObject()
        if changed.contains("registrationConfig") {
            body["registrationConfig"] = wanted["registrationConfig"]
            if wanted["registrationConfig"] == nil { body["removeAutoRegistration"] = true }
        }
        return [
            DeclaredStep(
                ControlCall(
                    "UpdateCACertificate", path: ["caCertificateId": name],
                    query: [
                        "newStatus": wanted["status"]?.stringValue,
                        "newAutoRegistrationStatus": isAutomatic ? "ENABLE" : "DISABLE",
                    ], body: body))
        ] + self.tagSteps(current, wanted)
    }
}

/// A certificate without its key, which stays on the device.
struct CertificateDeclaration: DeclaredBehaviour {
    let members = ["certificatePem", "status", "authority", "policies"]
    let making = ["certificatePem", "authority"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let records = Listing(
            ControlCall("ListCertificateRecords"), "certificates", .after(sized: true), [])
        do throws(FleetError) {
            try await records.forEach(access) { record throws(FleetError) in
                // Claims have files of their own, with their certificates.
                guard record["kind"]?.stringValue == "device",
                    let id = record["certificateId"]?.stringValue
                else { return }
                try await take(id)
            }
        } catch  where error.isOfUnknownOperation && !access.isSlipway {
            try await self.forEach(
                Listing(
                    ControlCall("ListCertificates", query: ["isAscendingOrder": "true"]),
                    "certificates", .marker, []), "certificateId", access, take)
        }
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeCertificate", path: ["certificateId": name])
        guard let found = try await self.found(call, access)?["certificateDescription"],
            let arn = found["certificateArn"]?.stringValue,
            // One that a device is being given at this moment.
            found["status"]?.stringValue != "PENDING_ACTIVATION"
        else { return nil }
        var authority: JSONValue?
        if let issuer = found["caCertificateId"]?.stringValue,
            try await LookedUp.registered.holds(
                issuer, access,
                { id, access throws(FleetError) in
                    try await AuthorityDeclaration().current(id, access) != nil
                })
        {
            authority = .string(issuer)
        }
        return CurrentResource(
            state: .present(
                ("certificatePem", found["certificatePem"]), ("status", found["status"]),
                ("authority", authority), ("policies", try await self.policies(arn, access))))
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        self.policyReferences(state)
            + (state["authority"]?.stringValue).map {
                [DeclaredReference(kind: .authority, name: $0)]
            }.orNone
    }

    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {
        try RevokedForGood.check("the certificate", current?.state["status"], wanted["status"])
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        var steps: [DeclaredStep] = []
        if current == nil {
            let isRegistered = wanted["authority"] != nil
            steps.append(
                DeclaredStep(
                    ControlCall(
                        isRegistered ? "RegisterCertificate" : "RegisterCertificateWithoutCA",
                        body: .present(
                            ("certificatePem", wanted["certificatePem"]),
                            ("status", wanted["status"])))))
        } else if current?.state["status"] != wanted["status"] {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "UpdateCertificate", path: ["certificateId": name],
                        query: ["newStatus": wanted["status"]?.stringValue])))
        }
        return steps + self.policySteps(name, current, wanted)
    }
}

struct ThingDeclaration: DeclaredBehaviour {
    let members = [
        "type", "attributes", "billingGroup", "groups", "certificates", "exclusiveCertificates",
    ]
    let left = ["certificates", "exclusiveCertificates"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListThings"), "things", .token, []), "thingName", access, take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let path = ["thingName": name]
        guard
            let answer = try await self.found(ControlCall("DescribeThing", path: path), access)
        else { return nil }
        var groups: [String] = []
        let membership = Listing(
            ControlCall("ListThingGroupsForThing", path: path), "thingGroups", .token, [])
        try await self.forEach(membership, "groupName", access) { group throws(FleetError) in
            // A thing is in a dynamic group because of what it is, and is not put there.
            let isDynamic = try await LookedUp.dynamic.holds(group, access) {
                name, access throws(FleetError) in
                let call = ControlCall("DescribeThingGroup", path: ["thingGroupName": name])
                return try await access.perform(call)["queryString"]?.present != nil
            }
            if !isDynamic { groups.append(group) }
        }
        var attached: [String] = []
        var exclusive: [String] = []
        let principals = try await self.principals(path, access)
        for principal in principals {
            guard let id = principal.arn.split(separator: "/").last.map(String.init) else {
                continue
            }
            if principal.isExclusive { exclusive.append(id) } else { attached.append(id) }
        }
        return CurrentResource(
            state: .present(
                ("type", answer["thingTypeName"]?.present),
                ("attributes", answer["attributes"]?.present),
                ("billingGroup", answer["billingGroupName"]?.present), ("groups", .sorted(groups)),
                ("certificates", .sorted(attached) ?? .array([])),
                ("exclusiveCertificates", .sorted(exclusive) ?? .array([]))))
    }

    /// By the newer operation, or by the older one where a service has only that.
    private func principals(
        _ path: [String: String], _ access: ControlAccess
    ) async throws(FleetError) -> [(arn: String, isExclusive: Bool)] {
        var found: [(arn: String, isExclusive: Bool)] = []
        do throws(FleetError) {
            let listing = Listing(
                ControlCall("ListThingPrincipalsV2", path: path), "thingPrincipalObjects",
                .token, [])
            try await listing.forEach(access) { item throws(FleetError) in
                guard let arn = item["principal"]?.stringValue else { return }
                found.append(
                    (arn, item["thingPrincipalType"]?.stringValue == "EXCLUSIVE_THING"))
            }
        } catch  where error.code == .notFound || error.isOfUnknownOperation {
            let answer = try await access.perform(ControlCall("ListThingPrincipals", path: path))
            found = answer["principals"].names.map { ($0, false) }
        }
        return found
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        var references = state["groups"].names.map {
            DeclaredReference(kind: .group, name: $0)
        }
        references += (state["certificates"].names + state["exclusiveCertificates"].names).map {
            DeclaredReference(kind: .certificate, name: $0)
        }
        if let type = state["type"]?.stringValue {
            references.append(DeclaredReference(kind: .type, name: type))
        }
        if let group = state["billingGroup"]?.stringValue {
            references.append(DeclaredReference(kind: .billingGroup, name: group))
        }
        return references
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) -> [DeclaredStep] {
        let old = current?.state ?? [:]
        let path = ["thingName": name]
        var steps: [DeclaredStep] = []
        if current == nil {
            let payload = wanted["attributes"].map { attributes -> JSONValue in
                ["attributes": attributes]
            }
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "CreateThing", path: path,
                        body: .present(
                            ("thingTypeName", wanted["type"]), ("attributePayload", payload),
                            ("billingGroupName", wanted["billingGroup"])))))
        } else {
            steps += self.update(path, old, wanted)
        }
        let groups = SetChange(old["groups"], wanted["groups"])
        func member(_ operation: String, _ group: String) -> DeclaredStep {
            DeclaredStep(
                ControlCall(
                    operation,
                    body: ["thingGroupName": .string(group), "thingName": .string(name)]))
        }
        steps += groups.removed.map { member("RemoveThingFromThingGroup", $0) }
        steps += groups.added.map { member("AddThingToThingGroup", $0) }
        return steps + self.principalSteps(path, old, wanted)
    }

    private func update(
        _ path: [String: String], _ old: JSONObject, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        var steps: [DeclaredStep] = []
        var body = JSONObject()
        if old["type"] != wanted["type"] {
            body["thingTypeName"] = wanted["type"]
            if wanted["type"] == nil { body["removeThingType"] = true }
        }
        if old["attributes"] != wanted["attributes"] {
            body["attributePayload"] = [
                "attributes": wanted["attributes"] ?? [:], "merge": false,
            ]
        }
        if !body.isEmpty {
            steps.append(DeclaredStep(ControlCall("UpdateThing", path: path, body: body)))
        }
        guard old["billingGroup"] != wanted["billingGroup"] else { return steps }
        let group = wanted["billingGroup"] ?? old["billingGroup"] ?? .null
        let isAdded = wanted["billingGroup"] != nil
        steps.append(
            DeclaredStep(
                ControlCall(
                    isAdded ? "AddThingToBillingGroup" : "RemoveThingFromBillingGroup",
                    body: [
                        "billingGroupName": group, "thingName": .string(path["thingName"] ?? ""),
                    ])))
        return steps
    }

    private func principalSteps(
        _ path: [String: String], _ old: JSONObject, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        func step(_ operation: String, _ id: String, _ type: String?) -> DeclaredStep {
            DeclaredStep(
                ControlCall(operation, path: path, query: ["thingPrincipalType": type]),
                target: .header("x-amzn-principal", id))
        }
        let shared = SetChange(
            old["certificates"], wanted["certificates"] ?? old["certificates"])
        let exclusive = SetChange(
            old["exclusiveCertificates"],
            wanted["exclusiveCertificates"] ?? old["exclusiveCertificates"])
        return (shared.removed + exclusive.removed).map { step("DetachThingPrincipal", $0, nil) }
            + shared.added.map { step("AttachThingPrincipal", $0, nil) }
            + exclusive.added.map { step("AttachThingPrincipal", $0, "EXCLUSIVE_THING") }
    }
}
