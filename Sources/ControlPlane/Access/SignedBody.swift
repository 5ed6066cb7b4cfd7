import Crypto
import Fleet

/// A body as it arrives, held against the SHA-256 that was signed for it: where they differ the
/// stream ends in an error, and whoever reads it makes nothing true.
package struct SignedBody: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = any Error

    private let body: OperationRequest.Stream
    private let expectedSHA256: String

    /// - Parameter expectedSHA256: lower-case hex, as the signed `x-amz-content-sha256` had it.
    package init(_ body: OperationRequest.Stream, expectedSHA256: String) {
        self.body = body
        self.expectedSHA256 = expectedSHA256
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        var body: any AsyncIteratorProtocol<[UInt8], any Error>
        var hash = SHA256()
        let expectedSHA256: String

        package mutating func next() async throws -> [UInt8]? {
            if let chunk = try await self.body.next() {
                self.hash.update(data: chunk)
                return chunk
            }
            guard self.hash.finalize().hex == self.expectedSHA256 else {
                throw FleetError(
                    .invalidSignature,
                    "The provided 'x-amz-content-sha256' header does not match what was computed.")
            }
            return nil
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: self.body.makeAsyncIterator(), expectedSHA256: self.expectedSHA256)
    }
}
