import Fleet
package import JSON

/// Who may do what: a row for each connection, a column for each question, and in each cell the
/// decision with the statement that made it, and why a gateway refuses it all the same.
package struct PolicyMatrix: Sendable {
    /// A question, or a resource as a policy writes it, which is another question in each row.
    package enum Column: Hashable, Sendable {
        case question(PolicyQuestion)
        case pattern(PolicyAction, TextPattern)

        package var words: String {
            switch self {
            case .question(let question): question.words
            case .pattern(let action, let pattern): "\(action.rawValue) \(pattern.text)"
            }
        }
    }

    package struct Row: Sendable {
        package let name: String
        /// nil where a variable of the column's pattern has no value.
        package let answers: [SimulatedAnswer?]
    }

    package let columns: [Column]
    package let rows: [Row]

    /// - Parameters:
    ///   - connections: each with the policies that it has.
    ///   - rules: what the gateway refuses each of them; nil where no device asks.
    package init(
        columns: [Column],
        connections: [(connection: SimulatedConnection, policies: [CompiledPolicy])],
        rules: (SimulatedConnection) -> (any GatewayRefusals)? = { _ in nil }
    ) {
        self.columns = columns
        self.rows = connections.map { connection, policies in
            let refusals = rules(connection)
            return Row(
                name: connection.name,
                answers: columns.map {
                    connection.answer($0, policies: policies, rules: refusals)
                })
        }
    }

    /// What the documents themselves speak of, as columns: each action that a statement names by
    /// its name or a pattern, upon each of its resources that fits it.
    package static func columns(of documents: [PolicyDocument]) -> [Column] {
        var columns: [Column] = []
        var seen: Set<Column> = []
        for statement in documents.flatMap(\.statements) {
            guard case .only(let patterns) = statement.resources else { continue }
            for action in PolicyAction.allCases
            where statement.actions.bits.contains(.action(action)) {
                for pattern in patterns where ResourceShape(pattern).fits(action) {
                    let column = Column.pattern(action, pattern)
                    if seen.insert(column).inserted { columns.append(column) }
                }
            }
        }
        return columns
    }
}

extension PolicyMatrix.Column {
    /// An example of what the column is about: each wildcard replaced by an `x`.
    package func example(in context: PolicyVariables) -> AuthorizationRequest? {
        self.request(in: context)
    }

    /// The resource with the values of `context` in it and its wildcards as they are; nil where a
    /// variable has no value. A `*` or `?` that is itself reads as a policy writes it, `${*}`.
    package func resolvedText(in context: PolicyVariables) -> String? {
        switch self {
        case .question(let question): return question.request.resource.rawValue
        case .pattern(let action, let pattern):
            let glob = pattern.resolved(
                context: context, place: action.concernsTopic ? .topic : .text,
                unresolved: .matchesNothing)
            guard let glob else { return nil }
            let bytes = glob.units.flatMap { unit -> [UInt8] in
                switch UInt8(exactly: unit) {
                case nil: [unit == Glob.anyRun ? UInt8(ascii: "*") : UInt8(ascii: "?")]
                case UInt8(ascii: "*")?: Array("${*}".utf8)
                case UInt8(ascii: "?")?: Array("${?}".utf8)
                case let byte?: [byte]
                }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// What stands for a run of characters when a pattern is made an example of itself.
    private static let sample: Unicode.Scalar = "x"

    func request(in context: PolicyVariables) -> AuthorizationRequest? {
        switch self {
        case .question(let question): return question.request
        case .pattern(let action, let pattern):
            guard
                let glob = pattern.resolved(
                    context: context, place: action.concernsTopic ? .topic : .text,
                    unresolved: .matchesNothing)
            else { return nil }
            let bytes = glob.units.map { UInt8(exactly: $0) ?? UInt8(ascii: Self.sample) }
            return AuthorizationRequest(
                action, ARN(rawValue: String(decoding: bytes, as: UTF8.self)))
        }
    }
}

extension PolicyMatrix {
    /// A table with a number for each column, and below it what the numbers mean.
    package func table() -> (rows: [[String]], legend: [String]) {
        var rows = [[""] + self.columns.indices.map { "\($0 + 1)" }]
        for row in self.rows {
            rows.append([row.name.clipped] + row.answers.map { $0.map(\.cell) ?? "-" })
        }
        let legend = self.columns.enumerated().map { "\($0 + 1)  \($1.words.onOneLine)" }
        return (rows, legend)
    }

    /// Why the gateway refuses what it refuses: a line for each row and reason, with the columns
    /// that it is about and what policies alone say there.
    package var refusals: [String] {
        self.rows.flatMap { row -> [String] in
            var reasons: [String] = []
            var cells: [String: [String]] = [:]
            for (index, answer) in row.answers.enumerated() {
                guard let answer, let refusal = answer.refusal else { continue }
                if cells[refusal] == nil { reasons.append(refusal) }
                cells[refusal, default: []].append(
                    "\(index + 1) (policies: \(answer.decision.cell))")
            }
            return reasons.map { reason in
                let columns = cells[reason]?.joined(separator: ", ") ?? ""
                return "\(row.name.clipped) \(columns): \(reason.onOneLine)"
            }
        }
    }

    package var json: JSONValue {
        [
            "columns": .array(self.columns.map { .string($0.words) }),
            "rows": .array(
                self.rows.map { row in
                    [
                        "name": .string(row.name),
                        "decisions": .array(row.answers.map { $0?.json ?? .null }),
                    ]
                }),
        ]
    }
}

extension Decision {
    var cell: String {
        switch self {
        case .allowed: "yes"
        case .implicitlyDenied: "no"
        case .explicitlyDenied: "DENY"
        }
    }

    /// AWS: authDecision.
    package var word: String {
        switch self {
        case .allowed: "ALLOWED"
        case .implicitlyDenied: "IMPLICIT_DENY"
        case .explicitlyDenied: "EXPLICIT_DENY"
        }
    }

    /// The statement that decided, where one did.
    package var statement: StatementID? {
        switch self {
        case .allowed(let statement), .explicitlyDenied(let statement): statement
        case .implicitlyDenied: nil
        }
    }

    package var json: JSONValue {
        var object: JSONObject = ["decision": .string(self.word)]
        if let statement = self.statement {
            object["policy"] = .string(statement.policy.rawValue)
            object["statement"] = .int(statement.index)
            if let sid = statement.sid { object["sid"] = .string(sid) }
        }
        return .object(object)
    }
}
