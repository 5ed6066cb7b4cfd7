/// Which texts are numbers, for comparisons and aggregations: those that are numbers in JSON
/// (RFC 8259, 6) and finite. So `75`, `-0.5` and `1e3` are; `007`, `+5` and `0x10` are texts, as
/// serial numbers like to be.
package enum QueryNumber {
    package static func value(of text: String) -> Double? {
        guard Self.isNumber(text.utf8), let value = Double(text), value.isFinite else { return nil }
        // -0 is 0: two that compare as equal are one value.
        return value + 0
    }

    private static func isNumber(_ text: String.UTF8View) -> Bool {
        var rest = text[...]
        func digits() -> Int {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        func skip(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = skip("-")
        let leadsWithZero = rest.first == UInt8(ascii: "0")
        let whole = digits()
        guard whole == 1 || (whole > 1 && !leadsWithZero) else { return false }
        if skip("."), digits() == 0 { return false }
        if skip("eE") {
            _ = skip("+-")
            if digits() == 0 { return false }
        }
        return rest.isEmpty
    }

    /// The shortest text that is read back as `value`.
    package static func text(of value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}
