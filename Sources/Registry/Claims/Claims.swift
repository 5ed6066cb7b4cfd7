package import Fleet
import JSON

/// Claims as operators make and change them: a name, terms, and the certificates that speak for
/// it.
package enum Claims {
    /// Templates, networks, shifts a claim may name.
    package static let listMax = 100
    /// AWS allows 20; a claim's certificates of old are revoked, but they stay.
    package static let certificatesMax = 100

    package static func keys(_ name: ClaimName) -> Set<RecordKey> {
        [.claimTerms(name), .certificatesOfClaim(name), .policy(Self.policy(of: name))]
    }

    /// One policy for all certificates of a claim.
    package static func policy(of name: ClaimName) -> PolicyName {
        PolicyName(checked: "claim-\(name)")
    }

    package static func existing(
        _ name: ClaimName, in view: RegistryView
    ) throws(FleetError) -> ClaimTerms {
        guard let terms = view.claimTerms(name) else {
            throw FleetError(
                .notFound, "there is no claim '\(name)'", resource: name.rawValue)
        }
        return terms
    }

    /// - Throws: `FleetError.invalidRequest` naming the term that makes no sense.
    package static func check(_ terms: ClaimTerms) throws(FleetError) {
        func refuse(_ text: String) -> FleetError { FleetError(.invalidRequest, text) }
        if let templates = terms.templates {
            guard (1...Self.listMax).contains(templates.count) else {
                throw refuse("a claim names 1 to \(Self.listMax) templates")
            }
        }
        for (name, value) in [
            ("budget", terms.budget), ("perMinute", terms.perMinute),
            ("pendingMax", terms.pendingMax),
            ("registrationsPerUnit", terms.registrationsPerUnit),
        ] {
            if let value, value < (name == "budget" ? 0 : 1) {
                throw refuse("/\(name) is \(value); it must be at least 1")
            }
        }
        if let begin = terms.notBefore, let end = terms.notAfter, end <= begin {
            throw refuse("the claim would end at \(end), before it begins at \(begin)")
        }
        guard terms.networks.count <= Self.listMax, terms.shifts.count <= Self.listMax else {
            throw refuse("a claim names at most \(Self.listMax) networks and shifts")
        }
        for network in terms.networks where !ClaimNetwork.isValid(network) {
            throw refuse(
                "'\(network.clipped)' is no network: an address or a range such as 10.4.0.0/16")
        }
        for (name, label) in [("station", terms.station), ("lot", terms.lot)] {
            guard let label else { continue }
            guard ClaimTerms.isLabel(label) else {
                throw refuse(
                    "/\(name) must have 1 to \(ClaimTerms.labelBytesMax) bytes and no control "
                        + "characters")
            }
        }
    }

    // MARK: Changing

    /// Other terms for a claim that is there. What it has spent stays spent.
    package static func limit(
        _ name: ClaimName, in view: RegistryView, realm: Realm, at now: UnixTime,
        _ change: (inout ClaimTerms) throws(FleetError) -> Void
    ) throws(FleetError) -> ChangeSet {
        let before = try Self.existing(name, in: view)
        try Self.refuseRevoked(before)
        var terms = before
        try change(&terms)
        try Self.check(terms)
        var set = ChangeSet(
            action: "LimitClaim", preconditions: [view.asSeen(.claimTerms(name))],
            detail: ["claim": .string(name.rawValue)])
        guard terms != before else { return set }
        set.changes = [.putClaimTerms(terms)]
        let policy = Self.policy(of: name)
        if terms.templates != before.templates, let templates = terms.templates,
            view.policy(policy) != nil
        {
            let version = try PolicyVersions.add(
                document: ClaimPolicy.document(templates: templates, in: realm), to: policy,
                setAsDefault: true, in: view, at: now)
            set.preconditions += version.preconditions
            set.changes += version.changes
        }
        return set
    }

    /// Makes a claim stop, or work again. Its certificates keep their status: whoever holds one
    /// still connects, and is told nothing but no. Of a claim that has the status already, the
    /// reason is put right.
    package static func setStatus(
        _ name: ClaimName, _ status: ClaimTerms.Status, reason: String?, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        var terms = try Self.existing(name, in: view)
        try Self.refuseRevoked(terms)
        var set = ChangeSet(
            action: status == .active ? "EnableClaim" : "DisableClaim",
            preconditions: [view.asSeen(.claimTerms(name))],
            detail: ["claim": .string(name.rawValue)])
        if terms.status == status {
            Self.amend(&terms, reason, in: &set)
            return set
        }
        terms.status = status
        terms.statusReason = reason
        terms.statusChangedAt = now
        set.changes = [.putClaimTerms(terms)]
        return set
    }

    /// Another reason for what has been so: why a claim was ended is often known later than that it
    /// had to end. When that was stays, and the audit record keeps both reasons.
    private static func amend(_ terms: inout ClaimTerms, _ reason: String?, in set: inout ChangeSet)
    {
        guard let reason, reason != terms.statusReason else { return }
        set.detail["reasonBefore"] = terms.statusReason.map { .string($0) }
        terms.statusReason = reason
        set.changes.append(.putClaimTerms(terms))
    }

    /// Ends a claim: no certificate of it connects again. What it has issued is not touched. Of a
    /// claim that has ended, the reason is put right.
    /// - Parameter view: holds the claim's certificates as well.
    package static func revoke(
        _ name: ClaimName, reason: String?, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        var terms = try Self.existing(name, in: view)
        var set = ChangeSet(
            action: "RevokeClaim",
            preconditions: [.claimTerms(name), .certificatesOfClaim(name)].map(view.asSeen),
            detail: ["claim": .string(name.rawValue)])
        if terms.status != .revoked {
            terms.status = .revoked
            terms.statusReason = reason
            terms.statusChangedAt = now
            set.changes.append(.putClaimTerms(terms))
        } else {
            Self.amend(&terms, reason, in: &set)
        }
        for id in view.certificates(ofClaim: name) where view.certificate(id)?.status != .revoked {
            set.preconditions.append(view.asSeen(.certificate(id)))
            set.changes.append(
                .setCertificateStatus(
                    id, .revoked, reason: reason ?? "claim \(name) was revoked", at: now))
        }
        return set
    }

    static func refuseRevoked(_ terms: ClaimTerms) throws(FleetError) {
        guard terms.status != .revoked else {
            throw FleetError(
                .invalidRequest,
                "claim '\(terms.name)' is revoked, for good: create another one",
                resource: terms.name.rawValue)
        }
    }
}

/// A new certificate for a claim: the first one together with the claim, or one that takes the
/// place of those before it.
package struct ClaimIssuance: Sendable {
    package let certificate: Certificate
    package let terms: ClaimTerms
    private let realm: Realm

    package init(
        _ issued: IssuedCertificate, for terms: ClaimTerms, in realm: Realm, by actor: Actor,
        at now: UnixTime
    ) {
        self.terms = terms
        self.realm = realm
        self.certificate = Certificate(
            issued: issued, kind: .claim, status: .active, reason: "claim \(terms.name)", at: now,
            provenance: Provenance(
                origin: Provenance.Origin(
                    flow: .serverKeys, claim: nil, clientID: nil,
                    sourceAddress: actor.sourceAddress, requestedAt: now, station: terms.station,
                    lot: terms.lot, profile: issued.profile)))
    }

    /// The claim and its first certificate.
    /// - Throws: `FleetError.alreadyExists` where there is a claim or a policy of the name.
    package func create(
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = self.terms.name
        try Claims.check(self.terms)
        guard view.claimTerms(name) == nil, view.certificates(ofClaim: name).isEmpty else {
            throw FleetError(
                .alreadyExists, "claim '\(name)' is there already", resource: name.rawValue)
        }
        for template in self.terms.templates ?? [] {
            _ = try Templates.existing(template, in: view)
        }
        let policy = Claims.policy(of: name)
        guard view.policy(policy) == nil else {
            throw FleetError(
                .alreadyExists, "policy '\(policy)' is there already: name the claim otherwise",
                resource: policy.rawValue)
        }
        let document = ClaimPolicy.document(
            templates: self.terms.templates ?? [], in: self.realm)
        return ChangeSet(
            action: "CreateClaim",
            preconditions: [.claimTerms(name), .certificatesOfClaim(name), .policy(policy)]
                .map(view.asSeen) + [.absent(.certificate(self.certificate.id))],
            changes: [
                .putCertificate(self.certificate), .putClaim(self.record(at: now)),
                .putClaimTerms(self.terms),
                .putPolicy(PolicyVersions.first(policy, document: document, at: now)),
                .attachPolicy(policy, .certificate(self.certificate.id)),
            ], detail: ["claim": .string(name.rawValue)])
    }

    /// A new certificate in place of those before it, which are revoked unless they are kept.
    /// - Parameter view: holds the claim's certificates and their policies as well.
    package func rotate(
        keepingOld: Bool, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = self.terms.name
        let terms = try Claims.existing(name, in: view)
        try Claims.refuseRevoked(terms)
        let old = view.certificates(ofClaim: name)
        guard old.count < Claims.certificatesMax else {
            throw FleetError(
                .limitExceeded,
                "claim '\(name)' has had \(old.count) certificates: create another claim",
                resource: name.rawValue)
        }
        var set = ChangeSet(
            action: "RotateClaim",
            preconditions: [.claimTerms(name), .certificatesOfClaim(name)].map(view.asSeen)
                + [.absent(.certificate(self.certificate.id))],
            changes: [.putCertificate(self.certificate), .putClaim(self.record(at: now))],
            detail: ["claim": .string(name.rawValue)])
        var policies: Set<PolicyName> = []
        for id in old {
            policies.formUnion(view.policiesOfTarget(.certificate(id)))
            guard !keepingOld, let certificate = view.certificate(id),
                certificate.status != .revoked
            else { continue }
            set.preconditions.append(view.asSeen(.certificate(id)))
            set.changes += [
                .setCertificateStatus(
                    id, .revoked, reason: "claim \(name) was rotated", at: now),
                .putRevocation(Revocation(of: certificate, .superseded, at: now)),
            ]
        }
        for policy in policies.sorted() {
            set.preconditions.append(.present(.policy(policy)))
            set.changes.append(.attachPolicy(policy, .certificate(self.certificate.id)))
        }
        if old.isEmpty { self.attachOwnPolicy(of: terms, to: &set, in: view, at: now) }
        return set
    }

    /// For the first certificate of a claim that came in without one.
    private func attachOwnPolicy(
        of terms: ClaimTerms, to set: inout ChangeSet, in view: RegistryView, at now: UnixTime
    ) {
        let policy = Claims.policy(of: terms.name)
        set.preconditions.append(view.asSeen(.policy(policy)))
        if view.policy(policy) == nil {
            let document = ClaimPolicy.document(templates: terms.templates ?? [], in: self.realm)
            set.changes.append(
                .putPolicy(PolicyVersions.first(policy, document: document, at: now)))
        }
        set.changes.append(.attachPolicy(policy, .certificate(self.certificate.id)))
    }

    private func record(at now: UnixTime) -> Claim {
        Claim(
            certificate: self.certificate.id, label: self.terms.name.rawValue,
            station: self.terms.station, lot: self.terms.lot, createdAt: now)
    }
}
