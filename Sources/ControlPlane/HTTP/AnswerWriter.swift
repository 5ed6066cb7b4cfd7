import HTTPTypes
import HummingbirdCore
import NIOCore

/// Writes an answer's body to its connection, no faster than that sends it.
struct AnswerWriter: ResponseBodyWriter {
    /// A piece this large goes out before there is another.
    static let largeBytes = 16 << 10
    /// None is larger: whoever takes one within the idle time is not idle.
    static let piecesBytesMax = 64 << 10

    let exchange: NIOLoopBound<RequestExchange>

    func write(_ buffer: ByteBuffer) async throws {
        var rest = buffer
        while rest.readableBytes > 0,
            let piece = rest.readSlice(length: min(rest.readableBytes, Self.piecesBytesMax))
        {
            if let sent = try self.exchange.value.send(piece: piece) { try await sent.get() }
        }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        self.exchange.value.finish()
    }
}
