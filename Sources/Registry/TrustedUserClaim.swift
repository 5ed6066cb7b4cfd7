package import Fleet
import JSON
import Policies

/// A claim that a trusted user hands to one device (AWS: CreateProvisioningClaim): it lives for
/// minutes, reaches one template and nothing else, and goes by itself.
package struct TrustedUserClaim: Hashable, Sendable {
    /// AWS: 5 minutes.
    package static let lifeSeconds: Int64 = 300

    package let template: TemplateName
    package let certificate: Certificate
    private let policyDocument: String

    package init(
        _ issued: IssuedCertificate, template: TemplateName, in realm: Realm, by actor: Actor,
        at now: UnixTime
    ) {
        self.template = template
        self.certificate = Certificate(
            issued: issued, kind: .temporaryClaim, status: .active,
            reason: "provisioning claim for template \(template)", at: now,
            provenance: Provenance(
                origin: Provenance.Origin(
                    flow: .serverKeys, claim: nil, clientID: nil,
                    sourceAddress: actor.sourceAddress, requestedAt: now,
                    profile: issued.profile)))
        self.policyDocument = ClaimPolicy.document(template: template, in: realm)
    }

    /// One policy for all claims of a template, since all may do the same.
    package static func policy(of template: TemplateName) -> PolicyName {
        PolicyName(checked: "provisioning-claim-\(template)")
    }

    package static func keys(of template: TemplateName) -> Set<RecordKey> {
        [.template(template), .policy(Self.policy(of: template))]
    }

    /// A template that devices register by with a claim.
    /// - Throws: `FleetError.notFound`; `.invalidRequest` for one by which they do without, and for
    ///   one that is disabled: the claim would end before it could be used.
    @discardableResult
    package static func template(
        _ name: TemplateName, in view: RegistryView
    ) throws(FleetError) -> ProvisioningTemplate {
        let template = try Templates.existing(name, in: view)
        guard template.kind == .fleetProvisioning else {
            throw FleetError(
                .invalidRequest,
                "template '\(name)' is of type \(template.kind.rawValue): no claim registers by it",
                resource: name.rawValue)
        }
        guard template.enabled else {
            throw FleetError(
                .invalidRequest,
                "template '\(name)' is disabled, and no claim could use it: enable it first",
                resource: name.rawValue)
        }
        return template
    }

    package func changeSet(
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        _ = try Self.template(self.template, in: view)
        let policy = Self.policy(of: self.template)
        var set = ChangeSet(
            action: "CreateProvisioningClaim",
            preconditions: [
                .present(.template(self.template)), view.asSeen(.policy(policy)),
                .absent(.certificate(self.certificate.id)),
            ],
            changes: [.putCertificate(self.certificate)],
            detail: ["template": .string(self.template.rawValue)])
        // Somebody may have given the name to another document; a claim must not come to rights
        // that nobody meant it to have.
        if let existing = view.policy(policy) {
            guard existing.defaultVersion?.document == self.policyDocument else {
                throw FleetError(
                    .invalidRequest,
                    "policy '\(policy)' exists with another document than a claim's: rename it",
                    resource: policy.rawValue)
            }
        } else {
            set.changes.append(
                .putPolicy(PolicyVersions.first(policy, document: self.policyDocument, at: now)))
        }
        set.changes.append(.attachPolicy(policy, .certificate(self.certificate.id)))
        return set
    }
}

/// The least that a claim needs for both create calls and one template (provisioning
/// specification, 1.11).
package enum ClaimPolicy {
    package static func document(template: TemplateName, in realm: Realm) -> String {
        Self.document(templates: [template], in: realm)
    }

    /// A document that names more templates than it has room for names them all: which of them a
    /// claim may use is in its terms too, and every registration is held against those.
    package static func document(templates: [TemplateName], in realm: Realm) -> String {
        let exact = Self.document(families: templates.map(\.rawValue), in: realm)
        let characters = exact.unicodeScalars.count(where: { !$0.properties.isWhitespace })
        return characters <= PolicyLimits.documentCharactersMax
            ? exact : Self.document(families: ["*"], in: realm)
    }

    private static func document(families templates: [String], in realm: Realm) -> String {
        let families =
            ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*"]
            + templates.map { "$aws/provisioning-templates/\($0)/provision/*" }
        let topics = families.map { JSONValue.string(realm.topic($0).rawValue) }
        let filters = families.map { JSONValue.string(realm.topicFilter($0).rawValue) }
        let document: JSONValue = [
            "Version": "2012-10-17",
            "Statement": [
                ["Effect": "Allow", "Action": "iot:Connect", "Resource": "*"],
                [
                    "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
                    "Resource": .array(topics),
                ],
                ["Effect": "Allow", "Action": "iot:Subscribe", "Resource": .array(filters)],
            ],
        ]
        return JSONPrinter.print(document, style: .pretty)
    }
}
