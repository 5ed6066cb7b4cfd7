package import Fleet
internal import JSON
internal import Testing

/// What every store owes its callers. Each check is given a store of its own, empty; the suite of
/// an adapter runs them all.
package struct StorageConformance: Sendable, CustomStringConvertible {
    package typealias Store = any FleetStore & AllowlistDrafts & RevocationStore

    let name: String
    package let check: @Sendable (Store) async throws -> Void

    package var description: String { self.name }

    package static let checks: [StorageConformance] = [
        StorageConformance.registryChecks, StorageConformance.relationChecks,
        StorageConformance.raceChecks, StorageConformance.registryListingChecks,
        StorageConformance.logChecks, StorageConformance.listingChecks,
        StorageConformance.allowlistChecks, StorageConformance.taskChecks,
        StorageConformance.revocationChecks, StorageConformance.certificateChecks,
        StorageConformance.randomChecks,
        StorageConformance.claimChecks,
        StorageConformance.unitChecks,
    ].flatMap { $0 }

    static let actor = Actor(kind: .operator, identity: "ada", sourceAddress: "192.0.2.1")
}

extension FleetStore {
    /// Commits `changes` and nothing else.
    @discardableResult
    func make(_ changes: Change..., when preconditions: [Precondition] = [])
        async throws(FleetError)
        -> Commit
    {
        try await self.commit(
            ChangeSet(action: "Test", preconditions: preconditions, changes: changes),
            by: StorageConformance.actor)
    }

    func entry(_ key: RecordKey) async throws(FleetError) -> RegistryView.Entry? {
        try await self.load([key]).entry(key)
    }

    func record(_ key: RecordKey) async throws(FleetError) -> Record? {
        try await self.entry(key)?.record
    }

    /// Expects a refusal, and that nothing came of the attempt.
    func refuses(
        _ code: FleetError.Code, _ set: ChangeSet,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try await self.latestSequence()
        do throws(FleetError) {
            _ = try await self.commit(set, by: StorageConformance.actor)
            Issue.record("was committed: \(set)", sourceLocation: location)
        } catch {
            #expect(error.code == code, "\(error)", sourceLocation: location)
        }
        #expect(try await self.latestSequence() == before, sourceLocation: location)
    }

    func conflicts(
        _ changes: Change..., when preconditions: [Precondition] = [],
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        try await self.refuses(
            .conflict,
            ChangeSet(action: "Test", preconditions: preconditions, changes: changes),
            at: location)
    }
}

// MARK: Records

extension StorageConformance {
    static let registryChecks = [
        StorageConformance(name: "everyRecordReadsBackAsWritten") { store in
            for (key, record, change) in Self.everyRecord {
                try await Self.roundTrip(store, key, record, change)
            }
        },
        StorageConformance(name: "anAbsentRecordHasNoEntry") { store in
            let view = try await store.load(Set(Self.everyKey))
            for key in Self.everyKey { #expect(view.entry(key) == nil, "\(key)") }
        },
        StorageConformance(name: "aRecordHasTheRevisionOfTheCommitThatWroteIt") { store in
            try await store.make(.putThing(Samples.thing(1)), .putThing(Samples.thing(2)))
            try await store.make(.putThing(Samples.thing(2, version: 2)))
            #expect(try await store.entry(.thing(Samples.thingName(1)))?.revision == 1)
            #expect(try await store.entry(.thing(Samples.thingName(2)))?.revision == 2)
        },
        StorageConformance(name: "writingARecordAgainKeepsWhatHangsOnIt") { store in
            try await store.make(
                .putThing(Samples.thing(1)), .putThingGroup(Samples.group(1)),
                .putCertificate(Samples.certificate(1)), .putPolicy(Samples.policy(1)),
                .addThingToGroup(Samples.thingName(1), Samples.groupName(1)),
                .attachThingPrincipal(Samples.principal(1, 1)),
                .attachPolicy(Samples.policyName(1), .certificate(Samples.certificateID(1))))
            try await store.make(
                .putThing(Samples.thing(1, version: 2)), .putThingGroup(Samples.group(1)),
                .putCertificate(Samples.certificate(1, status: .active)),
                .putPolicy(Samples.policy(1, versions: 3)))
            let view = try await store.load([
                .groupsOfThing(Samples.thingName(1)), .principalsOfThing(Samples.thingName(1)),
                .policiesOfTarget(.certificate(Samples.certificateID(1))),
                .policy(Samples.policyName(1)),
            ])
            #expect(view.groupsOfThing(Samples.thingName(1)) == [Samples.groupName(1)])
            #expect(view.principalsOfThing(Samples.thingName(1)) == [Samples.principal(1, 1)])
            #expect(
                view.policiesOfTarget(.certificate(Samples.certificateID(1)))
                    == [Samples.policyName(1)])
            #expect(view.policy(Samples.policyName(1)) == Samples.policy(1, versions: 3))
        },
        StorageConformance(name: "deletingARecordTakesWhatHangsOnIt") { store in
            try await Self.deletions(store)
        },
        StorageConformance(name: "aRenewalGoesWithTheCertificateItEndsAndIsOpenUntilSettled") {
            store in
            try await store.make(
                .putCertificate(Samples.certificate(1)), .putCertificate(Samples.certificate(2)),
                .putRenewal(Samples.renewal(1, by: 2)), .putRenewal(Samples.renewal(2, by: 3)))
            try await store.make(.putRenewal(Samples.renewal(1, by: 2, settled: true)))
            let open = try await store.page(ListQuery(.renewalsOpen))
            #expect(open.records == [.renewal(Samples.renewal(2, by: 3))])
            try await store.make(.deleteCertificate(Samples.certificateID(1)))
            #expect(try await store.record(.renewal(Samples.certificateID(1))) == nil)
        },
        StorageConformance(name: "removingWhatIsNotThereDoesNothing") { store in
            try await store.make(
                .deleteThing(Samples.thingName(1)), .deleteCertificate(Samples.certificateID(1)),
                .deletePolicy(Samples.policyName(1)), .deleteThingType(Samples.typeName(1)),
                .deleteThingGroup(Samples.groupName(1)),
                .deleteBillingGroup(Samples.billingGroupName(1)),
                .setTags(.policy(Samples.policyName(1)), [:]), .deleteRegistrationCode,
                .deleteTemplate(TemplateName(checked: "line")),
                .deleteTemplateVersion(TemplateName(checked: "line"), 1),
                .deleteClaim(Samples.certificateID(1)),
                .deleteAuthority(Samples.certificateID(1)),
                .deleteOwnershipToken(Samples.tokenHash(1)),
                .deleteAccessKey(Samples.accessKeyID(1)), .deleteRole(Samples.role.name),
                .removeThingFromGroup(Samples.thingName(1), Samples.groupName(1)),
                .detachPolicy(Samples.policyName(1), .thingGroup(Samples.groupName(1))),
                .detachThingPrincipal(Samples.thingName(1), Samples.certificateID(1)))
            #expect(try await store.latestSequence() == 1)
        },
        StorageConformance(name: "relationsComeInTheOrderOfTheirNames") { store in
            let groups = [3, 1, 2].map { Samples.group($0) }
            try await store.make(.putThing(Samples.thing(1)))
            for group in groups {
                try await store.make(
                    .putThingGroup(group), .addThingToGroup(Samples.thingName(1), group.name),
                    .addThingToGroup(Samples.thingName(1), group.name))
            }
            #expect(
                try await store.record(.groupsOfThing(Samples.thingName(1)))
                    == .groups([1, 2, 3].map { Samples.groupName($0) }))
        },
        StorageConformance(name: "aCertificateIsFoundByItsKey") { store in
            try await store.make(
                .putCertificate(Samples.certificate(1, key: 7)),
                .putCertificate(Samples.certificate(2, key: 7)),
                .putCertificate(Samples.certificate(3, key: 8)),
                .putAuthority(Samples.authority(4)))
            let ids = [Samples.certificateID(1), Samples.certificateID(2)].sorted()
            #expect(
                try await store.record(.certificatesWithKey(Samples.fingerprint(7)))
                    == .certificates(ids))
            #expect(
                try await store.record(.authoritiesWithKey(Samples.fingerprint(4)))
                    == .certificates([Samples.certificateID(4)]))
        },
        StorageConformance(name: "anAccessKeyIsReadWithItsSealedSecret") { store in
            let key = Samples.accessKey(1)
            try await store.make(.putAccessKey(key), .putRole(Samples.role))
            let view = try await store.load([.accessKey(key.id), .role(Samples.role.name)])
            #expect(view.accessKey(key.id)?.secret.ciphertext == key.secret.ciphertext)
            var disabled = key
            disabled.status = .inactive
            try await store.make(.putAccessKey(disabled))
            #expect(try await store.record(.accessKey(key.id)) == .accessKey(disabled))
            try await store.make(.deleteAccessKey(key.id), .deleteRole(Samples.role.name))
            #expect(try await store.record(.accessKey(key.id)) == nil)
            #expect(try await store.record(.role(Samples.role.name)) == nil)
        },
        StorageConformance(name: "aCertificatesStatusAndProvenanceChangeAlone") { store in
            try await Self.certificateUpdates(store)
        },
        StorageConformance(name: "theFirstTimeSeenStays") { store in
            let id = Samples.certificateID(1)
            try await store.make(.putCertificate(Samples.certificate(1)))
            try await store.make(.recordFirstSeen(id, at: UnixTime(seconds: 10)))
            try await store.make(.recordFirstSeen(id, at: UnixTime(seconds: 20)))
            let entry = try await store.entry(.certificate(id))
            #expect(entry?.revision == 2)
            guard case .certificate(let certificate)? = entry?.record else {
                Issue.record("no certificate")
                return
            }
            #expect(certificate.firstSeenAt == UnixTime(seconds: 10))
        },
    ]

    private static func roundTrip(
        _ store: Store, _ key: RecordKey, _ record: Record, _ change: Change
    ) async throws {
        // What claims and tokens hang on; harmless to the others.
        try await store.make(
            .putCertificate(Samples.certificate(1)), .putCertificate(Samples.certificate(800)))
        let commit = try await store.make(change)
        let entry = try await store.entry(key)
        #expect(entry?.record == record)
        #expect(entry?.revision == commit.sequence)
    }

    private static func deletions(_ store: Store) async throws {
        let (thing, certificate) = (Samples.thingName(1), Samples.certificateID(1))
        try await store.make(
            .putThing(Samples.thing(1)), .putThing(Samples.thing(2)),
            .putThingGroup(Samples.group(1)), .putPolicy(Samples.policy(1)),
            .putCertificate(Samples.certificate(1)), .putCertificate(Samples.certificate(2)),
            .addThingToGroup(thing, Samples.groupName(1)),
            .attachThingPrincipal(Samples.principal(1, 2)),
            .attachThingPrincipal(Samples.principal(2, 1)),
            .attachPolicy(Samples.policyName(1), .certificate(certificate)),
            .attachPolicy(Samples.policyName(1), .thingGroup(Samples.groupName(1))),
            .putClaim(Samples.claim(1)),
            .putOwnershipToken(Samples.token(1, certificate: 1)))
        try await store.make(.deleteThing(thing))
        #expect(try await store.record(.groupsOfThing(thing)) == nil)
        #expect(try await store.record(.thingsOfCertificate(Samples.certificateID(2))) == nil)
        try await store.make(.deleteCertificate(certificate))
        for key: RecordKey in [
            .certificate(certificate), .claim(certificate), .ownershipToken(Samples.tokenHash(1)),
            .principalsOfThing(Samples.thingName(2)), .policiesOfTarget(.certificate(certificate)),
            .certificatesWithKey(Samples.fingerprint(1)),
        ] {
            #expect(try await store.record(key) == nil, "\(key)")
        }
        try await store.make(.deletePolicy(Samples.policyName(1)))
        #expect(
            try await store.record(.policiesOfTarget(.thingGroup(Samples.groupName(1)))) == nil)
    }

    private static func certificateUpdates(_ store: Store) async throws {
        let id = Samples.certificateID(1)
        try await store.make(.putCertificate(Samples.certificate(1)))
        try await store.make(
            .setCertificateStatus(id, .revoked, reason: "stolen", at: UnixTime(seconds: 5)))
        try await store.make(.setProvenance(id, Samples.provenance(1, registered: true)))
        var expected = Samples.certificate(1, status: .revoked)
        expected.statusReason = "stolen"
        expected.statusChangedAt = UnixTime(seconds: 5)
        expected.version += 1
        expected.provenance = Samples.provenance(1, registered: true)
        let entry = try await store.entry(.certificate(id))
        #expect(entry?.record == .certificate(expected))
        #expect(entry?.revision == 3)
    }

    /// One of each record that a key names, with the change that writes it.
    package static var everyRecord: [(RecordKey, Record, Change)] {
        let type = Samples.type(1)
        var certificate = Samples.certificate(3, kind: .claim, status: .active)
        certificate.provenance = Samples.provenance(3, registered: true)
        certificate.provenance?.renewal = Provenance.Renewal(of: Samples.certificate(2))
        certificate.statusReason = "made\nby hand"
        certificate.firstSeenAt = Samples.time
        var token = Samples.token(2, certificate: 1)
        token.redemption = Samples.redemption(2)
        return [
            (.thing(Samples.thingName(1)), .thing(Samples.thing(1)), .putThing(Samples.thing(1))),
            (.thing(Samples.thingName(6)), .thing(Samples.thing(6)), .putThing(Samples.thing(6))),
            (.thingType(type.name), .thingType(type), .putThingType(type)),
            (
                .thingGroup(Samples.groupName(1)), .thingGroup(Samples.group(1)),
                .putThingGroup(Samples.group(1))
            ),
            (
                .thingGroup(Samples.groupName(2)), .thingGroup(Samples.dynamicGroup(2)),
                .putThingGroup(Samples.dynamicGroup(2))
            ),
            (
                .certificateProvider(Samples.providerName(1)),
                .certificateProvider(Samples.provider(1)),
                .putCertificateProvider(Samples.provider(1))
            ),
            (
                .billingGroup(Samples.billingGroupName(1)),
                .billingGroup(Samples.billingGroup(1)),
                .putBillingGroup(Samples.billingGroup(1))
            ),
            (
                .tags(.thingType(type.name)), .tags(["site": "a", "empty": ""]),
                .setTags(.thingType(type.name), ["site": "a", "empty": ""])
            ),
            (
                .eventConfigurations, .eventConfigurations(Samples.eventConfigurations),
                .putEventConfigurations(Samples.eventConfigurations)
            ),
            (
                .indexingConfiguration, .indexingConfiguration(Samples.indexingConfiguration),
                .putIndexingConfiguration(Samples.indexingConfiguration)
            ),
            (
                .registrationCode, .registrationCode(Samples.registrationCode),
                .putRegistrationCode(Samples.registrationCode)
            ),
            (.certificate(certificate.id), .certificate(certificate), .putCertificate(certificate)),
            (
                .knownKey(Samples.fingerprint(800)),
                .knownKey(
                    KnownKey(
                        fingerprint: Samples.fingerprint(800), use: .device, weakness: .roca)),
                .noteKeyWeakness(Samples.fingerprint(800), .roca)
            ),
            (
                .renewal(certificate.id), .renewal(Samples.renewal(3, by: 4)),
                .putRenewal(Samples.renewal(3, by: 4))
            ),
            (
                .policy(Samples.policyName(1)), .policy(Samples.policy(1, versions: 3)),
                .putPolicy(Samples.policy(1, versions: 3))
            ),
            (
                .template(TemplateName(checked: "line")), .template(Samples.template()),
                .putTemplate(Samples.template())
            ),
            (
                .templateVersion(TemplateName(checked: "line"), 2),
                .templateVersion(Samples.templateVersion(2)),
                .putTemplateVersion(Samples.templateVersion(2))
            ),
            (.hook(Samples.hook.name), .hook(Samples.hook), .putHook(Samples.hook)),
            (
                .accessKey(Samples.accessKeyID(1)), .accessKey(Samples.accessKey(1)),
                .putAccessKey(Samples.accessKey(1))
            ),
            (
                .accessKey(Samples.accessKeyID(2)), .accessKey(Samples.accessKey(2)),
                .putAccessKey(Samples.accessKey(2))
            ),
            (.role(Samples.role.name), .role(Samples.role), .putRole(Samples.role)),
            (
                .claim(Samples.certificateID(800)), .claim(Samples.claim(800)),
                .putClaim(Samples.claim(800))
            ),
            (
                .claimTerms(Samples.claimTerms.name), .claimTerms(Samples.claimTerms),
                .putClaimTerms(Samples.claimTerms)
            ),
            (
                .authority(Samples.certificateID(900)), .authority(Samples.authority(900)),
                .putAuthority(Samples.authority(900))
            ),
            (
                .registrationTask(Samples.taskID(1)), .registrationTask(Samples.task(1)),
                .putRegistrationTask(Samples.task(1))
            ),
            (
                .registrationTask(Samples.taskID(6)),
                .registrationTask(Samples.task(6, status: .failed)),
                .putRegistrationTask(Samples.task(6, status: .failed))
            ),
            (
                .registeredLine(Samples.registeredLine(1, 4).line),
                .registeredLine(Samples.registeredLine(1, 4)),
                .recordRegisteredLine(Samples.registeredLine(1, 4))
            ),
            (
                .registeredLine(Samples.registeredLine(1, 5).line),
                .registeredLine(Samples.registeredLine(1, 5)),
                .recordRegisteredLine(Samples.registeredLine(1, 5))
            ),
            (.ownershipToken(token.hash), .ownershipToken(token), .putOwnershipToken(token)),
            (
                .ownershipToken(Samples.tokenHash(1)),
                .ownershipToken(Samples.token(1, certificate: 1)),
                .putOwnershipToken(Samples.token(1, certificate: 1))
            ),
        ]
    }

    /// One key of each case.
    package static var everyKey: [RecordKey] {
        self.everyRecord.map(\.0) + [
            .hookVersion(Samples.hook.name, Samples.hook.digest),
            .allowlist(Samples.listName), .documentOfThing(Samples.thingName(1)),
            .groupsOfThing(Samples.thingName(1)),
            .groupRecordsOfThing(Samples.thingName(1)), .childrenOfGroup(Samples.groupName(1)),
            .dynamicGroups, .certificateProviders, .anyThingOfType(Samples.typeName(1)),
            .authoritiesWithSubject("CN=Issuing CA"), .anyTargetOfPolicy(Samples.policyName(1)),
            .versionsOfTemplate(TemplateName(checked: "line")),
            .versionsInUse(TemplateName(checked: "line")),
            .fileOfDeletedTemplate(TemplateName(checked: "line")),
            .lastVersionOfDeletedTemplate(TemplateName(checked: "line")),
            .attachment(Samples.thingName(1), Samples.certificateID(1)),
            .anyOtherThing(Samples.certificateID(1), besides: Samples.thingName(1)),
            .certificatesWithKey(Samples.fingerprint(1)),
            .authoritiesWithKey(Samples.fingerprint(1)),
            .policiesOfTarget(.certificate(Samples.certificateID(1))),
            .policiesOfTarget(.thingGroup(Samples.groupName(1))),
            .principalsOfThing(Samples.thingName(1)),
            .thingsOfCertificate(Samples.certificateID(1)),
            .allowlistEntry(Samples.listName, Samples.serial(1)),
            .allowlistUnit(Samples.listName, Samples.serial(1)),
            .termsOfClaim(Samples.certificateID(1)), .claimSpent(Samples.claimTerms.name),
            .claimUnit(Samples.claimTerms.name, Samples.thingName(1)),
            .pendingOfClaim(Samples.certificateID(1)),
            .certificatesOfClaim(Samples.claimTerms.name),
        ]
    }
}
