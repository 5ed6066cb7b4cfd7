internal import Fleet
internal import Foundation
internal import GRDB
internal import JSON

/// Reads one row's columns from left to right. A column that holds what it should not is a damaged
/// row, reported with its table: never a trap, since a file on a disk can hold anything.
struct RowReader {
    private let row: StatementRow
    private let table: String
    private var column: CInt = 0

    init(_ row: StatementRow, _ table: String) {
        self.row = row
        self.table = table
    }

    private func damaged() -> DamagedRow {
        DamagedRow("a row of '\(self.table)' is damaged at column \(self.column)")
    }

    private mutating func next() -> StatementRow.Column {
        defer { self.column += 1 }
        return self.row.column(self.column)
    }

    /// Goes on to the next column.
    mutating func skip() { self.column += 1 }

    mutating func optionalText() throws -> String? {
        switch self.next() {
        case .text(let text): return text
        case .null: return nil
        case .integer, .real, .blob: throw self.damaged()
        }
    }

    mutating func text() throws -> String {
        guard let text = try self.optionalText() else { throw self.damaged() }
        return text
    }

    mutating func optionalInt64() throws -> Int64? {
        switch self.next() {
        case .integer(let number): return number
        case .null: return nil
        case .text, .real, .blob: throw self.damaged()
        }
    }

    mutating func int64() throws -> Int64 {
        guard let number = try self.optionalInt64() else { throw self.damaged() }
        return number
    }

    mutating func int() throws -> Int { Int(try self.int64()) }

    mutating func bytes() throws -> [UInt8] {
        guard case .blob(let bytes) = self.next() else { throw self.damaged() }
        return bytes
    }

    mutating func flag() throws -> Bool { try self.int64() != 0 }
    mutating func time() throws -> UnixTime { UnixTime(milliseconds: try self.int64()) }
    mutating func optionalTime() throws -> UnixTime? {
        try self.optionalInt64().map { UnixTime(milliseconds: $0) }
    }

    mutating func name<Name: CheckedName>(_ type: Name.Type = Name.self) throws -> Name {
        Name(checked: try self.text())
    }

    mutating func optionalName<Name: CheckedName>(_ type: Name.Type = Name.self) throws -> Name? {
        try self.optionalText().map { Name(checked: $0) }
    }

    mutating func resourceID() throws -> ResourceID {
        guard let id = try? ResourceID(self.text()) else { throw self.damaged() }
        return id
    }

    mutating func certificateID() throws -> CertificateID {
        guard let id = try self.optionalCertificateID() else { throw self.damaged() }
        return id
    }

    mutating func optionalCertificateID() throws -> CertificateID? {
        guard let text = try self.optionalText() else { return nil }
        guard let id = try? CertificateID(text) else { throw self.damaged() }
        return id
    }

    mutating func fingerprint() throws -> PublicKeyFingerprint {
        guard let key = try? PublicKeyFingerprint(self.text()) else { throw self.damaged() }
        return key
    }

    mutating func oneOf<Word: RawRepresentable<String>>(_ type: Word.Type = Word.self) throws
        -> Word
    {
        guard let word = Word(rawValue: try self.text()) else { throw self.damaged() }
        return word
    }

    /// A JSON object of texts.
    mutating func map() throws -> [String: String] {
        let text = try self.text()
        if let map = PlainMap.read(text) { return map }
        guard let members = try RecordJSON.parse(text).objectValue?.members else {
            throw self.damaged()
        }
        var map: [String: String] = [:]
        for member in members {
            guard let text = member.value.stringValue else { throw self.damaged() }
            map[member.key] = text
        }
        return map
    }

    mutating func json() throws -> JSONValue { try RecordJSON.parse(self.text()) }
    mutating func optionalJSON() throws -> JSONValue? {
        try self.optionalText().map { try RecordJSON.parse($0) }
    }
}

extension Database {
    /// Runs a cached statement that returns nothing.
    func run(_ sql: String, _ arguments: (any DatabaseValueConvertible)?...) throws {
        try self.run(sql, row: arguments)
    }

    /// Runs a cached statement with the arguments of a wide row.
    func run(_ sql: String, row arguments: [(any DatabaseValueConvertible)?]) throws {
        try BoundStatement.run(self.cachedStatement(sql: sql), arguments, on: self) { statement in
            while try statement.step() {}
        }
    }

    /// The first row a cached statement finds.
    func first<Value>(
        _ sql: String, _ arguments: (any DatabaseValueConvertible)?..., of table: String,
        _ decode: (inout RowReader) throws -> Value
    ) throws -> Value? {
        try self.first(sql, arguments: arguments, of: table, decode)
    }

    /// The same with arguments that were gathered before.
    func first<Value>(
        _ sql: String, arguments: [(any DatabaseValueConvertible)?], of table: String,
        _ decode: (inout RowReader) throws -> Value
    ) throws -> Value? {
        try BoundStatement.run(self.cachedStatement(sql: sql), arguments, on: self) { statement in
            guard try statement.step() else { return nil }
            var reader = RowReader(statement.row, table)
            return try decode(&reader)
        }
    }

    /// Every row a cached statement finds, one after the other and none of them kept.
    func each(
        _ sql: String, _ arguments: (any DatabaseValueConvertible)?..., of table: String,
        _ body: (inout RowReader) throws -> Void
    ) throws {
        try BoundStatement.run(self.cachedStatement(sql: sql), arguments, on: self) { statement in
            while try statement.step() {
                var reader = RowReader(statement.row, table)
                try body(&reader)
            }
        }
    }

    /// Every row a cached statement finds.
    func all<Value>(
        _ sql: String, _ arguments: (any DatabaseValueConvertible)?..., of table: String,
        _ decode: (inout RowReader) throws -> Value
    ) throws -> [Value] {
        try self.all(sql, arguments: arguments, of: table, decode)
    }

    /// The same with arguments that were gathered before.
    func all<Value>(
        _ sql: String, arguments: [(any DatabaseValueConvertible)?], of table: String,
        _ decode: (inout RowReader) throws -> Value
    ) throws -> [Value] {
        try self.all(self.cachedStatement(sql: sql), arguments, of: table, decode)
    }

    /// Every row of a statement, whoever keeps it.
    func all<Value>(
        _ statement: Statement, _ arguments: [(any DatabaseValueConvertible)?], of table: String,
        _ decode: (inout RowReader) throws -> Value
    ) throws -> [Value] {
        try BoundStatement.run(statement, arguments, on: self) { statement in
            var values: [Value] = []
            while try statement.step() {
                var reader = RowReader(statement.row, table)
                values.append(try decode(&reader))
            }
            return values
        }
    }
}

extension String {
    /// As SQLite can give it back: text that ends at a NUL would be read shorter than written.
    var storable: String {
        guard self.utf8.contains(0) else { return self }
        let scalars = self.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}

extension [UInt8] {
    /// As GRDB takes a blob.
    var data: Data { Data(self) }
}
