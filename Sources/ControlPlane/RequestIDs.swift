import Fleet
import Synchronization

/// What requests are called in their answers, in the log and in the access log: a UUID of random
/// bits (RFC 9562 5.4), as AWS's are.
final class RequestIDs: Sendable {
    /// Drawn together: a system call for each would cost more than all else about it.
    private static let drawnAtOnce = 64

    private let entropy: any Entropy
    private let drawn = Mutex<[UInt8]>([])

    init(_ entropy: any Entropy) { self.entropy = entropy }

    func next() -> String {
        self.drawn.withLock { drawn in
            if drawn.isEmpty {
                drawn = self.entropy.bytes(count: Self.drawnAtOnce * ResourceID.bytesCount)
            }
            defer { drawn.removeLast(ResourceID.bytesCount) }
            return ResourceID(random: Array(drawn.suffix(ResourceID.bytesCount))).rawValue
        }
    }
}
