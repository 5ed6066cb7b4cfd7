package import NIOCore

/// Appends packets to a buffer in the form that `version` gives them.
///
/// Nothing is written unless all of it can be: on an error the buffer is as it was.
package struct PacketEncoder: Hashable, Sendable {
    /// A CONNECT speaks its own version; every other packet speaks this one.
    package let version: ProtocolVersion
    /// The most a packet may have, header and all: the peer's Maximum Packet Size (3.1.2.11.4,
    /// 3.2.2.3.6).
    package var packetBytesMax: Int

    /// What the fixed header can say.
    package static let packetBytesUnlimited =
        VariableByteInteger.maximum + 1 + VariableByteInteger.bytesMax

    package init(version: ProtocolVersion, packetBytesMax: Int = Self.packetBytesUnlimited) {
        self.version = version
        self.packetBytesMax = packetBytesMax
    }

    /// Where the packet would be too large for the peer, its reason string and user properties are
    /// left out ([MQTT-3.2.2-19], [MQTT-3.2.2-20] and their like); a PUBLISH keeps all it has.
    ///
    /// - Throws: `packetTooLarge` or `notEncodable`.
    package func encode(
        _ packet: Packet, into buffer: inout ByteBuffer
    ) throws(MQTTError) {
        if case .publish(let publish) = packet {
            return try self.encode(publish, into: &buffer)
        }
        let first = packet.type.rawValue << 4 | (packet.type.fixedFlags ?? 0)
        do throws(MQTTError) {
            let length = try self.length(of: packet)
            self.write(packet, first: first, length: length, into: &buffer)
        } catch {
            guard error.code == .packetTooLarge, let shorter = packet.withoutDiagnostics else {
                throw error
            }
            let length = try self.length(of: shorter)
            self.write(shorter, first: first, length: length, into: &buffer)
        }
    }

    /// The fast path: nothing but this is written thousands of times a second.
    package func encode(
        _ publish: Publish, into buffer: inout ByteBuffer
    ) throws(MQTTError) {
        guard (publish.packetID != nil) == (publish.qos > .atMostOnce), publish.packetID != 0
        else {  // [MQTT-2.2.1-2], [MQTT-2.2.1-3]
            throw MQTTError(
                .notEncodable, "PUBLISH: QoS above 0 has a packet identifier, QoS 0 has none")
        }
        guard !publish.topic.isEmpty || self.version == .v5 && publish.properties.topicAlias != nil
        else { throw MQTTError(.notEncodable, "PUBLISH: it has neither topic nor alias") }
        var counter = ByteCounter()
        counter.put(publish, version: self.version)
        try self.check(counter, .publish)
        let first =
            PacketType.publish.rawValue << 4 | (publish.duplicate ? 0b1000 : 0)
            | publish.qos.rawValue << 1 | (publish.retain ? 1 : 0)
        buffer.reserveCapacity(
            minimumWritableBytes: counter.count + 1 + VariableByteInteger.bytesMax)
        buffer.put(first)
        buffer.put(variable: counter.count)
        buffer.put(publish, version: self.version)
    }

    /// Whether a PUBLISH with so large a payload is small enough for the peer.
    package func hasRoom(
        for payloadBytes: Int, on topic: TopicName, qos: QoS, properties: Properties = .none
    ) -> Bool {
        var publish = Publish(
            topic: topic, payload: ByteBuffer(), qos: qos, properties: properties)
        // Any identifier has two bytes.
        if qos > .atMostOnce { publish.packetID = 1 }
        var counter = ByteCounter()
        counter.put(publish, version: self.version)
        let length = counter.count + payloadBytes
        return Self.packetBytes(length) <= self.packetBytesMax
            && length <= VariableByteInteger.maximum
    }

    /// With the fixed header (2.1.1).
    private static func packetBytes(_ length: Int) -> Int {
        1 + VariableByteInteger.byteCount(of: length) + length
    }

    private func length(of packet: Packet) throws(MQTTError) -> Int {
        try self.checkFields(packet)
        var counter = ByteCounter()
        counter.put(packet, version: self.version)
        try self.check(counter, packet.type)
        return counter.count
    }

    private func write(
        _ packet: Packet, first: UInt8, length: Int, into buffer: inout ByteBuffer
    ) {
        buffer.reserveCapacity(minimumWritableBytes: length + 1 + VariableByteInteger.bytesMax)
        buffer.put(first)
        buffer.put(variable: length)
        buffer.put(packet, version: self.version)
    }

    private func check(_ counter: ByteCounter, _ type: PacketType) throws(MQTTError) {
        guard !counter.hasOverlongField else {
            throw MQTTError(.notEncodable, "\(type): a field has more than 65,535 bytes")
        }
        let bytes = Self.packetBytes(counter.count)
        guard bytes <= self.packetBytesMax, counter.count <= VariableByteInteger.maximum else {
            throw MQTTError(
                .packetTooLarge,
                "\(type): it has \(bytes) bytes; the peer takes \(self.packetBytesMax)")
        }
    }

    /// What the types cannot rule out: our own mistakes, named rather than sent.
    private func checkFields(_ packet: Packet) throws(MQTTError) {
        let fault: String? =
            switch packet {
            case .subscribe(let subscribe):
                subscribe.packetID == 0 || subscribe.subscriptions.isEmpty
                    ? "no packet identifier or no filter" : nil
            case .unsubscribe(let unsubscribe):
                unsubscribe.packetID == 0 || unsubscribe.filters.isEmpty
                    ? "no packet identifier or no filter" : nil
            case .puback(let ack), .pubrec(let ack), .pubrel(let ack), .pubcomp(let ack):
                ack.packetID == 0 ? "no packet identifier" : nil
            case .suback(let ack):
                ack.packetID == 0 || ack.reasons.isEmpty
                    ? "no packet identifier or no reason code" : nil
            case .unsuback(let ack): ack.packetID == 0 ? "no packet identifier" : nil
            case .auth: self.version == .v311 ? "MQTT 3.1.1 has no such packet" : nil
            case .connect(let connect):
                connect.version == .v311 && connect.password != nil && connect.userName == nil
                    ? "a password without a user name" : nil
            case .connack, .publish, .pingreq, .pingresp, .disconnect: nil
            }
        if let fault { throw MQTTError(.notEncodable, "\(packet.type): \(fault)") }
    }
}

extension Packet {
    /// Nil where there is nothing to leave out.
    fileprivate var withoutDiagnostics: Packet? {
        switch self {
        case .connack(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .connack(ack)
        case .puback(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .puback(ack)
        case .pubrec(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .pubrec(ack)
        case .pubrel(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .pubrel(ack)
        case .pubcomp(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .pubcomp(ack)
        case .suback(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .suback(ack)
        case .unsuback(var ack):
            ack.properties = ack.properties.withoutDiagnostics
            return .unsuback(ack)
        case .disconnect(var packet):
            packet.properties = packet.properties.withoutDiagnostics
            return .disconnect(packet)
        case .auth(var packet):
            packet.properties = packet.properties.withoutDiagnostics
            return .auth(packet)
        case .connect, .publish, .subscribe, .unsubscribe, .pingreq, .pingresp: return nil
        }
    }
}
