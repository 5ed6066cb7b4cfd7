internal import Fleet
internal import GRDB

/// What SQLite lacks: whether a text is a number, by the very rule that queries go by. It stands
/// in statements alone and never in the schema, so that any SQLite can read the file.
enum SearchFunctions {
    static let number = "query_number"

    static func add(to db: Database) {
        db.add(
            function: DatabaseFunction(Self.number, argumentCount: 1, pure: true) { values in
                guard case .string(let text) = values[0].storage else { return nil }
                return QueryNumber.value(of: text)
            })
    }
}
