import Fleet
import Logging
import MQTT
import NIOCore

/// Answers of services, to the connection that asked and to nobody else.
extension ConnectionHandler {
    /// - Parameter request: the topic that was published to.
    func send(_ reply: ReservedReply, to request: TopicName) {
        guard let topic = self.topic(of: reply) else { return }
        if self.takes(reply, on: topic) { return self.pass(reply, on: topic) }
        self.noteUnsent(topic, "the client's Maximum Packet Size is below the reply's")
        guard let service = self.environment.service(for: request) else { return }
        if let handout = reply.handsOut, let publisher = self.publisher {
            // Not one of the connection's own requests: it is done whether or not that lives on.
            Task { await service.withdraw(handout, from: publisher) }
        }
        // A client that waits for an answer is told that there is one which it does not take.
        guard let brief = service.replyTooLarge(to: request.text),
            let briefTopic = self.topic(of: brief), self.takes(brief, on: briefTopic)
        else { return }
        self.pass(brief, on: briefTopic)
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
    private func takes(_ reply: ReservedReply, on topic: TopicName) -> Bool {
        let count =
            switch reply.payload {
            case .open(let bytes): bytes.count
            case .secret(let bytes): bytes.expose { $0.count }
            }
        return self.encoder?.hasRoom(for: count, on: topic, qos: self.replyQoS(topic)) == true
    }

    private func replyQoS(_ topic: TopicName) -> QoS {
        self.shard.grantedQoS(self.number, for: topic) ?? .atMostOnce
    }

    private func pass(_ reply: ReservedReply, on topic: TopicName) {
        switch reply.payload {
        case .open(let bytes):
            self.enqueue(
                Publish(
                    topic: topic, payload: ByteBuffer(bytes: bytes), qos: self.replyQoS(topic)))
        case .secret(let bytes): self.send(SecretReply(topic: topic, payload: bytes))
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
