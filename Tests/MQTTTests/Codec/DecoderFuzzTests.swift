import MQTT
import NIOCore
import Testing

@Suite struct DecoderFuzzTests {
    static let cases = 50_000
    static let seed: UInt64 = 0x5EED_0311

    /// Random bytes, and real packets with a few bytes changed, to servers and clients: every case
    /// ends in packets or in an error, and what is decoded survives being encoded and read again.
    @Test func noBytesTrapTheDecoder() {
        var random = SeededGenerator(seed: Self.seed)
        var packets = 0
        for index in 0..<Self.cases {
            let (side, input) = Self.input(index, &random)
            var decoder = PacketDecoder(side: side)
            if case .server = side, index % 3 != 0 {
                PacketCodecTests.connect(&decoder, index % 2 == 0 ? .v5 : .v311)
            }
            var bytes = ByteBuffer(bytes: input)
            do throws(MQTTError) {
                while let packet = try decoder.next(from: &bytes) {
                    packets += 1
                    #expect(
                        Self.reread(packet, side, decoder.version ?? .v5) == packet,
                        "seed \(Self.seed), case \(index)")
                }
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
        #expect(packets > Self.cases / 20)
    }

    private static func input(
        _ index: Int, _ random: inout SeededGenerator
    ) -> (PacketDecoder.Side, [UInt8]) {
        let vector = PacketVectors.all[
            Int(random.next() % UInt64(PacketVectors.all.count))]
        var input: [UInt8]
        if index % 4 == 0 {
            let count = Int(random.next() % 64)
            input = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        } else {
            input = vector.bytes
            for _ in 0..<(1 + random.next() % 4) {
                let position = Int(random.next() % UInt64(input.count))
                switch random.next() % 3 {
                case 0: input[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: input[position] ^= 1 << UInt8(random.next() % 8)
                default: input.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
                }
            }
        }
        return (vector.isFromClient ? .server : .client(vector.version), input)
    }

    private static func reread(
        _ packet: Packet, _ side: PacketDecoder.Side, _ version: ProtocolVersion
    ) -> Packet? {
        var bytes = ByteBuffer()
        try? PacketEncoder(version: version).encode(packet, into: &bytes)
        var decoder = PacketDecoder(side: side)
        if case .server = side, packet.type != .connect {
            PacketCodecTests.connect(&decoder, version)
        }
        return try? decoder.next(from: &bytes)
    }

    /// The variable byte integer against a slow reading of the standard's own words.
    @Test func lengthsAgreeWithAReference() {
        var random = SeededGenerator(seed: Self.seed)
        for _ in 0..<20_000 {
            let count = Int(random.next() % 7)
            let bytes = (0..<count).map { _ in
                random.next() % 2 == 0
                    ? UInt8(truncatingIfNeeded: random.next()) | 0x80
                    : UInt8(truncatingIfNeeded: random.next())
            }
            #expect(VariableByteInteger.read(bytes) == Self.reference(bytes), "\(bytes)")
        }
    }

    private static func reference(_ bytes: [UInt8]) -> VariableByteInteger.Progress {
        guard let last = bytes.prefix(4).firstIndex(where: { $0 < 128 }) else {
            return bytes.count >= 4 ? .tooLong : .incomplete
        }
        let value = bytes[...last].reversed().reduce(0) { $0 * 128 + Int($1 % 128) }
        let shortest = value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
        return .value(value, byteCount: last + 1, isMinimal: shortest == last + 1)
    }
}
