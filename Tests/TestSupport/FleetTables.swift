internal import Fleet

/// The fleet as dictionaries: what `InMemoryFleetStore` holds, and the plainest statement of what
/// each change means. A value, so that a change set is tried on a copy.
struct FleetTables {
    struct Draft {
        let draft: AllowlistDraft
        var serials: Set<SerialNumber> = []
        var facts: [SerialNumber: AllowlistFacts] = [:]
    }

    /// Every record that a key of the first group names.
    private(set) var records: [RecordKey: RegistryView.Entry] = [:]
    private(set) var groups: [ThingName: Set<ThingGroupName>] = [:]
    private var filesOfDeletedTemplates: [TemplateName: String] = [:]
    private var lastVersionsOfDeletedTemplates: [TemplateName: Int] = [:]
    private(set) var policies: [PolicyTarget: Set<PolicyName>] = [:]
    private(set) var principals: [ThingName: [CertificateID: ThingPrincipal]] = [:]
    private var things: [CertificateID: Set<ThingName>] = [:]
    private var certificatesByKey: [PublicKeyFingerprint: Set<CertificateID>] = [:]
    private var authoritiesByKey: [PublicKeyFingerprint: Set<CertificateID>] = [:]
    var revocations: [CertificateID: Revocation] = [:]
    /// With the number of the commit that wrote it; the newest of its kind on a certificate.
    private(set) var findings: [(number: Int64, finding: EnrolmentFinding)] = []
    private var findingsMade: Int64 = 0
    private(set) var connectivity: [ThingName: ConnectivityNote] = [:]
    var allowlistEntries: [AllowlistName: Set<SerialNumber>] = [:]
    var claimSpending = ClaimSpending()
    var books = AllowlistBooks()
    /// By list and version, which no two drafts share.
    var drafts: [AllowlistName: [Int: Draft]] = [:]
    /// The newest version any draft or publication of a list has taken.
    var versionsTaken: [AllowlistName: Int] = [:]
}

// MARK: Reading

extension FleetTables {
    func entry(_ key: RecordKey) -> RegistryView.Entry? {
        switch key {
        case .thing, .thingType, .thingGroup, .billingGroup, .certificate, .renewal, .policy,
            .template, .templateVersion, .hook, .hookVersion, .claim, .claimTerms, .authority,
            .ownershipToken,
            .allowlist,
            .tags,
            .accessKey, .role, .eventConfigurations, .indexingConfiguration,
            .registrationCode, .registrationTask, .registeredLine, .knownKey,
            .certificateProvider:
            self.records[key]
        case .documentOfThing(let name):
            self.document(name).map { RegistryView.Entry(record: .document($0), revision: 0) }
        case .groupsOfThing(let name):
            Self.set(self.groups[name]) { .groups($0) }
        case .groupRecordsOfThing(let name):
            Self.entry(self.groups[name, default: []].sorted().compactMap(self.thingGroup)) {
                .groupRecords($0)
            }
        case .childrenOfGroup(let name):
            Self.set(Set(self.allGroups.filter { $0.parent == name }.map(\.name))) {
                .groups($0)
            }
        case .dynamicGroups:
            Self.set(Set(self.allGroups.filter(\.isDynamic).map(\.name))) { .groups($0) }
        case .certificateProviders:
            Self.entry(self.allProviders) { .certificateProviders($0) }
        case .anyThingOfType(let name):
            Self.entry(
                self.allThings.filter { $0.typeName == name }.map(\.name).sorted().prefix(1)
            ) { .things(Array($0)) }
        case .certificatesWithKey(let fingerprint):
            Self.set(self.certificatesByKey[fingerprint]) { .certificates($0) }
        case .authoritiesWithKey(let fingerprint):
            Self.set(self.authoritiesByKey[fingerprint]) { .certificates($0) }
        case .authoritiesWithSubject(let subject):
            Self.set(Set(self.allAuthorities.filter { $0.subject == subject }.map(\.id))) {
                .certificates($0)
            }
        case .anyTargetOfPolicy(let name):
            Self.entry(self.targets(of: name).prefix(1)) { .policyTargets(Array($0)) }
        case .versionsOfTemplate(let name):
            Self.entry(self.versions(of: name).map(\.id)) { .versionNumbers($0) }
        case .versionsInUse(let name):
            Self.entry(self.versionsInUse(of: name)) { .versionsInUse($0) }
        case .fileOfDeletedTemplate(let name):
            self.filesOfDeletedTemplates[name].map {
                RegistryView.Entry(record: .loadedDigest($0), revision: 0)
            }
        case .lastVersionOfDeletedTemplate(let name):
            self.lastVersionsOfDeletedTemplates[name].map {
                RegistryView.Entry(record: .count($0), revision: 0)
            }
        case .policiesOfTarget(let target):
            Self.set(self.policies[target]) { .policies($0) }
        case .principalsOfThing(let name):
            Self.principals(self.principals[name].map { Array($0.values) } ?? [])
        case .attachment(let thing, let id):
            Self.principals([self.principals[thing]?[id]].compactMap { $0 })
        case .anyOtherThing(let id, let thing):
            Self.principals(
                (self.things[id] ?? []).filter { $0 != thing }.sorted().prefix(1)
                    .compactMap { self.principals[$0]?[id] })
        case .thingsOfCertificate(let id):
            Self.principals((self.things[id] ?? []).compactMap { self.principals[$0]?[id] })
        case .termsOfClaim, .claimSpent, .claimUnit, .pendingOfClaim, .certificatesOfClaim,
            .allowlistUnit:
            self.claimEntry(key)
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

    private static func entry<Elements: Collection>(
        _ elements: Elements, _ record: (Elements) -> Record
    ) -> RegistryView.Entry? {
        elements.isEmpty ? nil : RegistryView.Entry(record: record(elements), revision: 0)
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
        case .holds(let key, let record):
            guard !key.namesOneRecord else {
                throw FleetError(.internalFailure, "\(key) names one record, which is no set")
            }
            guard self.entry(key)?.record == record else {
                throw .conflict("\(key) is no longer what it was")
            }
        case .below(let key, let bound):
            var counted = 0
            if case .count(let count)? = self.entry(key)?.record { counted = count }
            guard counted < bound else { throw .conflict("\(key) has reached \(bound)") }
        }
    }
}

// MARK: Searching

extension FleetTables {
    func document(_ name: ThingName) -> FleetDocument? {
        guard case .thing(let thing)? = self.records[.thing(name)]?.record else { return nil }
        return FleetDocument(
            thing: thing, groups: self.groups[name, default: []].sorted(),
            connectivity: self.connectivity[name]?.state)
    }

    mutating func note(_ note: ConnectivityNote) {
        let known = self.connectivity[note.clientID]
        if known.map({ $0.session <= note.session }) ?? true {
            self.connectivity[note.clientID] = note
        }
        if !note.state.isConnected, self.records[.thing(note.clientID)] == nil,
            self.connectivity[note.clientID]?.state.isConnected == false
        {
            self.connectivity[note.clientID] = nil
        }
    }
}

// MARK: Writing

extension FleetTables {
    mutating func put(_ key: RecordKey, _ record: Record, _ revision: Revision) {
        self.records[key] = RegistryView.Entry(record: record, revision: revision)
    }

    func require(_ key: RecordKey) throws(FleetError) {
        guard self.records[key] != nil else { throw .conflict("\(key) does not exist") }
    }

    /// Applies one change as part of commit `revision`. Removing what is not there does nothing; a
    /// change that needs a record which is not there is a conflict.
    mutating func apply(_ change: Change, revision: Revision) throws(FleetError) {
        switch change {
        case .putThing(let thing): self.put(.thing(thing.name), .thing(thing), revision)
        case .deleteThing(let name): self.deleteThing(name)
        case .putThingType(let type): self.put(.thingType(type.name), .thingType(type), revision)
        case .deleteThingType(let name): self.delete(.thingType(name), tagged: .thingType(name))
        case .putThingGroup(let group):
            self.put(.thingGroup(group.name), .thingGroup(group), revision)
        case .deleteThingGroup(let name): self.deleteGroup(name)
        case .putBillingGroup(let group):
            self.put(.billingGroup(group.name), .billingGroup(group), revision)
        case .setBillingGroup(let thing, let group):
            try self.setBillingGroup(of: thing, group, revision)
        case .deleteBillingGroup(let name): self.deleteBillingGroup(name, revision)
        case .putCertificateProvider(let provider):
            self.put(.certificateProvider(provider.name), .certificateProvider(provider), revision)
        case .deleteCertificateProvider(let name):
            self.delete(.certificateProvider(name), tagged: .certificateProvider(name))
        case .setTags(let resource, let tags):
            self.records[.tags(resource)] =
                tags.isEmpty ? nil : RegistryView.Entry(record: .tags(tags), revision: revision)
        case .putEventConfigurations(let configurations):
            self.put(.eventConfigurations, .eventConfigurations(configurations), revision)
        case .putIndexingConfiguration(let configuration):
            self.put(.indexingConfiguration, .indexingConfiguration(configuration), revision)
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
                $0.version += 1
            }
            if status == .revoked {
                self.noteRevoked(id, at: time)
                if let key = self.publicKey(of: id) {
                    self.updateKey(key, revision) { $0.isRevoked = true }
                }
            }
        case .setProvenance(let id, let provenance):
            try self.updateCertificate(id, revision) { $0.provenance = provenance }
        case .recordFirstSeen(let id, let time): try self.recordFirstSeen(id, time, revision)
        case .deleteCertificate(let id): self.deleteCertificate(id)
        case .putRevocation(let record): self.revoke(record, revision)
        case .recordFinding(let finding): self.record(finding)
        case .releaseHold(let id):
            if self.revocations[id]?.reason == .certificateHold { self.revocations[id] = nil }
        case .noteKeyWeakness(let key, let weakness):
            try self.require(.knownKey(key))
            self.updateKey(key, revision) { $0.weakness = weakness }
        case .putRenewal(let renewal):
            try self.require(.certificate(renewal.predecessor))
            self.put(.renewal(renewal.predecessor), .renewal(renewal), revision)
        case .putPolicy(let policy): self.put(.policy(policy.name), .policy(policy), revision)
        case .addPolicyVersion(let name, let version, let isDefault):
            try self.require(.policy(name))
            self.updatePolicy(name, revision) { $0.add(version, isDefault: isDefault) }
        case .setDefaultPolicyVersion(let name, let id, let time):
            self.updatePolicy(name, revision) { $0.setDefault(id, at: time) }
        case .deletePolicyVersion(let name, let id, let time):
            self.updatePolicy(name, revision) { $0.deleteVersion(id, at: time) }
        case .deletePolicy(let name): self.deletePolicy(name)
        case .attachPolicy(let policy, let target):
            try self.require(.policy(policy))
            try self.require(target.key)
            self.policies[target, default: []].insert(policy)
        case .detachPolicy(let policy, let target): self.policies[target]?.remove(policy)
        case .attachThingPrincipal(let principal): try self.attach(principal, revision)
        case .detachThingPrincipal(let thing, let id): self.detach(thing, id)
        case .putTemplate(let template):
            self.put(.template(template.name), .template(template), revision)
            if template.loadedDigest != nil {
                self.filesOfDeletedTemplates[template.name] = nil
            }
        case .deleteTemplate(let name):
            if case .template(let template)? = self.records[.template(name)]?.record {
                self.filesOfDeletedTemplates[name] =
                    template.loadedDigest ?? self.filesOfDeletedTemplates[name]
                let last = self.lastVersionsOfDeletedTemplates[name] ?? 0
                self.lastVersionsOfDeletedTemplates[name] = max(last, template.latestVersionID)
            }
            for version in self.versions(of: name) {
                self.records[.templateVersion(name, version.id)] = nil
            }
            self.delete(.template(name), tagged: .template(name))
        case .deleteTemplateVersion(let name, let id):
            self.records[.templateVersion(name, id)] = nil
        case .putTemplateVersion(let version):
            self.put(
                .templateVersion(version.template, version.id), .templateVersion(version), revision)
        case .putHook(let hook):
            self.put(.hook(hook.name), .hook(hook), revision)
            self.put(.hookVersion(hook.name, hook.digest), .hook(hook.asVersion), revision)
        case .putClaim(let claim):
            try self.require(.certificate(claim.certificate))
            self.put(.claim(claim.certificate), .claim(claim), revision)
        case .deleteClaim(let id): self.records[.claim(id)] = nil
        case .putClaimTerms(let terms):
            self.put(.claimTerms(terms.name), .claimTerms(terms), revision)
        case .spendClaim(let spend): self.claimSpending.add(spend)
        case .setClaimSpent(let name, let units): self.claimSpending.set(units, of: name)
        case .deleteAuthority(let id): self.deleteAuthority(id)
        case .putRegistrationCode(let code):
            self.put(.registrationCode, .registrationCode(code), revision)
        case .deleteRegistrationCode: self.records[.registrationCode] = nil
        case .putAuthority(let authority): self.putAuthority(authority, revision)
        case .putOwnershipToken(let token):
            try self.require(.certificate(token.certificate))
            self.put(.ownershipToken(token.hash), .ownershipToken(token), revision)
        case .redeemOwnershipToken(let hash, let redemption):
            try self.redeem(hash, redemption, revision)
        case .deleteOwnershipToken(let hash): self.records[.ownershipToken(hash)] = nil
        case .putAccessKey(let key): self.put(.accessKey(key.id), .accessKey(key), revision)
        case .deleteAccessKey(let id): self.records[.accessKey(id)] = nil
        case .putRole(let role): self.put(.role(role.name), .role(role), revision)
        case .deleteRole(let name): self.records[.role(name)] = nil
        case .putRegistrationTask(let task):
            self.put(.registrationTask(task.id), .registrationTask(task), revision)
        case .setRegistrationTaskState(let id, let state):
            guard case .registrationTask(var task)? = self.records[.registrationTask(id)]?.record
            else { throw .conflict("\(RecordKey.registrationTask(id)) does not exist") }
            task.state = state
            self.put(.registrationTask(id), .registrationTask(task), revision)
        case .deleteRegistrationTask(let id):
            self.records[.registrationTask(id)] = nil
            self.forgetLines(of: id, through: .max)
        case .recordRegisteredLine(let line):
            try self.require(.registrationTask(line.line.task))
            guard self.records[.registeredLine(line.line)] == nil else {
                throw .conflict("\(line.line) was recorded before")
            }
            self.put(.registeredLine(line.line), .registeredLine(line), revision)
        case .forgetRegisteredLines(let id, let number):
            self.forgetLines(of: id, through: number)
        case .publishAllowlist(let draft, let time): try self.publish(draft, time, revision)
        case .setAllowlistStanding(let list, let serial, let standing):
            try self.setStanding(standing, of: serial, on: list)
        case .addAllowlistEntries(let list, let serials, let time):
            self.update(list, time, revision) { $0.formUnion(serials) }
        case .removeAllowlistEntries(let list, let serials, let time):
            try self.require(.allowlist(list))
            self.update(list, time, revision) { $0.subtract(serials) }
        }
    }

    private mutating func record(_ finding: EnrolmentFinding) {
        self.findings.removeAll {
            $0.finding.kind == finding.kind && $0.finding.certificate == finding.certificate
        }
        self.findingsMade += 1
        self.findings.append((self.findingsMade, finding))
    }

    private mutating func updatePolicy(
        _ name: PolicyName, _ revision: Revision, _ update: (inout Policy) -> Void
    ) {
        guard case .policy(var policy)? = self.records[.policy(name)]?.record else { return }
        update(&policy)
        self.put(.policy(name), .policy(policy), revision)
    }

    private mutating func forgetLines(of id: RegistrationTaskID, through number: Int) {
        for case .registeredLine(let line) in self.records.keys
        where line.task == id && line.number <= number {
            self.records[.registeredLine(line)] = nil
        }
    }

    /// Tags go with the resource.
    private mutating func delete(_ key: RecordKey, tagged resource: TaggedResource) {
        self.records[key] = nil
        self.records[.tags(resource)] = nil
    }

    private mutating func deleteGroup(_ name: ThingGroupName) {
        self.delete(.thingGroup(name), tagged: .thingGroup(name))
        for thing in self.groups.keys { self.groups[thing]?.remove(name) }
        self.policies[.thingGroup(name)] = nil
    }

    private mutating func deleteBillingGroup(_ name: BillingGroupName, _ revision: Revision) {
        self.delete(.billingGroup(name), tagged: .billingGroup(name))
        for var thing in self.allThings where thing.billingGroup == name {
            thing.billingGroup = nil
            self.put(.thing(thing.name), .thing(thing), revision)
        }
    }

    private mutating func setBillingGroup(
        of name: ThingName, _ group: BillingGroupName?, _ revision: Revision
    ) throws(FleetError) {
        guard case .thing(var thing)? = self.records[.thing(name)]?.record else {
            throw .conflict("\(RecordKey.thing(name)) does not exist")
        }
        thing.billingGroup = group
        self.put(.thing(name), .thing(thing), revision)
    }

    private mutating func deleteAuthority(_ id: CertificateID) {
        if case .authority(let old)? = self.records[.authority(id)]?.record {
            self.authoritiesByKey[old.publicKey]?.remove(id)
        }
        self.delete(.authority(id), tagged: .authority(id))
    }

    private mutating func deleteThing(_ name: ThingName) {
        self.records[.thing(name)] = nil
        self.groups[name] = nil
        for id in self.principals[name, default: [:]].keys { self.things[id]?.remove(name) }
        self.principals[name] = nil
        if self.connectivity[name]?.state.isConnected == false { self.connectivity[name] = nil }
    }

    private mutating func putCertificate(_ certificate: Certificate, _ revision: Revision) {
        if case .certificate(let old)? = self.records[.certificate(certificate.id)]?.record {
            self.certificatesByKey[old.publicKey]?.remove(old.id)
        }
        self.certificatesByKey[certificate.publicKey, default: []].insert(certificate.id)
        self.put(.certificate(certificate.id), .certificate(certificate), revision)
        self.see(certificate.publicKey, as: KnownKey.Use(certificate.kind), revision)
    }

    private mutating func putAuthority(_ authority: Authority, _ revision: Revision) {
        if case .authority(let old)? = self.records[.authority(authority.id)]?.record {
            self.authoritiesByKey[old.publicKey]?.remove(old.id)
        }
        self.authoritiesByKey[authority.publicKey, default: []].insert(authority.id)
        self.put(.authority(authority.id), .authority(authority), revision)
        self.see(authority.publicKey, as: .authority, revision)
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
        self.records[.renewal(id)] = nil
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
        self.delete(.policy(name), tagged: .policy(name))
        for target in self.policies.keys { self.policies[target]?.remove(name) }
    }

    private mutating func attach(
        _ principal: ThingPrincipal, _ revision: Revision
    ) throws(FleetError) {
        try self.require(.thing(principal.thing))
        try self.require(.certificate(principal.certificate))
        self.principals[principal.thing, default: [:]][principal.certificate] = principal
        self.things[principal.certificate, default: []].insert(principal.thing)
        guard let key = self.publicKey(of: principal.certificate) else { return }
        self.updateKey(key, revision) { known in
            if known.thing == nil { known.thing = principal.thing }
        }
    }

    // MARK: Keys that were ever seen

    private func publicKey(of id: CertificateID) -> PublicKeyFingerprint? {
        guard case .certificate(let found)? = self.records[.certificate(id)]?.record else {
            return nil
        }
        return found.publicKey
    }

    private mutating func see(
        _ key: PublicKeyFingerprint, as use: KnownKey.Use, _ revision: Revision
    ) {
        guard self.records[.knownKey(key)] == nil else { return }
        self.put(.knownKey(key), .knownKey(KnownKey(fingerprint: key, use: use)), revision)
    }

    private mutating func updateKey(
        _ key: PublicKeyFingerprint, _ revision: Revision, _ update: (inout KnownKey) -> Void
    ) {
        guard case .knownKey(let before)? = self.records[.knownKey(key)]?.record else { return }
        var known = before
        update(&known)
        if known != before { self.put(.knownKey(key), .knownKey(known), revision) }
    }

    private mutating func revoke(_ record: Revocation, _ revision: Revision) {
        self.revocations[record.certificate] = record
        guard record.reason != .certificateHold,
            let key = self.publicKey(of: record.certificate)
        else { return }
        self.updateKey(key, revision) { $0.isRevoked = true }
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

// MARK: What listings and sets are made of

extension FleetTables {
    var allThings: [Thing] {
        self.records.values.compactMap {
            if case .thing(let thing) = $0.record { thing } else { nil }
        }
    }

    var allGroups: [ThingGroup] {
        self.records.values.compactMap {
            if case .thingGroup(let group) = $0.record { group } else { nil }
        }
    }

    var allProviders: [CertificateProvider] {
        self.records.values.compactMap {
            if case .certificateProvider(let provider) = $0.record { provider } else { nil }
        }.sorted { $0.name < $1.name }
    }

    var allAuthorities: [Authority] {
        self.records.values.compactMap {
            if case .authority(let authority) = $0.record { authority } else { nil }
        }
    }

    func thingGroup(_ name: ThingGroupName) -> ThingGroup? {
        if case .thingGroup(let group)? = self.records[.thingGroup(name)]?.record {
            group
        } else {
            nil
        }
    }

    /// Certificates by id, then groups by name.
    func targets(of policy: PolicyName) -> [PolicyTarget] {
        self.policies.filter { $0.value.contains(policy) }.keys.sorted { left, right in
            switch (left, right) {
            case (.certificate(let left), .certificate(let right)): left < right
            case (.thingGroup(let left), .thingGroup(let right)): left < right
            case (.certificate, .thingGroup): true
            case (.thingGroup, .certificate): false
            }
        }
    }

    func versionsInUse(of template: TemplateName) -> [Int: UnixTime] {
        var versions: [Int: UnixTime] = [:]
        for entry in self.records.values {
            guard case .certificate(let certificate) = entry.record,
                let registration = certificate.provenance?.registration,
                registration.template == template, certificate.status != .revoked,
                let version = registration.templateVersion
            else { continue }
            versions[version] = max(versions[version] ?? certificate.notAfter, certificate.notAfter)
        }
        return versions
    }

    func versions(of template: TemplateName) -> [TemplateVersion] {
        self.records.values.compactMap { entry in
            if case .templateVersion(let version) = entry.record, version.template == template {
                version
            } else {
                nil
            }
        }.sorted { $0.id < $1.id }
    }
}

extension FleetError {
    static func conflict(_ message: String) -> FleetError { FleetError(.conflict, message) }
}
