package import Fleet
package import JSON
import Registry

/// What one registration will make true, and why: the whole outcome as a value. A dry run prints
/// it and stops; the service commits it. There is no second way to decide.
package struct ProvisioningPlan: Hashable, Sendable {
    /// The template a plan was made by.
    package struct Source: Hashable, Sendable {
        /// nil for a body that came along with its request.
        package let template: TemplateName?
        package let version: Int?
        /// SHA-256 of the body, hex.
        package let digest: String
        /// What a body that came along came with.
        let bodyFrom: String

        package init(
            template: TemplateName?, version: Int?, digest: String,
            bodyFrom: String = "RegisterThing"
        ) {
            self.template = template
            self.version = version
            self.digest = digest
            self.bodyFrom = bodyFrom
        }

        package init(_ version: TemplateVersion) {
            self.init(template: version.template, version: version.id, digest: version.digest)
        }

        /// "by template T version 3".
        var phrase: String {
            guard let template, let version else { return "by \(self.bodyFrom)" }
            return "by template \(template) version \(version)"
        }
    }

    package struct PlannedPolicy: Hashable, Sendable {
        package let name: PolicyName
        /// The document of a policy that comes to be; nil for one that is there.
        package let newDocument: String?
    }

    package let source: Source
    package let parameters: ResolvedParameters
    /// nil for a thing alone.
    package let certificate: PlanDecision.PlannedCertificate?
    /// The thing as it will be.
    package let thing: Thing
    /// The thing as it is; nil where it comes to be.
    package let thingBefore: Thing?
    package let groupsAdded: [ThingGroupName]
    package let groupsRemoved: [ThingGroupName]
    package let policies: [PlannedPolicy]
    package let deviceConfiguration: JSONObject
    /// What the decision relied upon.
    package let preconditions: [Precondition]

    /// Whether a thing that is there stays as it is, its groups among it.
    package var leavesThing: Bool {
        self.thing == self.thingBefore && self.groupsAdded.isEmpty && self.groupsRemoved.isEmpty
    }

    /// The groups that the thing will be in.
    /// - Parameter view: that of the decision.
    func groupsAfter(in view: RegistryView) -> [ThingGroup] {
        view.groupRecordsOfThing(self.thing.name).filter { !self.groupsRemoved.contains($0.name) }
            + self.groupsAdded.compactMap { view.thingGroup($0) }
    }

    /// The reply's `deviceConfiguration` and `thingName` (AWS: RegisterThing response).
    package var answer: JSONObject {
        [
            "deviceConfiguration": .object(self.deviceConfiguration),
            "thingName": .string(self.thing.name.rawValue),
        ]
    }

    /// What the plan's changes do not show, for the audit record.
    package var detail: JSONObject {
        EventDetail.change(from: self.thingBefore, to: self.thing)
    }

    /// Things, groups, policies, attachments and activation, in an order in which each names only
    /// what is there by then.
    package func changes(at now: UnixTime) -> [Change] {
        var changes: [Change] = []
        if self.thing != self.thingBefore { changes.append(.putThing(self.thing)) }
        changes += self.groupsRemoved.map { .removeThingFromGroup(self.thing.name, $0) }
        changes += self.groupsAdded.map { .addThingToGroup(self.thing.name, $0) }
        for policy in self.policies {
            if let document = policy.newDocument {
                changes.append(
                    .putPolicy(PolicyVersions.first(policy.name, document: document, at: now)))
            }
            if let certificate = self.certificate {
                changes.append(.attachPolicy(policy.name, .certificate(certificate.id)))
            }
        }
        guard let certificate = self.certificate else { return changes }
        changes.append(
            .attachThingPrincipal(
                ThingPrincipal(
                    thing: self.thing.name, certificate: certificate.id,
                    exclusivity: certificate.exclusivity)))
        if let status = certificate.status {
            changes.append(
                .setCertificateStatus(
                    certificate.id, status,
                    reason: "registered as \(self.thing.name) \(self.source.phrase)", at: now))
            // The gateway and the CRL say the same of it.
            if certificate.wasInactive, status == .active {
                changes.append(.releaseHold(certificate.id))
            }
        }
        return changes
    }
}
