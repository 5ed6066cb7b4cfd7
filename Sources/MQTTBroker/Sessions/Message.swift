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
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.publisher = publisher
    }
}
