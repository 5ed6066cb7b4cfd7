import Foundation

/// One line on standard error that says how far something has come, with a bar where it is known
/// how much there is. Nothing at all where standard error is no terminal.
struct CountMeter: Sendable {
    private static let barWidth = 24

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let label: String

    init(_ label: String) { self.label = label }

    func show(_ count: Int, of total: Int? = nil, _ what: String = "") {
        guard self.isTerminal else { return }
        var line = "\r\u{1B}[K\(self.label) "
        if let total, total > 0 {
            let filled = Self.barWidth * min(count, total) / total
            line += "[" + String(repeating: "#", count: filled)
            line += String(repeating: ".", count: Self.barWidth - filled) + "] \(count)/\(total)"
        } else {
            line += "\(count)"
        }
        Self.write(what.isEmpty ? line : "\(line) \(what)")
    }

    func clear() {
        if self.isTerminal { Self.write("\r\u{1B}[K") }
    }

    private static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
