import MQTT
import NIOCore

/// A packet beside its bytes, as OASIS writes them.
struct PacketVector: Sendable, CustomStringConvertible {
    let name: String
    let version: ProtocolVersion
    let bytes: [UInt8]
    let packet: Packet

    var description: String { "\(self.name) (\(self.version))" }

    /// CONNECT is for servers, what answers it for clients; the rest goes both ways.
    var isFromClient: Bool {
        switch self.packet {
        case .connect, .subscribe, .unsubscribe, .pingreq: true
        case .disconnect: self.version == .v311
        case .connack, .publish, .puback, .pubrec, .pubrel, .pubcomp, .suback, .unsuback,
            .pingresp, .auth:
            false
        }
    }
}

func bytes(_ hex: String) -> [UInt8] {
    var result: [UInt8] = []
    var high: UInt8?
    for character in hex {
        guard let digit = character.hexDigitValue.map(UInt8.init) else { continue }
        if let first = high {
            result.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return result
}

func topic(_ text: String) -> TopicName { (try? TopicName(text)) ?? .empty }

/// Only for filters that are right; a wrong one would become "invalid" and fail the test.
func filter(_ text: String) -> TopicFilter {
    do { return try TopicFilter(text) } catch { preconditionFailure("\(text): \(error)") }
}

func buffer(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

enum PacketVectors {
    static let all = Self.v311 + Self.v5

    static let v311: [PacketVector] = {
        var full = Connect(
            version: .v311, clientID: "pump", cleanStart: false, keepAliveSeconds: 60)
        full.will = Will(topic: topic("w"), payload: buffer("x"), qos: .atLeastOnce, retain: true)
        full.userName = "u"
        full.password = Password(buffer("p"))
        var quietWill = Connect(version: .v311, clientID: "")
        quietWill.will = Will(topic: topic("w"), payload: ByteBuffer(), qos: .exactlyOnce)
        let vectors: [(String, String, Packet)] = [
            (
                "connect", "10 0D 0004 4D515454 04 02 0000 0001 61",
                .connect(Connect(version: .v311, clientID: "a"))
            ),
            (
                "connect with everything",
                "10 1C 0004 4D515454 04 EC 003C 0004 70756D70 0001 77 0001 78 0001 75 0001 70",
                .connect(full)
            ),
            (
                "connect with an empty will", "10 11 0004 4D515454 04 16 0000 0000 0001 77 0000",
                .connect(quietWill)
            ),
            ("connack", "20 02 00 00", .connack(ConnAck())),
            ("connack, session present", "20 02 01 00", .connack(ConnAck(sessionPresent: true))),
            ("connack, refused", "20 02 00 05", .connack(ConnAck(reason: .notAuthorized))),
            (
                "publish", "30 07 0003 612F62 6869",
                .publish(Publish(topic: topic("a/b"), payload: buffer("hi")))
            ),
            (
                "publish, everything", "3B 08 0003 612F62 0102 68",
                .publish(
                    Publish(
                        topic: topic("a/b"), payload: buffer("h"), qos: .atLeastOnce, retain: true,
                        duplicate: true, packetID: 0x0102))
            ),
            (
                "publish at QoS 2, empty", "34 05 0001 74 FFFF",
                .publish(
                    Publish(
                        topic: topic("t"), payload: ByteBuffer(), qos: .exactlyOnce,
                        packetID: 0xFFFF))
            ),
            ("puback", "40 02 0001", .puback(PublishAck(packetID: 1))),
            ("pubrec", "50 02 0001", .pubrec(PublishAck(packetID: 1))),
            ("pubrel", "62 02 0001", .pubrel(PublishAck(packetID: 1))),
            ("pubcomp", "70 02 0001", .pubcomp(PublishAck(packetID: 1))),
            (
                "subscribe", "82 0C 000A 0003 612F62 01 0001 23 02",
                .subscribe(
                    Subscribe(
                        packetID: 10,
                        subscriptions: [
                            Subscription(
                                filter: filter("a/b"),
                                options: SubscriptionOptions(qos: .atLeastOnce)),
                            Subscription(
                                filter: filter("#"),
                                options: SubscriptionOptions(qos: .exactlyOnce)),
                        ]))
            ),
            (
                "suback", "90 05 000A 01 02 80",
                .suback(
                    SubAck(
                        packetID: 10, reasons: [.grantedQoS1, .grantedQoS2, .unspecifiedError]))
            ),
            (
                "unsubscribe", "A2 07 000B 0003 612F2B",
                .unsubscribe(Unsubscribe(packetID: 11, filters: [filter("a/+")]))
            ),
            ("unsuback", "B0 02 000B", .unsuback(UnsubAck(packetID: 11, reasons: []))),
            ("pingreq", "C0 00", .pingreq),
            ("pingresp", "D0 00", .pingresp),
            ("disconnect", "E0 00", .disconnect(Disconnect())),
        ]
        return vectors.map {
            PacketVector(name: $0.0, version: .v311, bytes: bytes($0.1), packet: $0.2)
        }
    }()
}
