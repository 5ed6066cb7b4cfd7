import MQTT
import NIOCore
import Testing

@testable import MQTTBroker

/// Messages from one device to others.
@Suite(.timeLimit(.minutes(10)))
struct DeliveryTests {
    @Test(arguments: [1, 2], [ProtocolVersion.v311, .v5])
    func messageReachesEverySubscriberOnce(loops: Int, version: ProtocolVersion) async throws {
        let gateway = try await TestGateway { $0.loops = loops }
        let device = try await gateway.device()
        var subscribers: [TestClient] = []
        for index in 0..<4 {
            let client = try await gateway.connect(device, as: "s\(index)", version: version)
            try await client.subscribe(
                "a/+", "a/#", "a/b", qos: index.isMultiple(of: 2) ? .atLeastOnce : .atMostOnce)
            subscribers.append(client)
        }
        let publisher = try await gateway.connect(device, as: "p", version: version)
        #expect(try await publisher.publishAtLeastOnce("a/b", "hello") == .success)
        for (index, client) in subscribers.enumerated() {
            guard case .packet(.publish(let publish)) = await client.next() else {
                Issue.record("nothing for \(index)")
                continue
            }
            #expect(publish.topic.text == "a/b")
            #expect(String(buffer: publish.payload) == "hello")
            #expect(publish.qos == (index.isMultiple(of: 2) ? .atLeastOnce : .atMostOnce))
            #expect(!publish.retain)
            try client.send(.pingreq)
            #expect(await client.next() == .packet(.pingresp))
        }
        await gateway.stop()
    }

    @Test func unsubscribedFilterIsSilent() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        try await client.subscribe("a", "b")
        try client.send(
            .unsubscribe(
                Unsubscribe(
                    packetID: 3, filters: [try TopicFilter("a"), try TopicFilter("never")])))
        #expect(
            await client.next()
                == .packet(
                    .unsuback(UnsubAck(packetID: 3, reasons: [.success, .noSubscriptionExisted]))))
        try client.publish("a", "no")
        try client.publish("b", "yes")
        #expect(await client.message() == "yes")
        await gateway.stop()
    }

    @Test func malformedFiltersAreRefusedAloneAndTheConnectionStays() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        let filters = ["a/#/b", "a", ""].map { NamedFilter($0) }
        try client.send(
            .subscribe(
                Subscribe(packetID: 1, subscriptions: filters.map { Subscription(named: $0) })))
        #expect(
            await client.next()
                == .packet(
                    .suback(
                        SubAck(
                            packetID: 1,
                            reasons: [.topicFilterInvalid, .success, .topicFilterInvalid],
                            properties: [
                                .reasonString(
                                    "a/#/b: '+' takes a whole level, '#' a whole last level: "
                                        + "\"a/#/b\" (and 1 more refused)")
                            ]))))
        try client.send(.unsubscribe(Unsubscribe(packetID: 2, named: filters)))
        #expect(
            await client.next()
                == .packet(
                    .unsuback(
                        UnsubAck(
                            packetID: 2,
                            reasons: [.topicFilterInvalid, .success, .topicFilterInvalid]))))
        await gateway.stop()
    }

    /// AWS: 8 filters in one SUBSCRIBE.
    @Test func nineFiltersAtOnceAreTooMany() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        let tooMany: Properties = [
            .reasonString(
                "many/0: the SUBSCRIBE has 9 filters; at most 8 (and 8 more refused)")
        ]
        for (count, reason, properties) in [
            (9, ReasonCode.quotaExceeded, tooMany), (8, .success, Properties.none),
        ] {
            let filters = try (0..<count).map { try TopicFilter("many/\($0)") }
            try client.send(
                .subscribe(
                    Subscribe(
                        packetID: 1, subscriptions: filters.map { Subscription(filter: $0) })))
            let reasons = Array(repeating: reason, count: count)
            #expect(
                await client.next()
                    == .packet(
                        .suback(
                            SubAck(packetID: 1, reasons: reasons, properties: properties))))
        }
        await gateway.stop()
    }

    @Test func ownMessagesStayAwayWithNoLocal() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: "device")
        let other = try await gateway.connect(device, as: "other")
        try client.send(
            .subscribe(
                Subscribe(
                    packetID: 1,
                    subscriptions: [
                        Subscription(
                            filter: try TopicFilter("a"), options: .init(noLocal: true))
                    ])))
        _ = await client.next()
        try client.publish("a", "mine")
        // In order behind the client's own.
        try client.send(.pingreq)
        #expect(await client.next() == .packet(.pingresp))
        try other.publish("a", "theirs")
        #expect(await client.message() == "theirs")
        await gateway.stop()
    }

    @Test func propertiesAreForwardedToMQTT5AndDroppedForMQTT3() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let five = try await gateway.connect(device, as: "five")
        let three = try await gateway.connect(device, as: "three", version: .v311)
        try await five.subscribe("a")
        try await three.subscribe("a")
        let properties: Properties = [
            .contentType("text/plain"), .userProperty(name: "k", value: "v"),
            .userProperty(name: "k", value: "w"),
        ]
        try five.send(
            .publish(
                Publish(
                    topic: try TopicName("a"), payload: ByteBuffer(string: "x"),
                    properties: properties)))
        guard case .packet(.publish(let publish)) = await five.next() else {
            Issue.record("nothing came")
            return
        }
        #expect(publish.properties == properties)
        #expect(await three.message() == "x")
        await gateway.stop()
    }

    @Test func retainedPublishIsDeliveredLiveInMQTT3AndRefusedInMQTT5() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let three = try await gateway.connect(device, as: "three", version: .v311)
        try await three.subscribe("a")
        try three.publish("a", "kept?", retain: true)
        #expect(await three.message() == "kept?")
        let late = try await gateway.connect(device, as: "late", version: .v311)
        try await late.subscribe("a")
        try late.send(.pingreq)
        #expect(await late.next() == .packet(.pingresp))
        let five = try await gateway.connect(device, as: "five")
        try five.publish("a", "x", retain: true)
        guard case .packet(.disconnect(let disconnect)) = await five.next() else {
            Issue.record("no DISCONNECT")
            return
        }
        #expect(disconnect.reason == .retainNotSupported)
        await gateway.stop()
        #expect(
            gateway.log.lines.filter { $0.message.contains("delivered but not retained") }.count
                == 1)
    }

    @Test func takeoverClosesTheOlderConnectionAndPublishesItsWill() async throws {
        let gateway = try await TestGateway { $0.loops = 2 }
        let one = try await gateway.device("one")
        let two = try await gateway.device("two")
        let watcher = try await gateway.connect(two, as: "watcher")
        try await watcher.subscribe("wills")
        let older = try await gateway.connect(one, as: "same") {
            guard let topic = try? TopicName("wills") else { return }
            $0.will = Will(topic: topic, payload: ByteBuffer(string: "taken"))
        }
        // AWS: any principal that may use the client id takes it over.
        let newer = try await gateway.connect(two, as: "same")
        #expect(
            await older.rest() == [
                .packet(.disconnect(Disconnect(reason: .sessionTakenOver))), .closed,
            ])
        #expect(await watcher.message() == "taken")
        #expect(try await newer.publishAtLeastOnce("a") == .success)
        await gateway.stop()
    }

    /// Anchors A4 row 19: many clients under one name, subscribing all the while.
    @Test func stormOfTakeoversLeavesOneConnection() async throws {
        let gateway = try await TestGateway { $0.loops = 2 }
        let device = try await gateway.device()
        let clients = try await withThrowingTaskGroup(of: TestClient.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    let client = try await gateway.open(device)
                    try client.send(.connect(Connect(version: .v5, clientID: "same")))
                    try client.send(
                        .subscribe(
                            Subscribe(
                                packetID: 1,
                                subscriptions: [Subscription(filter: try TopicFilter("a/#"))])))
                    return client
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        while gateway.server.counters.connectionsAccepted < clients.count
            || gateway.server.counters.connectionsOpen > 1
        {
            await Task.yield()
        }
        #expect(gateway.server.counters.connectionsEnded["taken-over"] == clients.count - 1)
        let publisher = try await gateway.connect(device, as: "publisher")
        #expect(try await publisher.publishAtLeastOnce("a/b") == .success)
        await gateway.stop()
        // Of all that subscribed, the one that is left got the message.
        #expect(gateway.server.counters.messagesDelivered == 1)
    }

    @Test(arguments: [false, true])
    func willFollowsALostConnectionAndNotAGoodbye(saysGoodbye: Bool) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let watcher = try await gateway.connect(device, as: "watcher")
        try await watcher.subscribe("wills")
        let client = try await gateway.connect(device, as: "device") {
            guard let topic = try? TopicName("wills") else { return }
            $0.will = Will(topic: topic, payload: ByteBuffer(string: "gone"), qos: .atLeastOnce)
        }
        if saysGoodbye {
            try client.send(.disconnect(Disconnect()))
        } else {
            client.cut()
        }
        _ = await client.rest()
        while gateway.server.counters.connectionsOpen > 1 { await Task.yield() }
        try watcher.publish("wills", "mine")
        #expect(await watcher.message() == (saysGoodbye ? "mine" : "gone"))
        await gateway.stop()
    }

    @Test func subscriptionsAreLimited() async throws {
        let gateway = try await TestGateway { $0.subscriptionsPerConnectionMax = 2 }
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        #expect(
            try await client.subscribe("a", "b", "c", "a") == [
                .grantedQoS1, .grantedQoS1, .quotaExceeded, .grantedQoS1,
            ])
        await gateway.stop()
    }

    @Test func qualityOfServiceTwoIsLoweredOrRefused() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        #expect(try await client.subscribe("a", qos: .exactlyOnce) == [.grantedQoS1])
        try client.send(
            .publish(
                Publish(
                    topic: try TopicName("a"), payload: ByteBuffer(), qos: .exactlyOnce,
                    packetID: 1)))
        guard case .packet(.disconnect(let disconnect)) = await client.next() else {
            Issue.record("no DISCONNECT")
            return
        }
        #expect(disconnect.reason == .qosNotSupported)
        await gateway.stop()
    }

    /// A device that stops reading loses QoS 0 messages and costs a bounded queue; the publisher
    /// and everybody else go on.
    @Test func slowReaderLosesQoS0AndStaysBounded() async throws {
        let gateway = try await TestGateway {
            $0.pendingMessagesMax = 10
            $0.pendingBytesMax = 10_000_000
        }
        let device = try await gateway.device()
        let slow = try await gateway.connect(device, as: "slow")
        let publisher = try await gateway.connect(device, as: "publisher")
        try await slow.subscribe("a", qos: .atMostOnce)
        try await slow.stopReading()
        let payload = String(repeating: "x", count: 100_000)
        var sent = 0
        while gateway.server.counters.messagesDroppedSlow < 5, sent < 1000 {
            #expect(try await publisher.publishAtLeastOnce("a", payload) == .success)
            sent += 1
        }
        #expect(gateway.server.counters.messagesDroppedSlow >= 5)
        try await slow.goOnReading()
        #expect(await slow.message()?.utf8.count == payload.utf8.count)
        await gateway.stop()
    }

    @Test func slowReaderOfQoS1IsDisconnectedWhenItsQueueIsFull() async throws {
        let gateway = try await TestGateway { $0.pendingMessagesMax = 10 }
        let device = try await gateway.device()
        let slow = try await gateway.connect(device, as: "slow") {
            $0.properties = [.receiveMaximum(1)]
        }
        let publisher = try await gateway.connect(device, as: "publisher")
        try await slow.subscribe("a", qos: .atLeastOnce)
        // The first is in flight and never acknowledged, ten wait, the twelfth has no room.
        for id in 1...12 {
            #expect(
                try await publisher.publishAtLeastOnce("a", "x", packetID: PacketID(id))
                    == .success)
        }
        let events = await slow.rest()
        #expect(events.dropLast().last == .packet(.disconnect(Disconnect(reason: .quotaExceeded))))
        #expect(events.count == 3)
        await gateway.stop()
    }
}
