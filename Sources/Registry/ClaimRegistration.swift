package import Fleet
import JSON

/// A line's bootstrap identity, made known in one piece: certificate, claim and policy exist
/// together or not at all.
package struct ClaimRegistration: Hashable, Sendable {
    package let certificate: Certificate
    package let claim: Claim
    package let policy: PolicyName
    package let policyDocument: String
    /// What the claim may do and how much of it.
    package let terms: ClaimTerms?

    package init(
        certificate: Certificate, claim: Claim, policy: PolicyName, policyDocument: String,
        terms: ClaimTerms? = nil
    ) {
        self.terms = terms
        self.certificate = certificate
        self.claim = claim
        self.policy = policy
        self.policyDocument = policyDocument
    }

    /// What the decision has to see.
    package var keys: Set<RecordKey> {
        let keys: Set<RecordKey> = [
            .certificate(self.certificate.id), .claim(self.certificate.id), .policy(self.policy),
            .policiesOfTarget(.certificate(self.certificate.id)),
        ]
        return self.terms.map { keys.union([.claimTerms($0.name)]) } ?? keys
    }

    /// What is there already stays as it is, so that the same registration again changes nothing.
    package func changeSet(
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let id = self.certificate.id
        guard self.certificate.kind == .claim, self.claim.certificate == id else {
            throw FleetError(
                .invalidRequest, "certificate \(id) was not made to be this claim",
                resource: id.rawValue)
        }
        try PolicyVersions.check(self.policyDocument)
        var set = ChangeSet(
            action: "RegisterClaim",
            preconditions: [.certificate(id), .claim(id), .policy(self.policy)].map(view.asSeen),
            detail: ["label": .string(self.claim.label), "policy": .string("\(self.policy)")])
        if let existing = view.certificate(id) {
            guard existing.kind == .claim else {
                throw FleetError(
                    .alreadyExists, "certificate \(id) is registered as a device's own",
                    resource: id.rawValue)
            }
        } else {
            set.changes.append(.putCertificate(self.certificate))
        }
        if let terms = self.terms, view.claimTerms(terms.name) == nil {
            try Claims.check(terms)
            set.preconditions.append(.absent(.claimTerms(terms.name)))
            set.changes.append(.putClaimTerms(terms))
        }
        if view.claim(id) == nil { set.changes.append(.putClaim(self.claim)) }
        if view.policy(self.policy) == nil {
            set.changes.append(
                .putPolicy(
                    PolicyVersions.first(self.policy, document: self.policyDocument, at: now)))
        }
        if !view.policiesOfTarget(.certificate(id)).contains(self.policy) {
            set.changes.append(.attachPolicy(self.policy, .certificate(id)))
        }
        return set
    }
}
