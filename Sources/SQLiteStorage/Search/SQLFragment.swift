internal import GRDB

/// A piece of SQL with the values that are bound to its question marks, in their order. Whatever
/// comes from outside is bound; only this module's own words are text.
struct SQLFragment {
    var sql: String
    var arguments: [(any DatabaseValueConvertible)?]

    init(_ sql: String, _ arguments: (any DatabaseValueConvertible)?...) {
        self.sql = sql
        self.arguments = arguments
    }

    /// - Parameter separator: SQL between the parts.
    init(joining parts: [SQLFragment], _ separator: String) {
        self.sql = parts.map(\.sql).joined(separator: separator)
        self.arguments = parts.flatMap(\.arguments)
    }

    static func + (left: SQLFragment, right: SQLFragment) -> SQLFragment {
        SQLFragment(joining: [left, right], " ")
    }

    /// `before` and `after` are SQL around it, without arguments.
    func within(_ before: String, _ after: String) -> SQLFragment {
        var copy = self
        copy.sql = before + self.sql + after
        return copy
    }
}

extension Database {
    /// Every row of a statement that is made for this one question, and so is not kept: people
    /// type queries, and each would stay in the cache for good.
    func all<Value>(
        once query: SQLFragment, of table: String, _ decode: (inout RowReader) throws -> Value
    ) throws -> [Value] {
        try self.all(self.makeStatement(sql: query.sql), query.arguments, of: table, decode)
    }
}
