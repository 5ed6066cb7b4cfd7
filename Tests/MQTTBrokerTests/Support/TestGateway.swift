import Crypto
import Fleet
import FoundationEssentials
import Logging
import MQTT
import MQTTBroker
import NIOCore
import Synchronization
import TestSupport

/// A gateway on a free port with an empty in-memory fleet behind it, and a certificate authority
/// to make devices with.
final class TestGateway: Sendable {
    let authority: TestAuthority
    let store: InMemoryFleetStore
    let clock: ManualClock
    let server: BrokerServer
    let service = EchoService()
    let log = TestLog()
    let connectivity = ConnectivityLog()
    let journal = RefusalJournal()
    private let port: BoundPort

    /// - Parameter interposition: what happens between a read of the store and its answer.
    init(
        interposition: Interposition = .nothing, clones: (any CloneWatch)? = nil,
        _ change: (inout BrokerSettings) -> Void = { _ in }
    ) async throws {
        let authority = try TestAuthority()
        self.authority = authority
        // TLS judges by the system's clock, so the fleet's begins there too.
        self.clock = ManualClock(UnixTime(seconds: Int64(Date.now.timeIntervalSince1970)))
        self.store = InMemoryFleetStore(clock: self.clock)
        var settings = BrokerSettings()
        settings.port = 0
        // No busy machine reaches them: what ends here ends for another reason.
        settings.handshakeSecondsMax = 1200
        settings.connectSecondsMax = 1200
        change(&settings)
        var dependencies = BrokerDependencies(
            store: InterposedStore(self.store, interposition),
            connectivity: self.connectivity, services: [self.service], clock: self.clock,
            entropy: TestEntropy(), realm: .standard, logger: self.log.logger)
        dependencies.clones = clones
        dependencies.journal = self.journal
        self.server = try BrokerServer(
            settings: settings, tls: try Self.material(authority), dependencies: dependencies)
        self.port = BoundPort(try await self.server.start().port)
        _ = try await self.store.commit(
            ChangeSet(
                action: "Test",
                changes: [
                    .putAuthority(Self.record(authority.root, .root)),
                    .putAuthority(Self.record(authority.issuing, .issuing)),
                ]), by: .service("test"))
    }

    static func material(_ authority: TestAuthority) throws -> TLSMaterial {
        let server = try authority.issue(.init(commonName: "gateway", isServer: true))
        let chain = server.certificatePEM + "\n" + authority.issuing.certificatePEM
        return TLSMaterial(
            certificateChain: Array(chain.utf8),
            privateKey: Secret(WipedBytes(Array(server.keyPEM.utf8))),
            trustAnchors: Array(authority.anchorsPEM.utf8))
    }

    private static func record(_ identity: TestIdentity, _ role: Authority.Role) -> Authority {
        Authority(
            id: CertificateID(sha256: identity.digest), role: role, subject: identity.subject,
            publicKey: PublicKeyFingerprint(sha256: SHA256.hash(data: identity.publicKeyDER)),
            pem: identity.certificatePEM, notBefore: UnixTime(seconds: identity.notBefore),
            notAfter: UnixTime(seconds: identity.notAfter), status: .active,
            createdAt: UnixTime(seconds: identity.notBefore))
    }

    // MARK: The fleet

    func commit(_ changes: Change...) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: changes), by: .service("test"))
    }

    /// Makes a certificate, registers it, and attaches a policy of these statements to it.
    func device(
        _ name: String = "device", kind: Certificate.Kind = .device,
        status: Certificate.Status = .active, allowing document: String = TestPolicy.everything
    ) async throws -> TestIdentity {
        let identity = try self.authority.issue(.init(commonName: name))
        try await self.commit(.putCertificate(self.record(identity, kind: kind, status: status)))
        try await self.attach(document, to: identity)
        return identity
    }

    func attach(_ document: String, to identity: TestIdentity) async throws {
        let id = CertificateID(sha256: identity.digest)
        let name = try PolicyName("P-\(id.rawValue.prefix(12))")
        try await self.commit(
            .putPolicy(TestPolicy.record(name, document)), .attachPolicy(name, .certificate(id)))
    }

    func record(
        _ identity: TestIdentity, kind: Certificate.Kind = .device,
        status: Certificate.Status = .active
    ) -> Certificate {
        Certificate(
            id: CertificateID(sha256: identity.digest), kind: kind,
            serialNumber: identity.serial,
            issuerID: CertificateID(sha256: self.authority.issuing.digest),
            issuer: self.authority.issuing.subject, subject: identity.subject,
            publicKey: PublicKeyFingerprint(sha256: SHA256.hash(data: identity.publicKeyDER)),
            notBefore: UnixTime(seconds: identity.notBefore),
            notAfter: UnixTime(seconds: identity.notAfter), pem: identity.certificatePEM,
            createdAt: self.clock.now, status: status, statusChangedAt: self.clock.now,
            statusReason: nil, provenance: nil, firstSeenAt: nil)
    }

    // MARK: Devices

    func presentation(_ identity: TestIdentity?) -> TestClient.Presentation {
        TestClient.Presentation(identity: identity, trust: self.authority.anchorsPEM)
    }

    func open(
        _ identity: TestIdentity?, version: ProtocolVersion = .v5
    ) async throws -> TestClient {
        try await TestClient.open(
            port: self.port.number, as: self.presentation(identity), version: version)
    }

    func open(
        presenting presentation: TestClient.Presentation?, version: ProtocolVersion = .v5
    ) async throws -> TestClient {
        try await TestClient.open(port: self.port.number, as: presentation, version: version)
    }

    /// A client whose CONNECT has been accepted.
    func connect(
        _ identity: TestIdentity, as clientID: String, version: ProtocolVersion = .v5,
        _ change: (inout Connect) -> Void = { _ in }
    ) async throws -> TestClient {
        let client = try await self.open(identity, version: version)
        var connect = Connect(version: version, clientID: clientID)
        change(&connect)
        try client.send(.connect(connect))
        let answer = await client.next()
        guard case .packet(.connack(let connack)) = answer, connack.reason == .success else {
            throw Unexpected(what: "\(answer) in place of a CONNACK")
        }
        return client
    }

    var listeningPort: Int { self.port.number }

    func stop() async { await self.server.shutdown(graceSeconds: 1) }
}

struct BoundPort: Sendable {
    let number: Int
    init(_ number: Int) { self.number = number }
}

struct Unexpected: Error, CustomStringConvertible {
    let what: String
    var description: String { self.what }
}

/// Counts up: no two answers are alike, and nobody needs more of it here.
final class TestEntropy: Entropy {
    private let counter = Mutex<UInt64>(0)

    func bytes(count: Int) -> [UInt8] {
        let number = self.counter.withLock { counter in
            counter += 1
            return counter
        }
        return (0..<count).map { UInt8(truncatingIfNeeded: number >> (($0 % 8) * 8)) }
    }
}

enum TestPolicy {
    static let everything = """
        {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}
        """

    /// One statement for each action and its resources, written without the common ARN prefix.
    static func allow(_ pairs: (action: String, resource: String)...) -> String {
        let statements = pairs.map {
            """
            {"Effect":"Allow","Action":"iot:\($0.action)",\
            "Resource":"arn:aws:iot:local:000000000000:\($0.resource)"}
            """
        }
        return #"{"Version":"2012-10-17","Statement":["# + statements.joined(separator: ",") + "]}"
    }

    static func record(_ name: PolicyName, _ document: String) -> Policy {
        Policy(
            name: name,
            versions: [.init(id: 1, document: document, createdAt: UnixTime(seconds: 0))],
            defaultVersionID: 1, createdAt: UnixTime(seconds: 0))
    }
}
