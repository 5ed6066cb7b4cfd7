import Testing

@testable import JSON

@Suite struct JSONPrinterTests {
    private static let styles: [JSONPrinter.Style] = [.compact, .pretty, .canonical]

    @Test(arguments: styles)
    func everyStyleReadsBackEqual(style: JSONPrinter.Style) throws {
        let seed: UInt64 = 0x511
        var generator = SeededGenerator(seed: seed)
        for round in 0..<1000 {
            let value = RandomJSON.value(depth: 4, using: &generator)
            let text = JSONPrinter.print(value, style: style)
            #expect(try JSONParser.parse(text) == value, "seed \(seed), round \(round): \(text)")
        }
    }

    @Test func everyControlCharacterIsEscaped() throws {
        let text = String(String.UnicodeScalarView((0...0x7F).compactMap { Unicode.Scalar($0) }))
        let printed = JSONPrinter.bytes(.string(text))
        #expect(printed.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(try JSONParser.parse(printed) == .string(text))
    }

    /// What needs an escape may begin a text, end it, stand alone, or beside another.
    @Test func textIsCopiedWholeBetweenEscapes() {
        let escapes = [
            ("\"", #"\""#), ("\\", #"\\"#), ("\n", #"\n"#), ("\u{7F}", #"\u007f"#),
            ("\u{0}", #"\u0000"#),
        ]
        #expect(JSONPrinter.print("") == "\"\"")
        for (raw, escaped) in escapes {
            for (before, after) in [("", ""), ("a", ""), ("", "é"), ("日本", "b")] {
                #expect(
                    JSONPrinter.print(.string(before + raw + after))
                        == "\"" + before + escaped + after + "\"")
            }
            #expect(JSONPrinter.print(.string(raw + raw)) == "\"" + escaped + escaped + "\"")
        }
    }

    /// Eight bytes are looked at together: each scalar is put before, at and behind the joints.
    @Test func whatNeedsAnEscapeIsFoundWhereverItStands() {
        let scalars = (UInt32(0)...0xFF).compactMap { Unicode.Scalar($0) } + ["\u{2028}", "日"]
        for scalar in scalars {
            let escaped =
                switch scalar {
                case "\"": "\\\""
                case "\\": "\\\\"
                case "\n": "\\n"
                case "\r": "\\r"
                case "\t": "\\t"
                case "\u{0}"..."\u{F}", "\u{10}"..."\u{1F}", "\u{7F}":
                    "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                default: String(Character(scalar))
                }
            for before in 0...17 {
                let (head, tail) = (String(repeating: "x", count: before), "yyyyyyyyy")
                let text = head + String(Character(scalar)) + tail
                #expect(JSONPrinter.print(.string(text)) == "\"" + head + escaped + tail + "\"")
            }
        }
    }

    @Test func canonicalSortsByTheBytesOfKeys() {
        let value: JSONValue = ["b": 1, "é": 2, "a": ["d": 1, "c": 2], "aa": 3, "B": 4]
        #expect(
            JSONPrinter.print(value, style: .canonical)
                == #"{"B":4,"a":{"c":2,"d":1},"aa":3,"b":1,"é":2}"#)
    }

    @Test func compactKeepsTheOrder() {
        #expect(JSONPrinter.print(["b": 1, "a": [true, nil]]) == #"{"b":1,"a":[true,null]}"#)
    }

    @Test func prettyIndentsByTwo() {
        #expect(
            JSONPrinter.print(["a": [1, [:]], "b": []], style: .pretty)
                == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}")
    }

    @Test(arguments: [
        (0.1, "0.1"), (-0.0, "-0.0"), (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"),
        (.infinity, nil), (-.infinity, nil), (.nan, nil),
    ])
    func aDoubleIsWrittenOnlyWhereJSONCanSayIt(value: Double, text: String?) {
        #expect(JSONNumber(value)?.text == text)
    }
}
