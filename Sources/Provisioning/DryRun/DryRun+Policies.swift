import Fleet
import Policies
import Registry

/// What the device may do once it is registered: by the policies that GetEffectivePolicies would
/// find then, those of the thing's groups among them.
extension DryRun {
    func explainPolicies(
        of plan: ProvisioningPlan, in view: RegistryView, _ request: DryRunRequest,
        _ trial: Trial, into report: inout DryRunReport
    ) async throws(FleetError) {
        // Of a device among many nobody reads more than was asked.
        let isBrief = request.devices != nil
        guard !isBrief || !trial.questions.isEmpty else { return }
        let now = self.clock.now
        var policies = plan.policies.compactMap { planned in
            planned.newDocument.map {
                PolicyVersions.first(planned.name, document: $0, at: now)
            } ?? view.policy(planned.name)
        }
        let clientID = request.clientID ?? plan.thing.name.rawValue
        var variables = PolicyVariables(
            clientID: clientID, sourceIP: request.sourceAddress, now: now)
        let expected = report.certificate?.expected
        let subject = request.subject ?? expected?.subject
        // Whoever issued a certificate that is brought along is not ours to foresee.
        let issuer = request.isJustInTime ? nil : expected?.issuer
        variables.certificateFields = CertificateFields.of(subject: subject, issuer: issuer)
        var values = plan.parameters.texts
        values["iot:ClientId"] = clientID
        values["iot:Connection.Thing.ThingName"] = plan.thing.name.rawValue
        let questions = trial.questions.map { $0.about(values, in: self.realm) }
        let rules = GatewayRules(
            realm: self.realm, status: plan.certificate?.status ?? .pendingActivation)
        let connections = DryRunConnections(
            policies: policies, groupPolicies: try await self.groupPolicies(plan, in: view),
            thing: plan.thing, exclusivity: plan.certificate?.exclusivity, variables: variables)
        report.groupPolicies = connections.groupPolicies(as: clientID).map { ($0, $1.name) }
        policies = connections.policies(as: clientID)
        report.policies = DryRunPolicies(
            connections, as: clientID, questions: questions, under: rules, isWhole: !isBrief)
        report.unknown += UnseenVariables(
            hasAddress: request.sourceAddress != nil, hasSubject: subject != nil,
            hasIssuer: issuer != nil
        ).doubts(of: policies)
    }

    /// Each policy once, with the group that it comes by first.
    private func groupPolicies(
        _ plan: ProvisioningPlan, in view: RegistryView
    ) async throws(FleetError) -> [(ThingGroupName, Policy)] {
        let targets = EffectivePolicies.targets(ofGroups: plan.groupsAfter(in: view))
        guard !targets.isEmpty else { return [] }
        let attached = try await self.load(EffectivePolicies.keys(of: targets))
        let names = EffectivePolicies.names(of: targets, in: attached)
        guard !names.isEmpty else { return [] }
        let found = try await self.load(Set(names.map { .policy($0) }))
        var policies: [(ThingGroupName, Policy)] = []
        for name in names {
            let target = targets.first { attached.policiesOfTarget($0).contains(name) }
            guard case .thingGroup(let group)? = target, let policy = found.policy(name) else {
                continue
            }
            policies.append((group, policy))
        }
        return policies
    }
}
