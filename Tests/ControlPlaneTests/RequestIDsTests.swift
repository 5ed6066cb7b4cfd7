import Fleet
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct RequestIDsTests {
    private struct Same: Entropy {
        let byte: UInt8
        func bytes(count: Int) -> [UInt8] { Array(repeating: self.byte, count: count) }
    }

    @Test func aRequestIsCalledByARandomUUID() {
        #expect(RequestIDs(Same(byte: 0)).next() == "00000000-0000-4000-8000-000000000000")
        #expect(RequestIDs(Same(byte: 0xFF)).next() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        let ids = RequestIDs(SeededEntropy())
        // More than are drawn at once.
        #expect(Set((0..<200).map { _ in ids.next() }).count == 200)
    }
}
