import Testing

@testable import JSON

@Suite struct JSONSourceMapTests {
    private static let text = """
        {
          "a": [1, {"b\\n": true}],
          "é": "x", "c":
            null
        }
        """

    private static func place(_ tokens: [String], key: Bool = false) -> String {
        let pointer = JSONPointer(tokens: tokens)
        let position = JSONSourceMap(of: Self.text, for: [pointer]).position(of: pointer, key: key)
        return "\(position.line):\(position.column)"
    }

    @Test(
        arguments: [
            ([], "1:1", "1:1"), (["a"], "2:8", "2:3"), (["a", "0"], "2:9", "2:9"),
            (["a", "1"], "2:12", "2:12"), (["a", "1", "b\n"], "2:20", "2:13"),
            (["é"], "3:9", "3:3"), (["c"], "4:5", "3:14"),
        ] as [([String], String, String)])
    func aValueAndItsKeyAreFound(tokens: [String], value: String, key: String) {
        #expect(Self.place(tokens) == value)
        #expect(Self.place(tokens, key: true) == key)
    }

    @Test func whatIsMissingIsLookedForInWhatWouldHoldIt() {
        #expect(Self.place(["a", "1", "nope", "deeper"], key: true) == "2:12")
        #expect(Self.place(["nope"]) == "1:1")
    }

    @Test(arguments: ["", " ", "{", "[[", "{\"a\"", "{\"a\":", "\"\\", "[1,", "{\"a\":1,,}"])
    func aBrokenTextHasItsBeginning(text: String) {
        let pointer = JSONPointer(tokens: ["a"])
        #expect(JSONSourceMap(of: text, for: [pointer]).position(of: pointer).line == 1)
    }

    @Test func depthIsBounded() {
        let deep = String(repeating: "[", count: 200_000)
        let pointer = JSONPointer(tokens: Array(repeating: "0", count: 100))
        let map = JSONSourceMap(of: deep, for: [pointer])
        #expect(map.position(of: pointer).column == JSONLimits.standard.depthMax + 1)
    }

    private static func pointers(
        of value: JSONValue, at pointer: JSONPointer = .root
    ) -> [JSONPointer] {
        let members = (value.objectValue?.members ?? []).flatMap {
            Self.pointers(of: $0.value, at: pointer.appending($0.key))
        }
        let elements = (value.arrayValue ?? []).enumerated().flatMap {
            Self.pointers(of: $0.element, at: pointer.appending($0.offset))
        }
        return [pointer] + members + elements
    }

    /// Every value of random documents is where the parser would begin to read it.
    @Test func everyValueIsFoundInRandomDocuments() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let document = RandomJSON.value(depth: 4, using: &generator)
            for style in [JSONPrinter.Style.compact, .pretty] {
                let text = JSONPrinter.print(document, style: style)
                let map = JSONSourceMap(of: text, for: Self.pointers(of: document))
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                func check(_ value: JSONValue, _ pointer: JSONPointer) {
                    let position = map.position(of: pointer)
                    let line = Array(lines[position.line - 1].utf8)
                    let rest = String(decoding: line[(position.column - 1)...], as: UTF8.self)
                    let first = JSONPrinter.print(value, style: style).split(separator: "\n")[0]
                    #expect(rest.hasPrefix(first), "\(pointer)")
                    for (key, member) in value.objectValue?.members ?? [] {
                        check(member, pointer.appending(key))
                    }
                    for (index, element) in (value.arrayValue ?? []).enumerated() {
                        check(element, pointer.appending(index))
                    }
                }
                check(document, .root)
            }
        }
    }
}
