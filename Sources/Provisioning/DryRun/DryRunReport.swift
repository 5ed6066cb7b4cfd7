package import Fleet
package import JSON

/// What a registration would have come to.
package struct DryRunReport: Sendable {
    /// What was said by a hook, or in its place.
    package struct Hook: Sendable {
        /// nil for an answer that was given along with the question.
        package let name: HookName?
        package let digest: String?
        package let verdict: HookOutcome.Verdict
        package let log: [String]
    }

    /// What the claim that was named would pay.
    package struct ClaimUse: Sendable {
        package let name: ClaimName
        package let spent: Int
        /// nil for one that is not bounded.
        package let budget: Int?
        /// The claim has paid for the thing before.
        package let isRepeat: Bool
    }

    package let source: ProvisioningPlan.Source
    package let registry: DryRunRequest.Registry
    package var refusal: FleetError?
    package var hook: Hook?
    package var certificate: DryRunCertificate?
    /// What a serial number or a key that was seen before is taken for; nothing of a first time.
    package var verdicts: [EnrolmentVerdict] = []
    package var claim: ClaimUse?
    /// The entry of the list that let the device in, or the first one there is of those that the
    /// hook asked for.
    package var unit: (list: AllowlistName, unit: AllowlistUnit)?
    var reads: [HookOutcome.AllowlistRead] = []
    package var parameters: ResolvedParameters?
    package var plan: ProvisioningPlan?
    package var groupsBefore: [ThingGroupName] = []
    /// For the devices after it in a batch.
    var groupsAfter: [ThingGroup] = []
    /// Where the registration happens, as far as anybody says so.
    var station: String?
    package var policies: DryRunPolicies?
    /// The policies that count by way of the thing's groups, each with the group it hangs on.
    package var groupPolicies: [(group: ThingGroupName, policy: PolicyName)] = []
    /// What could not be looked at of any device that asks as this one does.
    var doubts: [String] = []
    /// What could not be looked at of this one.
    var unknown: [String] = []
    /// What the hook wants kept.
    var hookAttributes: [String: String] = [:]
    /// The template, and what came of its expressions: what coverage is counted from.
    var document: TemplateDocument?
    var rendered: RenderedTemplate?
    /// The thing as it is; nil where it is not there.
    package var thingBefore: Thing?

    init(source: ProvisioningPlan.Source, registry: DryRunRequest.Registry) {
        self.source = source
        self.registry = registry
    }

    package var isAccepted: Bool { self.refusal == nil && self.plan != nil }

    /// Stable: members are added, never renamed (Documentation/template-authoring.md).
    package var json: JSONValue {
        var object: JSONObject = ["accepted": .bool(self.isAccepted)]
        for (name, value) in self.head.members { object[name] = value }
        object["refusal"] = self.refusal.map(Self.refusal)
        object["hook"] = self.hook.map(Self.hook)
        object["claim"] = self.claimUse
        object["unit"] = self.unit.map { list, unit -> JSONValue in
            [
                "serial": .string(unit.facts.serial.rawValue),
                "state": .string(unit.state.rawValue), "list": .string(list.rawValue),
            ]
        }
        object["parameters"] = self.parameters.map(PlanPrinter.parameters)
        if let fields = self.certificate?.fields, !fields.isEmpty {
            object["certificate"] = .object(
                JSONObject(fields.map { ($0.name, JSONValue.string($0.value)) }))
        }
        if !self.verdicts.isEmpty {
            object["enrolment"] = .array(self.verdicts.map(\.json))
        }
        object["unknown"] = Self.texts(self.doubts + self.unknown)
        if let plan = self.plan {
            object["plan"] = PlanPrinter.json(plan)
            object["difference"] = .array(self.difference(plan).map(\.json))
        }
        if let policies = self.policies {
            object["effectivePolicy"] = .array(policies.effective.map(\.json))
            object["answers"] = .array(policies.answers.map(\.json))
        }
        if !self.groupPolicies.isEmpty {
            object["groupPolicies"] = .array(
                self.groupPolicies.map { way in
                    ["group": .string(way.group.rawValue), "policy": .string(way.policy.rawValue)]
                })
        }
        return .object(object)
    }

    /// What is so of every device of a batch.
    var head: JSONObject {
        [
            "wrote": false, "against": .string(self.registry.rawValue),
            "template": PlanPrinter.source(self.source),
        ]
    }

    /// nil where there is none.
    static func texts(_ texts: [String]) -> JSONValue? {
        texts.isEmpty ? nil : .array(texts.map { .string($0) })
    }

    /// One device of a batch: some of the members of `json`, in part.
    var brief: JSONValue {
        var object: JSONObject = ["accepted": .bool(self.isAccepted)]
        object["refusal"] = self.refusal.map(Self.refusal)
        object["claim"] = self.claimUse
        if !self.verdicts.isEmpty {
            object["enrolment"] = .array(self.verdicts.map(\.json))
        }
        object["unknown"] = Self.texts(self.unknown)
        if let plan = self.plan {
            object["plan"] = [
                "thing": [
                    "name": .string(plan.thing.name.rawValue),
                    "outcome": .string(PlanPrinter.outcome(plan)),
                ]
            ]
        }
        if let answers = self.policies?.answers, !answers.isEmpty {
            object["answers"] = .array(answers.map(\.json))
        }
        return .object(object)
    }

    private var claimUse: JSONValue? {
        self.claim.map { claim in
            var object: JSONObject = [
                "name": .string(claim.name.rawValue), "spent": .int(claim.spent),
                "spends": .int(claim.isRepeat || self.refusal != nil ? 0 : 1),
            ]
            object["budget"] = claim.budget.map { .int($0) }
            return .object(object)
        }
    }

    /// As a device would read it, and what it cannot see: which record is in the way.
    private static func refusal(_ error: FleetError) -> JSONValue {
        let rejection = Rejection(error)
        var object: JSONObject = [
            "statusCode": .int(rejection.statusCode), "errorCode": .string(rejection.errorCode),
            "message": .string(rejection.errorMessage),
        ]
        for (name, value) in rejection.explanation.members { object[name] = value }
        object["resource"] = error.resource.map { .string($0) }
        return .object(object)
    }

    private static func hook(_ hook: Hook) -> JSONValue {
        var object = JSONObject()
        object["name"] = hook.name.map { .string($0.rawValue) }
        object["digest"] = hook.digest.map { .string($0) }
        switch hook.verdict {
        case .allowed(let overrides):
            object["outcome"] = "allowed"
            object["parameterOverrides"] = PlanPrinter.texts(overrides)
        case .denied(let reason):
            object["outcome"] = "denied"
            object["reason"] = reason.map { .string($0) }
        case .timedOut: object["outcome"] = "timedOut"
        case .busy: object["outcome"] = "busy"
        case .failed(let cause):
            object["outcome"] = "failed"
            object["reason"] = .string(cause)
        }
        object["log"] = .array(hook.log.map { .string($0) })
        return .object(object)
    }

    // MARK: Against the thing as it is

    /// One field that the registration would change.
    package struct FieldChange: Hashable, Sendable {
        package let field: String
        /// nil where the field is new.
        package let before: String?
        /// nil where the field goes.
        package let after: String?

        var json: JSONValue {
            [
                "field": .string(self.field), "before": self.before.map { .string($0) } ?? .null,
                "after": self.after.map { .string($0) } ?? .null,
            ]
        }
    }

    /// Empty for a thing that comes to be.
    func difference(_ plan: ProvisioningPlan) -> [FieldChange] {
        guard let before = plan.thingBefore else { return [] }
        var fields: [(String, String?, String?)] = [
            ("type", before.typeName?.rawValue, plan.thing.typeName?.rawValue),
            ("billingGroup", before.billingGroup?.rawValue, plan.thing.billingGroup?.rawValue),
        ]
        for name in Set(before.attributes.keys).union(plan.thing.attributes.keys).sorted() {
            fields.append(
                ("attributes.\(name)", before.attributes[name], plan.thing.attributes[name]))
        }
        fields += plan.groupsRemoved.map { ("groups", $0.rawValue, nil) }
        fields += plan.groupsAdded.map { ("groups", nil, $0.rawValue) }
        return fields.filter { $0.1 != $0.2 }.map {
            FieldChange(field: $0.0, before: $0.1, after: $0.2)
        }
    }
}
