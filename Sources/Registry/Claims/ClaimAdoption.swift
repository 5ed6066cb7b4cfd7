package import Fleet
import JSON

/// A claim that was made elsewhere, or here before a loss: taken in with its terms, what it has
/// spent, and the certificates whose keys are out in the field.
package struct ClaimAdoption: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        let inspected: InspectedCertificate
        /// The service's own authority; nil where another signed it.
        let authority: CertificateID?
        let status: Certificate.Status
        let policies: [PolicyName]

        /// - Throws: `FleetError.invalidRequest` for a status that nobody may bring along.
        package init(
            _ inspected: InspectedCertificate, authority: CertificateID?,
            status: Certificate.Status, policies: [PolicyName]
        ) throws(FleetError) {
            guard [.active, .inactive, .revoked].contains(status) else {
                throw FleetError(
                    .invalidRequest, "nobody may register a certificate as \(status.rawValue)")
            }
            self.inspected = inspected
            self.authority = authority
            self.status = status
            self.policies = policies
        }
    }

    /// Of a claim that is there already they are not asked for.
    private let terms: ClaimTerms
    private let spent: Int
    private let members: [Member]

    package init(
        _ terms: ClaimTerms, spent: Int, members: [Member]
    ) throws(FleetError) {
        guard spent >= 0 else {
            throw FleetError(.invalidRequest, "/spent is \(spent); it must be at least 0")
        }
        guard members.count <= Claims.certificatesMax else {
            throw FleetError(
                .limitExceeded,
                "a claim has at most \(Claims.certificatesMax) certificates, not \(members.count)")
        }
        self.terms = terms
        self.spent = spent
        self.members = members
    }

    package var keys: Set<RecordKey> {
        var keys = Claims.keys(self.terms.name)
        keys.formUnion((self.terms.templates ?? []).map { .template($0) })
        for member in self.members {
            let id = member.inspected.id
            keys.formUnion([.certificate(id), .claim(id), .policiesOfTarget(.certificate(id))])
            keys.formUnion(KeyReuse.keys(of: member.inspected.publicKey))
            keys.formUnion(member.policies.map { .policy($0) })
        }
        return keys
    }

    /// What is there already stays as it is.
    package func changeSet(
        in view: RegistryView, by actor: Actor, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = self.terms.name
        var set = ChangeSet(
            action: "AdoptClaim",
            preconditions: [.claimTerms(name), .certificatesOfClaim(name)].map(view.asSeen),
            detail: ["claim": .string(name.rawValue)])
        if view.claimTerms(name) == nil {
            try Claims.check(self.terms)
            for template in self.terms.templates ?? [] {
                _ = try Templates.existing(template, in: view)
            }
            set.changes.append(.putClaimTerms(self.terms))
            if self.spent > 0 {
                set.changes.append(.setClaimSpent(name, self.spent))
                set.detail["spent"] = .int(self.spent)
            }
        }
        let there = view.certificates(ofClaim: name)
        let new = self.members.filter { !there.contains($0.inspected.id) }
        guard there.count + new.count <= Claims.certificatesMax else {
            throw FleetError(
                .limitExceeded,
                "claim '\(name)' would have \(there.count + new.count) certificates; at most "
                    + "\(Claims.certificatesMax)", resource: name.rawValue)
        }
        for member in new { try self.add(member, to: &set, in: view, by: actor, at: now) }
        return set
    }

    private func add(
        _ member: Member, to set: inout ChangeSet, in view: RegistryView, by actor: Actor,
        at now: UnixTime
    ) throws(FleetError) {
        let inspected = member.inspected
        let id = inspected.id
        try inspected.requireDevice(at: now)
        guard view.certificate(id) == nil, view.claim(id) == nil else {
            throw FleetError(
                .alreadyExists, "certificate \(id) is registered as something else",
                resource: id.rawValue)
        }
        guard view.authoritiesWithKey(inspected.publicKey).isEmpty,
            view.certificatesWithKey(inspected.publicKey).isEmpty
        else {
            throw FleetError(
                .certificateValidation, "the key of certificate \(id) has another certificate",
                resource: id.rawValue)
        }
        let record = inspected.record(
            kind: .claim, authority: member.authority,
            mode: member.authority == nil ? .sniOnly : .default, status: member.status,
            clientID: actor.identity, by: actor, at: now)
        set.preconditions.append(.absent(.certificate(id)))
        set.changes.append(.putCertificate(record))
        if member.status == .revoked {
            set.changes.append(.putRevocation(Revocation(of: record, .unspecified, at: now)))
        }
        set.changes.append(
            .putClaim(
                Claim(
                    certificate: id, label: self.terms.name.rawValue, station: self.terms.station,
                    lot: self.terms.lot, createdAt: now)))
        for policy in member.policies {
            _ = try PolicyVersions.policy(policy, in: view)
            set.preconditions.append(.present(.policy(policy)))
            set.changes.append(.attachPolicy(policy, .certificate(id)))
        }
    }
}
