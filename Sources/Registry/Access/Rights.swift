package import Fleet
package import Policies

/// What the roles of one credential permit, compiled once.
package struct Rights: Sendable {
    private let policies: [CompiledPolicy]

    /// - Parameters:
    ///   - roles: by name.
    ///   - custom: the documents of our users' own roles. One that does not parse, or is not among
    ///     them, denies everything, since nobody knows what it would have forbidden.
    package init(_ roles: [RoleName], custom: [RoleName: String]) {
        self.policies = roles.map { name in
            Self.compiled(BuiltInRole(name: name)?.document ?? custom[name], name)
        }
    }

    /// - Parameter view: holds `AccessKeys.keys(of: roles)`.
    package init(_ roles: [RoleName], in view: RegistryView) {
        var custom: [RoleName: String] = [:]
        for name in roles where BuiltInRole(name: name) == nil {
            custom[name] = view.role(name)?.document
        }
        self.init(roles, custom: custom)
    }

    private static func compiled(_ document: String?, _ role: RoleName) -> CompiledPolicy {
        let name = PolicyName(checked: role.rawValue)
        guard let document else {
            return CompiledPolicy(
                unreadable: name, version: 1,
                because: FleetError(.notFound, "there is no role '\(role)'"))
        }
        do throws(FleetError) {
            return CompiledPolicy(
                // A name that has become almost a known one must not turn a stored role into one
                // that denies everything.
                try PolicyDocument.parse(document, dialect: .access.forStored), name: name,
                version: 1)
        } catch {
            return CompiledPolicy(unreadable: name, version: 1, because: error)
        }
    }

    /// - Parameters:
    ///   - operation: its service and its name, `iot:CreateThing`.
    ///   - circumstances: what conditions of a document may ask for.
    package func decide(
        _ operation: String, on resource: ARN, _ circumstances: Circumstances
    ) -> Decision {
        PolicyEvaluator.decide(
            policies: self.policies,
            request: AuthorizationRequest(operation: operation, resource: resource),
            context: PolicyVariables(
                sourceIP: circumstances.sourceAddress, now: circumstances.now,
                furtherKeys: ["aws:username": [circumstances.user.rawValue]]))
    }

    /// Who asks, from where, and when.
    package struct Circumstances: Sendable {
        package let user: UserName
        package let sourceAddress: String?
        package let now: UnixTime

        package init(user: UserName, sourceAddress: String?, now: UnixTime) {
            self.user = user
            self.sourceAddress = sourceAddress
            self.now = now
        }
    }
}
