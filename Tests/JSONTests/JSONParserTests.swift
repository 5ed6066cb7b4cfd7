import Testing

@testable import JSON

@Suite struct JSONParserTests {
    private static func code(_ bytes: [UInt8], _ limits: JSONLimits = .standard)
        -> JSONError.Code?
    {
        do throws(JSONError) {
            _ = try JSONParser.parse(bytes, limits: limits)
            return nil
        } catch { return error.code }
    }

    @Test(arguments: [
        "[]", "{}", "[[]   ]", "[\"\"]", "{\"\":0}", "{\"a\":null,\"b\":[1,2]}", " [1] ",
        "\u{9}\u{A}\u{D} true", "false", "null", "\"x\"", "42", "-0", "[-0]", "[-1]", "[123e65]",
        "[0e+1]", "[0e1]", "[20e1]", "[123.456e78]", "[1E-2]", "[1e400]", "[-1e400]", "[1e-400]",
        "[100000000000000000000]", "[0.4e00669999999999999999999999999999999999999999999969999]",
        "[\"\\u0000\"]", "[\"\\u0012\"]", "[\"\\uFFFF\"]", "[\"\\uD834\\uDd1e\"]",
        "[\"\\u0060\\u012a\\u12AB\"]", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\\u0000\"]",
        "[\"\u{7F}\"]", "[\"\u{2028}\u{2029}\"]", "[\"\u{10FFFF}\"]", "[\"a/*b*/c/*d//e\"]",
        "{\"a\":1,\"A\":2}", "[1,null,\"1\",{}]",
    ])
    func whatTheStandardAllowsIsRead(text: String) throws {
        let value = try JSONParser.parse(text)
        #expect(try JSONParser.parse(JSONPrinter.bytes(value)) == value)
    }

    @Test(arguments: [
        ("", JSONError.Code.unexpectedEnd), (" ", .unexpectedEnd), ("[", .unexpectedEnd),
        ("{", .unexpectedEnd), ("[1", .unexpectedEnd), ("[1,", .unexpectedEnd),
        ("{\"a\"", .unexpectedEnd), ("{\"a\":", .unexpectedEnd), ("{\"a\":1", .unexpectedEnd),
        ("{\"a\":1,", .unexpectedEnd), ("\"abc", .unexpectedEnd), ("\"a\\", .unexpectedEnd),
        ("\"\\u12", .unexpectedEnd),
        ("\u{FEFF}[]", .unexpectedByte),
        ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[1 2]", .unexpectedByte),
        ("{\"a\":1,}", .unexpectedByte), ("{,}", .unexpectedByte), ("{a:1}", .unexpectedByte),
        ("{'a':1}", .unexpectedByte), ("{1:1}", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte),
        ("{\"a\":}", .unexpectedByte), ("[1}", .unexpectedByte), ("{\"a\":1]", .unexpectedByte),
        ("[+1]", .unexpectedByte), ("[.5]", .unexpectedByte), ("[NaN]", .unexpectedByte),
        ("[Infinity]", .unexpectedByte), ("[nul]", .unexpectedByte), ("nulll", .trailingBytes),
        ("[True]", .unexpectedByte), ("[tru]", .unexpectedByte), ("[1]x", .trailingBytes),
        ("[1][2]", .trailingBytes), ("1 2", .trailingBytes), ("{}}", .trailingBytes),
        ("[] // c", .trailingBytes), ("/* c */ []", .unexpectedByte), ("01", .trailingBytes),
        ("[-01]", .unexpectedByte), ("[1.]", .invalidNumber), ("[1.e1]", .invalidNumber),
        ("[-]", .invalidNumber), ("[--1]", .invalidNumber), ("[1e]", .invalidNumber),
        ("[1e+]", .invalidNumber), ("[1e+-1]", .invalidNumber), ("[0x1]", .unexpectedByte),
        ("[1_000]", .unexpectedByte), ("\u{FEFF}[]", .unexpectedByte),
        ("[\u{C}]", .unexpectedByte), ("[\u{A0}]", .unexpectedByte),
        ("\"\u{0}\"", .controlCharacter), ("\"\u{1F}\"", .controlCharacter),
        ("\"a\nb\"", .controlCharacter), ("\"a\tb\"", .controlCharacter),
        ("\"\\x41\"", .invalidEscape), ("\"\\'\"", .invalidEscape), ("\"\\U0041\"", .invalidEscape),
        ("\"\\u12G4\"", .invalidEscape), ("\"\\u 123\"", .invalidEscape),
        ("\"\\uD800\"", .invalidEscape), ("\"\\uDC00\"", .invalidEscape),
        ("\"\\uD800\\uD800\"", .invalidEscape), ("\"\\uD800x\"", .invalidEscape),
        ("\"\\uD800\\n\"", .invalidEscape), ("\"\\uDC00\\uD800\"", .invalidEscape),
        ("{\"a\":1,\"a\":1}", .duplicateKey), ("{\"a\":1,\"\\u0061\":2}", .duplicateKey),
        ("{\"\":1,\"\":2}", .duplicateKey), ("[{\"a\":{\"b\":1,\"b\":2}}]", .duplicateKey),
    ])
    func whatTheStandardForbidsIsRefused(text: String, code: JSONError.Code) {
        #expect(Self.code(Array(text.utf8)) == code, "\(text)")
    }

    @Test(arguments: [
        [0xFF], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80], [0xE0, 0x80, 0xAF],
    ])
    func invalidUTF8IsRefused(raw: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(Self.code([quote] + raw + [quote]) == .invalidUTF8)
        #expect(Self.code([quote] + Array("\\n".utf8) + raw + [quote]) == .invalidUTF8)
        #expect(
            Self.code(Array("{\"".utf8) + raw + Array("\":1}".utf8)) == .invalidUTF8)
        #expect(Self.code(raw) == .unexpectedByte)
    }

    /// Anchors A4 row 22.
    @Test(arguments: ["[", "{\"a\":"])
    func nestingIsBounded(opening: String) {
        #expect(Self.code(Array(String(repeating: opening, count: 100_000).utf8)) == .tooDeep)
        let limits = JSONLimits(depthMax: 3)
        #expect(Self.code(Array("[[[1]]]".utf8), limits) == nil)
        #expect(Self.code(Array("[[[[1]]]]".utf8), limits) == .tooDeep)
        #expect(Self.code(Array("1".utf8), JSONLimits(depthMax: 0)) == nil)
        #expect(Self.code(Array("[]".utf8), JSONLimits(depthMax: 0)) == .tooDeep)
    }

    @Test func lengthIsBoundedToTheByte() {
        #expect(Self.code(Array("[1]".utf8), JSONLimits(bytesMax: 3)) == nil)
        #expect(Self.code(Array("[12]".utf8), JSONLimits(bytesMax: 3)) == .tooLarge)
    }

    @Test func everyCutOfADocumentIsRefused() {
        let document = Array("{\"a\":[1.5e3,true,\"\\u00e9é\\n\"],\"b\":{\"c\":null}}".utf8)
        #expect(Self.code(document) == nil)
        for length in 0..<document.count {
            #expect(Self.code(Array(document[..<length])) != nil, "first \(length) bytes")
        }
    }

    @Test func errorsNameLineAndColumn() {
        #expect {
            try JSONParser.parse("{\n  \"a\": 1,\n  \"b\" 2\n}")
        } throws: { error in
            "\(error)" == "line 3, column 7: expected ':' after the key \"b\", found '2'"
        }
        #expect {
            try JSONParser.parse("{\"a\":1,\n\"a\":2}")
        } throws: { error in
            "\(error)" == "line 2, column 1: the key \"a\" appears twice in one object"
        }
    }

    @Test func foreignKeysAreClippedInErrors() {
        let key = String(repeating: "k", count: 5000)
        #expect {
            try JSONParser.parse("{\"\\n\(key)\" 1}")
        } throws: { error in
            "\(error)".utf8.count < 200 && !"\(error)".contains("\n")
        }
    }

    @Test(arguments: [
        ("1", 1), ("-0", 0), ("1.5", nil), ("1e2", nil), ("1.0", nil),
        ("9223372036854775807", Int.max), ("9223372036854775808", nil), ("1e400", nil),
    ])
    func anIntegerIsTakenOnlyWhereItIsOne(text: String, value: Int?) throws {
        #expect(try JSONParser.parse(text).intValue == value)
    }

    @Test(arguments: [
        ("1e400", nil), ("-1e400", nil), ("1e-400", 0.0), ("1.5", 1.5), ("-0", -0.0), ("1e2", 100),
    ])
    func aDoubleIsTakenOnlyWhereItIsFinite(text: String, value: Double?) throws {
        guard case .number(let number) = try JSONParser.parse(text) else {
            Issue.record("not a number")
            return
        }
        #expect(number.doubleValue == value)
    }

    @Test func randomBytesNeverTrap() {
        let seed: UInt64 = 0x510
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("{}[]\",:\\u0eE+-.19truefalsn \u{0}\u{7F}é😀".utf8) + [0xFF, 0xC0]
        for round in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            let again = try? JSONParser.parse(JSONPrinter.bytes(value))
            #expect(again == value, "seed \(seed), round \(round)")
        }
    }
}
