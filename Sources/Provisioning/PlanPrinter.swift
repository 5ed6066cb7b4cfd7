import Fleet
package import JSON

/// A plan as JSON, for dry runs and the audit log.
package enum PlanPrinter {
    /// Stable: members are added, never renamed.
    package static func json(_ plan: ProvisioningPlan) -> JSONValue {
        [
            "template": self.source(plan.source),
            "parameters": self.parameters(plan.parameters),
            "thing": self.thing(plan),
            "groups": [
                "added": self.names(plan.groupsAdded), "removed": self.names(plan.groupsRemoved),
            ],
            "certificate": plan.certificate.map(self.certificate) ?? .null,
            "policies": .array(plan.policies.map(self.policy)),
            "deviceConfiguration": .object(plan.deviceConfiguration),
        ]
    }

    static func source(_ source: ProvisioningPlan.Source) -> JSONValue {
        var object = JSONObject()
        object["name"] = source.template.map { .string($0.rawValue) }
        object["version"] = source.version.map { .int($0) }
        object["digest"] = .string(source.digest)
        return .object(object)
    }

    private static func certificate(
        _ certificate: PlanDecision.PlannedCertificate
    ) -> JSONValue {
        var object: JSONObject = ["id": .string(certificate.id.rawValue)]
        object["status"] = certificate.status.map { .string($0.rawValue) }
        object["thingPrincipalType"] = .string(certificate.exclusivity.rawValue)
        return .object(object)
    }

    static func parameters(_ parameters: ResolvedParameters) -> JSONValue {
        .object(
            JSONObject(
                parameters.values.sorted { $0.key < $1.key }.map { name, value in
                    (name, ["value": .string(value.text), "from": .string(value.origin.rawValue)])
                }))
    }

    static func outcome(_ plan: ProvisioningPlan) -> String {
        plan.thingBefore == nil ? "created" : plan.leavesThing ? "unchanged" : "updated"
    }

    private static func thing(_ plan: ProvisioningPlan) -> JSONValue {
        var object: JSONObject = [
            "name": .string(plan.thing.name.rawValue),
            "outcome": .string(self.outcome(plan)),
        ]
        object["type"] = plan.thing.typeName.map { .string($0.rawValue) }
        object["attributes"] = self.texts(plan.thing.attributes)
        object["billingGroup"] = plan.thing.billingGroup.map { .string($0.rawValue) }
        object["version"] = .int(plan.thing.version)
        if let before = plan.thingBefore, before != plan.thing {
            var difference: JSONObject = ["attributes": self.texts(before.attributes)]
            difference["type"] = before.typeName.map { .string($0.rawValue) }
            object["before"] = .object(difference)
        }
        return .object(object)
    }

    static func texts(_ attributes: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                attributes.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    private static func names(_ groups: [ThingGroupName]) -> JSONValue {
        .array(groups.map { .string($0.rawValue) })
    }

    private static func policy(_ policy: ProvisioningPlan.PlannedPolicy) -> JSONValue {
        var object: JSONObject = [
            "name": .string(policy.name.rawValue),
            "outcome": policy.newDocument == nil ? "attached" : "created",
        ]
        // The renderer printed the document; what it wrote can be read.
        object["document"] = policy.newDocument.flatMap { try? JSONParser.parse($0) }
        return .object(object)
    }
}
