import Fleet
import Synchronization

/// What requests are called in their answers, in the log and in the access log: a UUID of random
/// bits (RFC 9562 5.4), as AWS's are.
final class RequestIDs: Sendable {
    /// Drawn together: a system call for each would cost more than all else about it.
    private static let drawnAtOnce = 64
    private static let bytesCount = 16

    private let entropy: any Entropy
    private let drawn = Mutex<[UInt8]>([])

    init(_ entropy: any Entropy) { self.entropy = entropy }

    func next() -> String {
        self.drawn.withLock { drawn in
            if drawn.isEmpty {
                drawn = self.entropy.bytes(count: Self.drawnAtOnce * Self.bytesCount)
            }
            defer { drawn.removeLast(Self.bytesCount) }
            return Self.text(drawn.suffix(Self.bytesCount))
        }
    }

    /// - Parameter bytes: 16 of them.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(unsafeUninitializedCapacity: 36) { text in
            var count = 0
            func write(_ byte: UInt8) {
                text[count] = byte
                count += 1
            }
            func write(digit: UInt8) {
                write(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
            for index in 0..<Self.bytesCount {
                var byte = bytes[bytes.startIndex + index]
                switch index {
                case 4, 10: write(UInt8(ascii: "-"))
                case 6:
                    write(UInt8(ascii: "-"))
                    byte = byte & 0x0F | 0x40
                case 8:
                    write(UInt8(ascii: "-"))
                    byte = byte & 0x3F | 0x80
                default: break
                }
                write(digit: byte >> 4)
                write(digit: byte & 0x0F)
            }
            return count
        }
    }
}
