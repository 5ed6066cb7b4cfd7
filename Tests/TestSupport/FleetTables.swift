internal import Fleet

/// The fleet as dictionaries: what `InMemoryFleetStore` holds, and the plainest statement of what
/// each change means. A value, so that a change set is tried on a copy.
struct FleetTables {
    struct Draft {
        let draft: AllowlistDraft
        var serials: Set<SerialNumber> = []
    }

    /// Every record that a key of the first group names.
    private(set) var records: [RecordKey: RegistryView.Entry] = [:]
    private var groups: [ThingName: Set<ThingGroupName>] = [:]
    private var policies: [PolicyTarget: Set<PolicyName>] = [:]
    private var principals: [ThingName: [CertificateID: ThingPrincipal]] = [:]
    private var things: [CertificateID: Set<ThingName>] = [:]
    private var certificatesByKey: [PublicKeyFingerprint: Set<CertificateID>] = [:]
    private var authoritiesByKey: [PublicKeyFingerprint: Set<CertificateID>] = [:]
    private(set) var allowlistEntries: [AllowlistName: Set<SerialNumber>] = [:]
    /// By list and version, which no two drafts share.
    private var drafts: [AllowlistName: [Int: Draft]] = [:]
    /// The newest version any draft or publication of a list has taken.
    private var versionsTaken: [AllowlistName: Int] = [:]
}

// MARK: Reading

extension FleetTables {
    func entry(_ key: RecordKey) -> RegistryView.Entry? {
        switch key {
        case .thing, .thingType, .thingGroup, .certificate, .policy, .template, .templateVersion,
            .hook, .claim, .authority, .ownershipToken, .allowlist:
            self.records[key]
        case .groupsOfThing(let name):
            Self.set(self.groups[name]) { .groups($0) }
        case .certificatesWithKey(let fingerprint):
            Self.set(self.certificatesByKey[fingerprint]) { .certificates($0) }
        case .authoritiesWithKey(let fingerprint):
            Self.set(self.authoritiesByKey[fingerprint]) { .certificates($0) }
        case .policiesOfTarget(let target):
            Self.set(self.policies[target]) { .policies($0) }
        case .principalsOfThing(let name):
            Self.principals(self.principals[name].map { Array($0.values) } ?? [])
        case .thingsOfCertificate(let id):
            Self.principals((self.things[id] ?? []).compactMap { self.principals[$0]?[id] })
        case .allowlistEntry(let list, let serial):
            if self.allowlistEntries[list]?.contains(serial) == true {
                RegistryView.Entry(record: .allowlistEntry(serial), revision: 0)
            } else {
                nil
            }
        }
    }

    private static func set<Name: Comparable>(
        _ names: Set<Name>?, _ record: ([Name]) -> Record
    ) -> RegistryView.Entry? {
        guard let names, !names.isEmpty else { return nil }
        return RegistryView.Entry(record: record(names.sorted()), revision: 0)
    }

    private static func principals(_ found: [ThingPrincipal]) -> RegistryView.Entry? {
        guard !found.isEmpty else { return nil }
        let sorted = found.sorted { ($0.thing, $0.certificate) < ($1.thing, $1.certificate) }
        return RegistryView.Entry(record: .thingPrincipals(sorted), revision: 0)
    }

    func check(_ precondition: Precondition) throws(FleetError) {
        switch precondition {
        case .absent(let key):
            guard self.entry(key) == nil else { throw .conflict("\(key) exists by now") }
        case .present(let key):
            guard self.entry(key) != nil else { throw .conflict("\(key) is gone") }
        case .revision(let key, let revision):
            guard key.namesOneRecord else {
                throw FleetError(.internalFailure, "\(key) names a set, which has no revision")
            }
            guard self.entry(key)?.revision == revision else {
                throw .conflict("\(key) was written by another since revision \(revision)")
            }
        }
    }
}

// MARK: Writing

extension FleetTables {
    private mutating func put(_ key: RecordKey, _ record: Record, _ revision: Revision) {
        self.records[key] = RegistryView.Entry(record: record, revision: revision)
    }

    private func require(_ key: RecordKey) throws(FleetError) {
        guard self.records[key] != nil else { throw .conflict("\(key) does not exist") }
    }

    /// Applies one change as part of commit `revision`. Removing what is not there does nothing; a
    /// change that needs a record which is not there is a conflict.
    mutating func apply(_ change: Change, revision: Revision) throws(FleetError) {
        switch change {
        case .putThing(let thing): self.put(.thing(thing.name), .thing(thing), revision)
        case .deleteThing(let name): self.deleteThing(name)
        case .putThingType(let type): self.put(.thingType(type.name), .thingType(type), revision)
        case .putThingGroup(let group):
            self.put(.thingGroup(group.name), .thingGroup(group), revision)
        case .addThingToGroup(let thing, let group):
            try self.require(.thing(thing))
            try self.require(.thingGroup(group))
            self.groups[thing, default: []].insert(group)
        case .removeThingFromGroup(let thing, let group): self.groups[thing]?.remove(group)
        case .putCertificate(let certificate): self.putCertificate(certificate, revision)
        case .setCertificateStatus(let id, let status, let reason, let time):
            try self.updateCertificate(id, revision) {
                $0.status = status
                $0.statusReason = reason
                $0.statusChangedAt = time
            }
        case .setProvenance(let id, let provenance):
            try self.updateCertificate(id, revision) { $0.provenance = provenance }
        case .recordFirstSeen(let id, let time): try self.recordFirstSeen(id, time, revision)
        case .deleteCertificate(let id): self.deleteCertificate(id)
        case .putPolicy(let policy): self.put(.policy(policy.name), .policy(policy), revision)
        case .deletePolicy(let name): self.deletePolicy(name)
        case .attachPolicy(let policy, let target):
            try self.require(.policy(policy))
            try self.require(target.key)
            self.policies[target, default: []].insert(policy)
        case .detachPolicy(let policy, let target): self.policies[target]?.remove(policy)
        case .attachThingPrincipal(let principal): try self.attach(principal)
        case .detachThingPrincipal(let thing, let id): self.detach(thing, id)
        case .putTemplate(let template):
            self.put(.template(template.name), .template(template), revision)
        case .putTemplateVersion(let version):
            self.put(
                .templateVersion(version.template, version.id), .templateVersion(version), revision)
        case .putHook(let hook): self.put(.hook(hook.name), .hook(hook), revision)
        case .putClaim(let claim):
            try self.require(.certificate(claim.certificate))
            self.put(.claim(claim.certificate), .claim(claim), revision)
        case .putAuthority(let authority): self.putAuthority(authority, revision)
        case .putOwnershipToken(let token):
            try self.require(.certificate(token.certificate))
            self.put(.ownershipToken(token.hash), .ownershipToken(token), revision)
        case .redeemOwnershipToken(let hash, let redemption):
            try self.redeem(hash, redemption, revision)
        case .deleteOwnershipToken(let hash): self.records[.ownershipToken(hash)] = nil
        case .publishAllowlist(let draft, let time): try self.publish(draft, time, revision)
        case .addAllowlistEntries(let list, let serials, let time):
            self.update(list, time, revision) { $0.formUnion(serials) }
        case .removeAllowlistEntries(let list, let serials, let time):
            try self.require(.allowlist(list))
            self.update(list, time, revision) { $0.subtract(serials) }
        }
    }

    private mutating func deleteThing(_ name: ThingName) {
        self.records[.thing(name)] = nil
        self.groups[name] = nil
        for id in self.principals[name, default: [:]].keys { self.things[id]?.remove(name) }
        self.principals[name] = nil
    }

    private mutating func putCertificate(_ certificate: Certificate, _ revision: Revision) {
        if case .certificate(let old)? = self.records[.certificate(certificate.id)]?.record {
            self.certificatesByKey[old.publicKey]?.remove(old.id)
        }
        self.certificatesByKey[certificate.publicKey, default: []].insert(certificate.id)
        self.put(.certificate(certificate.id), .certificate(certificate), revision)
    }

    private mutating func putAuthority(_ authority: Authority, _ revision: Revision) {
        if case .authority(let old)? = self.records[.authority(authority.id)]?.record {
            self.authoritiesByKey[old.publicKey]?.remove(old.id)
        }
        self.authoritiesByKey[authority.publicKey, default: []].insert(authority.id)
        self.put(.authority(authority.id), .authority(authority), revision)
    }

    private mutating func updateCertificate(
        _ id: CertificateID, _ revision: Revision, _ body: (inout Certificate) -> Void
    ) throws(FleetError) {
        guard case .certificate(var certificate)? = self.records[.certificate(id)]?.record else {
            throw .conflict("\(RecordKey.certificate(id)) does not exist")
        }
        body(&certificate)
        self.put(.certificate(id), .certificate(certificate), revision)
    }

    private mutating func recordFirstSeen(
        _ id: CertificateID, _ time: UnixTime, _ revision: Revision
    ) throws(FleetError) {
        try self.require(.certificate(id))
        if case .certificate(let certificate)? = self.records[.certificate(id)]?.record,
            certificate.firstSeenAt != nil
        {
            return
        }
        try self.updateCertificate(id, revision) { $0.firstSeenAt = time }
    }

    /// With it goes all that only it gave meaning to: attachments, claim record and tokens.
    private mutating func deleteCertificate(_ id: CertificateID) {
        if case .certificate(let old)? = self.records[.certificate(id)]?.record {
            self.certificatesByKey[old.publicKey]?.remove(id)
        }
        self.records[.certificate(id)] = nil
        self.records[.claim(id)] = nil
        self.policies[.certificate(id)] = nil
        for name in self.things[id, default: []] { self.principals[name]?[id] = nil }
        self.things[id] = nil
        for (key, entry) in self.records {
            if case .ownershipToken(let token) = entry.record, token.certificate == id {
                self.records[key] = nil
            }
        }
    }

    private mutating func deletePolicy(_ name: PolicyName) {
        self.records[.policy(name)] = nil
        for target in self.policies.keys { self.policies[target]?.remove(name) }
    }

    private mutating func attach(_ principal: ThingPrincipal) throws(FleetError) {
        try self.require(.thing(principal.thing))
        try self.require(.certificate(principal.certificate))
        self.principals[principal.thing, default: [:]][principal.certificate] = principal
        self.things[principal.certificate, default: []].insert(principal.thing)
    }

    private mutating func detach(_ thing: ThingName, _ id: CertificateID) {
        self.principals[thing]?[id] = nil
        self.things[id]?.remove(thing)
    }

    /// A token pays once: redeeming it again is a conflict, whatever for.
    private mutating func redeem(
        _ hash: OwnershipTokenHash, _ redemption: OwnershipToken.Redemption, _ revision: Revision
    ) throws(FleetError) {
        let key = RecordKey.ownershipToken(hash)
        guard case .ownershipToken(var token)? = self.records[key]?.record else {
            throw .conflict("\(key) does not exist")
        }
        guard token.redemption == nil else { throw .conflict("\(key) was redeemed before") }
        token.redemption = redemption
        self.put(key, .ownershipToken(token), revision)
    }
}

// MARK: Allowlists

extension FleetTables {
    func allowlist(_ name: AllowlistName) -> Allowlist? {
        if case .allowlist(let list)? = self.records[.allowlist(name)]?.record { list } else { nil }
    }

    private mutating func takeVersion(_ name: AllowlistName) -> Int {
        let version = self.versionsTaken[name, default: 0] + 1
        self.versionsTaken[name] = version
        return version
    }

    /// Every addition and removal is a version of its own, even where it finds nothing to do.
    private mutating func update(
        _ name: AllowlistName, _ time: UnixTime, _ revision: Revision,
        _ body: (inout Set<SerialNumber>) -> Void
    ) {
        body(&self.allowlistEntries[name, default: []])
        self.putAllowlist(name, version: self.takeVersion(name), time, revision)
    }

    private mutating func putAllowlist(
        _ name: AllowlistName, version: Int, _ time: UnixTime, _ revision: Revision
    ) {
        let count = self.allowlistEntries[name, default: []].count
        self.put(
            .allowlist(name),
            .allowlist(Allowlist(name: name, version: version, count: count, updatedAt: time)),
            revision)
    }

    private mutating func publish(
        _ draft: AllowlistDraft, _ time: UnixTime, _ revision: Revision
    ) throws(FleetError) {
        guard let open = self.drafts[draft.list]?[draft.version], open.draft == draft else {
            throw .conflict("draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        guard self.allowlist(draft.list)?.version == draft.baseVersion else {
            throw .conflict("allowlist \(draft.list) has changed since the draft was begun")
        }
        switch draft.mode {
        case .merge: self.allowlistEntries[draft.list, default: []].formUnion(open.serials)
        case .replace: self.allowlistEntries[draft.list] = open.serials
        }
        self.drafts[draft.list]?[draft.version] = nil
        self.putAllowlist(draft.list, version: draft.version, time, revision)
    }

    mutating func begin(_ list: AllowlistName, mode: AllowlistDraft.Mode) -> AllowlistDraft {
        let draft = AllowlistDraft(
            list: list, mode: mode, version: self.takeVersion(list),
            baseVersion: self.allowlist(list)?.version)
        self.drafts[list, default: [:]][draft.version] = Draft(draft: draft)
        return draft
    }

    mutating func append(
        _ serials: [SerialNumber], to draft: AllowlistDraft
    ) throws(FleetError) -> Int {
        guard var open = self.drafts[draft.list]?[draft.version], open.draft == draft else {
            throw FleetError(
                .notFound, "draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        let before = open.serials.count
        switch draft.mode {
        case .merge:
            open.serials.formUnion(
                Set(serials).subtracting(self.allowlistEntries[draft.list] ?? []))
        case .replace: open.serials.formUnion(serials)
        }
        self.drafts[draft.list]?[draft.version] = open
        return open.serials.count - before
    }

    mutating func discard(_ draft: AllowlistDraft) {
        self.drafts[draft.list]?[draft.version] = nil
    }
}

extension FleetError {
    static func conflict(_ message: String) -> FleetError { FleetError(.conflict, message) }
}

extension PolicyTarget {
    /// The record a policy hangs on.
    var key: RecordKey {
        switch self {
        case .certificate(let id): .certificate(id)
        case .thingGroup(let name): .thingGroup(name)
        }
    }
}

extension RecordKey {
    var namesOneRecord: Bool {
        switch self {
        case .thing, .thingType, .thingGroup, .certificate, .policy, .template, .templateVersion,
            .hook, .claim, .authority, .ownershipToken, .allowlist:
            true
        case .groupsOfThing, .certificatesWithKey, .authoritiesWithKey, .policiesOfTarget,
            .principalsOfThing, .thingsOfCertificate, .allowlistEntry:
            false
        }
    }
}
