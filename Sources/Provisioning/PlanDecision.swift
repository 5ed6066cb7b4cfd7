package import Fleet
import JSON
import Policies
import Registry

/// Weighs a rendered template against the registry as it is.
package struct PlanDecision {
    /// What the registry must have been asked for, besides `RenderedTemplate.keys`.
    package static func keys(of certificate: CertificateID) -> Set<RecordKey> {
        [.thingsOfCertificate(certificate)]
    }

    /// The certificate of a plan, and what the plan does to its status; nil leaves that as it is.
    package struct PlannedCertificate: Hashable, Sendable {
        package let id: CertificateID
        package let status: Certificate.Status?
        package let exclusivity: ThingPrincipal.Exclusivity
        /// Where it is INACTIVE it may be on hold, and is on the CRL then.
        package let wasInactive: Bool

        package init(
            id: CertificateID, status: Certificate.Status?,
            exclusivity: ThingPrincipal.Exclusivity, wasInactive: Bool = false
        ) {
            self.id = id
            self.status = status
            self.exclusivity = exclusivity
            self.wasInactive = wasInactive
        }

        /// As the resource says, whatever it was.
        package init(
            _ id: CertificateID, as resource: TemplateDocument.CertificateResource?
        ) {
            self.init(
                id: id, status: resource?.status ?? .active,
                exclusivity: resource?.exclusivity ?? .nonExclusive)
        }
    }

    /// Faults of one policy that a refusal names.
    private static let policyFaultsMax = 8

    private let rendered: RenderedTemplate
    private let document: TemplateDocument
    private let view: RegistryView
    private let now: UnixTime
    private var preconditions: [Precondition] = []

    /// - Parameter view: holds `RenderedTemplate.keys` and `keys(of: certificate)`.
    /// - Throws: `FleetError.invalidParameters` for a type, group or policy that does not exist;
    ///   `.resourceConflict` where the thing exists and the template does not say what then.
    package static func plan(
        _ rendered: RenderedTemplate, of document: TemplateDocument,
        for registrant: Registrant, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ProvisioningPlan {
        var decision = PlanDecision(rendered: rendered, document: document, view: view, now: now)
        return try decision.plan(for: registrant)
    }

    /// For whom a plan is made, and by which template.
    package struct Registrant: Sendable {
        /// nil for a thing alone.
        package let certificate: PlannedCertificate?
        /// The id of the thing, where it comes to be.
        package let newThingID: ResourceID
        package let source: ProvisioningPlan.Source
        package let parameters: ResolvedParameters

        package init(
            certificate: PlannedCertificate?, newThingID: ResourceID,
            source: ProvisioningPlan.Source, parameters: ResolvedParameters
        ) {
            self.certificate = certificate
            self.newThingID = newThingID
            self.source = source
            self.parameters = parameters
        }
    }

    private init(
        rendered: RenderedTemplate, document: TemplateDocument, view: RegistryView, now: UnixTime
    ) {
        self.rendered = rendered
        self.document = document
        self.view = view
        self.now = now
    }

    private mutating func plan(
        for registrant: Registrant
    ) throws(FleetError) -> ProvisioningPlan {
        let name = self.rendered.thing
        self.preconditions = [self.view.asSeen(.thing(name))]
        let before = self.view.thing(name)
        let thing =
            if let before { try self.updated(before) } else {
                try self.created(registrant.newThingID)
            }
        try self.requirePackages()
        let groups = try self.groups(isNew: before == nil)
        let policies = try self.policies()
        if let certificate = registrant.certificate {
            let principal = ThingPrincipal(
                thing: name, certificate: certificate.id, exclusivity: certificate.exclusivity)
            try ThingPrincipals.checkExclusivity(
                of: principal, against: self.view.thingsOfCertificate(certificate.id))
            self.preconditions.append(self.view.asSeen(.thingsOfCertificate(certificate.id)))
        }
        return ProvisioningPlan(
            source: registrant.source, parameters: registrant.parameters,
            certificate: registrant.certificate, thing: thing, thingBefore: before,
            groupsAdded: groups.added, groupsRemoved: groups.removed, policies: policies,
            deviceConfiguration: self.rendered.deviceConfiguration,
            preconditions: self.preconditions)
    }

    // MARK: The thing

    private mutating func created(_ id: ResourceID) throws(FleetError) -> Thing {
        let resource = self.document.thing
        if let type = self.rendered.typeName { try self.requireType(type) }
        if let group = self.rendered.billingGroup {
            if self.view.billingGroup(group) == nil {
                throw Self.missing("billing group", group.rawValue, [resource.billingGroup])
            }
            do throws(FleetError) {
                self.preconditions.append(try BillingGroups.exists(group, in: self.view))
            } catch { throw Self.asParameters(error) }
        }
        return Thing(
            name: self.rendered.thing, id: id, typeName: self.rendered.typeName,
            attributes: self.rendered.attributes, billingGroup: self.rendered.billingGroup,
            createdAt: self.now)
    }

    /// AWS: OverrideSettings. Where the template is silent, what it says itself must already be
    /// so; what it does not mention is no difference.
    private mutating func updated(_ before: Thing) throws(FleetError) -> Thing {
        let resource = self.document.thing
        let overrides = [
            resource.attributesOverride, resource.typeOverride, resource.groupsOverride,
        ]
        guard !overrides.contains(.fail) else {
            throw self.conflict("exists, and the template allows new things only")
        }
        var thing = before
        thing.attributes = try self.attributes(before, resource.attributesOverride)
        if let type = self.rendered.typeName, type != before.typeName {
            switch resource.typeOverride {
            case .doNothing: break
            case .replace:
                try self.requireType(type)
                thing.typeName = type
            case nil, .fail, .merge: throw self.conflict("exists with another thing type")
            }
        }
        // AWS has no override for the billing group.
        if let group = self.rendered.billingGroup, group != before.billingGroup {
            throw self.conflict("exists in another billing group")
        }
        if thing != before {
            let (version, overflow) = before.version.addingReportingOverflow(1)
            thing.version = overflow ? before.version : version
        }
        return thing
    }

    private func attributes(
        _ before: Thing, _ override: TemplateDocument.Override?
    ) throws(FleetError) -> [String: String] {
        let given = self.rendered.attributes
        guard self.document.thing.statesAttributes else { return before.attributes }
        switch override {
        case .doNothing: return before.attributes
        case .replace: return given
        case .merge:
            let merged = before.attributes.merging(given) { $1 }
            guard merged.count <= RegistryLimits.attributesMax else {
                throw self.conflict(
                    "would have \(merged.count) attributes; at most "
                        + "\(RegistryLimits.attributesMax)")
            }
            return merged
        case nil, .fail:
            let different = given.filter { before.attributes[$0.key] != $0.value }.keys.sorted()
            guard different.isEmpty else {
                throw self.conflict(
                    "exists with other attributes (\(different.joined(separator: ", ")))")
            }
            return before.attributes
        }
    }

    private mutating func requireType(_ name: ThingTypeName) throws(FleetError) {
        if self.view.thingType(name) == nil {
            throw Self.missing("thing type", name.rawValue, [self.document.thing.typeName])
        }
        do throws(FleetError) {
            self.preconditions.append(try Things.takesThings(name, in: self.view))
        } catch { throw Self.asParameters(error) }
    }

    /// A package version has to exist, as a thing type has to (AWS: software package catalogue);
    /// this service keeps none, so that none does.
    private func requirePackages() throws(FleetError) {
        guard let wanted = self.rendered.packageVersions.first else { return }
        let said = self.document.thing.packageVersions.first?.version
        throw FleetError(
            .invalidParameters,
            "there is no version '\(said?.readable.clipped ?? "")' of package '\(wanted.name)': "
                + "this service keeps no software packages", resource: wanted.name.rawValue
        ).because(.resourceMissing, parameter: said?.parameters.first)
    }

    /// What the registry forbids is what the template or the device asked for.
    private static func asParameters(_ error: FleetError) -> FleetError {
        FleetError(.invalidParameters, error.message, resource: error.resource)
            .because(.resourceMissing)
    }

    /// The refusal of what the registry has not got. A name that a parameter is part of is told as
    /// the template says it: what a device sent is no name of anything here.
    /// - Parameter expressions: of the template, one of which gave the name.
    private static func missing(
        _ noun: String, _ name: String, _ expressions: [TemplateExpression?]
    ) -> FleetError {
        let said = expressions.compactMap { $0 }
        let sent = said.filter { !$0.parameters.isEmpty }
        guard !sent.isEmpty, !said.contains(where: { $0.literal == name }) else {
            return FleetError(
                .invalidParameters, "there is no \(noun) '\(name)'", resource: name
            ).because(.resourceMissing)
        }
        let words = sent.map { "'\($0.readable.clipped)'\($0.origin)" }.joined(separator: " or ")
        return FleetError(.invalidParameters, "there is no \(noun) \(words)")
            .because(.resourceMissing, parameter: sent.first?.parameters.first)
    }

    private func conflict(_ what: String) -> FleetError {
        FleetError(
            .resourceConflict, "thing '\(self.rendered.thing)' \(what)",
            resource: self.rendered.thing.rawValue)
    }

    // MARK: Groups and policies

    private mutating func groups(
        isNew: Bool
    ) throws(FleetError) -> (added: [ThingGroupName], removed: [ThingGroupName]) {
        let thing = self.rendered.thing
        let resource = self.document.thing
        let wanted = self.rendered.groups
        let member = self.view.groupRecordsOfThing(thing)
        let missing = wanted.filter { name in !member.contains { $0.name == name } }
        var membership = GroupMembership(of: thing, in: member)
        if !isNew {
            switch resource.groupsOverride {
            case .doNothing: return ([], [])
            case .replace:
                // What a query put there is not a template's to take away.
                for group in member where resource.statesGroups && !group.isDynamic {
                    if !wanted.contains(group.name) { membership.leave(group.name) }
                }
            case .merge: break
            case nil, .fail:
                guard missing.isEmpty else {
                    let known = missing.filter { self.view.thingGroup($0) != nil }
                    throw self.conflict(
                        "exists outside of group "
                            + (known.isEmpty
                                ? "that the template asks for"
                                : known.map(\.rawValue).joined(separator: ", ")))
                }
            }
        }
        for name in missing {
            if self.view.thingGroup(name) == nil {
                throw Self.missing(
                    "thing group", name.rawValue,
                    resource.groups + (resource.groupList?.roots ?? []))
            }
            do throws(FleetError) {
                try membership.join(ThingGroups.existing(name, in: self.view))
            } catch { throw Self.asParameters(error) }
            self.preconditions.append(self.view.asSeen(.thingGroup(name)))
        }
        if !membership.changes.isEmpty {
            self.preconditions.append(self.view.asSeen(.groupRecordsOfThing(thing)))
        }
        return (membership.joined, membership.left)
    }

    private mutating func policies() throws(FleetError) -> [ProvisioningPlan.PlannedPolicy] {
        var planned: [ProvisioningPlan.PlannedPolicy] = []
        for choice in self.rendered.policies {
            self.preconditions.append(self.view.asSeen(.policy(choice.name)))
            planned.append(try self.policy(choice))
        }
        return planned
    }

    private func policy(
        _ choice: RenderedTemplate.PolicyChoice
    ) throws(FleetError) -> ProvisioningPlan.PlannedPolicy {
        let existing = self.view.policy(choice.name)
        switch (choice, existing) {
        case (.existing(let name), nil):
            throw Self.missing(
                "policy", name.rawValue,
                self.document.policies.map { policy -> TemplateExpression? in
                    if case .name(let expression) = policy.source { expression } else { nil }
                })
        case (.existing(let name), .some):
            return ProvisioningPlan.PlannedPolicy(name: name, newDocument: nil)
        case (.inline(let name, let document, let pointer), nil):
            // One that exists was checked when it came to be.
            let reading = PolicyDocument.read(document)
            guard reading.document != nil else { throw self.unsound(reading, at: pointer) }
            return ProvisioningPlan.PlannedPolicy(name: name, newDocument: document)
        case (.inline(let name, let document, _), let policy?):
            // The name is the digest of the document. Another document under it was put there by
            // an operator, and a device must not come to rights that its template does not give.
            guard let current = policy.defaultVersion?.document,
                Self.areEqual(current, document)
            else {
                throw FleetError(
                    .resourceConflict,
                    "policy '\(name)' exists with another document than the template's",
                    resource: name.rawValue
                ).because(.policyConflict)
            }
            return ProvisioningPlan.PlannedPolicy(name: name, newDocument: nil)
        }
    }

    /// The refusal of a policy that came to be no policy. Findings quote the document, and with it
    /// what a device sent, so that their places and rules are told alone.
    private func unsound(_ reading: PolicyReading, at pointer: JSONPointer) -> FleetError {
        let faults = reading.findings.map { finding in
            // A length quotes nothing.
            finding.rule == .tooLong
                ? finding.fault : "\(finding.place) (\(finding.rule.rawValue))"
        }
        let expressions = self.document.policies.first { $0.pointer == pointer }
            .map { policy -> [TemplateExpression] in
                if case .document(let tree) = policy.source { tree.descendants } else { [] }
            }
        return FleetError(
            .invalidParameters,
            "the policy at \(pointer) does not hold: "
                + Set(faults).sorted().prefix(Self.policyFaultsMax).joined(separator: ", ")
        ).because(
            .parameterRefused, parameter: expressions?.lazy.compactMap { $0.parameters.first }.first
        )
    }

    private static func areEqual(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        guard let left = try? JSONParser.parse(left), let right = try? JSONParser.parse(right)
        else { return false }
        return left == right
    }
}
