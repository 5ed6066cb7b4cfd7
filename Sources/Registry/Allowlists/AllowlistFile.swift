package import Fleet

/// Reads an allowlist file as it streams by: one serial number a line, or CSV (RFC 4180) whose
/// column is found by its header.
///
/// The first line that is not blank decides. Where one of its fields is called `serial`,
/// `serial_number` or `SerialNumber` (case, spaces, `_` and `-` do not matter), it is a header and
/// names the column; otherwise the serial is the first field of every line, this one included.
/// Blank lines are passed over; a UTF-8 byte order mark and CRLF line ends are accepted. A first
/// line that can only be a header and names no serial column is a bad line, and so is one with more
/// fields than its header: it has slipped by one.
///
/// The reader only says what it found, line by line: what follows from a bad line is the caller's.
package struct AllowlistFile: ~Copyable {
    /// Longer lines are bad lines; it also bounds what is held between two chunks.
    package static let lineBytesMax = 4096

    /// One line's worth.
    package enum Finding: Hashable, Sendable {
        case serial(AllowlistFacts, line: Int)
        case badLine(Int, reason: String)
    }

    private var pending: [UInt8] = []
    private var lineNumber = 0
    private var column: Int?
    /// What the other columns are, where there is a header.
    private var header = AllowlistHeader()
    /// Inside a line that has outgrown the limit, until its end comes by.
    private var skippingLongLine = false

    package init() {}

    /// Takes the next bytes of the file, cut anywhere.
    package mutating func read(_ chunk: some Sequence<UInt8>) -> [Finding] {
        var findings: [Finding] = []
        for byte in chunk {
            if byte == 0x0A {
                self.endLine(into: &findings)
            } else if self.pending.count < Self.lineBytesMax {
                self.pending.append(byte)
            } else {
                self.skippingLongLine = true
            }
        }
        return findings
    }

    /// Takes the end of the file: a last line needs no line end.
    package mutating func finish() -> [Finding] {
        var findings: [Finding] = []
        if !self.pending.isEmpty { self.endLine(into: &findings) }
        return findings
    }

    package var linesRead: Int { self.lineNumber }

    private mutating func endLine(into findings: inout [Finding]) {
        self.lineNumber += 1
        defer {
            self.pending.removeAll(keepingCapacity: true)
            self.skippingLongLine = false
        }
        guard !self.skippingLongLine else {
            findings.append(
                .badLine(self.lineNumber, reason: "longer than \(Self.lineBytesMax) bytes"))
            return
        }
        if self.lineNumber == 1, self.pending.starts(with: [0xEF, 0xBB, 0xBF]) {
            self.pending.removeFirst(3)
        }
        if self.pending.last == 0x0D { self.pending.removeLast() }
        guard self.pending.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return }
        if let finding = self.judgeLine() { findings.append(finding) }
    }

    /// nil for the header.
    private mutating func judgeLine() -> Finding? {
        let fields: [[UInt8]]
        switch Self.fields(of: self.pending) {
        case .success(let split): fields = split
        case .failure(let problem):
            return .badLine(self.lineNumber, reason: problem.reason)
        }
        guard let column = self.column else {
            if let header = fields.firstIndex(where: Self.namesSerialColumn) {
                self.column = header
                switch AllowlistHeader.read(fields, serial: header) {
                case .success(let read): self.header = read
                case .failure(let problem):
                    return .badLine(self.lineNumber, reason: problem.reason)
                }
                return nil
            }
            self.column = 0
            if AllowlistHeader.isHeaderWithoutSerial(fields) {
                return .badLine(
                    self.lineNumber,
                    reason: "is a header without a column for the serial number: call it serial")
            }
            if let separator = Self.foreignSeparator(of: self.pending) {
                return .badLine(
                    self.lineNumber,
                    reason: "has its fields separated by \(separator): save the file with commas")
            }
            return self.judge(fields, column: 0)
        }
        return self.judge(fields, column: column)
    }

    private func judge(_ fields: [[UInt8]], column: Int) -> Finding {
        guard column < fields.count else {
            return .badLine(
                self.lineNumber,
                reason: "has \(fields.count) fields; the serial number is field \(column + 1)")
        }
        if let named = self.header.width,
            fields.dropFirst(named).contains(where: { !Self.trimmed($0).isEmpty })
        {
            return .badLine(
                self.lineNumber,
                reason: "has \(fields.count) fields where the header has \(named)")
        }
        guard let text = String(validating: Self.trimmed(fields[column]), as: UTF8.self) else {
            return .badLine(self.lineNumber, reason: "is not valid UTF-8")
        }
        do throws(FleetError) {
            let serial = try SerialNumber(text)
            return .serial(
                try self.header.facts(of: serial, in: fields), line: self.lineNumber)
        } catch {
            return .badLine(self.lineNumber, reason: error.message)
        }
    }
}

// MARK: Fields

extension AllowlistFile {
    private struct Problem: Error { let reason: String }

    /// RFC 4180 section 2, one line at a time: a line break inside quotes is not supported, since
    /// a serial number holds none.
    private static func fields(of line: [UInt8]) -> Result<[[UInt8]], Problem> {
        let quote = UInt8(ascii: "\"")
        guard line.contains(quote) else {
            return .success(
                line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
                    .map(Array.init))
        }
        var fields: [[UInt8]] = []
        var field: [UInt8] = []
        var position = 0
        while true {
            field.removeAll()
            if position < line.count, line[position] == quote {
                position += 1
                while true {
                    guard position < line.count else {
                        return .failure(Problem(reason: "has a quote that is never closed"))
                    }
                    if line[position] != quote {
                        field.append(line[position])
                    } else if position + 1 < line.count, line[position + 1] == quote {
                        field.append(quote)
                        position += 1
                    } else {
                        break
                    }
                    position += 1
                }
                position += 1
                guard position == line.count || line[position] == UInt8(ascii: ",") else {
                    return .failure(Problem(reason: "has text after a closing quote"))
                }
            } else {
                while position < line.count, line[position] != UInt8(ascii: ",") {
                    field.append(line[position])
                    position += 1
                }
            }
            fields.append(field)
            guard position < line.count else { return .success(fields) }
            position += 1
        }
    }

    /// What parts the fields of a header that names the serial's column, where that is no comma:
    /// many a spreadsheet writes semicolons, and each line would pass for one long serial number.
    private static func foreignSeparator(of line: [UInt8]) -> String? {
        let quote = UInt8(ascii: "\"")
        let unquoted = line.filter { $0 != quote }
        for (separator, name) in [(UInt8(ascii: ";"), "';'"), (0x09, "tabs")] {
            let fields = unquoted.split(separator: separator, omittingEmptySubsequences: false)
            if fields.count > 1, fields.contains(where: { Self.namesSerialColumn(Array($0)) }) {
                return name
            }
        }
        return nil
    }

    private static func trimmed(_ field: [UInt8]) -> ArraySlice<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let start = field.firstIndex { !isSpace($0) } ?? field.endIndex
        let end = field.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
        return field[start..<max(start, end)]
    }

    private static func namesSerialColumn(_ field: [UInt8]) -> Bool {
        let letters = field.filter { !" \t_-".utf8.contains($0) }.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        return letters == Array("serial".utf8) || letters == Array("serialnumber".utf8)
    }
}
