internal import Crypto

/// A Merkle tree over the audit log's entries as far as appending needs it: the roots of its
/// complete subtrees, largest first (RFC 9162 2.1.1: MTH). At most 64 hashes, however long the log.
struct MerkleRange: Equatable, Sendable {
    static let hashBytes = 32

    private(set) var size: UInt64 = 0
    private var subtrees: [[UInt8]] = []

    init() {}

    /// nil where the hashes cannot be those of a tree of `size` leaves.
    init?(size: Int64, packed: [UInt8]) {
        guard size >= 0 else { return nil }
        self.size = UInt64(size)
        guard packed.count == self.size.nonzeroBitCount * Self.hashBytes else { return nil }
        self.subtrees = stride(from: 0, to: packed.count, by: Self.hashBytes).map {
            Array(packed[$0..<$0 + Self.hashBytes])
        }
    }

    var packed: [UInt8] { Array(self.subtrees.joined()) }

    /// RFC 9162 2.1.1: a leaf's hash is that of a zero byte and the entry.
    static func leaf(_ entry: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: [0x00])
        hash.update(data: entry)
        return Array(hash.finalize())
    }

    private static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: [0x01])
        hash.update(data: left)
        hash.update(data: right)
        return Array(hash.finalize())
    }

    mutating func append(leaf: [UInt8]) {
        var hash = leaf
        // Each one at the low end of the size's binary form is a subtree that the leaf completes.
        var bits = self.size
        while bits & 1 == 1, let left = self.subtrees.popLast() {
            hash = Self.node(left, hash)
            bits >>= 1
        }
        self.subtrees.append(hash)
        self.size += 1
    }

    /// The hash of the whole log; that of nothing where it is empty (RFC 9162 2.1.1).
    var root: [UInt8] {
        guard var root = self.subtrees.last else { return Array(SHA256.hash(data: [UInt8]())) }
        for left in self.subtrees.dropLast().reversed() { root = Self.node(left, root) }
        return root
    }
}
