import MQTT
import NIOCore
import Testing

@testable import MQTTBroker

/// What a client is told beside a reason code that refuses (MQTT 5, 3.2.2.3.9, 3.4.2.2.2 and
/// 3.9.2.1.2): the action and what it was for, and not which policy decided.
@Suite(.timeLimit(.minutes(10)))
struct ReasonStringTests {
    private static let policy = TestPolicy.allow(
        ("Connect", "client/device"), ("Publish", "topic/mine"))

    private func puback(
        _ topic: String, by client: TestClient
    ) async throws -> PublishAck {
        try client.send(
            .publish(
                Publish(
                    topic: try TopicName(topic), payload: ByteBuffer(), qos: .atLeastOnce,
                    packetID: 1)))
        let answer = await client.next()
        guard case .packet(.puback(let ack)) = answer else {
            throw Unexpected(what: "\(answer) in place of a PUBACK")
        }
        return ack
    }

    private func suback(_ filters: String..., to client: TestClient) async throws -> SubAck {
        try client.send(
            .subscribe(
                Subscribe(
                    packetID: 2,
                    subscriptions: filters.map { Subscription(named: NamedFilter($0)) })))
        let answer = await client.next()
        guard case .packet(.suback(let ack)) = answer else {
            throw Unexpected(what: "\(answer) in place of a SUBACK")
        }
        return ack
    }

    private func connack(
        _ gateway: TestGateway, _ device: TestIdentity, _ connect: Connect
    ) async throws -> ConnAck {
        let client = try await gateway.open(device)
        try client.send(.connect(connect))
        let answer = await client.next()
        guard case .packet(.connack(let ack)) = answer else {
            throw Unexpected(what: "\(answer) in place of a CONNACK")
        }
        #expect(await client.next() == .closed)
        return ack
    }

    @Test func refusalsNameTheActionAndItsResource() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.policy)
        let client = try await gateway.connect(device, as: "device")
        let denied = try await self.puback("other", by: client)
        #expect(denied.reason == .notAuthorized)
        #expect(denied.properties == [.reasonString("iot:Publish on topic/other is not allowed")])
        let unserved = try await self.puback("$aws/x", by: client)
        #expect(unserved.reason == .topicNameInvalid)
        #expect(unserved.properties == [.reasonString("no service answers at $aws/x")])
        #expect(try await self.puback("mine", by: client).properties.isEmpty)

        let mixed = try await self.suback("a", "b", to: client)
        #expect(mixed.reasons == [.notAuthorized, .notAuthorized])
        #expect(
            mixed.properties == [
                .reasonString("iot:Subscribe on topicfilter/a is not allowed (and 1 more refused)")
            ])
        let request = try await self.suback("$aws/certificates/create/json", to: client)
        #expect(request.reasons == [.topicFilterInvalid])
        #expect(request.properties.reasonString?.contains("json/accepted") == true)
        await gateway.stop()
    }

    @Test func refusedConnectSaysWhy() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.policy)
        let stranger = try await self.connack(
            gateway, device, Connect(version: .v5, clientID: "other"))
        #expect(stranger.reason == .notAuthorized)
        #expect(
            stranger.properties == [.reasonString("iot:Connect on client/other is not allowed")])
        for (topic, said) in [
            ("other", "the last will: iot:Publish on topic/other is not allowed"),
            ("$aws/x", "topics that begin with $ take no will"),
        ] {
            var connect = Connect(version: .v5, clientID: "device")
            connect.will = Will(topic: try TopicName(topic), payload: ByteBuffer())
            let refused = try await self.connack(gateway, device, connect)
            #expect(refused.properties == [.reasonString(said)])
        }
        await gateway.stop()
    }

    /// A publish and a subscription are refused by their codes alone.
    private func expectBareRefusals(by client: TestClient) async throws {
        #expect(
            try await self.puback("other", by: client)
                == PublishAck(packetID: 1, reason: .notAuthorized))
        #expect(
            try await self.suback("a", to: client)
                == SubAck(packetID: 2, reasons: [.notAuthorized]))
    }

    /// [MQTT-3.1.2-29]
    @Test func whoAsksForNoProblemInformationGetsNone() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.policy)
        let client = try await gateway.connect(device, as: "device") {
            $0.properties.requestProblemInformation = false
        }
        try await self.expectBareRefusals(by: client)
        var connect = Connect(version: .v5, clientID: "other")
        connect.properties.requestProblemInformation = false
        #expect(
            try await self.connack(gateway, device, connect) == ConnAck(reason: .notAuthorized))
        await gateway.stop()
    }

    /// [MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.9.2-1]
    @Test func whatWouldBeTooLargeIsLeftOut() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(allowing: Self.policy)
        // The CONNACK fits, a sentence does not.
        let client = try await gateway.connect(device, as: "device") {
            $0.properties.maximumPacketSize = 40
        }
        try await self.expectBareRefusals(by: client)
        for clientID in ["other", "$bad"] {
            var connect = Connect(version: .v5, clientID: clientID)
            connect.properties.maximumPacketSize = 10
            #expect(try await self.connack(gateway, device, connect).properties.isEmpty)
        }
        await gateway.stop()
    }
}
