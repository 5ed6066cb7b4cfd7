internal import Foundation
internal import GRDB
internal import GRDBSQLite

/// A prepared statement with its arguments bound, stepped by SQLite's own calls. The library's way
/// there makes arguments, their names and a cursor of each look-up, which costs about as much as
/// SQLite takes to look up by a key.
///
/// Used on the queue of its connection, and ended before anybody else uses the same statement.
struct BoundStatement {
    private let statement: Statement
    private let db: Database

    /// - Throws: SQLite's own fault; where it lies with the arguments, before anything has run.
    static func run<Value>(
        _ statement: Statement, _ arguments: [(any DatabaseValueConvertible)?], on db: Database,
        _ body: (BoundStatement) throws -> Value
    ) throws -> Value {
        let bound = BoundStatement(statement: statement, db: db)
        defer { bound.end() }
        try bound.bind(arguments)
        return try body(bound)
    }

    /// Columns of the row that the last step has found.
    var row: StatementRow { StatementRow(statement: self.statement.sqliteStatement) }

    /// - Returns: whether there is a row.
    func step() throws -> Bool {
        switch sqlite3_step(self.statement.sqliteStatement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw self.failure(code)
        }
    }

    private func failure(_ code: CInt) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: code), message: self.db.lastErrorMessage,
            sql: self.statement.sql)
    }

    /// What it returns is the fault of the last step, which has been thrown by then.
    private func end() {
        sqlite3_reset(self.statement.sqliteStatement)
        sqlite3_clear_bindings(self.statement.sqliteStatement)
    }

    private func bind(_ arguments: [(any DatabaseValueConvertible)?]) throws {
        let expected = sqlite3_bind_parameter_count(self.statement.sqliteStatement)
        guard arguments.count == Int(expected) else {
            throw DatabaseError(
                resultCode: .SQLITE_MISUSE,
                message: "\(arguments.count) arguments for \(expected) parameters",
                sql: self.statement.sql)
        }
        var index: CInt = 0
        for argument in arguments {
            index += 1
            let code = self.bind(argument?.databaseValue.storage ?? .null, at: index)
            guard code == SQLITE_OK else { throw self.failure(code) }
        }
    }

    private func bind(_ value: DatabaseValue.Storage, at index: CInt) -> CInt {
        let statement = self.statement.sqliteStatement
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .int64(let number): return sqlite3_bind_int64(statement, index, number)
        case .double(let number): return sqlite3_bind_double(statement, index, number)
        case .string(var text):
            return text.withUTF8 { bytes in
                // An empty text may have no address, which SQLite would take for a NULL.
                guard let first = bytes.baseAddress else {
                    return sqlite3_bind_text(statement, index, "", 0, Self.copied)
                }
                return first.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                    sqlite3_bind_text(
                        statement, index, $0, CInt(clamping: bytes.count), Self.copied)
                }
            }
        case .blob(let data):
            return data.withUnsafeBytes { bytes in
                guard let first = bytes.baseAddress, !bytes.isEmpty else {
                    return sqlite3_bind_zeroblob(statement, index, 0)
                }
                return sqlite3_bind_blob(
                    statement, index, first, CInt(clamping: bytes.count), Self.copied)
            }
        }
    }

    /// `SQLITE_TRANSIENT`, which the header makes of -1 by a cast that Swift does not import: no
    /// function is called there, SQLite only compares it.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}

/// The row a statement stands on, read column by column straight from SQLite: a `Row` of the
/// library looks up every column's name first, which costs more than a look-up by key itself.
/// Valid until the statement is stepped again or ended.
struct StatementRow {
    fileprivate let statement: SQLiteStatement

    enum Column {
        case null
        case integer(Int64)
        case real
        case text(String)
        case blob([UInt8])
    }

    /// NULL beyond the last column, as SQLite has it.
    func column(_ index: CInt) -> Column {
        switch sqlite3_column_type(self.statement, index) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(self.statement, index))
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text(self.text(index))
        case SQLITE_BLOB: .blob(self.blob(index))
        default: .null
        }
    }

    private func text(_ index: CInt) -> String {
        guard let first = sqlite3_column_text(self.statement, index) else { return "" }
        let count = Int(sqlite3_column_bytes(self.statement, index))
        return String(decoding: UnsafeBufferPointer(start: first, count: count), as: UTF8.self)
    }

    private func blob(_ index: CInt) -> [UInt8] {
        guard let first = sqlite3_column_blob(self.statement, index) else { return [] }
        let count = Int(sqlite3_column_bytes(self.statement, index))
        return Array(UnsafeRawBufferPointer(start: first, count: count))
    }
}
