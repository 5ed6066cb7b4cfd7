import Fleet
import Policies

/// Policy documents compiled once for each version of each policy. A key names what was compiled
/// exactly, so an entry never becomes wrong, only unused.
struct CompiledPolicies {
    private struct Key: Hashable {
        let name: PolicyName
        let version: Int
        let revision: Revision
    }

    private var compiled: [Key: CompiledPolicy] = [:]

    /// The default version of the policy that `view` has under `name`. One that is missing or
    /// cannot be read denies everything, since nobody can say what it would have denied.
    mutating func compiled(_ name: PolicyName, in view: RegistryView) -> CompiledPolicy {
        guard let entry = view.entry(.policy(name)), case .policy(let policy) = entry.record else {
            return CompiledPolicy(
                unreadable: name, version: 0,
                because: FleetError(
                    .notFound, "policy \(name) is attached but does not exist",
                    resource: name.rawValue))
        }
        let key = Key(name: name, version: policy.defaultVersionID, revision: entry.revision)
        if let known = self.compiled[key] { return known }
        if self.compiled.count >= BrokerLimits.compiledPoliciesMax {
            self.compiled.removeAll(keepingCapacity: true)
        }
        let made = CompiledPolicy(policy)
        self.compiled[key] = made
        return made
    }
}
