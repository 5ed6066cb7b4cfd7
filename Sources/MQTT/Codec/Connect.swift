package import NIOCore

/// CONNECT (3.1).
package struct Connect: Hashable, Sendable {
    package var version: ProtocolVersion
    package var clientID: String
    /// Clean Start; Clean Session in 3.1.1.
    package var cleanStart: Bool
    /// 0 turns the client's side of it off.
    package var keepAliveSeconds: UInt16
    package var will: Will?
    package var userName: String?
    package var password: Password?
    package var properties: Properties

    package init(
        version: ProtocolVersion, clientID: String, cleanStart: Bool = true,
        keepAliveSeconds: UInt16 = 0, properties: Properties = .none
    ) {
        self.version = version
        self.clientID = clientID
        self.cleanStart = cleanStart
        self.keepAliveSeconds = keepAliveSeconds
        self.will = nil
        self.userName = nil
        self.password = nil
        self.properties = properties
    }
}

/// What the server publishes in the client's name when the connection ends badly (3.1.2.5).
package struct Will: Hashable, Sendable {
    package var topic: TopicName
    package var payload: ByteBuffer
    package var qos: QoS
    package var retain: Bool
    package var properties: Properties

    package init(
        topic: TopicName, payload: ByteBuffer, qos: QoS = .atMostOnce, retain: Bool = false,
        properties: Properties = .none
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
    }
}

/// The password field: any bytes. It prints as `<redacted>`, so that no log line of a CONNECT
/// carries it.
package struct Password: Hashable, Sendable, CustomStringConvertible,
    CustomDebugStringConvertible, CustomReflectable
{
    package let bytes: ByteBuffer

    package init(_ bytes: ByteBuffer) { self.bytes = bytes }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
