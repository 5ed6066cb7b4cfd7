import MQTT
import NIOCore
import Testing

@Suite struct ConnectionPacketTests {
    private static func publish(
        _ name: String = "a", _ qos: QoS = .atMostOnce, id: PacketID? = nil, retain: Bool = false,
        payload: Int = 1, properties: Properties = .none
    ) -> Packet {
        .publish(
            Publish(
                topic: name.isEmpty ? .empty : topic(name),
                payload: ByteBuffer(repeating: 1, count: payload), qos: qos, retain: retain,
                packetID: id, properties: properties))
    }

    @Test func pingsAreAnswered() {
        var machine = connected(.v311)
        #expect(machine.received(.pingreq, at: 1) == .send(.pingresp))
    }

    @Test func aPublishPassesAndItsAcknowledgementIsOwedOnce() {
        var machine = connected(.v5)
        let packet = Self.publish("a/b", .atLeastOnce, id: 3)
        guard case .publish(let publish) = machine.received(packet, at: 1) else {
            Issue.record("the publish did not pass")
            return
        }
        #expect(publish.topic == topic("a/b") && machine.unacknowledgedCount == 1)
        #expect(
            machine.acknowledge(3, reason: .notAuthorized, reasonString: "no policy")
                == .send(
                    .puback(
                        PublishAck(
                            packetID: 3, reason: .notAuthorized,
                            properties: [.reasonString("no policy")]))))
        #expect(machine.acknowledge(3) == .nothing && machine.unacknowledgedCount == 0)
        #expect(machine.acknowledge(4) == .nothing)
    }

    @Test func noReasonStringGoesToWhoeverWantsNone() {
        var machine = connected(.v5) { $0.properties.requestProblemInformation = false }
        _ = machine.received(Self.publish("a", .atLeastOnce, id: 3), at: 1)
        #expect(
            machine.acknowledge(3, reason: .notAuthorized, reasonString: "x")
                == .send(.puback(PublishAck(packetID: 3, reason: .notAuthorized))))
    }

    @Test func aRefusedSubscribeIsExplainedToWhoeverTakesReasonStrings() {
        for (version, isWanted, said) in [
            (.v5, true, [.reasonString("no")]), (.v5, false, .none), (.v311, true, .none),
        ] as [(ProtocolVersion, Bool, Properties)] {
            let machine = connected(version) {
                if !isWanted { $0.properties.requestProblemInformation = false }
            }
            let packet = machine.suback(7, reasons: [.notAuthorized], reasonString: "no")
            let expected = SubAck(packetID: 7, reasons: [.notAuthorized], properties: said)
            #expect(packet == .suback(expected))
        }
    }

    struct Broken: Sendable, CustomStringConvertible {
        let description: String
        let packet: Packet
        let code: MQTTError.Code
        let versions: [ProtocolVersion]
    }

    static let broken: [Broken] = [
        Broken(
            description: "QoS 2", packet: publish("a", .exactlyOnce, id: 1),
            code: .qosNotSupported, versions: [.v311, .v5]),
        Broken(
            description: "retain", packet: publish("a", retain: true),
            code: .retainNotSupported, versions: [.v5]),
        Broken(
            description: "alias above the maximum",
            packet: publish("a", properties: [.topicAlias(9)]),
            code: .topicAliasInvalid, versions: [.v5]),
        Broken(
            description: "unknown alias", packet: publish("", properties: [.topicAlias(1)]),
            code: .unknownTopicAlias, versions: [.v5]),
        Broken(
            description: "long topic", packet: publish(String(repeating: "x", count: 257)),
            code: .invalidTopicName, versions: [.v311, .v5]),
        Broken(
            description: "deep topic", packet: publish("1/2/3/4/5/6/7/8/9"),
            code: .invalidTopicName, versions: [.v311, .v5]),
        Broken(
            description: "large payload", packet: publish(payload: 131_073),
            code: .packetTooLarge, versions: [.v311, .v5]),
        Broken(
            description: "second CONNECT",
            packet: .connect(Connect(version: .v5, clientID: "a")), code: .secondConnect,
            versions: [.v311, .v5]),
        Broken(
            description: "AUTH", packet: .auth(Auth()), code: .unexpectedPacket, versions: [.v5]),
        Broken(
            description: "CONNACK", packet: .connack(ConnAck()), code: .unexpectedPacket,
            versions: [.v311, .v5]),
        Broken(
            description: "PUBREC", packet: .pubrec(PublishAck(packetID: 1)),
            code: .unexpectedPacket, versions: [.v311, .v5]),
        Broken(
            description: "PUBREL", packet: .pubrel(PublishAck(packetID: 1)),
            code: .unexpectedPacket, versions: [.v311, .v5]),
        Broken(
            description: "subscription identifier",
            packet: .subscribe(
                Subscribe(
                    packetID: 1, subscriptions: [Subscription(filter: filter("a"))],
                    properties: [.subscriptionIdentifier(1)])),
            code: .subscriptionIdentifiersNotSupported, versions: [.v5]),
    ]

    @Test(arguments: Self.broken)
    func brokenRulesEndTheConnection(_ broken: Broken) {
        for version in broken.versions {
            var machine = connected(version)
            let action = machine.received(broken.packet, at: 1)
            #expect(action.error?.code == broken.code)
            #expect(action.goodbye == (version == .v5 ? action.error?.reasonCode : nil))
            #expect(machine.isClosed && !machine.wantsPackets)
            #expect(machine.received(.pingreq, at: 2) == .nothing)
        }
    }

    @Test func aliasesStandForTheLastNameTheyWereGiven() {
        var machine = connected(.v5)
        for (name, alias, expected) in [
            ("a/b", 1, "a/b"), ("", 1, "a/b"), ("c", 8, "c"), ("d", 1, "d"), ("", 8, "c"),
            ("", 1, "d"),
        ] as [(String, UInt16, String)] {
            let action = machine.received(
                Self.publish(name, properties: [.topicAlias(alias), .contentType("t")]), at: 1)
            guard case .publish(let publish) = action else {
                Issue.record("\(name) by alias \(alias) did not pass: \(action)")
                return
            }
            #expect(publish.topic == topic(expected))
            #expect(publish.properties == [.contentType("t")])
        }
    }

    @Test func theReceiveMaximumHolds() {
        var settings = ConnectionSettings()
        settings.receiveMaximum = 2
        var five = connected(.v5, settings: settings)
        var three = connected(.v311, settings: settings)
        for id in [1, 2] as [PacketID] {
            _ = five.received(Self.publish("a", .atLeastOnce, id: id), at: 1)
            _ = three.received(Self.publish("a", .atLeastOnce, id: id), at: 1)
        }
        // QoS 0 does not count; 3.1.1 knows no such maximum and is read no further instead.
        #expect(five.wantsPackets && !three.wantsPackets)
        guard case .publish = five.received(Self.publish(), at: 1) else {
            Issue.record("QoS 0 was held back")
            return
        }
        #expect(three.tick(at: 10_000_000) == .nothing)
        _ = three.acknowledge(1)
        #expect(three.wantsPackets == true)
        let action = five.received(Self.publish("a", .atLeastOnce, id: 3), at: 1)
        #expect(action.goodbye == .receiveMaximumExceeded)
    }

    @Test func anIdentifierInFlightIsNotTakenTwice() {
        var five = connected(.v5)
        var three = connected(.v311)
        let packet = Self.publish("a", .atLeastOnce, id: 7)
        _ = five.received(packet, at: 1)
        _ = three.received(packet, at: 1)
        #expect(
            five.received(packet, at: 1)
                == .send(.puback(PublishAck(packetID: 7, reason: .packetIdentifierInUse))))
        #expect(three.received(packet, at: 1) == .nothing)
        _ = three.acknowledge(7)
        guard case .publish = three.received(packet, at: 1) else {
            Issue.record("a finished identifier was not free again")
            return
        }
    }

    @Test func subscriptionsAreCutToWhatIsGranted() throws {
        var machine = connected(.v5)
        let filters = [
            "a", "$share/g/a", "$share/g", "1/2/3/4/5/6/7/8/9",
            String(repeating: "x", count: 257), "1/2/3/4/5/6/7/8",
        ]
        let packet = Packet.subscribe(
            Subscribe(
                packetID: 9,
                subscriptions: filters.map {
                    Subscription(
                        filter: filter($0), options: SubscriptionOptions(qos: .exactlyOnce))
                }))
        guard case .subscribe(let request) = machine.received(packet, at: 1) else {
            Issue.record("no subscribe request")
            return
        }
        #expect(request.packetID == 9)
        #expect(
            request.lines.map(\.reason) == [
                .grantedQoS1, .sharedSubscriptionsNotSupported, .topicFilterInvalid,
                .topicFilterInvalid, .topicFilterInvalid, .grantedQoS1,
            ])
        #expect(request.lines.map(\.options.qos).allSatisfy { $0 == .atLeastOnce })
        #expect(request.lines.allSatisfy { ($0.refusal == nil) == ($0.refusalReason == nil) })
    }

    /// A text that is no filter is a well-formed string: its line fails, and nothing else.
    @Test(arguments: [
        (ProtocolVersion.v5, "82 0F 0001 00 0005 612F232F62 00 0001 61 01", ["a/#/b", "a"]),
        (ProtocolVersion.v311, "82 0B 0001 0002 612B 00 0001 61 01", ["a+", "a"]),
        (ProtocolVersion.v311, "82 09 0001 0000 00 0001 61 01", ["", "a"]),
    ])
    func aMalformedFilterIsRefusedAlone(
        _ version: ProtocolVersion, _ hex: String, _ filters: [String]
    ) throws {
        var decoder = PacketDecoder(side: .server)
        PacketCodecTests.connect(&decoder, version)
        var input = ByteBuffer(bytes: bytes(hex))
        let packet = try #require(try decoder.next(from: &input))
        var machine = connected(version)
        guard case .subscribe(let request) = machine.received(packet, at: 1) else {
            Issue.record("no subscribe request")
            return
        }
        #expect(request.lines.map(\.filter.text) == filters)
        #expect(request.lines.map(\.reason) == [.topicFilterInvalid, .grantedQoS1])
        #expect(request.lines.map { $0.refusalReason == nil } == [false, true])
        // As it came, so it goes.
        var output = ByteBuffer()
        try PacketEncoder(version: version).encode(packet, into: &output)
        #expect(Array(output.readableBytesView) == bytes(hex))
    }

    @Test func sharesPassWhereTheyAreAvailable() {
        var settings = ConnectionSettings()
        settings.sharedSubscriptionsAvailable = true
        var machine = connected(.v311, settings: settings)
        let packet = Packet.subscribe(
            Subscribe(
                packetID: 1,
                subscriptions: [Subscription(filter: filter("$share/g/1/2/3/4/5/6/7/8"))]))
        guard case .subscribe(let request) = machine.received(packet, at: 1) else {
            Issue.record("no subscribe request")
            return
        }
        #expect(request.lines.first?.refusal == nil)
        #expect(request.lines.first?.shared?.group == "g")
    }

    @Test func tooManyFiltersAreRefusedAndTheConnectionStays() {
        var settings = ConnectionSettings()
        settings.filtersPerPacketMax = 1
        var machine = connected(.v5, settings: settings)
        let two = [filter("a"), filter("b")]
        let packet = Packet.subscribe(
            Subscribe(packetID: 1, subscriptions: two.map { Subscription(filter: $0) }))
        guard case .subscribe(let request) = machine.received(packet, at: 1) else {
            Issue.record("no subscribe request")
            return
        }
        #expect(request.lines.map(\.reason) == [.quotaExceeded, .quotaExceeded])
        #expect(
            request.lines.allSatisfy {
                $0.refusalReason == "the SUBSCRIBE has 2 filters; at most 1"
            })
        guard
            case .send(.unsuback(let ack)) = machine.received(
                .unsubscribe(Unsubscribe(packetID: 2, filters: two)), at: 1)
        else {
            Issue.record("no UNSUBACK")
            return
        }
        #expect(ack.reasons.count == 2 && machine.isConnected)
        let one = Unsubscribe(packetID: 3, filters: [filter("a")])
        #expect(machine.received(.unsubscribe(one), at: 1) == .unsubscribe(one))
    }
}
