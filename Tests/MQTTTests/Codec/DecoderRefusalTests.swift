import MQTT
import NIOCore
import Testing

/// Bytes that are refused, and with which code. `after` is the CONNECT that came before, if any.
struct Refusal: Sendable, CustomStringConvertible {
    let name: String
    let after: ProtocolVersion?
    let hex: String
    let code: MQTTError.Code

    init(_ name: String, _ after: ProtocolVersion?, _ hex: String, _ code: MQTTError.Code) {
        self.name = name
        self.after = after
        self.hex = hex
        self.code = code
    }

    var description: String { self.name }
}

@Suite struct DecoderRefusalTests {
    static let connects: [Refusal] = [
        Refusal("type 0", nil, "00", .reservedPacketType),
        Refusal(
            "a stranger's protocol", nil, "10 0D 0004 4D515458 04 02 0000 0001 61",
            .unsupportedProtocolName),
        Refusal(
            "lower case name", nil, "10 0D 0004 6D717474 04 02 0000 0001 61",
            .unsupportedProtocolName),
        Refusal(
            "MQTT 3.1", nil, "10 0F 0006 4D5149736470 03 02 0000 0001 61",
            .unsupportedProtocolVersion),
        Refusal(
            "version 6", nil, "10 0D 0004 4D515454 06 02 0000 0001 61",
            .unsupportedProtocolVersion),
        Refusal(
            "bridge bit", nil, "10 0D 0004 4D515454 84 02 0000 0001 61",
            .unsupportedProtocolVersion),
        Refusal(
            "reserved flag", nil, "10 0D 0004 4D515454 04 03 0000 0001 61",
            .invalidConnectFlags),
        Refusal(
            "will QoS without will", nil, "10 0D 0004 4D515454 04 0A 0000 0001 61",
            .invalidConnectFlags),
        Refusal(
            "will retain without will", nil, "10 0D 0004 4D515454 04 22 0000 0001 61",
            .invalidConnectFlags),
        Refusal(
            "will QoS 3", nil, "10 13 0004 4D515454 04 1E 0000 0001 61 0001 77 0001 78",
            .invalidConnectFlags),
        Refusal(
            "password without name, 3.1.1", nil,
            "10 10 0004 4D515454 04 42 0000 0001 61 0001 70", .invalidConnectFlags),
        Refusal(
            "wildcard will topic", nil,
            "10 13 0004 4D515454 04 06 0000 0001 61 0001 23 0001 78", .invalidTopicName),
        Refusal(
            "empty will topic", nil,
            "10 12 0004 4D515454 04 06 0000 0001 61 0000 0001 78", .invalidTopicName),
        Refusal(
            "trailing byte", nil, "10 0E 0004 4D515454 04 02 0000 0001 61 00",
            .trailingBytes),
        Refusal("NUL in client id", nil, "10 0D 0004 4D515454 04 02 0000 0001 00", .invalidUTF8),
        Refusal(
            "surrogate in client id", nil, "10 0F 0004 4D515454 04 02 0000 0003 EDA080",
            .invalidUTF8),
        Refusal("overlong UTF-8", nil, "10 0E 0004 4D515454 04 02 0000 0002 C080", .invalidUTF8),
        Refusal(
            "client id beyond the end", nil, "10 0D 0004 4D515454 04 02 0000 0005 61",
            .truncatedField),
        Refusal(
            "needless length byte, 5", nil, "10 8E00 0004 4D515454 05 02 0000 00 0001 61",
            .malformedLength),
        Refusal(
            "receive maximum 0", nil, "10 11 0004 4D515454 05 02 0000 03 21 0000 0001 61",
            .invalidPropertyValue),
        Refusal(
            "maximum packet size 0", nil,
            "10 13 0004 4D515454 05 02 0000 05 27 00000000 0001 61", .invalidPropertyValue),
        Refusal(
            "property twice", nil,
            "10 14 0004 4D515454 05 02 0000 06 21 0001 21 0001 0001 61", .duplicateProperty),
        Refusal(
            "flag of 2", nil, "10 10 0004 4D515454 05 02 0000 02 17 02 0001 61",
            .invalidPropertyValue),
        Refusal(
            "topic alias in CONNECT", nil,
            "10 11 0004 4D515454 05 02 0000 03 23 0001 0001 61", .propertyNotAllowed),
        Refusal(
            "authentication data alone", nil,
            "10 12 0004 4D515454 05 02 0000 04 16 0001 64 0001 61", .invalidPropertyValue),
        Refusal(
            "will delay outside the will", nil,
            "10 13 0004 4D515454 05 02 0000 05 18 00000001 0001 61", .propertyNotAllowed),
        Refusal(
            "properties beyond the end", nil, "10 0E 0004 4D515454 05 02 0000 7F 0001 61",
            .truncatedField),
    ]

    static let others: [Refusal] = [
        Refusal("five length bytes", .v311, "30 80808080 01", .malformedLength),
        Refusal("four open length bytes", .v311, "30 FFFFFFFF", .malformedLength),
        Refusal("needless length byte, 5", .v5, "C0 8000", .malformedLength),
        Refusal("QoS 3", .v5, "36", .invalidQoS),
        Refusal("DUP at QoS 0", .v311, "38", .reservedFlags),
        Refusal("packet id 0", .v311, "32 05 0001 61 0000", .invalidPacketID),
        Refusal("plus in topic", .v5, "30 04 0001 2B 00", .invalidTopicName),
        Refusal("hash in topic", .v311, "30 05 0003 612F23", .invalidTopicName),
        Refusal("empty topic, 3.1.1", .v311, "30 02 0000", .emptyTopic),
        Refusal("empty topic without alias", .v5, "30 03 0000 00", .emptyTopic),
        Refusal("alias 0", .v5, "30 07 0001 61 03 23 0000", .topicAliasInvalid),
        Refusal("identifier from a client", .v5, "30 06 0001 61 02 0B 01", .propertyNotAllowed),
        Refusal("unknown property", .v5, "30 05 0001 61 01 7E", .unknownProperty),
        Refusal("two-byte property number", .v5, "30 06 0001 61 02 8101", .unknownProperty),
        Refusal("overlong property number", .v5, "30 06 0001 61 02 8100", .malformedLength),
        Refusal(
            "wildcard response topic", .v5, "30 08 0001 61 04 08 0001 2B",
            .invalidPropertyValue),
        Refusal("topic beyond the end", .v311, "30 04 0005 6161", .truncatedField),
        Refusal("no packet id", .v311, "32 03 0001 61", .truncatedField),
        Refusal("PUBACK of three bytes, 3.1.1", .v311, "40 03", .trailingBytes),
        Refusal("PUBACK of one byte", .v5, "40 01 00", .truncatedField),
        Refusal("PUBACK of packet 0", .v5, "40 02 0000", .invalidPacketID),
        Refusal("PUBACK with a SUBACK reason", .v5, "40 03 0001 01", .unknownReasonCode),
        Refusal("PUBACK with no reason of all", .v5, "40 03 0001 7F", .unknownReasonCode),
        Refusal("PUBREL without flags", .v5, "60 02 0001", .reservedFlags),
        Refusal("SUBSCRIBE without flags", .v5, "80", .reservedFlags),
        Refusal("empty SUBSCRIBE", .v311, "82 02 0001", .emptySubscription),
        Refusal("empty SUBSCRIBE, 5", .v5, "82 03 0001 00", .emptySubscription),
        Refusal("SUBSCRIBE at QoS 3", .v311, "82 06 0001 0001 61 03", .invalidSubscriptionOptions),
        Refusal(
            "options of 5 in 3.1.1", .v311, "82 06 0001 0001 61 04",
            .invalidSubscriptionOptions),
        Refusal(
            "retain handling 3", .v5, "82 07 0001 00 0001 61 30",
            .invalidSubscriptionOptions),
        Refusal(
            "reserved option bit", .v5, "82 07 0001 00 0001 61 40",
            .invalidSubscriptionOptions),
        Refusal(
            "No Local, shared", .v5, "82 10 0001 00 000A 2473686172652F672F61 04",
            .invalidPropertyValue),
        Refusal("filter with U+0000", .v5, "82 09 0001 00 0003 610062 00", .invalidUTF8),
        Refusal(
            "subscription identifier 0", .v5, "82 09 0001 02 0B 00 0001 61 00",
            .invalidPropertyValue),
        Refusal(
            "two subscription identifiers", .v5, "82 0B 0001 04 0B 01 0B 02 0001 61 00",
            .duplicateProperty),
        Refusal("filter without options", .v311, "82 05 0001 0001 61", .truncatedField),
        Refusal("empty UNSUBSCRIBE", .v311, "A2 02 0001", .emptySubscription),
        Refusal("PINGREQ with a body", .v311, "C0 01", .trailingBytes),
        Refusal("DISCONNECT with a body, 3.1.1", .v311, "E0 01", .trailingBytes),
        Refusal("DISCONNECT with a CONNACK reason", .v5, "E0 01 84", .unknownReasonCode),
        Refusal("DISCONNECT with trailing bytes", .v5, "E0 03 00 00 00", .trailingBytes),
        Refusal("AUTH in 3.1.1", .v311, "F0", .unexpectedPacket),
        Refusal("AUTH without a method", .v5, "F0 02 18 00", .invalidPropertyValue),
        Refusal("second CONNECT", .v5, "10", .secondConnect),
        Refusal("CONNACK from a client", .v5, "20", .unexpectedPacket),
        Refusal("SUBACK from a client", .v311, "90", .unexpectedPacket),
        Refusal("UNSUBACK from a client", .v5, "B0", .unexpectedPacket),
        Refusal("PINGRESP from a client", .v311, "D0", .unexpectedPacket),
    ]

    @Test(arguments: Self.connects + Self.others)
    func foreignBytesAreRefused(_ refusal: Refusal) {
        var decoder = PacketDecoder(side: .server)
        if let version = refusal.after { PacketCodecTests.connect(&decoder, version) }
        var input = ByteBuffer(bytes: bytes(refusal.hex))
        let error = #expect(throws: MQTTError.self) { try decoder.next(from: &input) }
        #expect(error?.code == refusal.code, "\(String(describing: error))")
        #expect(error?.reasonCode.isFailure == true)

        // The stream has lost its boundaries: whatever follows, the answer stays.
        var ping = ByteBuffer(bytes: [0xC0, 0x00])
        let again = #expect(throws: MQTTError.self) { try decoder.next(from: &ping) }
        #expect(again == error)
    }

    static let toClients: [Refusal] = [
        Refusal("CONNECT", .v5, "10", .unexpectedPacket),
        Refusal("SUBSCRIBE", .v5, "82", .unexpectedPacket),
        Refusal("UNSUBSCRIBE", .v311, "A2", .unexpectedPacket),
        Refusal("PINGREQ", .v311, "C0", .unexpectedPacket),
        Refusal("DISCONNECT in 3.1.1", .v311, "E0", .unexpectedPacket),
        Refusal("CONNACK flags", .v311, "20 02 02 00", .reservedFlags),
        Refusal("CONNACK code 6", .v311, "20 02 00 06", .unknownReasonCode),
        Refusal("refused with a session", .v311, "20 02 01 05", .reservedFlags),
        Refusal("refused with a session, 5", .v5, "20 03 01 87 00", .reservedFlags),
        Refusal("CONNACK with a PUBACK reason", .v5, "20 03 00 10 00", .unknownReasonCode),
        Refusal("maximum QoS 2", .v5, "20 05 00 00 02 24 02", .invalidPropertyValue),
        Refusal("SUBACK code 3", .v311, "90 03 0001 03", .unknownReasonCode),
        Refusal("SUBACK code of 5 in 3.1.1", .v311, "90 03 0001 87", .unknownReasonCode),
        Refusal("SUBACK without codes", .v311, "90 02 0001", .truncatedField),
        Refusal("UNSUBACK without codes", .v5, "B0 03 0001 00", .truncatedField),
    ]

    @Test(arguments: Self.toClients)
    func foreignBytesAreRefusedByClients(_ refusal: Refusal) throws {
        var decoder = PacketDecoder(side: .client(try #require(refusal.after)))
        var input = ByteBuffer(bytes: bytes(refusal.hex))
        let error = #expect(throws: MQTTError.self) { try decoder.next(from: &input) }
        #expect(error?.code == refusal.code, "\(String(describing: error))")
    }

    /// 15 types and the reserved one, each flag nibble, before and after CONNECT: one byte decides.
    @Test(arguments: [nil, .v311, .v5] as [ProtocolVersion?])
    func theFirstByteAloneDecides(_ after: ProtocolVersion?) {
        for byte in UInt8.min...UInt8.max {
            var decoder = PacketDecoder(side: .server)
            if let after { PacketCodecTests.connect(&decoder, after) }
            var input = ByteBuffer(bytes: [byte])
            let passes: Bool =
                switch (byte >> 4, byte & 0x0F) {
                case (1, 0): after == nil
                case (3, let flags):
                    after != nil && flags & 0b0110 != 0b0110
                        && (flags & 0b0110 != 0 || flags & 0b1000 == 0)
                case (4, 0), (5, 0), (6, 2), (7, 0), (8, 2), (10, 2), (12, 0), (14, 0):
                    after != nil
                case (15, 0): after == .v5
                default: false
                }
            do {
                #expect(try decoder.next(from: &input) == nil)
                #expect(passes, "byte \(byte)")
            } catch {
                #expect(!passes, "byte \(byte): \(error)")
            }
        }
    }

    /// A claimed length is judged when it is read; nothing is waited for, nothing allocated.
    @Test func aLengthOverTheLimitIsRefusedWithTheHeader() {
        for (after, first, limit) in [
            (nil, UInt8(0x10), 20), (.v311, 0x30, 50), (.v5, 0x30, 50),
        ] as [(ProtocolVersion?, UInt8, Int)] {
            for (length, isRefused) in [(limit - 2, false), (limit - 1, true)] {
                var decoder = PacketDecoder(
                    side: .server, limits: DecoderLimits(packetBytesMax: 50, connectBytesMax: 20))
                if let after { PacketCodecTests.connect(&decoder, after) }
                var input = ByteBuffer(bytes: [first, UInt8(length)])
                do {
                    #expect(try decoder.next(from: &input) == nil)
                    #expect(!isRefused)
                } catch {
                    #expect(isRefused && error.code == .packetTooLarge)
                }
            }
            var decoder = PacketDecoder(side: .server)
            if let after { PacketCodecTests.connect(&decoder, after) }
            var input = ByteBuffer(bytes: [first, 0xFF, 0xFF, 0xFF, 0x7F])
            let error = #expect(throws: MQTTError.self) { try decoder.next(from: &input) }
            #expect(error?.code == .packetTooLarge && error?.reasonCode == .packetTooLarge)
        }
    }

    /// 3.1.1 does not ask for the shortest form, and some of its clients do not use it.
    @Test func aLongFormOfTheLengthIsFineIn311() throws {
        var decoder = PacketDecoder(side: .server)
        var input = ByteBuffer(
            bytes: bytes("10 8D00 0004 4D515454 04 02 0000 0001 61 C0 808000"))
        #expect(try decoder.next(from: &input)?.type == .connect)
        #expect(try decoder.next(from: &input) == .pingreq)
    }

    @Test func messagesQuoteForeignTextHarmlessly() throws {
        let hostile = "a+\u{1B}[2J\n" + String(repeating: "x", count: 500)
        let error = #expect(throws: MQTTError.self) { try TopicName(hostile) }
        let message = try #require(error).message
        #expect(!message.contains("\u{1B}") && !message.contains("\n") && message.count < 200)
    }
}
