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
            let keys = first.template(name).map(Templates.keys) ?? submission.fileKeys
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
            try await self.fixture.apply(HookScripts.keys(name, source: source)) {
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
