extension PolicyEvaluator {
    /// The variables and condition keys that the policies ask for in statements about the
    /// request's action, and that have no value (AWS: missingContextValues).
    package static func missingValues(
        policies: [CompiledPolicy], request: AuthorizationRequest, context: PolicyVariables
    ) -> [String] {
        var missing: Set<String> = []
        for statement in policies.flatMap(\.statements) where statement.speaks(of: request) {
            for variable in statement.variables where context.values(of: variable).isEmpty {
                missing.insert(variable.name)
            }
        }
        return missing.sorted()
    }
}

extension CompiledStatement {
    fileprivate var variables: [PolicyVariable] {
        let patterns: [TextPattern]
        switch self.resources {
        case .only(let only): patterns = only
        case .allExcept(let except): patterns = except
        }
        return patterns.flatMap(\.variables)
            + self.conditions.flatMap { condition in
                // Null asks whether there is a value, so that none is missing.
                (condition.operation.name == .null ? [] : [condition.key])
                    + condition.operandTexts.flatMap {
                        (try? TextPattern($0, wildcards: true))?.variables ?? []
                    }
            }
    }
}
