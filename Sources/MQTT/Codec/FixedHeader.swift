/// The first two to five bytes of every packet (2.1).
struct FixedHeader: Hashable {
    let type: PacketType
    /// The low nibble of the first byte.
    let flags: UInt8
    let remainingLength: Int
    let byteCount: Int
    let lengthIsMinimal: Bool

    var packetBytes: Int { self.byteCount + self.remainingLength }
}

extension FixedHeader {
    /// What the first byte alone says. It is judged before the length is even there.
    static func typeAndFlags(_ byte: UInt8) throws(MQTTError) -> (PacketType, UInt8) {
        guard let type = PacketType(rawValue: byte >> 4) else {
            throw MQTTError(.reservedPacketType, "packet type 0 is reserved")
        }
        let flags = byte & 0x0F
        if let fixed = type.fixedFlags {
            guard flags == fixed else {  // [MQTT-2.1.3-1]
                throw MQTTError(.reservedFlags, "\(type): its flags are \(flags), not \(fixed)")
            }
        } else {
            guard let qos = QoS(rawValue: flags >> 1 & 0b11) else {  // [MQTT-3.3.1-4]
                throw MQTTError(.invalidQoS, "\(type): QoS 3 does not exist")
            }
            guard qos != .atMostOnce || flags & 0b1000 == 0 else {  // [MQTT-3.3.1-2]
                throw MQTTError(.reservedFlags, "\(type): DUP is set at QoS 0")
            }
        }
        return (type, flags)
    }
}
