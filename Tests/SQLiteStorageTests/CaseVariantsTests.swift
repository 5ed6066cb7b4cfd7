import Testing

@testable import SQLiteStorage

/// That the next variant is the next of all of them, which a short text has few enough to write
/// out.
@Suite struct CaseVariantsTests {
    private static let texts = ["", "a", "-", "A1", "aZ", "b-C", "xx_y", "zz"]

    /// In the order of their bytes.
    private func all(_ text: String) -> [[UInt8]] {
        text.utf8.reduce([[]]) { variants, byte in
            let letter = String(decoding: [byte], as: UTF8.self)
            let forms = Set([letter.uppercased(), letter.lowercased()])
            return variants.flatMap { variant in forms.sorted().map { variant + Array($0.utf8) } }
        }
    }

    @Test(arguments: Self.texts)
    func theyFollowOneAnother(_ text: String) {
        let variants = CaseVariants(of: text)
        var found: [[UInt8]] = [variants.first]
        while let last = found.last, let next = variants.successor(of: last) { found.append(next) }
        #expect(found == self.all(text))
    }

    @Test(arguments: Self.texts)
    func theFirstFromANameOnIsFound(_ text: String) {
        let variants = CaseVariants(of: text)
        let all = self.all(text)
        for name in ["", "-", "A", "A1", "a0", "a1b", "aY", "b-c", "XX", "XX_z", "xX", "z~", "~"] {
            let bytes = Array(name.utf8)
            let expected = all.first { variant in
                bytes.starts(with: variant) || bytes.lexicographicallyPrecedes(variant)
            }
            #expect(variants.variant(from: bytes) == expected, "\(text) from \(name)")
        }
    }
}
