import Policies

/// Where a claim may be used from.
package enum ClaimNetwork {
    package static func isValid(_ network: String) -> Bool { IPNetwork(network) != nil }

    /// Whether `address` is in one of `networks`; an address that is none is in nothing.
    package static func contains(_ address: String, in networks: [String]) -> Bool {
        guard let address = IPNetwork(address: address) else { return false }
        return networks.contains { IPNetwork($0)?.contains(address) == true }
    }
}
