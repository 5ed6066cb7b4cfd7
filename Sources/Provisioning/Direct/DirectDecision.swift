import Fleet
import JSON
import Registry

/// The one decision that makes a device out of an operator's order.
struct DirectDecision {
    struct Decided {
        let plan: ProvisioningPlan
        let changeSet: ChangeSet
        let outcome: RegisteredDevice
    }

    let order: RegistrationOrder
    let candidate: CertificateCandidate?
    let parameters: ResolvedParameters
    let actor: Actor
    let realm: Realm
    let newThingID: ResourceID
    /// Ids for what the template names and the registry lacks; empty where that is a refusal.
    let idsOfMissing: [ResourceID]
    let at: UnixTime

    func decide(
        _ rendered: RenderedTemplate, in view: RegistryView
    ) throws(FleetError) -> Decided {
        let document = self.order.template.document
        var judgement: CertificateJudgement?
        if let candidate, let resource = document.certificate {
            do throws(FleetError) {
                try CertificateDemandJudge.check(
                    rendered.certificateDemands, of: .init(candidate))
                judgement = try CertificateJudgement.judge(
                    candidate, for: rendered.thing, by: resource, in: view, at: self.at)
            } catch {
                throw error.at("/Resources/\(resource.logicalName)")
            }
        }
        let missing = MissingResources(
            rendered, in: view, ids: self.idsOfMissing, at: self.at)
        let plan = try PlanDecision.plan(
            rendered, of: document,
            for: PlanDecision.Registrant(
                certificate: judgement?.planned, newThingID: self.newThingID,
                source: self.order.source,
                parameters: self.parameters),
            in: view.assuming(missing.records), at: self.at)
        let outcome = self.outcome(plan, rendered)
        return Decided(
            plan: plan,
            changeSet: ChangeSet(
                action: ProvisioningOperation.registerThing.rawValue,
                preconditions: missing.preconditions(plan.preconditions)
                    + (judgement?.preconditions ?? [])
                    + (self.order.line.map { [.absent(.registeredLine($0))] } ?? []),
                changes: missing.changes + self.changes(plan, judgement, outcome, in: view),
                detail: self.detail(plan)),
            outcome: outcome)
    }

    private func changes(
        _ plan: ProvisioningPlan, _ judgement: CertificateJudgement?, _ outcome: RegisteredDevice,
        in view: RegistryView
    ) -> [Change] {
        var changes: [Change] = []
        if var created = judgement?.created {
            created.provenance = self.provenance(
                of: nil, profile: created.provenance?.origin.profile)
            changes.append(.putCertificate(created))
            changes += plan.changes(at: self.at)
        } else {
            changes += plan.changes(at: self.at).filter { !Self.isTrue($0, in: view) }
            if !changes.isEmpty, let id = plan.certificate?.id {
                changes.append(
                    .setProvenance(id, self.provenance(of: view.certificate(id)?.provenance)))
            }
        }
        if let line = self.order.line {
            changes.append(.recordRegisteredLine(outcome.record(of: line)))
        }
        return changes
    }

    /// An attachment that is there already: repeating an order changes nothing.
    private static func isTrue(_ change: Change, in view: RegistryView) -> Bool {
        if case .attachPolicy(let policy, let target) = change {
            return view.policiesOfTarget(target).contains(policy)
        }
        if case .attachThingPrincipal(let principal) = change {
            return view.thingsOfCertificate(principal.certificate).contains(principal)
        }
        return false
    }

    private func outcome(
        _ plan: ProvisioningPlan, _ rendered: RenderedTemplate
    ) -> RegisteredDevice {
        let document = self.order.template.document
        var arns: JSONObject = [:]
        arns[document.thing.logicalName] = .string(self.realm.thing(plan.thing.name).rawValue)
        if let name = document.certificate?.logicalName, let id = plan.certificate?.id {
            arns[name] = .string(self.realm.certificate(id).rawValue)
        }
        for policy in rendered.policyNames {
            arns[policy.logicalName] = .string(self.realm.policy(policy.name).rawValue)
        }
        return RegisteredDevice(
            thing: plan.thing.name, certificate: plan.certificate?.id,
            certificatePEM: self.candidate?.pem, resourceARNs: arns,
            deviceConfiguration: plan.deviceConfiguration)
    }

    private func detail(_ plan: ProvisioningPlan) -> JSONObject {
        var detail: JSONObject = [
            "thing": .string(plan.thing.name.rawValue),
            "templateDigest": .string(self.order.template.digest),
        ]
        detail["certificate"] = plan.certificate.map { .string($0.id.rawValue) }
        for member in plan.detail.members { detail[member.key] = member.value }
        // A task's own record has them once for all its lines.
        if self.order.line == nil, !self.order.template.warnings.isEmpty {
            detail["templateWarnings"] = .array(
                self.order.template.warnings.map { .string($0) })
        }
        detail["task"] = self.order.line.map { .string($0.task.rawValue) }
        detail["line"] = self.order.line.map { .int($0.number) }
        return detail
    }

    private func provenance(of before: Provenance?, profile: String? = nil) -> Provenance {
        let origin =
            before?.origin
            ?? Provenance.Origin(
                flow: .operatorMade, claim: nil, clientID: self.actor.identity,
                sourceAddress: self.actor.sourceAddress, requestedAt: self.at,
                profile: profile)
        let texts = self.order.parametersOfRecord
        let source = self.order.source
        return Provenance(
            origin: origin,
            registration: Provenance.Registration(
                template: source.template, templateVersion: source.version,
                templateDigest: source.digest, hook: nil, hookDigest: nil,
                allowlist: nil, allowlistVersion: nil,
                clientID: self.order.clientID ?? self.actor.identity,
                sourceAddress: self.order.line?.description ?? self.actor.sourceAddress ?? "",
                station: texts["Station"] ?? texts["station"], lot: texts["Lot"] ?? texts["lot"],
                parameters: texts, registeredAt: self.at))
    }
}

extension FleetError {
    /// The same, said of a place in a template.
    func at(_ place: String) -> FleetError {
        FleetError(self.code, "\(place): \(self.message)", resource: self.resource)
    }
}
