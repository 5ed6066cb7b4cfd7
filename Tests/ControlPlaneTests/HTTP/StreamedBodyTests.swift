import HummingbirdCore
import NIOCore
import Synchronization
import Testing

@testable import ControlPlane

@Suite struct StreamedBodyTests {
    private final class Count: Sendable {
        private let count = Mutex(0)
        func add() { self.count.withLock { $0 += 1 } }
        var value: Int { self.count.withLock { $0 } }
    }

    @Test func whoeverReadsSlowlyIsWaitedFor() async throws {
        let resumed = Count()
        let (streamed, body) = StreamedBody.begun { resumed.add() }
        var wanted = true
        var sent = 0
        while wanted, sent < 100 {
            wanted = streamed.yield(ByteBuffer(integer: UInt8(sent)))
            sent += 1
        }
        #expect((2...16).contains(sent))
        #expect(resumed.value == 0)
        streamed.finish()
        var received: [UInt8] = []
        for try await piece in body { received += piece.readableBytesView }
        #expect(received == (0..<UInt8(sent)).map { $0 })
        #expect(resumed.value > 0)
    }

    @Test func whatNobodyReadsIsDropped() {
        let streamed = StreamedBody.begun {}.source
        for _ in 0..<100 { #expect(streamed.yield(ByteBuffer(string: "x"))) }
    }

    @Test func aBodyThatBreaksOffIsNoWholeOne() async {
        let (streamed, body) = StreamedBody.begun {}
        _ = streamed.yield(ByteBuffer(string: "half"))
        streamed.fail(ChannelError.inputClosed)
        await #expect(throws: ChannelError.self) {
            for try await _ in body {}
        }
    }
}
