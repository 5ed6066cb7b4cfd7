/// Bytes that are overwritten when the last reference to them goes.
///
/// `@unchecked Sendable`: the buffer is written in `init` and `deinit` only, which cannot overlap
/// with a reader, since a reader holds a reference.
package final class WipedBytes: @unchecked Sendable {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    package let count: Int

    package init(_ bytes: some Collection<UInt8>) {
        self.buffer = .allocate(capacity: bytes.count)
        _ = self.buffer.initialize(from: bytes)
        self.count = bytes.count
    }

    /// Bytes that are made in place, where a copy to wipe them from would itself stay behind.
    ///
    /// - Parameter fill: writes to the front of the zeroed buffer it is given, and says how many
    ///   bytes it wrote.
    package init(capacity: Int, fill: (UnsafeMutableBufferPointer<UInt8>) -> Int) {
        self.buffer = .allocate(capacity: capacity)
        self.buffer.initialize(repeating: 0)
        self.count = min(max(0, fill(self.buffer)), capacity)
    }

    deinit {
        // A plain loop might be removed as a dead store; a volatile-like write through an opaque
        // call is not.
        for index in self.buffer.indices { Self.store(0, into: self.buffer, at: index) }
        self.buffer.deallocate()
    }

    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(rebasing: self.buffer[..<self.count]))
    }

    @inline(never) @_optimize(none)
    private static func store(
        _ byte: UInt8, into buffer: UnsafeMutableBufferPointer<UInt8>, at index: Int
    ) {
        buffer[index] = byte
    }
}
