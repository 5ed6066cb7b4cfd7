import MQTT
import NIOCore
import Testing

@Suite struct PacketCodecTests {
    /// A decoder in the state in which the vector may arrive.
    static func decoder(for vector: PacketVector) -> PacketDecoder {
        if !vector.isFromClient { return PacketDecoder(side: .client(vector.version)) }
        var decoder = PacketDecoder(side: .server)
        guard vector.packet.type != .connect else { return decoder }
        Self.connect(&decoder, vector.version)
        return decoder
    }

    static func connect(_ decoder: inout PacketDecoder, _ version: ProtocolVersion) {
        var bytes = ByteBuffer()
        try? PacketEncoder(version: version).encode(
            .connect(Connect(version: version, clientID: "a")), into: &bytes)
        _ = try? decoder.next(from: &bytes)
        #expect(decoder.version == version)
    }

    @Test(arguments: PacketVectors.all)
    func bytesBecomeThePacket(_ vector: PacketVector) throws {
        var decoder = Self.decoder(for: vector)
        var input = ByteBuffer(bytes: vector.bytes + [0xC0])
        #expect(try decoder.next(from: &input) == vector.packet)
        #expect(input.readableBytes == 1)
    }

    @Test(arguments: PacketVectors.all)
    func thePacketBecomesItsBytes(_ vector: PacketVector) throws {
        var output = ByteBuffer(bytes: [0xAA])
        try PacketEncoder(version: vector.version).encode(vector.packet, into: &output)
        #expect(Array(output.readableBytesView) == [0xAA] + vector.bytes)
    }

    /// Whatever sizes TCP delivers, the packets are the same.
    @Test(arguments: ProtocolVersion.allCases)
    func everyChunkSizeGivesTheSamePackets(_ version: ProtocolVersion) throws {
        let vectors = PacketVectors.all.filter { $0.version == version && !$0.isFromClient }
        let stream = vectors.flatMap(\.bytes)
        for chunk in 1...stream.count {
            var decoder = PacketDecoder(side: .client(version))
            var input = ByteBuffer()
            var packets: [Packet] = []
            for start in stride(from: 0, to: stream.count, by: chunk) {
                input.writeBytes(stream[start..<min(start + chunk, stream.count)])
                while let packet = try decoder.next(from: &input) { packets.append(packet) }
                input.discardReadBytes()
            }
            #expect(packets == vectors.map(\.packet), "chunks of \(chunk)")
        }
    }

    @Test(arguments: PacketVectors.all.filter(\.isFromClient))
    func everyChunkSizeGivesTheClientsPacket(_ vector: PacketVector) throws {
        for chunk in 1...vector.bytes.count {
            var decoder = Self.decoder(for: vector)
            var input = ByteBuffer()
            var packets: [Packet] = []
            for start in stride(from: 0, to: vector.bytes.count, by: chunk) {
                input.writeBytes(vector.bytes[start..<min(start + chunk, vector.bytes.count)])
                while let packet = try decoder.next(from: &input) { packets.append(packet) }
            }
            #expect(packets == [vector.packet], "chunks of \(chunk)")
        }
    }

    /// Cutting a packet short and mending its length never yields a packet that was not sent whole
    /// and never traps.
    @Test(arguments: PacketVectors.all)
    func everyTruncationIsRefusedOrIsAShorterPacket(_ vector: PacketVector) throws {
        let body = vector.bytes.dropFirst(2)
        for length in 0..<body.count {
            var decoder = Self.decoder(for: vector)
            var input = ByteBuffer(
                bytes: [vector.bytes[0], UInt8(length)] + Array(body.prefix(length)))
            do {
                let packet = try decoder.next(from: &input)
                #expect(packet != vector.packet)
            } catch {
                let code = error.code
                #expect(
                    [
                        .truncatedField, .emptySubscription, .emptyTopic, .invalidUTF8,
                        .malformedLength, .invalidPropertyValue, .invalidSubscriptionOptions,
                    ].contains(code), "\(vector) cut to \(length): \(error)")
            }
        }
    }

    @Test func aPasswordNeverPrints() {
        var connect = Connect(version: .v5, clientID: "a")
        connect.password = Password(buffer("hunter2"))
        var dumped = ""
        dump(Packet.connect(connect), to: &dumped)
        for text in ["\(connect)", String(reflecting: connect), dumped] {
            #expect(!text.contains("hunter2") && !text.contains("68756e74"))
        }
    }
}
