import NIOCore

/// Reads the body of one packet field by field. Every failure names the packet and the field.
struct WireReader {
    let type: PacketType
    let version: ProtocolVersion
    private var bytes: ByteBuffer

    init(type: PacketType, version: ProtocolVersion, body: ByteBuffer) {
        self.type = type
        self.version = version
        self.bytes = body
    }

    var isAtEnd: Bool { self.bytes.readableBytes == 0 }

    /// The same bytes under the version that a CONNECT turned out to speak.
    func speaking(_ version: ProtocolVersion) -> WireReader {
        WireReader(type: self.type, version: version, body: self.bytes)
    }

    mutating func byte(_ field: StaticString) throws(MQTTError) -> UInt8 {
        guard let value = self.bytes.readInteger(as: UInt8.self) else {
            throw self.truncated(field)
        }
        return value
    }

    mutating func uint16(_ field: StaticString) throws(MQTTError) -> UInt16 {
        guard let value = self.bytes.readInteger(as: UInt16.self) else {
            throw self.truncated(field)
        }
        return value
    }

    mutating func uint32(_ field: StaticString) throws(MQTTError) -> UInt32 {
        guard let value = self.bytes.readInteger(as: UInt32.self) else {
            throw self.truncated(field)
        }
        return value
    }

    mutating func variableByteInteger(_ field: StaticString) throws(MQTTError) -> Int {
        switch VariableByteInteger.read(self.bytes.readableBytesView) {
        case .incomplete: throw self.truncated(field)
        case .tooLong, .value(_, _, isMinimal: false):  // [MQTT-1.5.5-1]
            throw self.error(.malformedLength, "\(field) is not a variable byte integer")
        case .value(let value, let byteCount, _):
            self.bytes.moveReaderIndex(forwardBy: byteCount)
            return value
        }
    }

    /// Never zero: [MQTT-2.2.1-3].
    mutating func packetID() throws(MQTTError) -> PacketID {
        let id = try self.uint16("packet identifier")
        guard id != 0 else { throw self.error(.invalidPacketID, "the packet identifier is 0") }
        return id
    }

    /// A UTF-8 string without U+0000 (1.5.4); ill-formed UTF-8, surrogates included, closes the
    /// connection ([MQTT-1.5.4-1], [MQTT-1.5.4-2]).
    mutating func string(_ field: StaticString) throws(MQTTError) -> String {
        let length = Int(try self.uint16(field))
        guard length <= self.bytes.readableBytes else { throw self.truncated(field) }
        let text: String? = self.bytes.withUnsafeReadableBytes { readable in
            let raw = UnsafeRawBufferPointer(rebasing: readable.prefix(length))
            return raw.withMemoryRebound(to: UInt8.self) { text in
                text.contains(0) ? nil : String(validating: text, as: UTF8.self)
            }
        }
        guard let text else {
            throw self.error(.invalidUTF8, "\(field) is not UTF-8 without U+0000")
        }
        self.bytes.moveReaderIndex(forwardBy: length)
        return text
    }

    /// Two bytes of length, then any bytes (1.5.6).
    mutating func binary(_ field: StaticString) throws(MQTTError) -> ByteBuffer {
        let length = Int(try self.uint16(field))
        guard let data = self.bytes.readSlice(length: length) else {
            throw self.truncated(field)
        }
        return data
    }

    mutating func topicName(_ field: StaticString) throws(MQTTError) -> TopicName {
        let text = try self.string(field)
        do { return try TopicName(text) } catch {
            throw self.error(error.code, "\(field): \(error.message)")
        }
    }

    /// Everything that is left: the payload.
    mutating func rest() -> ByteBuffer {
        let rest = self.bytes
        self.bytes.moveReaderIndex(to: self.bytes.writerIndex)
        return rest
    }

    /// A reader of the next `length` bytes alone.
    mutating func part(_ length: Int, _ field: StaticString) throws(MQTTError) -> WireReader {
        guard let slice = self.bytes.readSlice(length: length) else {
            throw self.truncated(field)
        }
        return WireReader(type: self.type, version: self.version, body: slice)
    }

    func finish() throws(MQTTError) {
        guard self.isAtEnd else {
            throw self.error(
                .trailingBytes, "\(self.bytes.readableBytes) bytes stand after its last field")
        }
    }

    mutating func reason() throws(MQTTError) -> ReasonCode {
        let byte = try self.byte("reason code")
        guard let reason = ReasonCode(rawValue: byte), reason.isAllowed(in: self.type) else {
            throw self.error(.unknownReasonCode, "no reason code \(byte) exists for it")
        }
        return reason
    }

    func error(_ code: MQTTError.Code, _ message: String) -> MQTTError {
        MQTTError(code, "\(self.type): \(message)")
    }

    private func truncated(_ field: StaticString) -> MQTTError {
        self.error(.truncatedField, "it ends within \(field)")
    }
}
