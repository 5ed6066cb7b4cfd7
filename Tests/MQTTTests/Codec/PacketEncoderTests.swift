import MQTT
import NIOCore
import Testing

@Suite struct PacketEncoderTests {
    static let hello = Publish(topic: topic("a/b"), payload: buffer("hello"))

    @Test func aPublishLargerThanThePeerTakesIsNotWritten() throws {
        // 2 of header, 5 of topic, 1 of property length, 5 of payload.
        for (limit, fits) in [(13, true), (12, false)] {
            var output = ByteBuffer(string: "before")
            let encoder = PacketEncoder(version: .v5, packetBytesMax: limit)
            do {
                try encoder.encode(Self.hello, into: &output)
                #expect(fits && output.readableBytes == 6 + 13)
            } catch {
                #expect(!fits && error.code == .packetTooLarge)
                #expect(output == ByteBuffer(string: "before"))
            }
        }
    }

    @Test func diagnosticsGiveWayToThePeersLimit() throws {
        let ack = PublishAck(
            packetID: 1, reason: .notAuthorized,
            properties: [
                .reasonString("a long explanation"), .userProperty(name: "k", value: "v"),
            ])
        var output = ByteBuffer()
        try PacketEncoder(version: .v5, packetBytesMax: 10).encode(.puback(ack), into: &output)
        #expect(Array(output.readableBytesView) == bytes("40 03 0001 87"))
    }

    static let unsayable: [(Packet, ProtocolVersion)] = [
        (.publish(Publish(topic: topic("a"), payload: ByteBuffer(), qos: .atLeastOnce)), .v5),
        (.publish(Publish(topic: topic("a"), payload: ByteBuffer(), packetID: 1)), .v5),
        (.publish(Publish(topic: .empty, payload: ByteBuffer())), .v5),
        (
            .publish(
                Publish(topic: .empty, payload: ByteBuffer(), properties: [.topicAlias(1)])), .v311
        ),
        (.subscribe(Subscribe(packetID: 1, subscriptions: [])), .v311),
        (.unsubscribe(Unsubscribe(packetID: 0, filters: [filter("a")])), .v5),
        (.puback(PublishAck(packetID: 0)), .v311),
        (.suback(SubAck(packetID: 1, reasons: [])), .v5),
        (.auth(Auth()), .v311),
        (
            .connect(
                Connect(version: .v5, clientID: String(repeating: "x", count: 65_536))), .v5
        ),
        (
            .disconnect(
                Disconnect(
                    properties: [.contentType(String(repeating: "x", count: 65_536))])), .v5
        ),
    ]

    @Test(arguments: 0..<Self.unsayable.count)
    func whatHasNoFormIsNamedNotSent(_ index: Int) {
        let (packet, version) = Self.unsayable[index]
        var output = ByteBuffer()
        let error = #expect(throws: MQTTError.self) {
            try PacketEncoder(version: version).encode(packet, into: &output)
        }
        #expect(error?.code == .notEncodable)
        #expect(output.readableBytes == 0)
    }

    @Test(arguments: [0, 1, 121, 122, 16_376, 16_377, 2_097_144, 2_097_145])
    func everyWidthOfTheLengthComesBack(_ payloadBytes: Int) throws {
        let publish = Publish(
            topic: topic("abc"), payload: ByteBuffer(repeating: 7, count: payloadBytes))
        var bytes = ByteBuffer()
        try PacketEncoder(version: .v311).encode(publish, into: &bytes)
        var decoder = PacketDecoder(
            side: .client(.v311), limits: DecoderLimits(packetBytesMax: 1 << 23))
        #expect(try decoder.next(from: &bytes) == .publish(publish))
        #expect(bytes.readableBytes == 0)
    }

    /// 3.1.1 says less: what it cannot say is mapped, and properties stay behind.
    @Test func reasonsNarrowTo311() throws {
        var output = ByteBuffer()
        let encoder = PacketEncoder(version: .v311)
        for (packet, hex) in [
            (.connack(ConnAck(reason: .clientIdentifierNotValid)), "20 02 00 02"),
            (
                .connack(ConnAck(reason: .serverBusy, properties: [.reasonString("x")])),
                "20 02 00 03"
            ),
            (.connack(ConnAck(reason: .unsupportedProtocolVersion)), "20 02 00 01"),
            (
                .suback(SubAck(packetID: 1, reasons: [.success, .notAuthorized])),
                "90 04 0001 00 80"
            ),
            (.unsuback(UnsubAck(packetID: 1, reasons: [.noSubscriptionExisted])), "B0 02 0001"),
            (.puback(PublishAck(packetID: 1, reason: .notAuthorized)), "40 02 0001"),
            (.disconnect(Disconnect(reason: .serverBusy)), "E0 00"),
        ] as [(Packet, String)] {
            output.clear()
            try encoder.encode(packet, into: &output)
            #expect(Array(output.readableBytesView) == bytes(hex), "\(packet.type)")
        }
    }

    /// Every reason code in every packet: what the table allows is read back, the rest refused.
    @Test(arguments: [PacketType.connack, .puback, .suback, .unsuback, .disconnect])
    func reasonCodesAreReadWhereTheTableHasThem(_ type: PacketType) {
        for byte in UInt8.min...UInt8.max {
            let body: [UInt8] =
                switch type {
                case .connack: [0, byte, 0]
                case .puback: [0, 1, byte, 0]
                case .disconnect: [byte, 0]
                default: [0, 1, 0, byte]
                }
            var decoder = PacketDecoder(side: .client(.v5))
            var input = ByteBuffer(bytes: [type.rawValue << 4, UInt8(body.count)] + body)
            let isRead = (try? decoder.next(from: &input)) != nil
            #expect(isRead == (ReasonCode(rawValue: byte)?.isAllowed(in: type) ?? false))
        }
    }

    /// Each property in each packet: table 2-4, from the other side.
    @Test func propertiesAreReadWhereTheTableHasThem() {
        for id in PropertyID.allCases {
            let value: [UInt8] =
                switch id {
                case .messageExpiryInterval, .sessionExpiryInterval, .willDelayInterval,
                    .maximumPacketSize:
                    [0, 0, 0, 1]
                case .serverKeepAlive, .receiveMaximum, .topicAliasMaximum, .topicAlias: [0, 1]
                case .contentType, .responseTopic, .correlationData, .assignedClientIdentifier,
                    .authenticationMethod, .responseInformation, .serverReference, .reasonString:
                    [0, 1, 0x61]
                case .userProperty: [0, 1, 0x61, 0, 1, 0x62]
                case .authenticationData: [0, 1, 0x61, 0x15, 0, 1, 0x61]
                default: [1]
                }
            let list = [id.rawValue] + value
            for (type, head) in [
                (.publish, [0, 1, 0x61]), (.connack, [0, 0]), (.puback, [0, 1, 0]),
                (.disconnect, [0]),
            ] as [(PacketType, [UInt8])] {
                let body = head + [UInt8(list.count)] + list
                var decoder = PacketDecoder(side: .client(.v5))
                var input = ByteBuffer(bytes: [type.rawValue << 4, UInt8(body.count)] + body)
                let isRead = (try? decoder.next(from: &input)) != nil
                #expect(isRead == id.isAllowed(in: .packet(type)), "\(id) in \(type)")
            }
        }
    }
}
