import Fleet
import MQTT
import NIOCore
import TestSupport
import Testing

@testable import MQTTBroker

/// What is announced reaches live connections (architecture, 5.3).
@Suite(.timeLimit(.minutes(10)))
struct RevocationTests {
    @Test(
        arguments: [ProtocolVersion.v311, .v5],
        [Certificate.Status.revoked, .inactive])
    func liveConnectionIsDropped(
        version: ProtocolVersion, status: Certificate.Status
    ) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let bystander = try await gateway.device("bystander")
        let client = try await gateway.connect(device, as: "device", version: version) {
            $0.will = Will(topic: Self.topic("wills"), payload: .init(string: "gone"))
        }
        let watcher = try await gateway.connect(bystander, as: "bystander")
        try await watcher.subscribe("wills")
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: device.digest), status, reason: "stolen",
                at: gateway.clock.now))
        var expected: [TestEvent] = [.closed]
        if version == .v5 {
            expected.insert(.packet(.disconnect(Disconnect(reason: .notAuthorized))), at: 0)
        }
        #expect(await client.rest() == expected)
        // The will of a revoked principal is not published; the bystander's own message is next.
        try watcher.publish("wills", "mine")
        #expect(await watcher.message() == "mine")
        await gateway.stop()
    }

    /// The connection ends by itself between the commit and its announcement, which here never
    /// comes. Another's will, due later, tells that the first has been decided upon.
    @Test(arguments: [Certificate.Status.revoked, .inactive])
    func willDueBeforeTheAnnouncementIsNotSent(status: Certificate.Status) async throws {
        let gateway = try await TestGateway(interposition: .silence)
        let revoked = try await gateway.device("revoked")
        let other = try await gateway.device("other")
        let watcher = try await gateway.connect(
            try await gateway.device("watcher"), as: "watcher")
        try await watcher.subscribe("wills")
        func client(_ identity: TestIdentity, _ name: String) async throws -> TestClient {
            try await gateway.connect(identity, as: name) {
                $0.will = Will(topic: Self.topic("wills"), payload: .init(string: name))
            }
        }
        let (first, second) = (
            try await client(revoked, "revoked"), try await client(other, "other")
        )
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: revoked.digest), status, reason: "stolen",
                at: gateway.clock.now))
        first.cut()
        while gateway.server.counters.connectionsOpen > 2 { await Task.yield() }
        second.cut()
        #expect(await watcher.message() == "other")
        await gateway.stop()
    }

    @Test func deletedCertificateIsDropped() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: "device")
        try await gateway.commit(.deleteCertificate(CertificateID(sha256: device.digest)))
        #expect(await client.rest().last == .closed)
        await gateway.stop()
    }

    /// A peer that takes nothing and answers nothing: neither its full socket nor TLS, which would
    /// wait for its farewell, keeps the connection.
    @Test func silentPeerLosesItsSocket() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let publisher = try await gateway.connect(try await gateway.device("other"), as: "other")
        let client = try await gateway.connect(device, as: "device")
        try await client.subscribe("news")
        try await client.stopReading()
        let text = String(repeating: "x", count: 64 * 1024)
        for number in 1...20 {
            #expect(
                try await publisher.publishAtLeastOnce(
                    "news", text, packetID: PacketID(number)) == .success)
        }
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: device.digest), .revoked, reason: "stolen",
                at: gateway.clock.now))
        while gateway.server.counters.connectionsOpen > 1 { await Task.yield() }
        #expect(gateway.server.counters.connectionsEnded["certificate-revoked"] == 1)
        // The socket, not the decision, ends what is measured; the manual clock stands still.
        let times = gateway.server.counters.revocationTimes
        #expect(times.count == 1 && times.last == 0 && times.worst == 0)
        await gateway.stop()
    }

    @Test func revokedCertificateThatCameBackIsRefused() async throws {
        let gateway = try await TestGateway()
        let claim = try await gateway.device("claim", kind: .claim)
        // The claim is kept loaded from here on.
        _ = try await gateway.connect(claim, as: "one")
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: claim.digest), .revoked, reason: nil, at: gateway.clock.now))
        let client = try await gateway.open(claim)
        try client.send(.connect(Connect(version: .v5, clientID: "two")))
        #expect(await client.rest().last == .closed)
        await gateway.stop()
    }

    @Test func connectionWaitingForItsConnectIsDropped() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.open(device)
        try await gateway.commit(
            .setCertificateStatus(
                CertificateID(sha256: device.digest), .revoked, reason: nil,
                at: gateway.clock.now))
        // Whether TLS was done before or after. A CONNECT might be accepted before the
        // announcement of the commit arrives, and so none is sent.
        #expect(await client.rest() == [.closed])
        await gateway.stop()
    }

    @Test func detachedPolicyStopsPublishing() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let id = CertificateID(sha256: device.digest)
        try await gateway.commit(
            .putPolicy(
                TestPolicy.record(
                    try PolicyName("connect"), TestPolicy.allow(("Connect", "client/*")))),
            .attachPolicy(try PolicyName("connect"), .certificate(id)))
        let client = try await gateway.connect(device, as: "device")
        #expect(try await client.publishAtLeastOnce("a") == .success)
        let name = gateway.store.view([.policiesOfTarget(.certificate(id))])
            .policiesOfTarget(.certificate(id)).first { $0.rawValue != "connect" }
        try await gateway.commit(.detachPolicy(try #require(name), .certificate(id)))
        while try await client.publishAtLeastOnce("a") != .notAuthorized {}
        await gateway.stop()
    }

    @Test func changedPolicyTakesSubscriptionsAway() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let other = try await gateway.device("other")
        let client = try await gateway.connect(device, as: "device")
        let publisher = try await gateway.connect(other, as: "other")
        try await client.subscribe("news")
        try await gateway.attach(
            TestPolicy.allow(("Connect", "client/*"), ("Publish", "topic/*")), to: device)
        while gateway.log.lines.allSatisfy({ $0.metadata["action"] != "iot:Subscribe" }) {
            await Task.yield()
        }
        #expect(try await publisher.publishAtLeastOnce("news") == .success)
        // Had it been delivered, it would stand before the answer to this.
        try client.send(.pingreq)
        #expect(await client.next() == .packet(.pingresp))
        await gateway.stop()
    }

    @Test func connectionThatMayNoLongerConnectIsDropped() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: "device")
        try await gateway.attach(TestPolicy.allow(("Connect", "client/other")), to: device)
        #expect(
            await client.rest() == [
                .packet(.disconnect(Disconnect(reason: .notAuthorized))), .closed,
            ])
        await gateway.stop()
    }

    @Test func certificateThatEndsWhileConnectedIsDropped() async throws {
        let gateway = try await TestGateway { $0.keepAliveSecondsMin = 1 }
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: "device") { $0.keepAliveSeconds = 60 }
        gateway.clock.set(UnixTime(seconds: device.notAfter + 1))
        // Whatever makes the gateway look: here, a change of a policy.
        try await gateway.attach(TestPolicy.everything, to: device)
        #expect(await client.rest().last == .closed)
        await gateway.stop()
    }

    /// The registry answered ACTIVE, and the revocation came before anybody acted on the answer.
    @Test func revocationDuringTheLoadReachesTheConnection() async throws {
        let revocation = Interposition { store, keys throws(FleetError) in
            for case .certificate(let id) in keys {
                let change = Change.setCertificateStatus(
                    id, .revoked, reason: nil, at: UnixTime(seconds: 0))
                _ = try await store.commit(
                    ChangeSet(action: "Test", changes: [change]), by: .service("test"))
            }
        }
        let gateway = try await TestGateway(interposition: revocation)
        let client = try await gateway.open(try await gateway.device())
        try client.send(.connect(Connect(version: .v311, clientID: "device")))
        #expect(await client.rest().last == .closed)
        await gateway.stop()
        #expect(gateway.server.counters.connectionsOpen == 0)
    }

    @Test func registryThatCannotBeReadRefusesEverybody() async throws {
        let failure = Interposition { _, _ throws(FleetError) in
            throw FleetError(.internalFailure, "disk I/O error")
        }
        let gateway = try await TestGateway(interposition: failure)
        let client = try await gateway.open(try await gateway.device())
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["store-unavailable"] == 1)
    }

    static func topic(_ text: String) -> TopicName {
        guard let topic = try? TopicName(text) else { preconditionFailure("Tests name topics.") }
        return topic
    }
}
