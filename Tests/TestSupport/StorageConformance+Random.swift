internal import Fleet
internal import JSON
internal import Testing

extension StorageConformance {
    /// Random change sets against the store and against dictionaries: the same are refused, and
    /// afterwards every key reads the same.
    static let randomChecks: [StorageConformance] = (1...6).map { seed in
        StorageConformance(name: "randomChangeSetsDoWhatTheyDoToADictionary, seed \(seed)") {
            try await Self.compare($0, seed: UInt64(seed))
        }
    }

    private static func compare(_ store: Store, seed: UInt64) async throws {
        let model = InMemoryFleetStore()
        var random = RandomFleet(seed: seed)
        for round in 1...150 {
            let set = random.changeSet()
            let expected = await Self.outcome(model, set)
            let found = await Self.outcome(store, set)
            #expect(expected == found, "seed \(seed), round \(round): \(set)")
            guard expected == found else { return }
        }
        let keys = RandomFleet.allKeys
        let (expected, found) = (try await model.load(keys), try await store.load(keys))
        for key in keys {
            #expect(found.entry(key)?.record == expected.entry(key)?.record, "\(key)")
            #expect(found.entry(key)?.revision == expected.entry(key)?.revision, "\(key)")
        }
        for subject: ListQuery.Subject in [
            .things, .certificates, .policies, .claims, .allowlists, .commits, .renewalsOpen,
        ] + RandomFleet.subjects + [
            .allowlistEntries(Samples.listName),
            .ownershipTokensExpired(before: Samples.time.advanced(bySeconds: 4000)),
            .temporaryClaimsEnded(before: Samples.time.advanced(bySeconds: 4000)),
        ] {
            let theirs = try await Self.all(store, subject, limit: 5)
            #expect(theirs.count == (try await Self.all(model, subject, limit: 1000)).count)
            guard subject != .commits else { continue }
            #expect(theirs == (try await Self.all(model, subject, limit: 1000)), "\(subject)")
        }
    }

    private static func outcome(_ store: Store, _ set: ChangeSet) async -> String {
        do throws(FleetError) {
            return "commit \(try await store.commit(set, by: Self.actor).sequence)"
        } catch { return error.code.rawValue }
    }
}

/// Draws changes over so few names that they meet.
private struct RandomFleet {
    private var random: SplitMix64
    private static let names = 0..<4

    init(seed: UInt64) { self.random = SplitMix64(seed: seed) }

    /// Every listing of the registry that a random fleet may have something in.
    static var subjects: [ListQuery.Subject] {
        let attribute = ThingFilter.Attribute(name: "version", value: "v2")
        let prefixed = ThingFilter.Attribute(name: "serial", value: "SN-", isPrefix: true)
        let type = ThingTypeName(checked: "sensor")
        var subjects: [ListQuery.Subject] = [
            .thingsWhere(ThingFilter()), .thingsWhere(ThingFilter(typeName: type)),
            .thingsWhere(ThingFilter(attribute: attribute)),
            .thingsWhere(ThingFilter(attribute: prefixed)),
            .thingsWhere(ThingFilter(typeName: type, attribute: prefixed)), .thingTypes,
            .billingGroups(prefix: ""), .billingGroups(prefix: "billing-1"),
            .thingsInBillingGroup(Samples.billingGroupName(0)),
            .certificatesOfIssuer(Samples.certificateID(900), .ascending),
            .policiesByCreation(.descending), .certificatesByCreation(.ascending),
        ]
        for scope: ThingGroupFilter.Scope in [
            .all, .roots, .children(of: Samples.groupName(0)),
            .descendants(of: Samples.groupName(0)),
        ] {
            subjects.append(.thingGroups(ThingGroupFilter(scope)))
            subjects.append(.thingGroups(ThingGroupFilter(scope, prefix: "group-2")))
        }
        for number in Self.names {
            let (thing, group) = (Samples.thingName(number), Samples.groupName(number))
            let id = Samples.certificateID(number)
            subjects += [
                .thingsInGroup(group, recursive: false), .thingsInGroup(group, recursive: true),
                .groupsOfThing(thing), .principalsOfThing(thing, nil),
                .principalsOfThing(thing, .exclusive), .thingsOfCertificate(id, .nonExclusive),
                .policiesOfTarget(.certificate(id)), .policiesOfTarget(.thingGroup(group)),
                .targetsOfPolicy(Samples.policyName(number)),
                .principalsOfPolicy(Samples.policyName(number), .descending),
            ]
        }
        return subjects
    }

    static var allKeys: Set<RecordKey> {
        var keys: Set<RecordKey> = [
            .allowlist(Samples.listName), .dynamicGroups, .certificateProviders,
            .anyThingOfType(ThingTypeName(checked: "sensor")),
        ]
        for number in Self.names {
            let id = Samples.certificateID(number)
            keys.formUnion([
                .thing(Samples.thingName(number)), .thingGroup(Samples.groupName(number)),
                .certificate(id), .renewal(id), .policy(Samples.policyName(number)), .claim(id),
                .ownershipToken(Samples.tokenHash(number)),
                .groupsOfThing(Samples.thingName(number)),
                .groupRecordsOfThing(Samples.thingName(number)),
                .childrenOfGroup(Samples.groupName(number)),
                .anyTargetOfPolicy(Samples.policyName(number)),
                .attachment(Samples.thingName(number), id),
                .anyOtherThing(id, besides: Samples.thingName(number)),
                .thingType(Samples.typeName(number)),
                .billingGroup(Samples.billingGroupName(number)),
                .tags(.thingType(Samples.typeName(number))),
                .tags(.thingGroup(Samples.groupName(number))),
                .tags(.policy(Samples.policyName(number))),
                .certificatesWithKey(Samples.fingerprint(number)),
                .policiesOfTarget(.certificate(id)),
                .policiesOfTarget(.thingGroup(Samples.groupName(number))),
                .principalsOfThing(Samples.thingName(number)), .thingsOfCertificate(id),
                .allowlistEntry(Samples.listName, Samples.serial(number)),
                .registrationTask(Samples.taskID(number)),
            ])
            keys.formUnion(
                Self.names.map { .registeredLine(Samples.registeredLine(number, $0).line) })
        }
        return keys
    }

    mutating func changeSet() -> ChangeSet {
        let preconditions: [Precondition] =
            Int.random(in: 0..<4, using: &self.random) == 0 ? [self.precondition()] : []
        let changes = (0..<Int.random(in: 0...5, using: &self.random)).map { _ in self.change() }
        return ChangeSet(
            action: "Random", preconditions: preconditions, changes: changes,
            detail: ["number": .int(self.number())])
    }

    private mutating func number() -> Int { Int.random(in: Self.names, using: &self.random) }

    private mutating func precondition() -> Precondition {
        let keys = Self.allKeys.sorted { "\($0)" < "\($1)" }
        let key = keys[Int.random(in: keys.indices, using: &self.random)]
        return Bool.random(using: &self.random) ? .present(key) : .absent(key)
    }

    private mutating func change() -> Change {
        let (a, b) = (self.number(), self.number())
        let (thing, group, id) = (
            Samples.thingName(a), Samples.groupName(b), Samples.certificateID(b)
        )
        let policy = Samples.policyName(b)
        let time = Samples.time.advanced(bySeconds: Int64(a))
        let target: PolicyTarget =
            a < 2 ? .certificate(Samples.certificateID(a)) : .thingGroup(Samples.groupName(a))
        switch Int.random(in: 0..<50, using: &self.random) {
        case 47: return .putCertificateProvider(Samples.provider(a))
        case 48: return .deleteCertificateProvider(Samples.providerName(a))
        case 49:
            return .setTags(.certificateProvider(Samples.providerName(b)), ["d": "\(a)"])
        case 0, 1: return .putThing(Samples.thing(a, version: b + 1))
        case 2: return .deleteThing(thing)
        case 3, 4: return .putThingGroup(Samples.group(b))
        case 5: return .addThingToGroup(thing, group)
        case 6: return .removeThingFromGroup(thing, group)
        case 7, 8, 9: return .putCertificate(Samples.certificate(b, key: a))
        case 10: return .setCertificateStatus(id, .active, reason: "\(a)", at: time)
        case 11: return .setProvenance(id, Samples.provenance(a, registered: true))
        case 12: return .recordFirstSeen(id, at: time)
        case 13: return .deleteCertificate(id)
        case 14, 15: return .putPolicy(Samples.policy(b, versions: a + 1))
        case 16: return .deletePolicy(policy)
        case 17: return .attachPolicy(policy, target)
        case 18: return .detachPolicy(policy, target)
        case 19:
            return .attachThingPrincipal(
                Samples.principal(a, b, a == b ? .exclusive : .nonExclusive))
        case 20: return .detachThingPrincipal(thing, id)
        case 21: return .putOwnershipToken(Samples.token(a, certificate: b))
        case 22: return .redeemOwnershipToken(Samples.tokenHash(a), Samples.redemption(b))
        case 23:
            return .addAllowlistEntries(
                Samples.listName, [Samples.serial(a), Samples.serial(b)], at: time)
        case 24: return .deleteThingGroup(group)
        case 25: return .putThingGroup(Samples.dynamicGroup(b))
        case 26: return .putThingType(Samples.type(b))
        case 27: return .deleteThingType(Samples.typeName(b))
        case 28: return .putBillingGroup(Samples.billingGroup(a))
        case 29: return .deleteBillingGroup(Samples.billingGroupName(a))
        case 30: return .setTags(.thingGroup(group), a == 0 ? [:] : ["a": "\(a)"])
        case 31: return .setTags(.thingType(Samples.typeName(b)), ["b": "\(a)"])
        case 32: return .setTags(.policy(policy), ["c": ""])
        case 33: return .addThingToGroup(thing, Samples.groupName(0))
        case 34: return .deleteClaim(id)
        case 35:
            return .addPolicyVersion(
                policy,
                Policy.Version(id: a + 2, document: "{\"n\":\(a)}", createdAt: time),
                isDefault: a.isMultiple(of: 2))
        case 36: return .setDefaultPolicyVersion(policy, a + 1, at: time)
        case 37: return .deletePolicyVersion(policy, a + 1, at: time)
        case 38: return .setBillingGroup(thing, b == 0 ? nil : Samples.billingGroupName(b))
        case 39, 40: return .putRegistrationTask(Samples.task(a))
        case 41, 42: return .recordRegisteredLine(Samples.registeredLine(a, b))
        case 43: return .forgetRegisteredLines(Samples.taskID(a), through: b)
        case 45: return .putRenewal(Samples.renewal(b, by: a, settled: a == 0))
        case 44: return .deleteRegistrationTask(Samples.taskID(a))
        default: return .removeAllowlistEntries(Samples.listName, [Samples.serial(a)], at: time)
        }
    }
}
