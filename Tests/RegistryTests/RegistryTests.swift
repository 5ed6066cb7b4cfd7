import Fleet
import JSON
import Registry
import TestSupport
import Testing

/// A store, and the shortest way to decide and commit against it.
struct RegistryFixture {
    let clock = ManualClock()
    let store: InMemoryFleetStore

    init() { self.store = InMemoryFleetStore(clock: self.clock) }

    /// Loads, decides, and commits unless there is nothing to commit.
    @discardableResult
    func apply(
        _ keys: Set<RecordKey>, _ decide: (RegistryView) throws -> ChangeSet
    ) async throws -> ChangeSet {
        let set = try decide(await self.store.load(keys))
        if !set.changesNothing { _ = try await self.store.commit(set, by: .service("test")) }
        return set
    }

    func issued(_ number: UInt8) -> IssuedCertificate {
        let digest = [UInt8](repeating: number, count: 32)
        return IssuedCertificate(
            id: CertificateID(sha256: digest), pem: "PEM \(number)", serialNumber: "0\(number)",
            issuerID: CertificateID(sha256: [UInt8](repeating: 0xCA, count: 32)),
            issuer: "CN=Issuer", subject: "CN=\(number)",
            publicKey: PublicKeyFingerprint(sha256: digest), notBefore: self.clock.now,
            notAfter: self.clock.now.advanced(bySeconds: 3600))
    }

    func putCertificate(
        _ number: UInt8, _ status: Certificate.Status = .active, kind: Certificate.Kind = .device
    ) async throws -> CertificateID {
        let certificate = Certificate(
            issued: self.issued(number), kind: kind, status: status, reason: nil,
            at: self.clock.now)
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: [.putCertificate(certificate)]),
            by: .service("test"))
        return certificate.id
    }
}

/// The code of the refusal that `body` ends in.
func refusal(_ body: () async throws -> Void) async -> FleetError.Code? {
    do {
        try await body()
        return nil
    } catch { return (error as? FleetError)?.code }
}

let allowConnect = """
    {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}
    """
let denyConnect = """
    {"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:Connect","Resource":"*"}]}
    """

@Suite struct ThingsTests {
    let fixture = RegistryFixture()
    let name = ThingName(checked: "pump-1")

    @Test func anIdenticalCreationChangesNothingAndAnotherIsRefused() async throws {
        let definition = ThingDefinition(name: self.name, attributes: ["site": "a"])
        try await self.fixture.apply(definition.keys) {
            try Things.create(
                definition, id: Samples.resourceID(1), in: $0, at: self.fixture.clock.now)
        }
        let again = try await self.fixture.apply(definition.keys) {
            try Things.create(
                definition, id: Samples.resourceID(1), in: $0, at: self.fixture.clock.now)
        }
        #expect(again.changesNothing)
        let other = ThingDefinition(name: self.name, attributes: ["site": "b"])
        let code = await refusal {
            try await self.fixture.apply(other.keys) {
                try Things.create(
                    other, id: Samples.resourceID(2), in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(code == .alreadyExists)
    }

    @Test func anUpdateCountsTheVersionAndHonoursTheExpectedOne() async throws {
        let definition = ThingDefinition(name: self.name)
        try await self.fixture.apply(definition.keys) {
            try Things.create(
                definition, id: Samples.resourceID(1), in: $0, at: self.fixture.clock.now)
        }
        let changed = ThingDefinition(name: self.name, attributes: ["site": "b"])
        try await self.fixture.apply(changed.keys) {
            try Things.update(changed, expectedVersion: 1, in: $0)
        }
        let thing = self.fixture.store.view(changed.keys).thing(self.name)
        #expect(thing?.version == 2)
        #expect(thing?.attributes == ["site": "b"])
        let code = await refusal {
            try await self.fixture.apply(changed.keys) {
                try Things.update(changed, expectedVersion: 1, in: $0)
            }
        }
        #expect(code == .versionConflict)
    }

    @Test func aTypeMustExistAndMustNotBeDeprecated() async throws {
        let type = ThingTypeName(checked: "pump")
        let definition = ThingDefinition(name: self.name, typeName: type)
        let create: (RegistryView) throws -> ChangeSet = {
            try Things.create(
                definition, id: Samples.resourceID(1), in: $0, at: self.fixture.clock.now)
        }
        #expect(
            await refusal { try await self.fixture.apply(definition.keys, create) } == .notFound)
        let now = self.fixture.clock.now
        _ = try await self.fixture.store.commit(
            ChangeSet(
                action: "test",
                changes: [
                    .putThingType(
                        ThingType(
                            name: type, id: Samples.resourceID(1), createdAt: now,
                            deprecatedAt: now))
                ]), by: .service("test"))
        #expect(
            await refusal { try await self.fixture.apply(definition.keys, create) }
                == .invalidRequest)
    }

    @Test(arguments: [
        (["bad name": "x"], "attribute name"), (["": "x"], "attribute name"),
        (["a": "with space"], "value for attribute 'a'"),
        (["a": String(repeating: "x", count: 801)], "value for attribute 'a'"),
        (["a": "q\"q"], "value for attribute 'a'"),
    ])
    func attributesObeyTheirGrammar(_ attributes: [String: String], _ message: String) {
        let error = #expect(throws: FleetError.self) { try ThingAttributes.check(attributes) }
        #expect(error?.message.contains(message) == true)
    }

    @Test func groupsHaveOneParentAndTakeAThingOnce() async throws {
        let group = ThingGroupName(checked: "pumps")
        let now = self.fixture.clock.now
        try await self.fixture.apply([.thingGroup(group)]) {
            try Things.createGroup(
                (name: group, id: Samples.resourceID(1)), parent: nil, in: $0, at: now)
        }
        let definition = ThingDefinition(name: self.name)
        try await self.fixture.apply(definition.keys) {
            try Things.create(definition, id: Samples.resourceID(1), in: $0, at: now)
        }
        let keys: Set<RecordKey> = [
            .thing(self.name), .thingGroup(group), .groupsOfThing(self.name),
        ]
        for isFirst in [true, false] {
            let set = try await self.fixture.apply(keys) {
                try Things.add(self.name, to: group, in: $0)
            }
            #expect(set.changesNothing != isFirst)
        }
    }
}

@Suite struct CertificatesTests {
    let fixture = RegistryFixture()

    @Test func revocationIsFinal() async throws {
        let id = try await self.fixture.putCertificate(1)
        let keys: Set<RecordKey> = [.certificate(id)]
        try await self.fixture.apply(keys) {
            try Certificates.setStatus(
                of: id, to: .revoked, reason: "stolen", in: $0, at: self.fixture.clock.now)
        }
        let certificate = self.fixture.store.view(keys).certificate(id)
        #expect(certificate?.status == .revoked)
        #expect(certificate?.statusReason == "stolen")
        let code = await refusal {
            try await self.fixture.apply(keys) {
                try Certificates.setStatus(
                    of: id, to: .active, reason: nil, in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(code == .certificateState)
    }

    @Test(arguments: [
        Certificate.Status.pendingActivation, .pendingTransfer, .registerInactive,
    ])
    func nobodySetsAPendingStatus(_ status: Certificate.Status) async throws {
        let id = try await self.fixture.putCertificate(1)
        let code = await refusal {
            try await self.fixture.apply([.certificate(id)]) {
                try Certificates.setStatus(
                    of: id, to: status, reason: nil, in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(code == .invalidRequest)
    }

    @Test func onlyAnInactiveAndUnattachedCertificateIsDeleted() async throws {
        let active = try await self.fixture.putCertificate(1)
        let inactive = try await self.fixture.putCertificate(2, .inactive)
        let delete: (CertificateID) async -> FleetError.Code? = { id in
            await refusal {
                try await self.fixture.apply(Certificates.keysToDelete(id)) {
                    try Certificates.delete(id, in: $0)
                }
            }
        }
        #expect(await delete(active) == .certificateState)
        let policy = PolicyName(checked: "p")
        _ = try await self.fixture.store.commit(
            ChangeSet(
                action: "test",
                changes: [
                    .putPolicy(
                        PolicyVersions.first(
                            policy, document: allowConnect, at: self.fixture.clock.now)),
                    .attachPolicy(policy, .certificate(inactive)),
                ]), by: .service("test"))
        #expect(await delete(inactive) == .deleteConflict)
        try await self.fixture.apply(Attachments.keys(policy, .certificate(inactive))) {
            Attachments.detach(policy, from: .certificate(inactive), in: $0)
        }
        #expect(await delete(inactive) == nil)
        #expect(self.fixture.store.view([.certificate(inactive)]).certificate(inactive) == nil)
    }

    @Test func anExclusiveAttachmentAllowsNoOther() async throws {
        let id = try await self.fixture.putCertificate(1)
        let now = self.fixture.clock.now
        for name in ["a", "b"] {
            let definition = ThingDefinition(name: ThingName(checked: name))
            try await self.fixture.apply(definition.keys) {
                try Things.create(definition, id: Samples.resourceID(1), in: $0, at: now)
            }
        }
        let attach: (String, ThingPrincipal.Exclusivity) async -> FleetError.Code? = {
            name, exclusivity in
            let thing = ThingName(checked: name)
            return await refusal {
                try await self.fixture.apply([
                    .thing(thing), .certificate(id), .thingsOfCertificate(id),
                ]) {
                    try Attachments.attach(
                        ThingPrincipal(thing: thing, certificate: id, exclusivity: exclusivity),
                        in: $0)
                }
            }
        }
        #expect(await attach("a", .exclusive) == nil)
        #expect(await attach("a", .exclusive) == nil)
        #expect(await attach("b", .nonExclusive) == .resourceConflict)
        #expect(await attach("missing", .nonExclusive) == .notFound)
    }
}

@Suite struct VersionedRecordsTests {
    let fixture = RegistryFixture()

    @Test func aChangedPolicyBecomesAnotherVersionAndTheSameOneNone() async throws {
        let name = PolicyName(checked: "p")
        let put: (String) async throws -> ChangeSet = { document in
            try await self.fixture.apply([.policy(name)]) {
                try PolicyVersions.put(name, document: document, in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(try await put(allowConnect).action == "CreatePolicy")
        #expect(try await put(allowConnect).changesNothing)
        #expect(try await put(denyConnect).action == "CreatePolicyVersion")
        let policy = self.fixture.store.view([.policy(name)]).policy(name)
        #expect(policy?.versions.map(\.document) == [allowConnect, denyConnect])
        #expect(policy?.defaultVersion?.document == denyConnect)
        #expect(await refusal { _ = try await put("{}") } == .malformedPolicy)
    }

    @Test func aChangedTemplateBecomesANewVersionAndTheSameOneNone() async throws {
        let name = TemplateName(checked: "pumps")
        func put(_ body: String, enabled: Bool = true) async throws -> ChangeSet {
            let submission = TemplateSubmission(
                name: name, summary: "s", enabled: enabled, hook: nil, body: body)
            let first = try await self.fixture.store.load([submission.key])
            let keys = first.template(name).map(Templates.keys) ?? [submission.key]
            return try await self.fixture.apply(keys) {
                try Templates.put(submission, in: $0, at: self.fixture.clock.now)
            }
        }
        #expect(try await put("one").changes.count == 2)
        #expect(try await put("one").changesNothing)
        #expect(try await put("two").changes.count == 2)
        #expect(try await put("two", enabled: false).changes.count == 1)
        let view = self.fixture.store.view([
            .template(name), .templateVersion(name, 1), .templateVersion(name, 2),
        ])
        #expect(view.template(name)?.defaultVersionID == 2)
        #expect(view.template(name)?.enabled == false)
        #expect(view.templateVersion(name, 1)?.body == "one")
        #expect(view.templateVersion(name, 2)?.digest == ContentDigest.sha256(of: "two"))
    }

    @Test func aHookIsReplacedByDigestAndTheAuditNamesBoth() async throws {
        let name = HookName(checked: "h")
        let put: (String) async throws -> ChangeSet = { source in
            try await self.fixture.apply([.hook(name)]) {
                try HookScripts.put(
                    name, source: source, by: "ada", in: $0, at: self.fixture.clock.now)
            }
        }
        _ = try await put("return 1")
        #expect(try await put("return 1").changesNothing)
        let second = try await put("return 2")
        #expect(
            second.detail["replacedDigest"] == .string(ContentDigest.sha256(of: "return 1")))
        let big = String(repeating: "-", count: Limits.hookSourceBytesMax + 1)
        #expect(await refusal { _ = try await put(big) } == .invalidRequest)
    }

    @Test func aClaimIsRegisteredWholeAndOnce() async throws {
        let now = self.fixture.clock.now
        let certificate = Certificate(
            issued: self.fixture.issued(1), kind: .claim, status: .active, reason: nil, at: now)
        let registration = ClaimRegistration(
            certificate: certificate,
            claim: Claim(
                certificate: certificate.id, label: "line", station: nil, lot: nil,
                createdAt: now), policy: PolicyName(checked: "claim"),
            policyDocument: allowConnect)
        let put: () async throws -> ChangeSet = {
            try await self.fixture.apply(registration.keys) {
                try registration.changeSet(in: $0, at: now)
            }
        }
        #expect(try await put().changes.count == 4)
        #expect(try await put().changesNothing)
        let view = self.fixture.store.view(registration.keys)
        #expect(view.policiesOfTarget(.certificate(certificate.id)) == [registration.policy])
    }

    @Test func aDevicesCertificateCannotBecomeAClaim() async throws {
        let id = try await self.fixture.putCertificate(1)
        let now = self.fixture.clock.now
        let registration = ClaimRegistration(
            certificate: Certificate(
                issued: self.fixture.issued(1), kind: .claim, status: .active, reason: nil,
                at: now),
            claim: Claim(certificate: id, label: "line", station: nil, lot: nil, createdAt: now),
            policy: PolicyName(checked: "claim"), policyDocument: allowConnect)
        let code = await refusal {
            try await self.fixture.apply(registration.keys) {
                try registration.changeSet(in: $0, at: now)
            }
        }
        #expect(code == .alreadyExists)
    }
}
