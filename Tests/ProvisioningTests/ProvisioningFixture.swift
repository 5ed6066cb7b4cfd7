import Fleet
import Foundation
import JSON
import Provisioning
import Registry
import Synchronization
import TestSupport

/// Signs nothing: a certificate per call, whose key is what the request says it is.
final class FakeIssuer: CertificateIssuer {
    private let count = Mutex(0)
    private let failure = Mutex<FleetError?>(nil)
    /// By what stands in the certificate.
    private let keys = Mutex<[String: [UInt8]]>([:])
    private let event = Mutex<(@Sendable () async -> Void)?>(nil)

    var deviceProfiles: [String] { [] }
    var issuedCount: Int { self.count.withLock { $0 } }

    func fail(with error: FleetError?) { self.failure.withLock { $0 = error } }

    /// What happens while the next request is signed.
    func meanwhile(_ event: @escaping @Sendable () async -> Void) {
        self.event.withLock { $0 = event }
    }

    func issue(
        csr pem: String, as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        guard pem.hasPrefix("CSR ") else { throw FleetError(.invalidCSR, "no PEM block") }
        let event = self.event.withLock { event in
            defer { event = nil }
            return event
        }
        await event?()
        var issued = try self.issue(key: Array(pem.utf8), at: now)
        issued.profile = choice.profile
        return issued
    }

    func issue(
        publicKey: [UInt8], as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        var issued = try self.issue(key: publicKey, at: now)
        issued.profile = choice.profile
        return issued
    }

    func keyTypes(as choice: CertificateChoice) throws(FleetError) -> [String] {
        choice.keyTypes
    }

    func publicKey(ofCSR pem: String) throws(FleetError) -> PublicKeyFingerprint {
        guard pem.hasPrefix("CSR ") else { throw FleetError(.invalidCSR, "no PEM block") }
        return Self.fingerprint(Array(pem.utf8))
    }

    func identity(ofCSR pem: String) throws(FleetError) -> RequestedIdentity {
        RequestedIdentity(publicKey: try self.publicKey(ofCSR: pem), subject: "CN=Device")
    }

    /// `CSR X` keeps the subject; `CSR X as CN=y` has another.
    func renew(
        _ predecessor: String, for key: RenewalKey, profile: String?, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        switch key {
        case .same:
            let number = predecessor.split(separator: "\n").dropFirst().first ?? ""
            let bytes = self.keys.withLock { $0[String(number)] }
            return try self.issue(key: bytes ?? [], at: now)
        case .made(let bytes): return try self.issue(key: bytes, at: now)
        case .request(let pem):
            guard !pem.contains(" as ") else {
                throw FleetError(.invalidCSR, "another subject").because(.renewalOfAnotherSubject)
            }
            return try await self.issue(csr: pem, at: now)
        }
    }

    func issueClaim(
        publicKey: [UInt8], validitySeconds: Int64, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try self.issue(key: publicKey, at: now)
    }

    private func issue(
        key: [UInt8], at now: UnixTime
    ) throws(FleetError) -> IssuedCertificate {
        if let error = self.failure.withLock({ $0 }) { throw error }
        let number = self.count.withLock { count in
            count += 1
            return count
        }
        self.keys.withLock { $0[String(number)] = key }
        return Self.certificate(number, key: key, at: now)
    }

    static func certificate(_ number: Int, key: [UInt8], at now: UnixTime) -> IssuedCertificate {
        IssuedCertificate(
            id: CertificateID(sha256: Self.digest("certificate \(number)")),
            pem: "-----BEGIN CERTIFICATE-----\n\(number)\n-----END CERTIFICATE-----\n",
            serialNumber: String(number, radix: 16),
            issuerID: CertificateID(sha256: Self.digest("issuer")), issuer: "CN=Issuer",
            subject: "CN=Device", publicKey: Self.fingerprint(key), notBefore: now,
            notAfter: now.advanced(bySeconds: 86_400))
    }

    static func fingerprint(_ key: [UInt8]) -> PublicKeyFingerprint {
        PublicKeyFingerprint(sha256: Self.digest(String(decoding: key, as: UTF8.self)))
    }

    /// 32 bytes that differ where the texts do.
    static func digest(_ text: String) -> [UInt8] {
        let hex = Array(ContentDigest.sha256(of: text).utf8)
        return stride(from: 0, to: 64, by: 2).compactMap { index in
            UInt8(String(decoding: hex[index...index + 1], as: UTF8.self), radix: 16)
        }
    }
}

final class FakeKeyPairs: KeyPairSource {
    static let pem = "-----BEGIN RSA PRIVATE KEY-----\nTOP/SECRET+KEY==\n-----END\n"
    private let count = Mutex(0)

    private let failure = Mutex<FleetError?>(nil)

    func fail(with error: FleetError?) { self.failure.withLock { $0 = error } }

    /// What was asked for last.
    private let wanted = Mutex<[String]>([])
    var types: [String] { self.wanted.withLock { $0 } }

    func next(of types: [String]) async throws(FleetError) -> KeyPair {
        self.wanted.withLock { $0 = types }
        if let error = self.failure.withLock({ $0 }) { throw error }
        let number = self.count.withLock { count in
            count += 1
            return count
        }
        return KeyPair(
            publicKey: Array("key \(number)".utf8),
            privateKeyPEM: Secret(WipedBytes(Array(Self.pem.utf8))))
    }
}

final class FakeHook: PreProvisioningHook {
    private let outcome: Mutex<HookOutcome>
    private let asked = Mutex<[HookRequest]>([])
    /// Done once, while somebody waits for an answer.
    private let meanwhile = Mutex<(@Sendable () async -> Void)?>(nil)

    func whileAsked(_ work: @escaping @Sendable () async -> Void) {
        self.meanwhile.withLock { $0 = work }
    }

    init() {
        self.outcome = Mutex(
            HookOutcome(verdict: .allowed(parameterOverrides: [:]), reads: [], log: []))
    }

    var requests: [HookRequest] { self.asked.withLock { $0 } }

    func answer(
        _ verdict: HookOutcome.Verdict, reads: [HookOutcome.AllowlistRead] = [],
        questions: [HookRead] = [], reasonCode: String? = nil, attributes: [String: String] = [:]
    ) {
        self.outcome.withLock {
            $0 = HookOutcome(
                verdict: verdict, reads: reads, log: [], questions: questions,
                reasonCode: reasonCode, attributes: attributes)
        }
    }

    func run(_ script: HookScript, request: HookRequest) async -> HookOutcome {
        self.asked.withLock { $0.append(request) }
        let work = self.meanwhile.withLock { meanwhile in
            defer { meanwhile = nil }
            return meanwhile
        }
        await work?()
        return self.outcome.withLock { $0 }
    }
}

final class EventLog: Sendable {
    private let events = Mutex<[ProvisioningEvent]>([])
    func add(_ event: ProvisioningEvent) { self.events.withLock { $0.append(event) } }
    var all: [ProvisioningEvent] { self.events.withLock { $0 } }
}

/// A whole service on doubles: a claim, a template, a hook.
struct ProvisioningFixture {
    let clock = ManualClock()
    let store: InMemoryFleetStore
    let issuer = FakeIssuer()
    let keyPairs = FakeKeyPairs()
    let hook = FakeHook()
    let signer = FakeSigner()
    let events = EventLog()
    let provisioner: Provisioner
    let service: ProvisioningService
    let claim: Publisher
    let otherClaim: Publisher
    static let template = TemplateName(checked: "sensor")

    init(
        inFlightMax: Int = 512, requiresHookApproval: Bool = false,
        enrolment: EnrolmentSettings = EnrolmentSettings(),
        renewal: RenewalSettings = RenewalSettings(),
        store wrapped: (any FleetStore)? = nil
    ) async throws {
        var settings = Provisioner.Settings(
            realm: .standard, inFlightMax: inFlightMax,
            requiresHookApproval: requiresHookApproval)
        settings.enrolment = enrolment
        settings.renewal = renewal
        self.store = InMemoryFleetStore(clock: self.clock)
        let events = self.events
        let entropy = SeededEntropy()
        var ports = Provisioner.Ports(
            store: wrapped ?? self.store, issuer: self.issuer, keyPairs: self.keyPairs,
            hook: self.hook, clock: self.clock, entropy: entropy)
        ports.signing = Provisioner.Signing(signer: self.signer, inspector: SignedInspector())
        self.provisioner = Provisioner(
            ports: ports,
            mint: try OwnershipTokenMint(
                key: Secret(WipedBytes([UInt8](repeating: 7, count: 32))), entropy: entropy),
            settings: settings, observe: { events.add($0) })
        self.service = ProvisioningService(provisioner: self.provisioner)
        let claims = ["claim", "other claim"].enumerated().map { index, name in
            FakeIssuer.certificate(-1 - index, key: Array(name.utf8), at: ManualClock.start)
        }
        self.claim = Publisher(
            principal: claims[0].id, kind: .claim, clientID: "line-1", sourceAddress: "10.0.0.1")
        self.otherClaim = Publisher(
            principal: claims[1].id, kind: .claim, clientID: "line-2", sourceAddress: "10.0.0.2")
        for issued in claims {
            let certificate = Certificate(
                issued: issued, kind: .claim, status: .active, reason: nil, at: self.clock.now)
            try await self.put([
                .putCertificate(certificate),
                .putClaim(
                    Claim(
                        certificate: issued.id, label: "line", station: "S1", lot: nil,
                        createdAt: self.clock.now)),
            ])
        }
        try await self.put(template: Self.body)
    }

    func put(_ changes: [Change]) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    func put(
        template body: String, hook: String? = nil, enabled: Bool = true,
        name: TemplateName = Self.template
    ) async throws {
        let settings = TemplateSettings(
            enabled: enabled, hook: try hook.map { try HookName($0) })
        let submission = try settings.submission(name: name, body: body)
        let first = try await self.store.load([submission.key])
        let keys = first.template(name).map(Templates.keys) ?? submission.fileKeys
        let set = try Templates.put(
            submission, in: try await self.store.load(keys), at: self.clock.now)
        if !set.changesNothing { _ = try await self.store.commit(set, by: .service("test")) }
    }

    func putHook(_ name: String = "gate", source: String = "return 1") async throws {
        let name = try HookName(name)
        let view = try await self.store.load(HookScripts.keys(name, source: source))
        let set = try HookScripts.put(
            name, source: source, by: "ada", in: view, at: self.clock.now)
        _ = try await self.store.commit(set, by: .service("test"))
    }

    func approveHook(_ name: String = "gate", by approver: String = "grace") async throws {
        let name = try HookName(name)
        let view = try await self.store.load([.hook(name)])
        let set = try HookScripts.approve(
            name, digest: view.hook(name)?.digest ?? "", by: approver, in: view,
            at: self.clock.now)
        _ = try await self.store.commit(set, by: .service("test"))
    }

    /// A certificate by the CSR flow, and its token.
    func create(key: String = UUID().uuidString) async throws -> (CertificateID, String) {
        let created = try await self.provisioner.createCertificate(
            csr: "CSR \(key)", for: self.claim)
        return (created.certificate, created.ownershipToken.expose { $0 })
    }

    func register(
        _ token: String, _ parameters: [String: String] = ["SerialNumber": "A7"],
        template: String = Self.template.rawValue, by publisher: Publisher? = nil
    ) async throws(FleetError) -> JSONObject {
        try await self.provisioner.registerThing(
            RegisterThingRequest(
                template: template, ownershipToken: Secret(token), parameters: parameters),
            for: publisher ?? self.claim)
    }

    /// The refusal that a registration ends in.
    func refusal(
        _ token: String, _ parameters: [String: String] = ["SerialNumber": "A7"],
        template: String = Self.template.rawValue, by publisher: Publisher? = nil
    ) async -> FleetError? {
        do throws(FleetError) {
            _ = try await self.register(token, parameters, template: template, by: publisher)
            return nil
        } catch { return error }
    }

    func token(_ text: String) -> OwnershipToken? {
        let hash = OwnershipTokenMint.hash(of: text)
        return self.store.view([.ownershipToken(hash)]).ownershipToken(hash)
    }

    func certificate(_ id: CertificateID) -> Certificate? {
        self.store.view([.certificate(id)]).certificate(id)
    }

    func thing(_ name: String) -> Thing? {
        let name = ThingName(checked: name)
        return self.store.view([.thing(name)]).thing(name)
    }

    static let body = """
        {"Parameters": {"SerialNumber": {"Type": "String"},
                        "Site": {"Type": "String", "Default": "lab"}},
         "Resources": {
          "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["sensor", {"Ref": "SerialNumber"}]]},
            "AttributePayload": {"site": {"Ref": "Site"}}}},
          "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
          "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow",
             "Action": "iot:Connect", "Resource": "*"}]}}}},
         "DeviceConfiguration": {"site": {"Ref": "Site"}}}
        """
}

/// The repository's own files, which ship and are tested as they are.
enum Shipped {
    static func text(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
