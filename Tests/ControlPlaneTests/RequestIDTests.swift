import Fleet
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct RequestIDTests {
    private struct Same: Entropy {
        let byte: UInt8
        func bytes(count: Int) -> [UInt8] { Array(repeating: self.byte, count: count) }
    }

    @Test func aRequestIsCalledByARandomUUID() {
        #expect(RequestID.text(Same(byte: 0)) == "00000000-0000-4000-8000-000000000000")
        #expect(RequestID.text(Same(byte: 0xFF)) == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        let entropy = SeededEntropy()
        #expect(RequestID.text(entropy) != RequestID.text(entropy))
    }
}
