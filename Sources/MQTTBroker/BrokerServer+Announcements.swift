import Fleet
import Logging
import MQTT
import NIOCore

/// What the server itself has to say to its clients.
extension BrokerServer: MessagePublisher {
    package func publish(topic: String, payload: [UInt8]) -> Bool {
        let name: TopicName
        do throws(MQTTError) {
            name = try TopicName(topic)
        } catch {
            self.environment.logger.error(
                "an announcement has an impossible topic", metadata: ["error": "\(error)"])
            return true
        }
        let message = Message(
            topic: name, payload: ByteBuffer(bytes: payload), qos: .atLeastOnce, retain: false,
            properties: .none, publisher: nil)
        let interested = self.environment.interest.shards(for: name)
        guard !interested.isEmpty else { return true }
        var isRouted = true
        for shard in self.shards where interested.contains(shard.index) {
            if shard.post(message) { continue }
            isRouted = false
            self.environment.meter.count { $0.messagesDroppedMailbox += 1 }
        }
        return isRouted
    }
}
