package import NIOCore

/// How large a packet may be, header and all, before it is refused unread.
package struct DecoderLimits: Hashable, Sendable {
    /// AWS: 128 KiB of payload; the rest is room for topic and properties.
    package var packetBytesMax: Int
    /// A CONNECT comes from someone not yet known, so it gets less room.
    package var connectBytesMax: Int

    package static let packetBytesDefault = 149_504
    package static let connectBytesDefault = 64 * 1024

    package init(
        packetBytesMax: Int = Self.packetBytesDefault,
        connectBytesMax: Int = Self.connectBytesDefault
    ) {
        self.packetBytesMax = packetBytesMax
        self.connectBytesMax = connectBytesMax
    }

    package static let standard = DecoderLimits()
}

/// Turns bytes into packets, strictly, for either side of a connection.
///
/// Incremental: feed it the same buffer again when more has arrived; it takes whole packets off the
/// front and leaves the rest. What the first byte or the length already forbids is refused at
/// once, before a byte of the body is waited for. After an error the stream has no known
/// boundaries, so every further call throws that error again.
package struct PacketDecoder: Sendable {
    /// Whose bytes these are.
    package enum Side: Hashable, Sendable {
        /// We are the server; the version is learned from the CONNECT, which must come first.
        case server
        /// We are the client, and sent a CONNECT of this version.
        case client(ProtocolVersion)
    }

    private let side: Side
    private let limits: DecoderLimits
    /// Nil on a server until the CONNECT has been read.
    package private(set) var version: ProtocolVersion?
    private var failure: MQTTError?

    package init(side: Side, limits: DecoderLimits = .standard) {
        self.side = side
        self.limits = limits
        switch side {
        case .server: self.version = nil
        case .client(let version): self.version = version
        }
    }

    /// The next packet at the front of `buffer`, or nil until more bytes are there.
    package mutating func next(from buffer: inout ByteBuffer) throws(MQTTError) -> Packet? {
        if let failure = self.failure { throw failure }
        do throws(MQTTError) {
            guard let header = try self.header(buffer),
                buffer.readableBytes >= header.packetBytes
            else { return nil }
            buffer.moveReaderIndex(forwardBy: header.byteCount)
            // There by the guard above, so the alternative is never taken.
            let body = buffer.readSlice(length: header.remainingLength) ?? ByteBuffer()
            return try self.packet(header, body)
        } catch {
            self.failure = error
            throw error
        }
    }

    private func header(_ buffer: ByteBuffer) throws(MQTTError) -> FixedHeader? {
        let bytes = buffer.readableBytesView
        guard let first = bytes.first else { return nil }
        let (type, flags) = try FixedHeader.typeAndFlags(first)
        try self.checkOrder(type)
        switch VariableByteInteger.read(bytes.dropFirst()) {
        case .incomplete: return nil
        case .tooLong:
            throw MQTTError(.malformedLength, "\(type): its length has more than four bytes")
        case .value(let length, let byteCount, let isMinimal):
            let header = FixedHeader(
                type: type, flags: flags, remainingLength: length, byteCount: 1 + byteCount,
                lengthIsMinimal: isMinimal)
            try self.checkSize(header)
            return header
        }
    }

    /// Whether a packet of `type` may come now, from that side, in that version.
    private func checkOrder(_ type: PacketType) throws(MQTTError) {
        guard let version = self.version else {
            guard type == .connect else {  // [MQTT-3.1.0-1]
                throw MQTTError(.firstPacketNotConnect, "\(type) came before CONNECT")
            }
            return
        }
        let isAllowed =
            switch (type, self.side) {
            case (.connect, .server):  // [MQTT-3.1.0-2]
                throw MQTTError(.secondConnect, "a second CONNECT came")
            case (.connack, .server), (.suback, .server), (.unsuback, .server),
                (.pingresp, .server), (.connect, .client), (.subscribe, .client),
                (.unsubscribe, .client), (.pingreq, .client):
                false
            case (.disconnect, .client), (.auth, _): version == .v5
            case (.publish, _), (.puback, _), (.pubrec, _), (.pubrel, _), (.pubcomp, _),
                (.connack, .client), (.suback, .client), (.unsuback, .client),
                (.pingresp, .client), (.subscribe, .server), (.unsubscribe, .server),
                (.pingreq, .server), (.disconnect, .server):
                true
            }
        guard isAllowed else {
            throw MQTTError(
                .unexpectedPacket, "\(type) may not come from this side in MQTT \(version)")
        }
    }

    private func checkSize(_ header: FixedHeader) throws(MQTTError) {
        guard header.lengthIsMinimal || self.version != .v5 else {  // [MQTT-1.5.5-1]
            throw MQTTError(.malformedLength, "\(header.type): its length has needless bytes")
        }
        let bytesMax =
            header.type == .connect ? self.limits.connectBytesMax : self.limits.packetBytesMax
        guard header.packetBytes <= bytesMax else {
            throw MQTTError(
                .packetTooLarge,
                "\(header.type): it has \(header.packetBytes) bytes; at most \(bytesMax)")
        }
        if let exact = self.fixedLength(header.type), header.remainingLength != exact {
            throw MQTTError(
                header.remainingLength > exact ? .trailingBytes : .truncatedField,
                "\(header.type): its length is \(header.remainingLength), not \(exact)")
        }
    }

    /// The one length a packet may have, where there is only one.
    private func fixedLength(_ type: PacketType) -> Int? {
        switch type {
        case .pingreq, .pingresp: 0
        case .disconnect: self.version == .v311 ? 0 : nil
        case .connack, .puback, .pubrec, .pubrel, .pubcomp, .unsuback:
            self.version == .v311 ? 2 : nil
        case .connect, .publish, .subscribe, .suback, .unsubscribe, .auth: nil
        }
    }

    private mutating func packet(
        _ header: FixedHeader, _ body: ByteBuffer
    ) throws(MQTTError) -> Packet {
        // Before CONNECT the version is not known; the CONNECT's own reader finds it out.
        var reader = WireReader(
            type: header.type, version: self.version ?? .v311, body: body)
        let packet: Packet
        switch header.type {
        case .connect:
            let connect = try reader.connect { version throws(MQTTError) in
                self.version = version
                guard header.lengthIsMinimal || version != .v5 else {  // [MQTT-1.5.5-1]
                    throw MQTTError(.malformedLength, "CONNECT: its length has needless bytes")
                }
            }
            packet = .connect(connect)
        case .connack: packet = .connack(try reader.connack())
        case .publish: packet = .publish(try reader.publish(header.flags, from: self.side))
        case .puback: packet = .puback(try reader.publishAck())
        case .pubrec: packet = .pubrec(try reader.publishAck())
        case .pubrel: packet = .pubrel(try reader.publishAck())
        case .pubcomp: packet = .pubcomp(try reader.publishAck())
        case .subscribe: packet = .subscribe(try reader.subscribe())
        case .suback: packet = .suback(try reader.suback())
        case .unsubscribe: packet = .unsubscribe(try reader.unsubscribe())
        case .unsuback: packet = .unsuback(try reader.unsuback())
        case .pingreq: packet = .pingreq
        case .pingresp: packet = .pingresp
        case .disconnect: packet = .disconnect(try reader.disconnect())
        case .auth: packet = .auth(try reader.auth())
        }
        try reader.finish()
        return packet
    }
}
