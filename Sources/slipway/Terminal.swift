import Foundation
import JSON
import Synchronization

/// Standard output and standard error, written whole and at once.
enum Terminal {
    static func say(_ line: String) {
        Self.write(Self.visible(line) + "\n", to: .standardOutput)
    }

    static func complain(_ line: String) {
        Self.write(Self.visible(line) + "\n", to: .standardError)
    }

    static func say(_ value: JSONValue) { Self.say(Self.json(value, style: .pretty)) }

    /// What somebody keeps, such as a hook's text or a line of a list: exact where it goes to a
    /// file or to a program, which would otherwise be handed another text than the one there is.
    static func hand(_ text: String) {
        let isSeen = isatty(STDOUT_FILENO) == 1
        Self.write(isSeen ? Self.visible(text) : text, to: .standardOutput)
    }

    /// JSON whose characters that steer a terminal are escaped as JSON does it (RFC 8259, section
    /// 7): the value stays the same, and what is printed stays JSON.
    static func json(_ value: JSONValue, style: JSONPrinter.Style = .compact) -> String {
        let text = JSONPrinter.print(value, style: style)
        // None of them stands outside of a string.
        return Self.writingOut(text) { scalar in
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }

    /// The text with what steers a terminal, or turns its direction, written out: a subject that a
    /// device chose must neither move the cursor nor read as another one (Unicode TR 36, 3.1).
    static func visible(_ text: String) -> String {
        Self.writingOut(text) { "\\u{" + String($0.value, radix: 16) + "}" }
    }

    private static func writingOut(
        _ text: String, _ form: (Unicode.Scalar) -> String
    ) -> String {
        guard text.unicodeScalars.contains(where: Self.steers) else { return text }
        var written = ""
        for scalar in text.unicodeScalars {
            if Self.steers(scalar) {
                written += form(scalar)
            } else {
                written.unicodeScalars.append(scalar)
            }
        }
        return written
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

    /// What kept standard output from taking all that was said; nil where it took it, or where its
    /// reader went away (`slipway … | head`), who has what he wanted.
    static var defect: String? { Self.outputDefect.withLock { $0 } }

    private static let outputDefect = Mutex<String?>(nil)

    private static func write(_ text: String, to handle: FileHandle) {
        guard let code = Self.pass(Array(text.utf8), to: handle),
            handle.fileDescriptor == STDOUT_FILENO, code != EPIPE
        else { return }
        Self.outputDefect.withLock { $0 = String(cString: strerror(code)) }
    }

    /// - Returns: why they could not all be written; nil where they are.
    static func pass(_ bytes: [UInt8], to handle: FileHandle) -> Int32? {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(
                    handle.fileDescriptor, buffer.baseAddress?.advanced(by: done),
                    buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // Whoever shares the descriptor may have made it one that does not wait.
                var waited = pollfd(fd: handle.fileDescriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waited, 1, -1)
                continue
            }
            guard count > 0 else { return errno }
            done += count
        }
        return nil
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
