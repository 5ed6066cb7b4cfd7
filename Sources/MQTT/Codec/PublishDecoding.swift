import NIOCore

extension WireReader {
    /// - Parameter flags: the fixed header's, already found valid.
    mutating func publish(
        _ flags: UInt8, from side: PacketDecoder.Side
    ) throws(MQTTError) -> Publish {
        let qos = QoS(rawValue: flags >> 1 & 0b11) ?? .atMostOnce
        let text = try self.string("topic name")
        let packetID = qos == .atMostOnce ? nil : try self.packetID()
        let properties = try self.properties(in: .packet(.publish))
        let topic: TopicName
        if text.isEmpty {
            // MQTT 5: a zero-length name needs an alias to stand for it (3.3.2.1). 3.1.1:
            // [MQTT-4.7.3-1].
            guard properties.topicAlias != nil else {
                throw self.error(.emptyTopic, "its topic name is empty")
            }
            topic = .empty
        } else {
            do { topic = try TopicName(text) } catch {
                throw self.error(error.code, error.message)
            }
        }
        if case .server = side, !properties.subscriptionIdentifiers.isEmpty {
            throw self.error(  // [MQTT-3.3.4-6]
                .propertyNotAllowed, "a client's may not hold subscriptionIdentifier")
        }
        return Publish(
            topic: topic, payload: self.rest(), qos: qos, retain: flags & 0b1 != 0,
            duplicate: flags & 0b1000 != 0, packetID: packetID, properties: properties)
    }

    /// PUBACK, PUBREC, PUBREL, PUBCOMP. In MQTT 5 what is left out means success without
    /// properties (3.4.2.1, 3.4.2.2.1).
    mutating func publishAck() throws(MQTTError) -> PublishAck {
        let packetID = try self.packetID()
        if self.isAtEnd { return PublishAck(packetID: packetID) }
        let reason = try self.reason()
        if self.isAtEnd { return PublishAck(packetID: packetID, reason: reason) }
        return PublishAck(
            packetID: packetID, reason: reason,
            properties: try self.properties(in: .packet(self.type)))
    }
}
