import Fleet
import MQTT
import NIOCore
import TestSupport
import Testing

@testable import MQTTBroker

/// A certificate that has ended may connect to be renewed, where a grace is set, and do no more.
@Suite(.timeLimit(.minutes(10)))
struct RenewalGraceTests {
    private static let topic = "$slipway/certificates/renew/json"

    private func gateway(graceSeconds: Int64 = 600) async throws -> TestGateway {
        try await TestGateway { $0.renewalGraceSeconds = graceSeconds }
    }

    @Test(arguments: [ProtocolVersion.v311, .v5])
    func anEndedCertificateMayAskForItsRenewal(version: ProtocolVersion) async throws {
        let gateway = try await self.gateway()
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notAfter + 300))
        let client = try await gateway.connect(device, as: "device", version: version)
        try await client.subscribe(Self.topic + "/accepted")
        #expect(try await client.publishAtLeastOnce(Self.topic, "again") == .success)
        #expect(await client.message() == "again")
        await gateway.stop()
    }

    @Test func anEndedCertificateMayDoNothingElse() async throws {
        let gateway = try await self.gateway()
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notAfter + 300))
        let client = try await gateway.connect(device, as: "device")
        #expect(
            try await client.subscribe("devices/#", "$aws/certificates/create/json/accepted")
                == [.notAuthorized, .notAuthorized])
        #expect(try await client.publishAtLeastOnce("devices/up") == .notAuthorized)
        #expect(
            try await client.publishAtLeastOnce("$aws/certificates/create/json") == .notAuthorized)
        #expect(gateway.service.publishers.isEmpty)
        await gateway.stop()
    }

    @Test func anEndedCertificateBringsNoWill() async throws {
        let gateway = try await self.gateway()
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notAfter + 300))
        let will = Will(
            topic: try TopicName("last/words"), payload: ByteBuffer(string: "x"))
        await #expect(throws: Unexpected.self) {
            _ = try await gateway.connect(device, as: "device") { $0.will = will }
        }
        await gateway.stop()
    }

    @Test(arguments: [(Int64(0), Int64(1)), (600, 601)])
    func withoutGraceOrAfterItNobodyGetsIn(grace: Int64, late: Int64) async throws {
        let gateway = try await self.gateway(graceSeconds: grace)
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notAfter + late))
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["certificate-expired"] == 1)
    }

    @Test func aClaimHasNoGrace() async throws {
        let gateway = try await self.gateway()
        let claim = try await gateway.device("claim", kind: .claim)
        gateway.clock.set(UnixTime(seconds: claim.notAfter + 1))
        let client = try await gateway.open(claim)
        try client.send(.connect(Connect(version: .v5, clientID: "line")))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
    }

    @Test func aGraceSkipsNoNotBefore() async throws {
        let gateway = try await self.gateway(graceSeconds: 100_000)
        let device = try await gateway.device()
        gateway.clock.set(UnixTime(seconds: device.notBefore - 1))
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["certificate-not-yet-valid"] == 1)
    }
}
