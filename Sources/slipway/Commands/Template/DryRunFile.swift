import Fleet
import JSON
import Provisioning

/// The lines of a `--serials` file, each the parameters of one device.
struct DryRunFile {
    struct Line: Sendable {
        let number: Int
        let parameters: [String: String]
    }

    /// Lines at once: a month of a large line.
    static let linesMax = 1_000_000
    private static let bytesMax = 64 << 20

    let lines: [Line]

    /// One serial number a line; or CSV whose first line names parameters; or JSON lines, each an
    /// object of texts, as a bulk registration's file has them.
    /// - Parameters:
    ///   - parameter: what a bare serial number is the value of.
    ///   - known: the template's parameters, where they are known: a first line that is one of
    ///     them alone is a header too.
    init(path: String, parameter: String, known: Set<String>) async throws(FleetError) {
        var bytes: [UInt8] = []
        do {
            for try await chunk in try FileChunks(path: path) {
                bytes += chunk
                guard bytes.count <= Self.bytesMax else { break }
            }
        } catch let error as FleetError { throw error } catch {
            throw FleetError(.invalidRequest, "'\(path)' cannot be read: \(error)")
        }
        guard bytes.count <= Self.bytesMax else {
            throw FleetError(.invalidRequest, "'\(path)' is longer than \(Self.bytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FleetError(.invalidRequest, "'\(path)' is not valid UTF-8")
        }
        try self.init(text: text, path: path, parameter: parameter, known: known)
    }

    init(
        text: String, path: String, parameter: String, known: Set<String>
    ) throws(FleetError) {
        // A byte order mark is no character of the first line (Unicode 23.8).
        let hasMark = text.unicodeScalars.first == "\u{FEFF}"
        let text = hasMark ? String(text.unicodeScalars.dropFirst()) : text
        let rows = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated().map { (number: $0.offset + 1, text: $0.element.trimmed) }
            .filter { !$0.text.isEmpty && !$0.text.hasPrefix("#") }
        guard rows.count <= Self.linesMax else {
            throw FleetError(.invalidRequest, "'\(path)' has more than \(Self.linesMax) lines")
        }
        guard let first = rows.first else {
            throw FleetError(.invalidRequest, "'\(path)' names no device")
        }
        var lines: [Line] = []
        if first.text.hasPrefix("{") {
            for row in rows {
                let value: JSONValue
                do { value = try JSONParser.parse(row.text) } catch {
                    throw FleetError(
                        .invalidRequest, "'\(path)', line \(row.number) is no JSON: \(error)")
                }
                lines.append(
                    Line(
                        number: row.number,
                        parameters: try Self.texts(value, in: "\(path), line \(row.number)")))
            }
        } else if first.text.contains(",") || first.text == parameter || known.contains(first.text)
        {
            let header = Self.cells(first.text)
            guard Set(header).count == header.count, !header.contains("") else {
                throw FleetError(
                    .invalidRequest,
                    "'\(path)', line \(first.number): each column names a parameter of its own")
            }
            for row in rows.dropFirst() {
                let cells = Self.cells(row.text)
                guard cells.count == header.count else {
                    throw FleetError(
                        .invalidRequest,
                        "'\(path)', line \(row.number) has \(cells.count) columns; the first line "
                            + "names \(header.count)")
                }
                lines.append(
                    Line(
                        number: row.number,
                        parameters: Dictionary(zip(header, cells)) { _, last in last }))
            }
        } else {
            lines = rows.map { Line(number: $0.number, parameters: [parameter: $0.text]) }
        }
        self.lines = lines
    }

    static func texts(_ value: JSONValue, in path: String) throws(FleetError) -> [String: String] {
        do throws(FleetError) { return try DryRunRequest.texts(value, at: "") } catch {
            throw FleetError(error.code, "'\(path)': \(error.message.trimmed)")
        }
    }

    /// One line of CSV (RFC 4180): a cell in quotes may hold commas and, doubled, quotes.
    private static func cells(_ line: String) -> [String] {
        var cells: [String] = []
        var cell = ""
        var isQuoted = false
        var rest = line[...]
        while let character = rest.popFirst() {
            switch (character, isQuoted) {
            case ("\"", true) where rest.first == "\"": cell.append(rest.removeFirst())
            case ("\"", _): isQuoted.toggle()
            case (",", false):
                cells.append(cell.trimmed)
                cell = ""
            default: cell.append(character)
            }
        }
        return cells + [cell.trimmed]
    }
}

extension StringProtocol {
    /// Without white space at either end.
    var trimmed: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
