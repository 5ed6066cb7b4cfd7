/// The serial number of each device of a run: a pattern that counts, or a list.
package struct SerialNumbers: Sendable {
    private enum Source: Sendable {
        case pattern(prefix: String, digits: Int, suffix: String)
        case list([String])
    }

    /// AWS: a parameter value has at most 4096 characters; a serial is far shorter, and it ends up
    /// in a client id of at most 128.
    package static let serialBytesMax = 100
    /// `{n:20}` would count further than 64 bits reach.
    private static let digitsMax = 19

    private let source: Source

    /// How many serials there are; nil where the pattern counts without end.
    package var count: Int? {
        switch self.source {
        case .pattern: nil
        case .list(let serials): serials.count
        }
    }

    /// A text with `{n}` or `{n:WIDTH}` where the device's number goes, from 1, padded with zeros.
    package init(pattern: String) throws(SimulationError) {
        guard let opening = pattern.firstIndex(of: "{"),
            let closing = pattern[opening...].firstIndex(of: "}")
        else {
            throw SimulationError(
                "the serial pattern \"\(pattern)\" has no {n}: every device would be the same one")
        }
        let field = pattern[pattern.index(after: opening)..<closing].split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let digits = field.count == 2 ? Int(field[1]) : 1
        guard field[0] == "n", let digits, (1...Self.digitsMax).contains(digits) else {
            throw SimulationError(
                "the serial pattern \"\(pattern)\" must hold {n} or {n:WIDTH}, WIDTH from 1 to "
                    + "\(Self.digitsMax)")
        }
        let prefix = String(pattern[..<opening])
        let suffix = String(pattern[pattern.index(after: closing)...])
        guard prefix.utf8.count + suffix.utf8.count + digits <= Self.serialBytesMax,
            !suffix.contains("{")
        else {
            throw SimulationError(
                "the serial pattern \"\(pattern)\" is too long or holds more than one field")
        }
        self.source = .pattern(prefix: prefix, digits: digits, suffix: suffix)
    }

    /// One serial a line; of a CSV the first column. Blank lines and lines starting with `#` are
    /// left out, and a byte order mark as spreadsheets write it.
    package init(lines text: String) throws(SimulationError) {
        var serials: [String] = []
        var lines: [String: Int] = [:]
        var number = 0
        let hasMark = text.unicodeScalars.first == "\u{FEFF}"
        let content = hasMark ? String(text.unicodeScalars.dropFirst()) : text
        for line in content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let first = line.split(separator: ",", maxSplits: 1).first ?? ""
            let serial = first.trimmingSpacesAndQuotes
            if serial.isEmpty || serial.first == "#" { continue }
            guard serial.utf8.count <= Self.serialBytesMax else {
                throw SimulationError(
                    "line \(number) of the serials: more than \(Self.serialBytesMax) bytes")
            }
            // Two devices with one serial would take each other's connection and thing.
            if let first = lines.updateValue(number, forKey: serial) {
                throw SimulationError(
                    "line \(number) of the serials repeats line \(first): each device needs its own"
                )
            }
            serials.append(serial)
        }
        guard !serials.isEmpty else { throw SimulationError("the serials file lists no serial") }
        self.source = .list(serials)
    }

    /// The serial of the device with this index, counted from 0.
    package func serial(at index: Int) -> String {
        switch self.source {
        case .list(let serials): return serials[index % serials.count]
        case .pattern(let prefix, let digits, let suffix):
            let number = String(index + 1)
            let zeros = String(repeating: "0", count: max(0, digits - number.count))
            return prefix + zeros + number + suffix
        }
    }
}

extension Substring {
    fileprivate var trimmingSpacesAndQuotes: String {
        let isTrimmed: (Character) -> Bool = { $0.isWhitespace || $0 == "\"" }
        return String(
            self.drop(while: isTrimmed).reversed().drop(while: isTrimmed).reversed())
    }
}
