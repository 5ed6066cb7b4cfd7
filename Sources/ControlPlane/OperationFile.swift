import Fleet

/// An answer that is a file and no JSON: its size is known, and its bytes are read as they go out.
package struct OperationFile: Sendable {
    /// What is read and sent at a time.
    package static let pieceBytes = 256 * 1024

    /// Reads up to `count` bytes from `offset` on.
    package typealias Reading =
        @Sendable (_ offset: Int64, _ count: Int) async throws -> [UInt8]

    package let contentType: String
    package let bytesCount: Int64
    private let read: Reading

    /// - Parameter read: up to so many bytes from so far on.
    package init(
        contentType: String, bytesCount: Int64, read: @escaping Reading
    ) {
        self.contentType = contentType
        self.bytesCount = bytesCount
        self.read = read
    }

    /// The file from its beginning to the size it was said to have, piece by piece.
    /// - Throws: `FleetError.internalFailure` where it has become shorter.
    package func pieces(
        _ take: ([UInt8]) async throws -> Void
    ) async throws {
        var offset: Int64 = 0
        while offset < self.bytesCount {
            let count = Int(min(Int64(Self.pieceBytes), self.bytesCount - offset))
            let piece = try await self.read(offset, count)
            guard !piece.isEmpty else {
                throw FleetError(.internalFailure, "the file is shorter than it was")
            }
            try await take(piece)
            offset += Int64(piece.count)
        }
    }
}
