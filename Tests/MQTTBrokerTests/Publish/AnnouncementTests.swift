import MQTT
import NIOCore
import Testing

@testable import MQTTBroker

/// What the server publishes in its own name.
@Suite(.timeLimit(.minutes(10)))
struct AnnouncementTests {
    private static let topic = "$aws/events/thing/pump-1/created"

    private func announce(_ gateway: TestGateway, _ payload: String) -> Bool {
        gateway.server.publish(topic: Self.topic, payload: Array(payload.utf8))
    }

    @Test(arguments: [1, 2], [ProtocolVersion.v311, .v5])
    func everySubscriberOnEveryLoopHearsIt(loops: Int, version: ProtocolVersion) async throws {
        let gateway = try await TestGateway { $0.loops = loops }
        let device = try await gateway.device()
        var clients: [TestClient] = []
        for (index, filter) in [Self.topic, "$aws/events/thing/+/created", "$aws/events/#"]
            .enumerated()
        {
            let client = try await gateway.connect(device, as: "s\(index)", version: version)
            try await client.subscribe(filter, qos: .atLeastOnce)
            clients.append(client)
        }
        #expect(self.announce(gateway, "hello"))
        for client in clients {
            guard case .packet(.publish(let publish)) = await client.next() else {
                Issue.record("nothing came")
                continue
            }
            #expect(publish.topic.text == Self.topic)
            #expect(String(buffer: publish.payload) == "hello")
            #expect(publish.qos == .atLeastOnce)
        }
        await gateway.stop()
    }

    @Test func aPolicyKeepsAnAnnouncementFromWhomItDoesNotAllow() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(
                ("Connect", "client/*"), ("Subscribe", "topicfilter/*"),
                ("Receive", "topic/$aws/events/thing/pump-2/*"), ("Receive", "topic/mark"),
                ("Publish", "topic/mark")))
        let client = try await gateway.connect(device, as: "device")
        try await client.subscribe("$aws/events/#", "mark")
        #expect(self.announce(gateway, "not for you"))
        #expect(
            gateway.server.publish(
                topic: "$aws/events/thing/pump-2/created", payload: Array("for you".utf8)))
        #expect(await client.message() == "for you")
        await gateway.stop()
    }

    @Test(arguments: ["$aws/events", "$aws/events/", "$aws/events/nothing/#", "$aws/#", "$aws/+/#"])
    func whatNobodyAnnouncesIsNotSubscribedTo(filter: String) async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        try client.send(
            .subscribe(
                Subscribe(
                    packetID: 1, subscriptions: [Subscription(filter: try TopicFilter(filter))])))
        guard case .packet(.suback(let answer)) = await client.next() else {
            Issue.record("no answer")
            return
        }
        #expect(answer.reasons == [.topicFilterInvalid])
        await gateway.stop()
    }

    @Test func nobodyElseMayAnnounce() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        #expect(try await client.publishAtLeastOnce(Self.topic, "lie") == .topicNameInvalid)
        await gateway.stop()
    }

    @Test func anAnnouncementNobodyAskedForGoesNowhere() async throws {
        let gateway = try await TestGateway()
        #expect(self.announce(gateway, "to nobody"))
        await gateway.stop()
        #expect(self.announce(gateway, "after the end"))
    }
}
