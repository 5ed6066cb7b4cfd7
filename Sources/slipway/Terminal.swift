import Foundation
import JSON

/// Standard output and standard error, written whole and at once.
enum Terminal {
    static func say(_ line: String) {
        Self.write(Self.visible(line) + "\n", to: .standardOutput)
    }

    static func complain(_ line: String) {
        Self.write(Self.visible(line) + "\n", to: .standardError)
    }

    static func say(_ value: JSONValue) {
        Self.write(JSONPrinter.print(value, style: .pretty) + "\n", to: .standardOutput)
    }

    /// The text with what steers a terminal, or turns its direction, written out: a subject that a
    /// device chose must neither move the cursor nor read as another one (Unicode TR 36, 3.1).
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: Self.steers) else { return text }
        var visible = ""
        for scalar in text.unicodeScalars {
            if Self.steers(scalar) {
                visible += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                visible.unicodeScalars.append(scalar)
            }
        }
        return visible
    }

    /// The same, and on one line: a value that a device chose must not read as lines of its own.
    static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line.append(contentsOf: "\\n".unicodeScalars)
            case "\t": line.append(contentsOf: "\\t".unicodeScalars)
            default: line.append(scalar)
            }
        }
        return Self.visible(String(line))
    }

    private static func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0x00...0x1F, 0x7F...0x9F: true
        // Marks, embeddings, overrides and isolates of direction; separators of lines.
        case 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// A reader that went away (`slipway … | head`) is no reason to crash.
    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// Lines up columns with two spaces between them. A cell is one line, whatever is in it: a
    /// message that somebody wrote must not read as a row of its own.
    static func table(_ rows: [[String]]) -> [String] {
        let rows = rows.map { $0.map(Self.line) }
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }.joined(separator: "  ")
        }
    }
}
