package import NIOCore

/// A control packet, whole and valid. One enum, so that a packet nobody handles fails to compile.
package enum Packet: Hashable, Sendable {
    case connect(Connect)
    case connack(ConnAck)
    case publish(Publish)
    case puback(PublishAck)
    case pubrec(PublishAck)
    case pubrel(PublishAck)
    case pubcomp(PublishAck)
    case subscribe(Subscribe)
    case suback(SubAck)
    case unsubscribe(Unsubscribe)
    case unsuback(UnsubAck)
    case pingreq
    case pingresp
    case disconnect(Disconnect)
    case auth(Auth)

    package var type: PacketType {
        switch self {
        case .connect: .connect
        case .connack: .connack
        case .publish: .publish
        case .puback: .puback
        case .pubrec: .pubrec
        case .pubrel: .pubrel
        case .pubcomp: .pubcomp
        case .subscribe: .subscribe
        case .suback: .suback
        case .unsubscribe: .unsubscribe
        case .unsuback: .unsuback
        case .pingreq: .pingreq
        case .pingresp: .pingresp
        case .disconnect: .disconnect
        case .auth: .auth
        }
    }
}

/// CONNACK (3.2). In 3.1.1 the reason is one of the six return codes, see `ConnectReturnCode`.
package struct ConnAck: Hashable, Sendable {
    package var sessionPresent: Bool
    package var reason: ReasonCode
    package var properties: Properties

    package init(
        sessionPresent: Bool = false, reason: ReasonCode = .success,
        properties: Properties = .none
    ) {
        self.sessionPresent = sessionPresent
        self.reason = reason
        self.properties = properties
    }
}

/// PUBLISH (3.3).
package struct Publish: Hashable, Sendable {
    /// Empty only in MQTT 5 where a topic alias stands for it (3.3.2.3.4); `ConnectionMachine`
    /// puts the name back before anyone else sees the packet.
    package var topic: TopicName
    package var payload: ByteBuffer
    package var qos: QoS
    package var retain: Bool
    package var duplicate: Bool
    /// Present exactly when QoS is above 0 ([MQTT-2.2.1-2]).
    package var packetID: PacketID?
    package var properties: Properties

    package init(
        topic: TopicName, payload: ByteBuffer, qos: QoS = .atMostOnce, retain: Bool = false,
        duplicate: Bool = false, packetID: PacketID? = nil, properties: Properties = .none
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.duplicate = duplicate
        self.packetID = packetID
        self.properties = properties
    }
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7), which are alike. In 3.1.1 only the identifier
/// crosses the wire.
package struct PublishAck: Hashable, Sendable {
    package var packetID: PacketID
    package var reason: ReasonCode
    package var properties: Properties

    package init(
        packetID: PacketID, reason: ReasonCode = .success, properties: Properties = .none
    ) {
        self.packetID = packetID
        self.reason = reason
        self.properties = properties
    }
}

/// DISCONNECT (3.14). In 3.1.1 only a client sends it, and it says nothing.
package struct Disconnect: Hashable, Sendable {
    package var reason: ReasonCode
    package var properties: Properties

    package init(reason: ReasonCode = .normalDisconnection, properties: Properties = .none) {
        self.reason = reason
        self.properties = properties
    }
}

/// AUTH (3.15), MQTT 5 only.
package struct Auth: Hashable, Sendable {
    package var reason: ReasonCode
    package var properties: Properties

    package init(reason: ReasonCode = .success, properties: Properties = .none) {
        self.reason = reason
        self.properties = properties
    }
}
