import Fleet
import Logging
import MQTT
import NIOCore

/// Answers of services, to the connection that asked and to nobody else.
extension ConnectionHandler {
    /// - Parameter request: what was published.
    func send(_ reply: ReservedReply, to request: Publish) {
        guard let topic = self.topic(of: reply) else { return }
        let properties = Self.properties(ofReplyTo: request)
        if self.takes(reply, on: topic, properties) {
            return self.pass(reply, on: topic, properties)
        }
        self.noteUnsent(topic, "the client's Maximum Packet Size is below the reply's")
        guard let service = self.environment.service(for: request.topic) else { return }
        if let handout = reply.handsOut, let publisher = self.publisher {
            // Not one of the connection's own requests: it is done whether or not that lives on.
            Task { await service.withdraw(handout, from: publisher) }
        }
        // A client that waits for an answer is told that there is one which it does not take.
        guard let brief = service.replyTooLarge(to: request.topic.text),
            let briefTopic = self.topic(of: brief),
            self.takes(brief, on: briefTopic, properties)
        else { return }
        self.pass(brief, on: briefTopic, properties)
    }

    /// Correlation Data comes back as it was sent, so that a client may have several requests under
    /// way (MQTT 5, 4.10). A Response Topic changes nothing: a reply may hold a private key, and is
    /// sent where reserved topics are and no client can publish.
    private static func properties(ofReplyTo request: Publish) -> Properties {
        guard let data = request.properties.correlationData else { return .none }
        return [.correlationData(data.compacted)]
    }

    private func topic(of reply: ReservedReply) -> TopicName? {
        do throws(MQTTError) { return try TopicName(reply.topic) } catch {
            self.environment.logger.error(
                "a service answered on an impossible topic",
                metadata: self.metadata(["error": "\(error)"]))
            return nil
        }
    }

    /// Whether the reply is within the client's Maximum Packet Size ([MQTT-3.1.2-24]).
    private func takes(
        _ reply: ReservedReply, on topic: TopicName, _ properties: Properties
    ) -> Bool {
        let count =
            switch reply.payload {
            case .open(let bytes): bytes.count
            case .secret(let bytes): bytes.expose { $0.count }
            }
        return self.encoder?.hasRoom(
            for: count, on: topic, qos: self.replyQoS(topic), properties: properties) == true
    }

    private func replyQoS(_ topic: TopicName) -> QoS {
        self.shard.grantedQoS(self.number, for: topic) ?? .atMostOnce
    }

    private func pass(
        _ reply: ReservedReply, on topic: TopicName, _ properties: Properties
    ) {
        switch reply.payload {
        case .open(let bytes):
            self.enqueue(
                Publish(
                    topic: topic, payload: ByteBuffer(bytes: bytes), qos: self.replyQoS(topic),
                    properties: properties))
        case .secret(let bytes):
            self.send(SecretReply(topic: topic, payload: bytes, properties: properties))
        }
    }

    /// A message or reply that its client cannot take: it counts as delivered ([MQTT-3.1.2-25]),
    /// and whoever looks for it finds why it did not come.
    func noteUnsent(_ topic: TopicName, _ explanation: String) {
        let reason = RefusalReason.replyTooLarge
        self.environment.meter.count { $0.messagesTooLarge += 1 }
        self.logRefusal(
            "a message was not sent",
            [
                "topic": "\(topic.text.clipped)", "explanation": "\(explanation)",
                "reasonCode": "\(reason.rawValue)", "reasonName": "\(reason.name)",
            ],
            kept: self.refusal(
                reason, "iot:Receive", by: "Maximum Packet Size", explanation,
                resource: topic.text))
    }
}
