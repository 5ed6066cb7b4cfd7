import JSON

/// Where the elements of each statement stand: AWS takes one statement, action or resource
/// without brackets.
struct StatementPlaces {
    private let document: JSONValue

    init(_ document: JSONValue) { self.document = document }

    func statement(_ index: Int) -> JSONPointer {
        Self.element(index, of: JSONPointer.root.appending("Statement"), in: self.document)
    }

    func element(_ name: String, _ index: Int, ofStatement statement: Int) -> JSONPointer {
        Self.element(
            index, of: self.statement(statement).appending(name), in: self.document)
    }

    private static func element(
        _ index: Int, of list: JSONPointer, in document: JSONValue
    ) -> JSONPointer {
        list.value(in: document)?.arrayValue == nil ? list : list.appending(index)
    }
}

/// A statement with what the rules ask of it again and again.
struct LintedStatement {
    let statement: PolicyStatement
    let index: Int
    let actions: PolicyActionSet
    /// Of `Resource` only.
    let resources: [ResourceShape]
    private let places: StatementPlaces

    init(_ statement: PolicyStatement, index: Int, places: StatementPlaces) {
        self.statement = statement
        self.index = index
        self.actions = statement.actions.bits
        switch statement.resources {
        case .only(let patterns): self.resources = patterns.map { ResourceShape($0) }
        case .allExcept: self.resources = []
        }
        self.places = places
    }

    var place: JSONPointer { self.places.statement(self.index) }
    var allActions: [PolicyAction] {
        PolicyAction.allCases.filter { self.actions.contains(.action($0)) }
    }

    func actionPlace(_ index: Int) -> JSONPointer {
        let name: String
        switch self.statement.actions {
        case .only: name = "Action"
        case .allExcept: name = "NotAction"
        }
        return self.places.element(name, index, ofStatement: self.index)
    }

    func resourcePlace(_ index: Int) -> JSONPointer {
        let name: String
        switch self.statement.resources {
        case .only: name = "Resource"
        case .allExcept: name = "NotResource"
        }
        return self.places.element(name, index, ofStatement: self.index)
    }

    func conditionPlace(_ condition: PolicyCondition) -> JSONPointer {
        self.place.appending("Condition").appending(condition.operation.description)
            .appending(condition.keyText)
    }

    /// Whether this speaks of all that `other` speaks of, conditions aside.
    func covers(_ other: LintedStatement) -> Bool {
        let actions: Bool
        switch (self.statement.actions, other.statement.actions) {
        case (.only(let wide), .only(let narrow)):
            actions = narrow.allSatisfy { narrow in
                wide.contains { PatternRelation.covers($0.operations, narrow.operations) }
            }
        case (let wide, let narrow): actions = wide == narrow
        }
        guard actions else { return false }
        switch (self.statement.resources, other.statement.resources) {
        case (.only(let wide), .only(let narrow)):
            return narrow.allSatisfy { narrow in
                wide.contains { PatternRelation.covers($0, narrow) }
            }
        case (.only(let wide), .allExcept): return wide.contains { $0.text == "*" }
        case (let wide, let narrow): return wide == narrow
        }
    }

    /// Whether there may be something that both speak of.
    func meets(_ other: LintedStatement) -> Bool {
        switch (self.statement.actions, other.statement.actions) {
        case (.only(let left), .only(let right)):
            let share = left.contains { left in
                right.contains {
                    !left.actions.isDisjoint(with: $0.actions)
                        || PatternRelation.meets(left.asText, $0.asText)
                }
            }
            guard share else { return false }
        case (.allExcept, _), (_, .allExcept): break
        }
        switch (self.statement.resources, other.statement.resources) {
        case (.only(let left), .only(let right)):
            return left.contains { left in right.contains { PatternRelation.meets(left, $0) } }
        case (.allExcept, _), (_, .allExcept): return true
        }
    }
}

extension ActionPattern {
    fileprivate var asText: TextPattern {
        TextPattern(text: self.text, pieces: [.glob(self.operations)])
    }
}
