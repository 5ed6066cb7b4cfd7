import Fleet
import TestSupport
import Testing

@testable import Policies

@Suite struct PatternRelationTests {
    private static func pattern(_ text: String) throws -> TextPattern {
        try TextPattern(text, wildcards: true)
    }

    @Test(arguments: [
        ("*", "a", true, true), ("*", "", true, true), ("a*", "ab?", true, true),
        ("a?", "ab", true, true), ("a?", "a*", false, true), ("a*", "b*", false, false),
        ("?", "é", true, true), ("a*c", "ab*c", true, true), ("ab*c", "a*c", false, true),
        ("*a", "*b", false, false), ("a*b", "a*c*b", true, true), ("a", "a${*}", false, false),
        ("a?", "a${*}", true, true), ("a/${iot:ClientId}", "a/${iot:ClientId}", true, true),
        ("a/*", "a/${iot:ClientId}/b", true, true), ("a/${iot:ClientId}", "a/x", false, true),
        ("a/x", "a/${iot:ClientId}", false, true),
        ("a/${iot:ClientId}", "a/${iot:DomainName}", false, true),
        ("a/${iot:ClientId}/b", "a/x/c", false, false),
    ])
    func onePatternIsComparedWithAnother(
        wide: String, narrow: String, covers: Bool, meets: Bool
    ) throws {
        let (wide, narrow) = (try Self.pattern(wide), try Self.pattern(narrow))
        #expect(PatternRelation.covers(wide, narrow) == covers)
        #expect(PatternRelation.meets(wide, narrow) == meets)
        #expect(PatternRelation.meets(narrow, wide) == meets)
    }

    /// What the answers promise, held against the matcher itself on every short text.
    @Test func theAnswersKeepTheirPromise() throws {
        let alphabet = ["a", "b", "é"]
        var all = [""]
        var last = [""]
        for _ in 0..<4 {
            last = last.flatMap { text in alphabet.map { text + $0 } }
            all += last
        }
        var generator = SplitMix64(seed: 11)
        func random() -> String {
            let parts = ["a", "b", "é", "*", "?"]
            return (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                parts.randomElement(using: &generator) ?? ""
            }.joined()
        }
        var covered = 0
        var apart = 0
        for _ in 0..<3000 {
            let (left, right) = (try Self.pattern(random()), try Self.pattern(random()))
            func matches(_ pattern: TextPattern, _ text: String) -> Bool {
                pattern.matches(
                    Array(text.utf8)[...], context: PolicyVariables(), place: .text,
                    unresolved: .matchesNothing)
            }
            let both = all.filter { matches(left, $0) && matches(right, $0) }
            if PatternRelation.covers(left, right) {
                covered += 1
                #expect(!all.contains { matches(right, $0) && !matches(left, $0) })
            }
            if !PatternRelation.meets(left, right) {
                apart += 1
                #expect(both.isEmpty, "\(left.text) \(right.text)")
            }
        }
        #expect(covered > 100 && apart > 100)
    }
}
