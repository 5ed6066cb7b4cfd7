import MQTT
import NIOCore

/// The steps that many tests take.
extension TestClient {
    /// Publishes at QoS 0.
    func publish(_ topic: String, _ text: String, retain: Bool = false) throws {
        try self.send(
            .publish(
                Publish(
                    topic: try TopicName(topic), payload: ByteBuffer(string: text),
                    retain: retain)))
    }

    /// Publishes at QoS 1 and returns what its PUBACK says.
    func publishAtLeastOnce(
        _ topic: String, _ text: String = "x", packetID: PacketID = 1
    ) async throws -> ReasonCode {
        try self.send(
            .publish(
                Publish(
                    topic: try TopicName(topic), payload: ByteBuffer(string: text),
                    qos: .atLeastOnce, packetID: packetID)))
        while true {
            switch await self.next() {
            case .packet(.puback(let ack)): return ack.reason
            case .packet(.publish): continue
            case let other: throw Unexpected(what: "\(other) in place of a PUBACK")
            }
        }
    }

    @discardableResult
    func subscribe(_ filters: String..., qos: QoS = .atLeastOnce) async throws -> [ReasonCode] {
        try self.send(
            .subscribe(
                Subscribe(
                    packetID: 9,
                    subscriptions: try filters.map {
                        Subscription(filter: try TopicFilter($0), options: .init(qos: qos))
                    })))
        let answer = await self.next()
        guard case .packet(.suback(let suback)) = answer else {
            throw Unexpected(what: "\(answer) in place of a SUBACK")
        }
        return suback.reasons
    }

    /// Subscribes to one filter, past replies that come unasked.
    func subscribeAmongReplies(_ filter: String) async throws -> ReasonCode {
        try self.send(
            .subscribe(
                Subscribe(
                    packetID: 9,
                    subscriptions: [Subscription(filter: try TopicFilter(filter))])))
        while true {
            switch await self.next() {
            case .packet(.suback(let suback)): return suback.reasons[0]
            case .packet(.publish): continue
            case let other: throw Unexpected(what: "\(other) in place of a SUBACK")
            }
        }
    }

    /// The text of the next PUBLISH; nil where something else came.
    func message() async -> String? {
        guard case .packet(.publish(let publish)) = await self.next() else { return nil }
        return String(buffer: publish.payload)
    }
}
