import Fleet
import Policies

/// A thing the certificate is attached to, with the policies of every group that holds it and of
/// those groups' ancestors (provisioning specification, 5.6).
struct AttachedThing: Sendable {
    let thing: Thing
    let exclusivity: ThingPrincipal.Exclusivity
    let groupPolicies: [CompiledPolicy]
}

/// All that the registry knows about a principal and that its connections are judged by: one value,
/// loaded once a connection (once a claim), replaced when the fleet changes under it.
struct PrincipalRecord: Sendable {
    let certificate: Certificate
    let issuer: Authority?
    let policies: [CompiledPolicy]
    let things: [AttachedThing]
    /// Where a claim may be used from; empty for anywhere.
    var networks: [IPNetwork] = []

    /// - Parameter graceSeconds: how long ago its certificate may have ended.
    func refusal(at now: UnixTime, graceSeconds: Int64) -> PrincipalRefusal? {
        PrincipalRefusal.judge(
            self.certificate, issuer: self.issuer, at: now, graceSeconds: graceSeconds)
    }

    /// Asked at CONNECT: a line that is narrowed while its devices are connected refuses what they
    /// ask for, with an answer, and their next connection.
    func refusal(of sourceAddress: String) -> PrincipalRefusal? {
        guard !self.networks.isEmpty else { return nil }
        guard let address = IPNetwork(address: sourceAddress) else { return .foreignNetwork }
        return self.networks.contains { $0.contains(address) } ? nil : .foreignNetwork
    }
}

/// What a load found, and the records it looked at, present or absent.
struct LoadedPrincipal: Sendable {
    /// nil where no such certificate is registered.
    let record: PrincipalRecord?
    let reliesOn: Set<RecordKey>
    /// The journal's place when the load began.
    let mark: ChangeJournal.Mark
}
