import Foundation
import JSON

/// Standard output and standard error, written whole and at once.
enum Terminal {
    static func say(_ line: String) { Self.write(line + "\n", to: .standardOutput) }
    static func complain(_ line: String) { Self.write(line + "\n", to: .standardError) }

    static func say(_ value: JSONValue) { Self.say(JSONPrinter.print(value, style: .pretty)) }

    /// A reader that went away (`slipway … | head`) is no reason to crash.
    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data(text.utf8))
    }

    /// Lines up columns with two spaces between them.
    static func table(_ rows: [[String]]) -> [String] {
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
