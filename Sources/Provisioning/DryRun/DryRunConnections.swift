import Fleet
import Policies

/// The connections that a device may make, each under its own client id. As the gateway has it, one
/// that speaks for no thing has no group's policies.
struct DryRunConnections {
    struct Connection {
        let policies: [CompiledPolicy]
        let variables: PolicyVariables

        func decide(_ request: AuthorizationRequest) -> Decision {
            PolicyEvaluator.decide(
                policies: self.policies, request: request, context: self.variables)
        }
    }

    private let own: [(policy: Policy, compiled: CompiledPolicy)]
    /// Each once, with the group that it comes by; those among them that are the device's own too.
    private let ways: [(ThingGroupName, Policy)]
    private let added: [(policy: Policy, compiled: CompiledPolicy)]
    private let thing: Thing
    private let exclusivity: ThingPrincipal.Exclusivity?
    private let variables: PolicyVariables

    /// - Parameters:
    ///   - policies: the certificate's own.
    ///   - exclusivity: of the certificate's attachment; nil where there is none.
    ///   - variables: what is the same of every connection.
    init(
        policies: [Policy], groupPolicies: [(ThingGroupName, Policy)], thing: Thing,
        exclusivity: ThingPrincipal.Exclusivity?, variables: PolicyVariables
    ) {
        self.own = policies.map { ($0, CompiledPolicy($0)) }
        self.ways = groupPolicies
        self.added = groupPolicies.map { $0.1 }
            .filter { policy in !policies.contains { $0.name == policy.name } }
            .map { ($0, CompiledPolicy($0)) }
        self.thing = thing
        self.exclusivity = exclusivity
        self.variables = variables
    }

    private func speaksForThing(_ clientID: String) -> Bool {
        let attached = self.exclusivity.map { [$0] } ?? []
        return ThingPrincipal.associated(among: attached, clientID: clientID) {
            (self.thing.name, $0)
        } != nil
    }

    func groupPolicies(as clientID: String) -> [(ThingGroupName, Policy)] {
        self.speaksForThing(clientID) ? self.ways : []
    }

    func policies(as clientID: String) -> [Policy] {
        self.counting(clientID).map(\.policy)
    }

    func connection(as clientID: String) -> Connection {
        var variables = self.variables
        variables.clientID = clientID
        if self.speaksForThing(clientID) {
            variables.thing = PolicyVariables.AssociatedThing(
                name: self.thing.name, typeName: self.thing.typeName,
                attributes: self.thing.attributes)
        }
        return Connection(
            policies: self.counting(clientID).map(\.compiled), variables: variables)
    }

    private func counting(_ clientID: String) -> [(policy: Policy, compiled: CompiledPolicy)] {
        self.speaksForThing(clientID) ? self.own + self.added : self.own
    }
}
