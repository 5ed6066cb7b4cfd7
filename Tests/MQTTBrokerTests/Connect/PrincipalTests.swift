import Fleet
import Logging
import MQTT
import NIOSSL
import TestSupport
import Testing

@testable import MQTTBroker

/// Who gets in, and who learns at the door that they do not.
@Suite(.timeLimit(.minutes(10)))
struct PrincipalTests {
    /// Sends a CONNECT and waits for the end; nothing may have been answered.
    private func expectRefusal(
        _ identity: TestIdentity?, at gateway: TestGateway, as label: String,
        naming phrase: String? = nil
    ) async throws {
        let client = try await gateway.open(identity)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused[label] == 1)
        #expect(gateway.server.counters.connectionsAccepted == 0)
        let lines = gateway.log.lines.filter { $0.message == "connection refused" }
        #expect(lines.count == 1)
        #expect(lines.first?.metadata["reason"] == label)
        #expect(lines.first?.metadata["address"] == "127.0.0.1")
        if let identity {
            #expect(
                lines.first?.metadata["certificate"]
                    == CertificateID(sha256: identity.digest).rawValue)
        }
        if let phrase {
            #expect(lines.first?.metadata["explanation"]?.contains(phrase) == true)
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13], [ProtocolVersion.v311, .v5])
    func activeCertificateIsAccepted(tls: TLSVersion, version: ProtocolVersion) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        var presentation = gateway.presentation(device)
        presentation.minimum = tls
        presentation.maximum = tls
        let client = try await gateway.open(presenting: presentation, version: version)
        try client.send(.connect(Connect(version: version, clientID: "device")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.reason == .success)
        #expect(!connack.sessionPresent)
        if version == .v5 {
            #expect(connack.properties.maximumQoS == .atLeastOnce)
            #expect(connack.properties.sessionExpiryInterval == 0)
            #expect(connack.properties.retainAvailable == false)
        }
        await gateway.stop()
    }

    @Test(arguments: ["x-amzn-mqtt-ca", "mqtt", "h2"])
    func anyApplicationProtocolIsServed(name: String) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        var presentation = gateway.presentation(device)
        presentation.applicationProtocols = [name]
        let client = try await gateway.open(presenting: presentation)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        guard case .packet(.connack) = await client.next() else {
            Issue.record("no CONNACK with ALPN \(name)")
            return
        }
        await gateway.stop()
    }

    @Test func clientWithoutCertificateIsRefusedByTLS() async throws {
        let gateway = try await TestGateway()
        try await self.expectRefusal(
            nil, at: gateway, as: "tls-failed", naming: "no client certificate")
    }

    @Test func unregisteredCertificateIsRefused() async throws {
        let gateway = try await TestGateway()
        let stranger = try gateway.authority.issue()
        try await self.expectRefusal(stranger, at: gateway, as: "unknown-certificate")
    }

    @Test(
        arguments: [
            (Certificate.Status.inactive, "certificate-inactive"),
            (.revoked, "certificate-revoked"),
            (.pendingActivation, "certificate-pending"),
            (.pendingTransfer, "certificate-pending"),
            (.registerInactive, "certificate-pending"),
        ])
    func certificateThatIsNotActiveIsRefused(
        status: Certificate.Status, label: String
    ) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(status: status)
        try await self.expectRefusal(device, at: gateway, as: label, naming: status.rawValue)
    }

    @Test func certificateExpiredByTheRegistrysClockIsRefused() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notAfter + 1))
        try await self.expectRefusal(device, at: gateway, as: "certificate-expired")
    }

    @Test func certificateNotYetValidByTheRegistrysClockIsRefused() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notBefore - 1))
        try await self.expectRefusal(device, at: gateway, as: "certificate-not-yet-valid")
    }

    @Test func expiredCertificateIsRefusedByTLSAndTheLogSaysSo() async throws {
        let gateway = try await TestGateway()
        let old = try gateway.authority.issue(.init(validFrom: -3600, validFor: 60))
        try await gateway.commit(.putCertificate(gateway.record(old)))
        try await self.expectRefusal(
            old, at: gateway, as: "tls-failed", naming: "the certificate has expired")
    }

    @Test func certificateNotYetValidIsRefusedByTLSAndTheLogSaysSo() async throws {
        let gateway = try await TestGateway()
        let early = try gateway.authority.issue(.init(validFrom: 3600, validFor: 60))
        try await self.expectRefusal(
            early, at: gateway, as: "tls-failed", naming: "not valid yet")
    }

    @Test func certificateOfAForeignAuthorityIsRefusedByTLS() async throws {
        let gateway = try await TestGateway()
        let foreign = try TestAuthority(name: "Foreign").issue()
        try await gateway.commit(.putCertificate(gateway.record(foreign)))
        try await self.expectRefusal(
            foreign, at: gateway, as: "tls-failed", naming: "no trusted authority")
    }

    @Test func certificateWhoseAuthorityIsUnknownToTheRegistryIsRefused() async throws {
        let gateway = try await TestGateway()
        let device = try gateway.authority.issue()
        let record = gateway.record(device)
        let foreign = Certificate(
            id: record.id, kind: .device, serialNumber: record.serialNumber,
            issuerID: CertificateID(sha256: [UInt8](repeating: 7, count: 32)),
            issuer: record.issuer, subject: record.subject, publicKey: record.publicKey,
            notBefore: record.notBefore, notAfter: record.notAfter, pem: record.pem,
            createdAt: record.createdAt, status: .active, statusChangedAt: record.createdAt,
            statusReason: nil, provenance: nil, firstSeenAt: nil)
        try await gateway.commit(.putCertificate(foreign))
        try await self.expectRefusal(device, at: gateway, as: "foreign-issuer")
    }

    @Test func certificateOfAnInactiveAuthorityIsRefused() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let id = CertificateID(sha256: gateway.authority.issuing.digest)
        guard var issuing = gateway.store.view([.authority(id)]).authority(id) else {
            Issue.record("the gateway registered its authority")
            return
        }
        issuing.status = .inactive
        try await gateway.commit(.putAuthority(issuing))
        try await self.expectRefusal(device, at: gateway, as: "inactive-issuer")
    }

    @Test func oldTLSIsRefused() async throws {
        let gateway = try await TestGateway()
        var presentation = gateway.presentation(try await gateway.device())
        presentation.minimum = .tlsv1
        presentation.maximum = .tlsv11
        let client = try await gateway.open(presenting: presentation)
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["tls-failed"] == 1)
    }

    @Test func firstSightOfADeviceIsRecordedOnce() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let id = CertificateID(sha256: device.digest)
        let feed = gateway.store.changes(after: try await gateway.store.latestSequence())
        let client = try await gateway.connect(device, as: "device")
        for await commit in feed {
            #expect(commit.action == "FirstSeen")
            #expect(commit.actor.identity == id.rawValue)
            break
        }
        #expect(
            gateway.store.view([.certificate(id)]).certificate(id)?.firstSeenAt
                == gateway.clock.now)
        client.cut()
        _ = await client.rest()
        _ = try await gateway.connect(device, as: "device")
        await gateway.stop()
        #expect(gateway.store.commits.filter { $0.action == "FirstSeen" }.count == 1)
    }

    /// Messaging specification, 1.3; and the standard has the client keep what it was given.
    @Test func emptyClientIDIsAssignedAndMayComeBack() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.open(try await gateway.device())
        try client.send(.connect(Connect(version: .v5, clientID: "")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        let assigned = try #require(connack.properties.assignedClientIdentifier)
        #expect(assigned.hasPrefix("$GEN/"))
        _ = try await gateway.connect(try await gateway.device("other"), as: assigned)
        await gateway.stop()
        #expect(gateway.server.counters.connectionsEnded["taken-over"] == 1)
    }

    @Test func newMaterialIsUsedForTheNextConnection() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let other = try TestAuthority(name: "Other")
        try gateway.server.reload(tls: try TestGateway.material(other))
        // The gateway now shows a certificate of the other authority, which this device distrusts.
        let client = try await gateway.open(device)
        #expect(await client.rest() == [.closed])
        await gateway.stop()
    }

    @Test(arguments: [(Int64(-60), "expired"), (3600, "soon")])
    func gatewaysOwnCertificateIsSpokenOfBeforeItEnds(
        secondsLeft: Int64, word: String
    ) async throws {
        let gateway = try await TestGateway()
        let other = try TestAuthority(name: "Other")
        let server = try other.issue(
            .init(
                commonName: "gateway", validFrom: -86_400, validFor: 86_400 + secondsLeft,
                isServer: true))
        try gateway.server.reload(
            tls: TLSMaterial(
                certificateChain: Array(server.certificatePEM.utf8),
                privateKey: Secret(WipedBytes(Array(server.keyPEM.utf8))),
                trustAnchors: Array(other.anchorsPEM.utf8)))
        let last = try #require(gateway.log.lines.last { $0.level >= .warning })
        #expect(last.message.contains(word), "\(last.message)")
        #expect(last.metadata["notAfter"] == "\(UnixTime(seconds: server.notAfter))")
        await gateway.stop()
    }

    @Test func unusableMaterialIsRefusedWithoutQuotingTheKey() throws {
        let authority = try TestAuthority()
        let material = TLSMaterial(
            certificateChain: Array(authority.issuing.certificatePEM.utf8),
            privateKey: Secret(WipedBytes(Array("sesame".utf8))),
            trustAnchors: Array(authority.anchorsPEM.utf8))
        let error = #expect(throws: FleetError.self) { try TLSContexts(material) }
        #expect(error?.message.contains("private key") == true)
        #expect(error?.message.contains("sesame") == false)
    }
}
