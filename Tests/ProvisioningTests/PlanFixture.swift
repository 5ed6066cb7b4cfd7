import Fleet
import Provisioning
import Registry
import TestSupport

/// What a template's plan is against a registry that is written down in a test. The thing is `t`.
struct PlanFixture {
    let now = ManualClock.start
    let certificate = CertificateID(sha256: FakeIssuer.digest("device"))

    /// The plan for `body`, against a registry that holds `changes`.
    func plan(
        _ body: String, _ sent: [String: String] = [:], overrides: [String: String] = [:],
        after changes: [Change] = []
    ) async throws -> ProvisioningPlan {
        let store = InMemoryFleetStore(clock: ManualClock())
        _ = try await store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
        let document = try TemplateChecker.document(of: body, named: TemplateName(checked: "t"))
        let parameters = ResolvedParameters(
            sent: sent, overrides: overrides, document: document, certificate: self.certificate,
            realm: .standard)
        let rendered = try TemplateRenderer.render(document, with: parameters)
        let view = store.view(rendered.keys.union(PlanDecision.keys(of: self.certificate)))
        return try PlanDecision.plan(
            rendered, of: document,
            for: PlanDecision.Registrant(
                certificate: PlanDecision.PlannedCertificate(
                    self.certificate, as: document.certificate),
                newThingID: Samples.resourceID(1),
                source: ProvisioningPlan.Source(
                    template: TemplateName(checked: "t"), version: 3,
                    digest: ContentDigest.sha256(of: body)), parameters: parameters),
            in: view, at: self.now)
    }

    func thing(
        _ attributes: [String: String] = [:], type: String? = nil, billingGroup: String? = nil
    ) -> Change {
        .putThing(
            Thing(
                name: ThingName(checked: "t"), id: Samples.resourceID(2),
                typeName: type.map { ThingTypeName(checked: $0) }, attributes: attributes,
                billingGroup: billingGroup.map { BillingGroupName(checked: $0) }, version: 4,
                createdAt: self.now))
    }

    func types(_ names: String...) -> [Change] {
        names.map {
            .putThingType(
                ThingType(
                    name: ThingTypeName(checked: $0), id: Samples.resourceID(3),
                    createdAt: self.now))
        }
    }

    func groups(_ names: String...) -> [Change] {
        names.map {
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: $0), id: Samples.resourceID(4),
                    createdAt: self.now))
        }
    }

    func members(of names: String...) -> [Change] {
        names.map { .addThingToGroup(ThingName(checked: "t"), ThingGroupName(checked: $0)) }
    }
}
