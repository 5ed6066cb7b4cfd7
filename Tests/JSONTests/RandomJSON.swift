@testable import JSON

/// Documents of every kind, with the characters that are hard to carry.
enum RandomJSON {
    private static let scalars: [Unicode.Scalar] = [
        "a", "Z", "0", " ", "\"", "\\", "/", "\u{0}", "\n", "\u{1F}", "\u{7F}", "\u{80}", "é",
        "\u{301}", "€", "\u{2028}", "\u{FFFD}", "\u{10FFFF}", "😀", "$", "{", "}", "*",
    ]
    private static let numbers = [
        "0", "-0", "1", "-1", "23", "24", "255", "256", "65535", "65536", "4294967295",
        "4294967296", "18446744073709551615", "-18446744073709551615", "9223372036854775807",
        "-9223372036854775808", "1.5", "-4.1", "1e5", "100000.25", "5e-324",
        "1.7976931348623157e+308", "0.1",
    ]

    static func value(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
        case 0: .null
        case 1: .bool(Bool.random(using: &generator))
        case 2: .number(Self.number(using: &generator))
        case 3, 4: .string(Self.text(using: &generator))
        case 5:
            .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                    Self.value(depth: depth - 1, using: &generator)
                })
        default: .object(Self.object(depth: depth, using: &generator))
        }
    }

    static func text(using generator: inout SeededGenerator) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...30, using: &generator) {
            text.append(Self.scalars.randomElement(using: &generator) ?? "x")
        }
        return String(text)
    }

    private static func number(using generator: inout SeededGenerator) -> JSONNumber {
        JSONNumber(validated: Self.numbers.randomElement(using: &generator) ?? "0")
    }

    private static func object(depth: Int, using generator: inout SeededGenerator) -> JSONObject {
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let value = Self.value(depth: depth - 1, using: &generator)
            _ = object.append(Self.text(using: &generator), value)
        }
        return object
    }
}
