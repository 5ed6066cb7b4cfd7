import NIOCore

/// Where the encoder writes: first into a counter, for the length that goes ahead, then into the
/// buffer. One description of each packet serves both, so the two cannot disagree.
protocol PacketSink {
    mutating func put(_ byte: UInt8)
    mutating func put(_ number: UInt16)
    mutating func put(_ number: UInt32)
    mutating func putRaw(_ text: String)
    mutating func putRaw(_ bytes: ByteBuffer)
    mutating func put(string text: String)
    mutating func put(binary bytes: ByteBuffer)
}

extension PacketSink {
    mutating func put(string text: String) {
        self.put(UInt16(truncatingIfNeeded: text.utf8.count))
        self.putRaw(text)
    }

    mutating func put(binary bytes: ByteBuffer) {
        self.put(UInt16(truncatingIfNeeded: bytes.readableBytes))
        self.putRaw(bytes)
    }

    mutating func put(_ flag: Bool) { self.put(flag ? 1 as UInt8 : 0) }

    mutating func put(variable value: Int) {
        var rest = value
        repeat {
            let low = UInt8(truncatingIfNeeded: rest & 0x7F)
            rest >>= 7
            self.put(rest > 0 ? low | 0x80 : low)
        } while rest > 0
    }
}

/// Counts what would be written, and notes a field that its length prefix could not describe.
struct ByteCounter: PacketSink {
    /// What a two-byte length can say (1.5.4, 1.5.6).
    private static let fieldBytesMax = 0xFFFF

    private(set) var count = 0
    private(set) var hasOverlongField = false

    mutating func put(_ byte: UInt8) { self.count += 1 }
    mutating func put(_ number: UInt16) { self.count += 2 }
    mutating func put(_ number: UInt32) { self.count += 4 }
    mutating func putRaw(_ text: String) { self.count += text.utf8.count }
    mutating func putRaw(_ bytes: ByteBuffer) { self.count += bytes.readableBytes }

    mutating func put(string text: String) {
        self.hasOverlongField = self.hasOverlongField || text.utf8.count > Self.fieldBytesMax
        self.count += 2 + text.utf8.count
    }

    mutating func put(binary bytes: ByteBuffer) {
        self.hasOverlongField =
            self.hasOverlongField || bytes.readableBytes > Self.fieldBytesMax
        self.count += 2 + bytes.readableBytes
    }
}

extension ByteBuffer: PacketSink {
    mutating func put(_ byte: UInt8) { self.writeInteger(byte) }
    mutating func put(_ number: UInt16) { self.writeInteger(number) }
    mutating func put(_ number: UInt32) { self.writeInteger(number) }
    mutating func putRaw(_ text: String) { self.writeString(text) }
    mutating func putRaw(_ bytes: ByteBuffer) { self.writeImmutableBuffer(bytes) }
}
