import Foundation
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct CompatibilityTableTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Documentation/aws-compatibility.md")

    /// `slipway operations --markdown > Documentation/aws-compatibility.md` renews it.
    @Test func thePageSaysWhatTheTableDoes() throws {
        let written = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(written == CompatibilityTable.markdown() + "\n")
    }
}
