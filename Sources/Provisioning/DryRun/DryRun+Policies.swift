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
        var connection = PolicyVariables(clientID: clientID, now: now)
        let expected = report.certificate?.expected
        let subject = request.subject ?? expected?.subject
        // Whoever issued a certificate that is brought along is not ours to foresee.
        connection.certificateFields = CertificateFields.of(
            subject: subject, issuer: request.isJustInTime ? nil : expected?.issuer)
        // As the gateway has it: a connection that speaks for no thing has no group's policies.
        let attached = plan.certificate.map { [$0.exclusivity] } ?? []
        let speaksForThing =
            ThingPrincipal.associated(among: attached, clientID: clientID) {
                (plan.thing.name, $0)
            } != nil
        if speaksForThing {
            connection.thing = PolicyVariables.AssociatedThing(
                name: plan.thing.name, typeName: plan.thing.typeName,
                attributes: plan.thing.attributes)
            for (group, policy) in try await self.groupPolicies(plan, in: view) {
                report.groupPolicies.append((group, policy.name))
                if !policies.contains(where: { $0.name == policy.name }) { policies.append(policy) }
            }
        }
        var values = plan.parameters.texts
        values["iot:ClientId"] = clientID
        values["iot:Connection.Thing.ThingName"] = plan.thing.name.rawValue
        report.policies = DryRunPolicies(
            policies, for: connection,
            questions: trial.questions.map { $0.about(values, in: self.realm) },
            isWhole: !isBrief)
        if subject == nil, let unseen = Self.unseenFields(of: policies) {
            report.unknown.append(unseen)
        }
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

    /// A certificate that is not there yet has no fields that a policy could read.
    private static func unseenFields(of policies: [Policy]) -> String? {
        let readers = policies.filter {
            $0.defaultVersion?.document.contains("iot:Certificate.") == true
        }
        guard !readers.isEmpty else { return nil }
        return "what policies make of the certificate's fields (iot:Certificate…), which "
            + readers.map { "'\($0.name)'" }.joined(separator: ", ")
            + " read: there is no signing request (--csr) and no subject (--subject)"
    }
}
