extension PolicyEvaluator {
    /// The variables and condition keys that the policies ask for in statements about the
    /// request's action, and that have no value (AWS: missingContextValues).
    package static func missingValues(
        policies: [CompiledPolicy], request: AuthorizationRequest, context: PolicyVariables
    ) -> [String] {
        var missing: Set<String> = []
        for statement in policies.flatMap(\.statements) where statement.speaks(of: request) {
            for (variable, name) in statement.variables
            where context.values(of: variable).isEmpty {
                missing.insert(name)
            }
        }
        return missing.sorted()
    }
}

extension CompiledStatement {
    /// Each by AWS's spelling; one that means nothing here as the document has it.
    fileprivate var variables: [(variable: PolicyVariable, name: String)] {
        let patterns: [TextPattern]
        switch self.resources {
        case .only(let only): patterns = only
        case .allExcept(let except): patterns = except
        }
        var named = patterns.flatMap(\.namedVariables)
        for condition in self.conditions {
            // Null asks whether there is a value, so that none is missing.
            if condition.operation.name != .null {
                named.append((condition.key, condition.key.spelled(in: condition.keyText)))
            }
            for text in condition.operandTexts {
                named += (try? TextPattern(text, wildcards: true))?.namedVariables ?? []
            }
        }
        return named
    }
}

extension TextPattern {
    fileprivate var namedVariables: [(variable: PolicyVariable, name: String)] {
        self.variables.map { ($0, $0.spelled(in: self.text)) }
    }
}

extension PolicyVariable {
    fileprivate func spelled(in text: String) -> String {
        if case .other = self { return self.spelling(in: text) }
        return self.name
    }
}
