import Fleet
import MQTT
import NIOCore
import TestSupport
import Testing

@testable import MQTTBroker

/// What the gateway refuses is kept for the operator, with the reason that MQTT has no word for.
@Suite(.timeLimit(.minutes(10)))
struct RefusalJournalTests {
    private static let narrow = TestPolicy.allow(
        ("Connect", "client/me"), ("Publish", "topic/mine"), ("Subscribe", "topicfilter/mine"))

    @Test func deniedConnectIsKeptOnceWithItsDecider() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.narrow)
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "you")))
        #expect(await client.rest().last == .closed)
        let refusal = try #require(gateway.journal.all.first)
        #expect(gateway.journal.reasons == [.connectDenied])
        #expect(refusal.resource == "client/you")
        #expect(refusal.decidedBy == "no statement allows it")
        #expect(refusal.peer.address == "127.0.0.1")
        #expect(refusal.peer.certificate == CertificateID(sha256: device.digest))
        await gateway.stop()
    }

    @Test func deniedPacketsAreKeptAndBounded() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.narrow)
        let client = try await gateway.connect(device, as: "me")
        #expect(try await client.publishAtLeastOnce("yours") == .notAuthorized)
        #expect(try await client.subscribe("yours") == [.notAuthorized])
        #expect(try await client.publishAtLeastOnce("$aws/things/x/nothing") != .success)
        #expect(
            gateway.journal.reasons == [.publishDenied, .subscribeDenied, .topicRefused])
        #expect(gateway.journal.all.map(\.peer.clientID) == ["me", "me", "me"])
        for number in 2..<60 {
            _ = try await client.publishAtLeastOnce("yours", packetID: PacketID(number))
        }
        #expect(gateway.journal.all.count == 20)
        await gateway.stop()
    }

    @Test func certificateThatIsNotActiveIsKept() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(status: .inactive)
        let client = try await gateway.open(device)
        #expect(await client.rest().last == .closed)
        #expect(gateway.journal.reasons == [.principalRefused])
        #expect(gateway.journal.all.first?.decidedBy == "certificate-inactive")
        await gateway.stop()
    }

    @Test func brokenHandshakeIsKept() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.open(presenting: nil)
        client.send(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(await client.rest().last == .closed)
        while gateway.journal.all.isEmpty { await Task.yield() }
        #expect(gateway.journal.reasons == [.handshakeFailed])
        await gateway.stop()
    }

    @Test func claimOfAnotherNetworkIsRefusedAtConnect() async throws {
        let gateway = try await TestGateway()
        let claim = try await gateway.device(kind: .claim)
        let id = CertificateID(sha256: claim.digest)
        var terms = ClaimTerms(
            name: ClaimName(checked: "line-4"), createdAt: gateway.clock.now,
            networks: ["192.0.2.0/24"])
        try await gateway.commit(
            .putClaim(
                Claim(
                    certificate: id, label: terms.name.rawValue, station: nil, lot: nil,
                    createdAt: gateway.clock.now)),
            .putClaimTerms(terms))
        let refused = try await gateway.open(claim)
        try refused.send(.connect(Connect(version: .v5, clientID: "line")))
        #expect(await refused.rest().last == .closed)
        #expect(gateway.journal.all.map(\.decidedBy) == ["foreign-network"])
        // The next connection is judged by the terms as they are then, though claims are kept.
        terms.networks = ["192.0.2.0/24", "127.0.0.0/8"]
        try await gateway.commit(.putClaimTerms(terms))
        while gateway.server.counters.connectionsAccepted == 0 {
            let client = try await gateway.open(claim)
            try client.send(.connect(Connect(version: .v5, clientID: "line")))
            _ = await client.next()
        }
        await gateway.stop()
    }
}
