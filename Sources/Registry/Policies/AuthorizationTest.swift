package import Fleet
package import Policies

/// AWS: TestAuthorization. The same question that the broker would ask, with the policies named
/// that answer it.
package struct AuthorizationTest: Hashable, Sendable {
    /// AWS: ActionType.
    package enum ActionType: String, Hashable, Sendable, CaseIterable {
        case publish = "PUBLISH"
        case subscribe = "SUBSCRIBE"
        case receive = "RECEIVE"
        case connect = "CONNECT"

        var action: PolicyAction {
            switch self {
            case .publish: .publish
            case .subscribe: .subscribe
            case .receive: .receive
            case .connect: .connect
            }
        }
    }

    /// AWS: AuthResult.
    package struct Result: Hashable, Sendable {
        package let decision: Decision
        package let allowedBy: [PolicyName]
        /// Those that have nothing to say about it.
        package let implicitlyDeniedBy: [PolicyName]
        package let explicitlyDeniedBy: [PolicyName]
        package let missingValues: [String]
    }

    package let actionType: ActionType
    package let resources: [String]

    /// - Throws: `FleetError.invalidRequest` for an action that is none of AWS's four, or a
    ///   resource that is no ARN.
    package init(actionType: String, resources: [String]) throws(FleetError) {
        guard let type = ActionType(rawValue: actionType) else {
            throw FleetError(
                .invalidRequest,
                "actionType must be one of "
                    + ActionType.allCases.map(\.rawValue).joined(separator: ", ")
                    + ", not '\(actionType.clipped)'")
        }
        for resource in resources where !resource.hasPrefix("arn:") {
            throw FleetError(
                .invalidRequest,
                "'\(resource.clipped)' is no ARN, such as arn:aws:iot:REGION:ACCOUNT:topic/NAME")
        }
        guard !resources.isEmpty else {
            throw FleetError(.invalidRequest, "resources names nothing")
        }
        self.actionType = type
        self.resources = resources
    }

    /// One answer for all the resources: no where it is no for any of them.
    package func result(
        policies: [CompiledPolicy], context: PolicyVariables
    ) -> Result {
        var decision: Decision?
        var allowing: Set<PolicyName> = []
        var denying: Set<PolicyName> = []
        var missing: Set<String> = []
        for resource in self.resources {
            let request = AuthorizationRequest(
                self.actionType.action, ARN(rawValue: resource))
            func decide(_ policies: [CompiledPolicy]) -> Decision {
                PolicyEvaluator.decide(policies: policies, request: request, context: context)
            }
            decision = Self.graver(decision, decide(policies))
            for policy in policies {
                switch decide([policy]) {
                case .allowed: allowing.insert(policy.name)
                case .explicitlyDenied: denying.insert(policy.name)
                case .implicitlyDenied: break
                }
            }
            missing.formUnion(
                PolicyEvaluator.missingValues(
                    policies: policies, request: request, context: context))
        }
        let names = policies.map(\.name)
        return Result(
            decision: decision ?? .implicitlyDenied,
            allowedBy: names.filter(allowing.contains),
            implicitlyDeniedBy: names.filter { !allowing.contains($0) && !denying.contains($0) },
            explicitlyDeniedBy: names.filter(denying.contains),
            missingValues: missing.sorted())
    }

    private static func graver(_ left: Decision?, _ right: Decision) -> Decision {
        switch (left, right) {
        case (.explicitlyDenied?, _), (.implicitlyDenied?, .allowed),
            (.implicitlyDenied?, .implicitlyDenied):
            left ?? right
        case (_, _): right
        }
    }
}
