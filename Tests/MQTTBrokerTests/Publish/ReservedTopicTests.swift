import Fleet
import MQTT
import NIOCore
import Testing

@testable import MQTTBroker

/// Requests to services, whose replies may hold a private key: they go to the connection that
/// asked and to nobody else (provisioning specification, 1.10).
@Suite(.timeLimit(.minutes(10)))
struct ReservedTopicTests {
    private static let topic = "$aws/certificates/create/json"
    private static let reply = "$aws/certificates/create/json/accepted"

    @Test(arguments: [ProtocolVersion.v311, .v5])
    func replyComesOnceAtTheGrantedQoSAndAfterThePuback(version: ProtocolVersion) async throws {
        let gateway = try await TestGateway()
        let claim = try await gateway.device("claim", kind: .claim)
        let client = try await gateway.connect(claim, as: "station", version: version)
        #expect(
            try await client.subscribe(Self.reply, "$aws/certificates/create/+/accepted") == [
                .grantedQoS1, .grantedQoS1,
            ])
        #expect(try await client.publishAtLeastOnce(Self.topic, "hello") == .success)
        guard case .packet(.publish(let publish)) = await client.next() else {
            Issue.record("no reply")
            return
        }
        #expect(publish.topic.text == Self.reply)
        #expect(String(buffer: publish.payload) == "hello")
        #expect(publish.qos == .atLeastOnce)
        try client.send(.pingreq)
        #expect(await client.next() == .packet(.pingresp))
        #expect(
            gateway.service.publishers == [
                Publisher(
                    principal: CertificateID(sha256: claim.digest), kind: .claim,
                    clientID: "station", sourceAddress: "127.0.0.1")
            ])
        await gateway.stop()
    }

    @Test func replyComesWithoutASubscriptionAtQoS0() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        try client.publish(Self.topic, "hello")
        guard case .packet(.publish(let publish)) = await client.next() else {
            Issue.record("no reply")
            return
        }
        #expect(publish.qos == .atMostOnce)
        #expect(String(buffer: publish.payload) == "hello")
        await gateway.stop()
    }

    /// [MQTT-3.1.2-24]: nothing above its Maximum Packet Size goes to a client; it is told so.
    @Test func aReplyThatIsTooLargeIsReplacedCountedAndKept() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device") {
            $0.properties.maximumPacketSize = 100
        }
        try client.publish(Self.topic, String(repeating: "x", count: 60))
        guard case .packet(.publish(let publish)) = await client.next() else {
            Issue.record("no reply")
            return
        }
        #expect(publish.topic.text == Self.topic + "/rejected")
        #expect(String(buffer: publish.payload) == EchoService.tooLarge)
        try client.publish(Self.topic, "short")
        #expect(await client.message() == "short")
        #expect(gateway.server.counters.messagesTooLarge == 1)
        #expect(gateway.journal.reasons == [.replyTooLarge])
        await gateway.stop()
    }

    private static func correlated(_ text: String, _ data: ByteBuffer) throws -> Packet {
        .publish(
            Publish(
                topic: try TopicName(Self.topic), payload: ByteBuffer(string: text),
                properties: [
                    .responseTopic(try TopicName("mine")), .correlationData(data),
                    .userProperty(name: "k", value: "v"),
                ]))
    }

    /// MQTT 5, 4.10; and nothing else of the request's.
    @Test func correlationDataComesBackOnTheReplysOwnTopic() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        try await client.subscribe("mine")
        for data in [ByteBuffer(bytes: [0, 1, 0xFF]), ByteBuffer()] {
            try client.send(try Self.correlated("x", data))
            guard case .packet(.publish(let reply)) = await client.next() else {
                Issue.record("no reply")
                return
            }
            #expect(reply.topic.text == Self.reply)
            #expect(reply.properties == [.correlationData(data)])
        }
        try client.publish(Self.topic, "x")
        guard case .packet(.publish(let reply)) = await client.next() else {
            Issue.record("no reply")
            return
        }
        #expect(reply.properties.isEmpty)
        await gateway.stop()
    }

    /// It weighs what it weighs, with the reply and with what stands in for one.
    @Test func correlationDataCountsForTheMaximumPacketSize() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device") {
            $0.properties.maximumPacketSize = 150
        }
        let data = ByteBuffer(repeating: 1, count: 60)
        try client.send(try Self.correlated(String(repeating: "x", count: 60), data))
        guard case .packet(.publish(let publish)) = await client.next() else {
            Issue.record("no reply")
            return
        }
        #expect(publish.topic.text == Self.topic + "/rejected")
        #expect(publish.properties == [.correlationData(data)])
        try client.send(try Self.correlated("x", ByteBuffer(repeating: 1, count: 120)))
        try client.publish(Self.topic, "short")
        #expect(await client.message() == "short")
        // One reply may overtake another.
        while gateway.server.counters.messagesTooLarge < 2 { await Task.yield() }
        await gateway.stop()
    }

    @Test(arguments: [1, 2])
    func repliesReachOnlyTheirOwnConnection(loops: Int) async throws {
        let gateway = try await TestGateway { $0.loops = loops }
        let claim = try await gateway.device("claim", kind: .claim)
        let one = try await gateway.connect(claim, as: "one")
        let two = try await gateway.connect(claim, as: "two")
        let watcher = try await gateway.connect(claim, as: "watcher")
        for client in [one, two, watcher] { try await client.subscribe(Self.reply) }
        try await watcher.subscribe("#", "+/certificates/#")
        try one.publish(Self.topic, "for one")
        try two.publish(Self.topic, "for two")
        #expect(await one.message() == "for one")
        #expect(await two.message() == "for two")
        for client in [one, two, watcher] {
            try client.send(.pingreq)
            #expect(await client.next() == .packet(.pingresp))
        }
        await gateway.stop()
    }

    @Test(
        arguments: [
            ("$aws/certificates/create/accepted", "…/json/accepted"),
            ("$aws/certificates/create/json", "json/accepted"),
            ("$aws/#", "no service"), ("$aws/certificates/create/json/#", "no service"),
            ("$SYS/#", "the server's own"), ("$share/g/a", "shared"),
        ])
    func reservedFilterIsRefusedWithAHint(filter: String, hint: String) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        for version in [ProtocolVersion.v311, .v5] {
            let client = try await gateway.connect(device, as: "device", version: version)
            let reasons = try await client.subscribe(filter)
            #expect(reasons.allSatisfy { $0.rawValue >= 0x80 })
            if version == .v311 { #expect(reasons == [.unspecifiedError]) }
            try client.send(.pingreq)
            #expect(await client.next() == .packet(.pingresp))
        }
        await gateway.stop()
        #expect(
            gateway.log.lines.contains {
                $0.message == "subscription refused"
                    && $0.metadata["explanation"]?.contains(hint) == true
            })
    }

    @Test(
        arguments: [
            "$aws/certificates/create/xml", "$aws", "$SYS/uptime", "$share/g/a",
            "$aws/certificates/create/json/accepted",
        ])
    func publishThatNoServiceAnswersIsRefused(topic: String) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let five = try await gateway.connect(device, as: "five")
        #expect(try await five.publishAtLeastOnce(topic) == .topicNameInvalid)
        let three = try await gateway.connect(device, as: "three", version: .v311)
        try three.publish(topic, "x")
        #expect(await three.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.service.publishers.isEmpty)
    }

    /// Lesson of step-ca's forgotten message type (CVE-2026-30836): whoever asks, by whatever
    /// packet, on whatever topic that begins with `$`, there is a decision, and it is no wherever
    /// nobody has said yes.
    @Test(
        arguments: [Certificate.Kind.device, .claim],
        [TestPolicy.everything, TestPolicy.allow(("Connect", "client/*"))])
    func everyReservedTopicIsDecidedForEverybody(
        kind: Certificate.Kind, policy: String
    ) async throws {
        let topics = [
            "$", "$aws", "$aws/", "$AWS/certificates/create/json", "$aws/certificates",
            "$aws/certificates/create", "$aws/certificates/create/", Self.topic, Self.reply,
            "\(Self.topic)/", "\(Self.topic)/rejected", "$aws/certificates/create/cbor",
            "$aws/certificates/create/JSON", "$aws//certificates/create/json",
            "$aws/events/presence/connected/x", "$aws/rules/x/y",
            "$aws/things/x/shadow/get", "$aws/things/x/jobs/get", "$SYS/broker", "$share",
            "$share/g/\(Self.topic)", "$queue/x",
        ]
        let gateway = try await TestGateway()
        let device = try await gateway.device("speaker", kind: kind, allowing: policy)
        let mayAll = policy == TestPolicy.everything
        for topic in topics {
            let isRequest = mayAll && gateway.service.isRequest(topic: topic)
            let isReply = mayAll && gateway.service.isReply(filter: topic)
            let five = try await gateway.connect(device, as: "five")
            let asked = gateway.service.publishers.count
            let reason = try await five.publishAtLeastOnce(topic)
            #expect((reason == .success) == isRequest, "publish to \(topic): \(reason)")
            let granted = try await five.subscribeAmongReplies(topic)
            #expect((granted.rawValue < 0x80) == isReply, "subscribe to \(topic): \(granted)")
            #expect(gateway.service.publishers.count == asked + (isRequest ? 1 : 0))
            five.cut()
            for (what, publish) in try Self.publishes(to: topic) where !isRequest || publish.retain
            {
                let three = try await gateway.connect(device, as: "three", version: .v311)
                try three.send(.publish(publish))
                #expect(await three.rest() == [.closed], "\(what) to \(topic)")
            }
            let dying = try await gateway.open(device)
            var connect = Connect(version: .v5, clientID: "dying")
            connect.will = Will(topic: try TopicName(topic), payload: ByteBuffer(string: "x"))
            try dying.send(.connect(connect))
            guard case .packet(.connack(let connack)) = await dying.next() else {
                Issue.record("no CONNACK for a will on \(topic)")
                continue
            }
            #expect(connack.reason.rawValue >= 0x80, "a will on \(topic)")
        }
        await gateway.stop()
        #expect(gateway.service.publishers.count == (mayAll ? 2 : 0))
    }

    private static func publishes(to topic: String) throws -> [(String, Publish)] {
        let name = try TopicName(topic)
        return [
            ("QoS 0", Publish(topic: name, payload: ByteBuffer())),
            (
                "QoS 1",
                Publish(topic: name, payload: ByteBuffer(), qos: .atLeastOnce, packetID: 1)
            ),
            ("retained", Publish(topic: name, payload: ByteBuffer(), retain: true)),
        ]
    }

    /// A device that gave up waiting has closed its connection, and what it waited for (a place in
    /// the queue for key pairs, say) is for those who still wait.
    @Test func requestOfAConnectionThatEndedIsCancelled() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        gateway.service.hold()
        try client.publish(Self.topic, "x")
        while gateway.service.publishers.isEmpty { await Task.yield() }
        #expect(gateway.service.cancelledCount == 0)
        client.cut()
        while gateway.service.cancelledCount == 0 { await Task.yield() }
        gateway.service.release()
        // Its room is free again, whenever its task comes to its end.
        while gateway.server.counters.reservedInFlight > 0 { await Task.yield() }
        await gateway.stop()
    }

    @Test func deniedRequestDoesNotReachTheService() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/*")))
        let client = try await gateway.connect(device, as: "device")
        #expect(try await client.publishAtLeastOnce(Self.topic) == .notAuthorized)
        #expect(gateway.service.publishers.isEmpty)
        await gateway.stop()
    }

    /// [MQTT-4.6.0-2]
    @Test func pubacksKeepTheOrderOfTheirPublishes() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        gateway.service.hold()
        for (id, topic) in [(PacketID(1), Self.topic), (2, "plain"), (3, "plain")] {
            try client.send(
                .publish(
                    Publish(
                        topic: try TopicName(topic), payload: ByteBuffer(), qos: .atLeastOnce,
                        packetID: id)))
        }
        try client.send(.pingreq)
        #expect(await client.next() == .packet(.pingresp))
        gateway.service.release()
        var order: [PacketID] = []
        while order.count < 3 {
            if case .packet(.puback(let ack)) = await client.next() { order.append(ack.packetID) }
        }
        #expect(order == [1, 2, 3])
        await gateway.stop()
    }

    /// One connection may have so many requests under way; the next waits in its socket.
    @Test(arguments: [(2, 100), (100, 2)])
    func requestsInFlightAreBounded(perConnection: Int, overall: Int) async throws {
        let gateway = try await TestGateway {
            $0.reservedInFlightPerConnectionMax = perConnection
            $0.reservedInFlightMax = overall
        }
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        gateway.service.hold()
        for index in 0..<6 { try client.publish(Self.topic, "\(index)") }
        while gateway.service.publishers.count < 2 { await Task.yield() }
        #expect(gateway.server.counters.reservedInFlight == 2)
        gateway.service.release()
        var seen: Set<String> = []
        while seen.count < 6, let text = await client.message() { seen.insert(text) }
        #expect(seen == Set((0..<6).map(String.init)))
        await gateway.stop()
        #expect(gateway.service.publishers.count == 6)
        #expect(gateway.server.counters.reservedInFlight == 0)
    }

    @Test func requestUnderWayIsAnsweredBeforeTheServerStops() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        gateway.service.hold()
        try client.publish(Self.topic, "last words")
        while gateway.service.publishers.isEmpty { await Task.yield() }
        // No busy machine needs so long.
        async let stopped: Void = gateway.server.shutdown(graceSeconds: 1200)
        while !gateway.log.lines.contains(where: { $0.message == "stopping" }) {
            await Task.yield()
        }
        gateway.service.release()
        #expect(await client.message() == "last words")
        #expect(await client.rest().last == .closed)
        await stopped
    }
}
