internal import Fleet
internal import GRDB

/// A query as a condition on one row of `things AS t`, with two truth values only: what is absent
/// fails its test, and its negation holds.
enum SearchConditions {
    static func condition(_ expression: QueryExpression) -> SQLFragment {
        switch expression {
        case .everything: SQLFragment("1")
        case .field(let field, let test): self.condition(field, test)
        case .anywhere(let test): self.anywhere(test)
        case .not(let inner): self.condition(inner).within("NOT (", ")")
        case .all(let parts): self.joined(parts, " AND ")
        case .any(let parts): self.joined(parts, " OR ")
        }
    }

    /// As a balanced tree: SQLite bounds how deep an expression may be, and a chain is as deep as
    /// it is long.
    private static func joined(
        _ parts: [QueryExpression], _ separator: String
    ) -> SQLFragment {
        self.balanced(parts.map(self.condition)[...], separator)
    }

    private static func balanced(
        _ parts: ArraySlice<SQLFragment>, _ separator: String
    ) -> SQLFragment {
        guard parts.count > 2 else {
            return SQLFragment(joining: Array(parts), separator).within("(", ")")
        }
        let middle = parts.startIndex + parts.count / 2
        let halves = [parts[..<middle], parts[middle...]].map { self.balanced($0, separator) }
        return SQLFragment(joining: halves, separator).within("(", ")")
    }

    private static func condition(_ field: QueryField, _ test: FieldTest) -> SQLFragment {
        switch field {
        case .thingName: self.ownColumn(test, "t.name")
        case .thingID: self.ownColumn(test, "t.id")
        case .thingTypeName: self.ownColumn(test, "t.type_name")
        case .billingGroupName: self.ownColumn(test, "t.billing_group")
        case .thingGroupNames:
            self.test(test, "m.thing_group").within(
                "EXISTS (SELECT 1 FROM group_members AS m WHERE m.thing = t.name AND ", ")")
        case .attribute(let name): self.attribute(name, test)
        case .version: self.number(test, "t.version")
        case .connected: self.connectivity(self.flag(test, "c.connected"))
        case .connectivityTimestamp: self.connectivity(self.number(test, "c.changed_at"))
        case .disconnectReason: self.connectivity(self.test(test, "c.reason"))
        case .thingGroupName, .thingGroupID, .thingGroupDescription, .parentGroupNames:
            SQLFragment("0")
        }
    }

    /// What is compared with NULL is neither true nor false until it is asked whether it is true;
    /// and of what is asked so, no index is used that would give things out of their order.
    private static func ownColumn(_ test: FieldTest, _ column: String) -> SQLFragment {
        self.test(test, column).within("((", ") IS TRUE)")
    }

    private static func anywhere(_ test: FieldTest) -> SQLFragment {
        let fields = QueryField.textual(in: .things).map { self.condition($0, test) }
        let attributes = self.test(test, "a.value").within(
            "EXISTS (SELECT 1 FROM json_each(t.attributes) AS a WHERE ", ")")
        return SQLFragment(joining: fields + [attributes], " OR ").within("(", ")")
    }

    /// A thing's own attributes are in its row already; the index is for one exact value.
    private static func attribute(_ name: String, _ test: FieldTest) -> SQLFragment {
        if case .text(let text) = test {
            return SQLFragment(
                """
                EXISTS (SELECT 1 FROM thing_attributes AS a INDEXED BY thing_attributes_by_value
                    WHERE a.value = ? COLLATE NOCASE AND a.name = ? AND a.thing = t.name)
                """, text.storable, name.storable)
        }
        return SQLFragment(
            "EXISTS (SELECT 1 FROM json_each(t.attributes) AS a WHERE a.key = ? AND",
            name.storable)
            + self.test(test, "a.value").within("", ")")
    }

    private static func connectivity(_ test: SQLFragment) -> SQLFragment {
        test.within(
            "EXISTS (SELECT 1 FROM connectivity AS c WHERE c.client = t.name AND ", ")")
    }

    // MARK: Tests on one column

    private static func flag(_ test: FieldTest, _ column: String) -> SQLFragment {
        switch test {
        case .present: SQLFragment("1")
        case .flag(let flag): SQLFragment("\(column) = ?", flag ? 1 : 0)
        case .text, .pattern, .texts, .numbers: SQLFragment("0")
        }
    }

    private static func number(_ test: FieldTest, _ column: String) -> SQLFragment {
        switch test {
        case .present: SQLFragment("1")
        case .numbers(let range): self.range(range, column)
        case .text, .pattern, .texts, .flag: SQLFragment("0")
        }
    }

    static func range(_ range: QueryRange<Double>, _ column: String) -> SQLFragment {
        var parts: [SQLFragment] = []
        if let lower = range.lower {
            parts.append(SQLFragment("\(column) \(lower.isIncluded ? ">=" : ">") ?", lower.value))
        }
        if let upper = range.upper {
            parts.append(SQLFragment("\(column) \(upper.isIncluded ? "<=" : "<") ?", upper.value))
        }
        return SQLFragment(joining: parts, " AND ")
    }

    /// Texts that begin with `prefix`, and a few that do not where case decides; nil where all do.
    static func range(prefix: String, _ column: String) -> SQLFragment? {
        let prefix = prefix.storable
        guard !prefix.isEmpty else { return nil }
        return SQLFragment(
            "\(column) >= ? COLLATE NOCASE AND \(column) < ? COLLATE NOCASE", prefix,
            // No text holds a scalar beyond the last one there is.
            prefix + "\u{10FFFF}")
    }

    /// On a column of text. Where it is indexed without regard to case, the index serves the test.
    static func test(_ test: FieldTest, _ column: String) -> SQLFragment {
        switch test {
        case .present: return SQLFragment("\(column) IS NOT NULL")
        case .text(let text): return SQLFragment("\(column) = ? COLLATE NOCASE", text.storable)
        case .pattern(let pattern):
            let like = SQLFragment("\(column) LIKE ? ESCAPE '\\'", pattern.likeText)
            let range = Self.range(prefix: pattern.prefix, column)
            return range.map { $0 + SQLFragment("AND") + like } ?? like
        case .texts(let range):
            var parts: [SQLFragment] = []
            if let lower = range.lower {
                let comparison = lower.isIncluded ? ">=" : ">"
                parts.append(
                    SQLFragment("\(column) \(comparison) ? COLLATE NOCASE", lower.value.storable))
            }
            if let upper = range.upper {
                let comparison = upper.isIncluded ? "<=" : "<"
                parts.append(
                    SQLFragment("\(column) \(comparison) ? COLLATE NOCASE", upper.value.storable))
            }
            return SQLFragment(joining: parts, " AND ")
        case .numbers(let range):
            return self.range(range, "\(SearchFunctions.number)(\(column))")
        case .flag: return SQLFragment("0")
        }
    }
}

extension QueryPattern {
    /// As SQLite's LIKE writes it, with a backslash as the escape.
    fileprivate var likeText: String {
        self.pieces.map { piece in
            switch piece {
            case .anyRun: return "%"
            case .anyOne: return "_"
            case .literal(let text):
                var escaped = ""
                for scalar in text.storable.unicodeScalars {
                    if "%_\\".unicodeScalars.contains(scalar) { escaped += "\\" }
                    escaped.unicodeScalars.append(scalar)
                }
                return escaped
            }
        }.joined()
    }
}
