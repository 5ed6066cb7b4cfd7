import HummingbirdCore
import NIOCore

/// The body of a request that is answered while it arrives. Its reader slows its sender down: no
/// more is read from the connection while enough waits here.
struct StreamedBody {
    private typealias Pieces = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark,
        Demand
    >

    /// Pieces that wait before the connection is read no more, and those left when it is again. A
    /// piece is what one reading of a socket brings.
    private static let piecesMax = 8
    private static let piecesMin = 2

    private struct Demand: NIOAsyncSequenceProducerDelegate {
        let resume: @Sendable () -> Void

        func produceMore() { self.resume() }
        func didTerminate() { self.resume() }
    }

    private let source: Pieces.Source

    /// - Parameter resume: told on any thread when more is wanted, and when nothing is any more.
    /// - Returns: the way in, and the body for its reader. Without one, what comes in is dropped.
    static func begun(
        resume: @escaping @Sendable () -> Void
    ) -> (source: StreamedBody, body: RequestBody) {
        let made = Pieces.makeSequence(
            elementType: ByteBuffer.self, failureType: (any Error).self,
            backPressureStrategy: .init(
                lowWatermark: Self.piecesMin, highWatermark: Self.piecesMax),
            finishOnDeinit: true, delegate: Demand(resume: resume))
        return (StreamedBody(source: made.source), RequestBody(asyncSequence: made.sequence))
    }

    /// - Returns: whether more is wanted now. What nobody reads is wanted, and dropped.
    func yield(_ piece: ByteBuffer) -> Bool {
        switch self.source.yield(piece) {
        case .stopProducing: false
        case .produceMore, .dropped: true
        }
    }

    /// It has arrived whole.
    func finish() { self.source.finish() }

    /// The rest does not arrive.
    func fail(_ error: any Error) { self.source.finish(error) }
}
