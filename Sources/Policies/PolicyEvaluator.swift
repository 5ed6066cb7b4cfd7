package import Fleet

/// A policy version ready to be asked.
package struct CompiledPolicy: Hashable, Sendable {
    package let name: PolicyName
    package let version: Int
    let statements: [CompiledStatement]
    /// Why the document could not be read. Such a policy denies everything.
    package let defect: FleetError?

    package init(_ document: PolicyDocument, name: PolicyName, version: Int) {
        self.name = name
        self.version = version
        self.defect = nil
        self.statements = document.statements.enumerated().map { index, statement in
            CompiledStatement(
                id: StatementID(policy: name, version: version, index: index, sid: statement.sid),
                statement: statement)
        }
    }

    /// A policy that cannot be read denies everything: to pass it over would lose its `Deny`s.
    package init(unreadable name: PolicyName, version: Int, because defect: FleetError) {
        self.name = name
        self.version = version
        self.defect = defect
        self.statements = []
    }

    /// The default version of a stored policy.
    package init(_ policy: Policy) {
        guard let version = policy.defaultVersion else {
            self.init(
                unreadable: policy.name, version: policy.defaultVersionID,
                because: FleetError(
                    .malformedPolicy,
                    "policy \(policy.name) has no version \(policy.defaultVersionID)",
                    resource: policy.name.rawValue))
            return
        }
        do throws(FleetError) {
            self.init(
                try PolicyDocument.parse(version.document, dialect: .device.forStored),
                name: policy.name, version: version.id)
        } catch {
            self.init(unreadable: policy.name, version: version.id, because: error)
        }
    }
}

struct CompiledStatement: Hashable, Sendable {
    let id: StatementID
    let effect: PolicyStatement.Effect
    let actions: PolicyActionSet
    /// The same for the control plane, whose operations are too many for bits.
    let operations: PolicyStatement.Actions
    let resources: PolicyStatement.Resources
    let conditions: [PolicyCondition]

    init(id: StatementID, statement: PolicyStatement) {
        self.id = id
        self.effect = statement.effect
        self.actions = statement.actions.bits
        self.operations = statement.actions
        self.resources = statement.resources
        self.conditions = statement.conditions
    }

    func applies(to request: AuthorizationRequest, context: PolicyVariables) -> Bool {
        self.speaks(of: request)
            && self.covers(request, context: context)
            && self.conditions.allSatisfy { $0.holds(in: context, for: self.effect) }
    }

    func speaks(of request: AuthorizationRequest) -> Bool {
        guard request.actionBit.isEmpty else { return self.actions.contains(request.actionBit) }
        switch self.operations {
        case .only(let patterns):
            return patterns.contains { $0.operations.matches(request.controlOperationBytes) }
        case .allExcept(let patterns):
            return !patterns.contains { $0.operations.matches(request.controlOperationBytes) }
        }
    }

    private func covers(_ request: AuthorizationRequest, context: PolicyVariables) -> Bool {
        let place: SubstitutionPlace = request.action?.concernsTopic == true ? .topic : .text
        let patterns: [TextPattern]
        let excluded: Bool
        switch self.resources {
        case .only(let only): (patterns, excluded) = (only, false)
        case .allExcept(let except): (patterns, excluded) = (except, true)
        }
        let unresolved = Unresolved(in: self.effect, negated: excluded)
        let matches = patterns.contains {
            $0.matches(
                request.resourceBytes[...], context: context, place: place, unresolved: unresolved)
        }
        return matches != excluded
    }
}

extension Unresolved {
    /// Whichever way keeps an `Allow` from applying and makes a `Deny` apply.
    init(in effect: PolicyStatement.Effect, negated: Bool) {
        switch (effect, negated) {
        case (.allow, false), (.deny, true): self = .matchesNothing
        case (.allow, true), (.deny, false): self = .matchesAnything
        }
    }
}

/// AWS: a matching Deny decides; else a matching Allow; else the answer is no.
package enum PolicyEvaluator {
    package static func decide(
        policies: [CompiledPolicy], request: AuthorizationRequest, context: PolicyVariables
    ) -> Decision {
        var allowedBy: StatementID?
        for policy in policies {
            if policy.defect != nil {
                return .explicitlyDenied(
                    by: StatementID(
                        policy: policy.name, version: policy.version, index: 0, sid: nil))
            }
            for statement in policy.statements {
                switch statement.effect {
                case .allow:
                    if allowedBy == nil, statement.applies(to: request, context: context) {
                        allowedBy = statement.id
                    }
                case .deny:
                    if statement.applies(to: request, context: context) {
                        return .explicitlyDenied(by: statement.id)
                    }
                }
            }
        }
        return allowedBy.map { .allowed(by: $0) } ?? .implicitlyDenied
    }
}
