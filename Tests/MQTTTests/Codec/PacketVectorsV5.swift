import MQTT
import NIOCore

extension PacketVectors {
    static let v5: [PacketVector] = {
        let vectors =
            Self.handshakeV5 + Self.publishV5 + Self.subscribeV5 + [
                ("pingreq", "C0 00", .pingreq),
                ("pingresp", "D0 00", .pingresp),
            ]
        return vectors.map {
            PacketVector(name: $0.0, version: .v5, bytes: bytes($0.1), packet: $0.2)
        }
    }()

    private static let handshakeV5: [(String, String, Packet)] = {
        var full = Connect(
            version: .v5, clientID: "c", cleanStart: false, keepAliveSeconds: 30,
            properties: [
                .sessionExpiryInterval(3600), .receiveMaximum(20), .maximumPacketSize(65536),
                .topicAliasMaximum(10), .requestResponseInformation(true),
                .requestProblemInformation(false), .userProperty(name: "k", value: "v"),
                .authenticationMethod("m"), .authenticationData(buffer("d")),
            ])
        full.will = Will(
            topic: topic("w"), payload: buffer("x"), qos: .atLeastOnce,
            properties: [
                .willDelayInterval(5), .payloadFormatIndicator(true), .messageExpiryInterval(60),
                .contentType("t"), .responseTopic(topic("r")), .correlationData(buffer("c")),
                .userProperty(name: "a", value: "b"),
            ])
        full.password = Password(buffer("p"))
        return [
            (
                "connect", "10 0E 0004 4D515454 05 02 0000 00 0001 61",
                .connect(Connect(version: .v5, clientID: "a"))
            ),
            (
                "connect with everything",
                """
                10 5A 0004 4D515454 05 4C 001E \
                23 11 00000E10 21 0014 27 00010000 22 000A 19 01 17 00 26 0001 6B 0001 76 \
                15 0001 6D 16 0001 64 \
                0001 63 \
                1F 18 00000005 01 01 02 0000003C 03 0001 74 08 0001 72 09 0001 63 \
                26 0001 61 0001 62 \
                0001 77 0001 78 0001 70
                """,
                .connect(full)
            ),
            ("connack", "20 03 00 00 00", .connack(ConnAck())),
            (
                "connack with everything",
                """
                20 3F 01 00 3C 11 0000000A 21 0064 24 01 25 00 27 00000400 12 0001 67 22 0008 \
                1F 0001 72 26 0001 6B 0001 76 28 01 29 00 2A 00 13 04B0 1A 0001 69 1C 0001 73 \
                15 0001 6D 16 0001 64
                """,
                .connack(
                    ConnAck(
                        sessionPresent: true,
                        properties: [
                            .sessionExpiryInterval(10), .receiveMaximum(100),
                            .maximumQoS(.atLeastOnce), .retainAvailable(false),
                            .maximumPacketSize(1024), .assignedClientIdentifier("g"),
                            .topicAliasMaximum(8), .reasonString("r"),
                            .userProperty(name: "k", value: "v"),
                            .wildcardSubscriptionAvailable(true),
                            .subscriptionIdentifierAvailable(false),
                            .sharedSubscriptionAvailable(false), .serverKeepAlive(1200),
                            .responseInformation("i"), .serverReference("s"),
                            .authenticationMethod("m"), .authenticationData(buffer("d")),
                        ]))
            ),
            (
                "connack, refused", "20 03 00 87 00",
                .connack(ConnAck(reason: .notAuthorized))
            ),
            ("disconnect", "E0 00", .disconnect(Disconnect())),
            (
                "disconnect with a reason", "E0 01 8B",
                .disconnect(Disconnect(reason: .serverShuttingDown))
            ),
            (
                "disconnect with properties", "E0 06 00 04 1F 0001 72",
                .disconnect(Disconnect(properties: [.reasonString("r")]))
            ),
            ("auth", "F0 00", .auth(Auth())),
            (
                "auth with a method", "F0 0A 18 08 15 0001 6D 16 0001 64",
                .auth(
                    Auth(
                        reason: .continueAuthentication,
                        properties: [
                            .authenticationMethod("m"), .authenticationData(buffer("d")),
                        ]))
            ),
        ]
    }()

    private static let publishV5: [(String, String, Packet)] = [
        (
            "publish", "30 08 0003 612F62 00 6869",
            .publish(Publish(topic: topic("a/b"), payload: buffer("hi")))
        ),
        (
            "publish by alias", "32 08 0000 0001 03 23 0002",
            .publish(
                Publish(
                    topic: .empty, payload: ByteBuffer(), qos: .atLeastOnce, packetID: 1,
                    properties: [.topicAlias(2)]))
        ),
        (
            "publish with everything",
            """
            35 2D 0001 74 0009 25 01 00 02 0000000A 03 0001 74 08 0001 72 09 0002 0001 \
            26 0001 61 0001 62 26 0001 61 0001 63 23 0001 2121
            """,
            .publish(
                Publish(
                    topic: topic("t"), payload: buffer("!!"), qos: .exactlyOnce, retain: true,
                    packetID: 9,
                    properties: [
                        .payloadFormatIndicator(false), .messageExpiryInterval(10),
                        .contentType("t"), .responseTopic(topic("r")),
                        .correlationData(ByteBuffer(bytes: [0, 1])),
                        .userProperty(name: "a", value: "b"),
                        .userProperty(name: "a", value: "c"), .topicAlias(1),
                    ]))
        ),
        ("puback", "40 02 0001", .puback(PublishAck(packetID: 1))),
        (
            "puback with a reason", "40 03 0001 10",
            .puback(PublishAck(packetID: 1, reason: .noMatchingSubscribers))
        ),
        (
            "puback with properties", "40 08 0001 87 04 1F 0001 72",
            .puback(
                PublishAck(packetID: 1, reason: .notAuthorized, properties: [.reasonString("r")]))
        ),
        (
            "pubrec", "50 03 0002 97",
            .pubrec(PublishAck(packetID: 2, reason: .quotaExceeded))
        ),
        (
            "pubrel", "62 03 0003 92",
            .pubrel(PublishAck(packetID: 3, reason: .packetIdentifierNotFound))
        ),
        (
            "pubcomp", "70 0B 0004 92 07 26 0001 6B 0001 76",
            .pubcomp(
                PublishAck(
                    packetID: 4, reason: .packetIdentifierNotFound,
                    properties: [.userProperty(name: "k", value: "v")]))
        ),
    ]

    private static let subscribeV5: [(String, String, Packet)] = [
        (
            "subscribe", "82 0B 000A 02 0B 07 0003 612F62 2D",
            .subscribe(
                Subscribe(
                    packetID: 10,
                    subscriptions: [
                        Subscription(
                            filter: filter("a/b"),
                            options: SubscriptionOptions(
                                qos: .atLeastOnce, noLocal: true, retainAsPublished: true,
                                retainHandling: .sendNever))
                    ], properties: [.subscriptionIdentifier(7)]))
        ),
        (
            "subscribe, largest identifier", "82 0C 0001 05 0B FFFFFF7F 0001 23 00",
            .subscribe(
                Subscribe(
                    packetID: 1, subscriptions: [Subscription(filter: filter("#"))],
                    properties: [.subscriptionIdentifier(268_435_455)]))
        ),
        (
            "suback", "90 05 000A 00 01 8F",
            .suback(SubAck(packetID: 10, reasons: [.grantedQoS1, .topicFilterInvalid]))
        ),
        (
            "unsubscribe", "A2 08 000B 00 0003 612F2B",
            .unsubscribe(Unsubscribe(packetID: 11, filters: [filter("a/+")]))
        ),
        (
            "unsuback", "B0 05 000B 00 00 11",
            .unsuback(UnsubAck(packetID: 11, reasons: [.success, .noSubscriptionExisted]))
        ),
    ]
}
