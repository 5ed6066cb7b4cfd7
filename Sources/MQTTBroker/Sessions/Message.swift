import MQTT
import NIOCore

/// One published message on its way to whoever asked for it. Immutable and shared by reference, so
/// that a fan-out costs a pointer per subscriber.
final class Message: Sendable {
    let topic: TopicName
    let payload: ByteBuffer
    let qos: QoS
    /// What the publisher set; nothing is retained here, but Retain As Published asks for it.
    let retain: Bool
    let properties: Properties
    /// Who published, for No Local ([MQTT-3.8.3-3]); nil for a will.
    let publisher: SessionDirectory.Holder?

    init(
        topic: TopicName, payload: ByteBuffer, qos: QoS, retain: Bool, properties: Properties,
        publisher: SessionDirectory.Holder?
    ) {
        self.topic = topic
        self.payload = payload.compacted
        self.qos = qos
        self.retain = retain
        var properties = properties
        if let data = properties.correlationData { properties.correlationData = data.compacted }
        self.properties = properties
        self.publisher = publisher
    }
}

extension ByteBuffer {
    /// The same bytes in memory of about their size. A slice holds on to the whole buffer that was
    /// read from the socket, a thousand times its own size perhaps, and a queue that waits for a
    /// slow client would weigh that much more than its bound says.
    var compacted: ByteBuffer {
        guard self.storageCapacity > 2 * self.readableBytes + Self.slackBytes else { return self }
        return ByteBuffer(bytes: self.readableBytesView)
    }

    private static let slackBytes = 256
}
