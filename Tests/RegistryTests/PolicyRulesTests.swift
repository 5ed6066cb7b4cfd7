import Fleet
import Registry
import TestSupport
import Testing

@Suite struct PolicyRulesTests {
    let fixture = RegistryFixture()
    private let name = PolicyName(checked: "p")
    private var now: UnixTime { self.fixture.clock.now }

    private var policy: Policy? { self.fixture.store.view([.policy(self.name)]).policy(self.name) }

    private func create(_ document: String = allowConnect) async throws {
        try await self.fixture.apply([.policy(self.name)]) {
            try PolicyVersions.create(self.name, document: document, in: $0, at: self.now)
        }
    }

    private func add(_ document: String = denyConnect, setAsDefault: Bool = false) async throws {
        try await self.fixture.apply([.policy(self.name)]) {
            try PolicyVersions.add(
                document: document, to: self.name, setAsDefault: setAsDefault, in: $0,
                at: self.now)
        }
    }

    private func deleteVersion(_ id: Int) async -> FleetError.Code? {
        await refusal {
            try await self.fixture.apply([.policy(self.name)]) {
                try PolicyVersions.delete(version: id, of: self.name, in: $0, at: self.now)
            }
        }
    }

    private func setDefault(_ id: Int) async -> FleetError.Code? {
        await refusal {
            try await self.fixture.apply([.policy(self.name)]) {
                try PolicyVersions.setDefault(id, of: self.name, in: $0, at: self.now)
            }
        }
    }

    private func delete() async -> FleetError.Code? {
        await refusal {
            try await self.fixture.apply(PolicyVersions.keysToDelete(self.name)) {
                try PolicyVersions.delete(self.name, in: $0)
            }
        }
    }

    private func attach(_ target: PolicyTarget) async -> FleetError.Code? {
        await refusal {
            try await self.fixture.apply(Attachments.keys(self.name, target)) {
                try Attachments.attach(self.name, to: target, in: $0)
            }
        }
    }

    // MARK: Policies and versions

    @Test func aNameIsTakenOnce() async throws {
        try await self.create()
        #expect(await refusal { try await self.create() } == .alreadyExists)
        #expect(await refusal { try await self.create(denyConnect) } == .alreadyExists)
        #expect(self.policy?.versions.count == 1)
    }

    @Test func aDocumentThatCannotBeReadChangesNothing() async throws {
        #expect(await refusal { try await self.create("{}") } == .malformedPolicy)
        #expect(self.policy == nil)
        try await self.create()
        #expect(await refusal { try await self.add("{}") } == .malformedPolicy)
        #expect(self.policy?.versions.count == 1)
    }

    @Test func aVersionDecidesOnceItIsTheDefault() async throws {
        #expect(await refusal { try await self.add() } == .notFound)
        try await self.create()
        self.fixture.clock.advance(bySeconds: 5)
        try await self.add()
        #expect(self.policy?.defaultVersionID == 1)
        #expect(self.policy?.lastModifiedAt == self.now)
        self.fixture.clock.advance(bySeconds: 5)
        #expect(await self.setDefault(2) == nil)
        #expect(self.policy?.defaultVersion?.document == denyConnect)
        #expect(self.policy?.lastModifiedAt == self.now)
        #expect(await self.setDefault(3) == .notFound)
        try await self.add(allowConnect, setAsDefault: true)
        #expect(self.policy?.defaultVersionID == 3)
    }

    @Test func theDefaultVersionStays() async throws {
        try await self.create()
        try await self.add()
        #expect(await self.deleteVersion(1) == .deleteConflict)
        #expect(await self.deleteVersion(7) == .notFound)
        #expect(await self.deleteVersion(2) == nil)
        #expect(self.policy?.versions.map(\.id) == [1])
    }

    /// Audit records and logs name versions by number.
    @Test func theNumberOfAVersionThatIsGoneIsNotGivenAgain() async throws {
        try await self.create()
        try await self.add()
        #expect(await self.deleteVersion(2) == nil)
        try await self.add()
        #expect(self.policy?.versions.map(\.id) == [1, 3])
    }

    @Test func versionsAreBounded() async throws {
        let time = self.now
        let versions = (1...Limits.policyVersionsMax).map {
            Policy.Version(id: $0, document: allowConnect, createdAt: time)
        }
        let full = Policy(
            name: self.name, versions: Array(versions.dropLast()), defaultVersionID: 1,
            createdAt: time)
        _ = try await self.fixture.store.commit(
            ChangeSet(action: "test", changes: [.putPolicy(full)]), by: .service("test"))
        try await self.add()
        #expect(self.policy?.versions.count == Limits.policyVersionsMax)
        #expect(await refusal { try await self.add() } == .versionsLimitExceeded)
        #expect(await self.deleteVersion(7) == nil)
        #expect(await refusal { try await self.add() } == nil)
    }

    @Test func aPolicyGoesWhenNothingHangsOnItAndNoVersionIsLeftOver() async throws {
        #expect(await self.delete() == .notFound)
        try await self.create()
        try await self.add()
        #expect(await self.delete() == .deleteConflict)
        #expect(await self.deleteVersion(2) == nil)
        let target = PolicyTarget.certificate(try await self.fixture.putCertificate(1))
        #expect(await self.attach(target) == nil)
        #expect(await self.delete() == .deleteConflict)
        try await self.fixture.apply(Attachments.keys(self.name, target)) {
            Attachments.detach(self.name, from: target, in: $0)
        }
        #expect(await self.delete() == nil)
        #expect(self.policy == nil)
    }

    /// Whoever attaches meanwhile finds the policy gone, or keeps it from going.
    @Test func aPolicyCannotGoWhileItIsAttachedElsewhere() async throws {
        try await self.create()
        let target = PolicyTarget.certificate(try await self.fixture.putCertificate(1))
        let view = try await self.fixture.store.load(PolicyVersions.keysToDelete(self.name))
        let deletion = try PolicyVersions.delete(self.name, in: view)
        #expect(await self.attach(target) == nil)
        #expect(
            await refusal {
                _ = try await self.fixture.store.commit(deletion, by: .service("test"))
            } == .conflict)
    }

    // MARK: Attachments

    private func put(_ group: ThingGroup) async throws {
        _ = try await self.fixture.store.commit(
            ChangeSet(action: "test", changes: [.putThingGroup(group)]), by: .service("test"))
    }

    @Test func policiesHangOnCertificatesAndStaticGroups() async throws {
        try await self.create()
        try await self.put(Samples.group(0))
        try await self.put(Samples.dynamicGroup(5))
        let id = try await self.fixture.putCertificate(1)
        for target in [PolicyTarget.certificate(id), .thingGroup(Samples.groupName(0))] {
            #expect(await self.attach(target) == nil)
            #expect(await self.attach(target) == nil)
        }
        #expect(await self.attach(.thingGroup(Samples.groupName(5))) == .invalidRequest)
        #expect(await self.attach(.thingGroup(Samples.groupName(3))) == .notFound)
        let nobody = CertificateID(sha256: [UInt8](repeating: 9, count: 32))
        #expect(await self.attach(.certificate(nobody)) == .notFound)
    }

    @Test func attachmentsAreBounded() async throws {
        try await self.create()
        let target = PolicyTarget.certificate(try await self.fixture.putCertificate(1))
        var changes: [Change] = []
        for number in 0..<Limits.policiesPerCertificateMax {
            let name = PolicyName(checked: "other-\(number)")
            changes.append(
                .putPolicy(PolicyVersions.first(name, document: allowConnect, at: self.now)))
            changes.append(.attachPolicy(name, target))
        }
        _ = try await self.fixture.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
        #expect(await self.attach(target) == .limitExceeded)
        try await self.fixture.apply(
            Attachments.keys(PolicyName(checked: "other-0"), target)
        ) {
            Attachments.detach(PolicyName(checked: "other-0"), from: target, in: $0)
        }
        #expect(await self.attach(target) == nil)
    }

    @Test func aTargetIsNamedByItsARN() throws {
        let realm = Realm.standard
        let id = CertificateID(sha256: [UInt8](repeating: 9, count: 32))
        for target in [PolicyTarget.certificate(id), .thingGroup(Samples.groupName(1))] {
            #expect(try realm.policyTarget(inARN: realm.target(target).rawValue) == target)
        }
        for text in [
            "", "x", "arn:aws:iot:local:000000000000:thing/t",
            "arn:aws:iot:local:000000000000:cert/zz", "arn:aws:iot:local:000000000000:thinggroup/",
            "arn:aws:iot:local:000000000001:cert/\(id)", "us-east-1:1-2-3",
        ] {
            #expect(throws: FleetError.self) { try realm.policyTarget(inARN: text) }
        }
    }
}

@Suite struct EffectivePolicyTests {
    let fixture = RegistryFixture()

    private func commit(_ changes: Change...) async throws {
        _ = try await self.fixture.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    private func policy(_ name: String, on target: PolicyTarget) async throws {
        let name = PolicyName(checked: name)
        try await self.commit(
            .putPolicy(
                PolicyVersions.first(name, document: allowConnect, at: self.fixture.clock.now)),
            .attachPolicy(name, target))
    }

    private func names(_ target: PolicyTarget?, _ thing: ThingName?) async throws -> [String] {
        let effective = EffectivePolicies(target: target, thing: thing)
        let targets = try effective.targets(in: await self.fixture.store.load(effective.keys))
        let view = try await self.fixture.store.load(EffectivePolicies.keys(of: targets))
        return EffectivePolicies.names(of: targets, in: view).map(\.rawValue)
    }

    @Test func groupsPassTheirPoliciesDown() async throws {
        let root = Samples.groupName(0)
        let hall = ThingGroup(
            name: Samples.groupName(1), id: Samples.resourceID(1), ancestors: [root],
            createdAt: self.fixture.clock.now)
        let line = ThingGroup(
            name: Samples.groupName(2), id: Samples.resourceID(2),
            ancestors: [root, hall.name], createdAt: self.fixture.clock.now)
        let thing = Samples.thingName(1)
        let id = try await self.fixture.putCertificate(1)
        try await self.commit(
            .putThingGroup(Samples.group(0)), .putThingGroup(hall), .putThingGroup(line),
            .putThingGroup(Samples.dynamicGroup(5)), .putThing(Samples.thing(1)),
            .addThingToGroup(thing, line.name),
            .addThingToGroup(thing, Samples.groupName(5)))
        try await self.policy("root", on: .thingGroup(root))
        try await self.policy("line", on: .thingGroup(line.name))
        try await self.policy("own", on: .certificate(id))
        try await self.commit(
            .attachPolicy(PolicyName(checked: "root"), .certificate(id)))

        #expect(try await self.names(.certificate(id), nil) == ["own", "root"])
        #expect(try await self.names(.certificate(id), thing) == ["own", "root", "line"])
        #expect(try await self.names(nil, thing) == ["line", "root"])
        #expect(try await self.names(.thingGroup(hall.name), nil) == ["root"])
        #expect(try await self.names(.thingGroup(line.name), nil) == ["line", "root"])
        #expect(
            await refusal { _ = try await self.names(nil, Samples.thingName(7)) } == .notFound)
        #expect(
            await refusal { _ = try await self.names(.thingGroup(Samples.groupName(8)), nil) }
                == .notFound)
    }
}
