import Fleet
import Policies
import Synchronization

/// Loads what principals are judged by. Claims, which thousands of devices share, and compiled
/// policies are kept; the change feed takes them out again.
final class AuthorityLoader: Sendable {
    private typealias Outcome = Result<LoadedPrincipal, FleetError>

    private struct State {
        var journal = ChangeJournal()
        /// Loads under way, and who waits for them. Whoever asks for the same principal meanwhile
        /// waits for the same one, so that a policy that changes under ten thousand connections of
        /// a claim is read once.
        var underWay: [CertificateID: [CheckedContinuation<Outcome?, Never>]] = [:]
        var claims: [CertificateID: LoadedPrincipal] = [:]
        var policies = CompiledPolicies()
    }

    private let store: any FleetStore
    private let state = Mutex(State())

    init(store: any FleetStore) { self.store = store }

    /// Told of every announced commit before any connection is.
    func note(_ effects: ChangeEffects) {
        self.state.withLock { state in
            state.journal.note(effects.changedKeys)
            state.claims = state.claims.filter {
                $0.value.reliesOn.isDisjoint(with: effects.changedKeys)
            }
        }
    }

    /// Whether nothing that `loaded` relies upon has been announced as changed since it began.
    func isCurrent(_ loaded: LoadedPrincipal) -> Bool {
        self.state.withLock { $0.journal.isCurrent(loaded.reliesOn, since: loaded.mark) }
    }

    /// The principal as last loaded, where that is still known to be true: every announced change
    /// takes out what it touched, so what is here is as new as the journal.
    func kept(_ id: CertificateID) -> LoadedPrincipal? {
        self.state.withLock { state in
            state.claims[id].map {
                LoadedPrincipal(
                    record: $0.record, reliesOn: $0.reliesOn, mark: state.journal.mark)
            }
        }
    }

    /// Whether the certificate is ACTIVE in the store at this moment, announced or not.
    func isActive(_ id: CertificateID) async -> Bool {
        let view = try? await self.store.load([.certificate(id)])
        return view?.certificate(id)?.status == .active
    }

    /// What the store has now. A change that is announced meanwhile makes it stale, which
    /// `isCurrent` tells.
    func load(_ id: CertificateID) async throws(FleetError) -> LoadedPrincipal {
        if let kept = self.kept(id) { return kept }
        while true {
            let mark = self.state.withLock { state -> ChangeJournal.Mark? in
                guard state.underWay[id] == nil else { return nil }
                state.underWay[id] = []
                return state.journal.mark
            }
            if let mark {
                let outcome = await self.read(id, mark: mark)
                let waiting = self.state.withLock { $0.underWay.removeValue(forKey: id) } ?? []
                for continuation in waiting { continuation.resume(returning: outcome) }
                return try outcome.get()
            }
            if let outcome = await self.loadUnderWay(of: id) { return try outcome.get() }
        }
    }

    /// What the load that somebody else began comes to; nil where it has just ended.
    private func loadUnderWay(of id: CertificateID) async -> Outcome? {
        await withCheckedContinuation { continuation in
            let waits = self.state.withLock { state in
                guard state.underWay[id] != nil else { return false }
                state.underWay[id]?.append(continuation)
                return true
            }
            if !waits { continuation.resume(returning: nil) }
        }
    }

    private func read(
        _ id: CertificateID, mark: ChangeJournal.Mark
    ) async -> Result<LoadedPrincipal, FleetError> {
        var reading = Reading(store: self.store, mark: mark)
        do throws(FleetError) {
            let record = try await self.record(of: id, reading: &reading)
            let loaded = LoadedPrincipal(
                record: record, reliesOn: reading.keys, mark: reading.mark)
            if record?.certificate.kind == .claim { self.keep(loaded, as: id) }
            return .success(loaded)
        } catch {
            return .failure(error)
        }
    }

    private func keep(_ loaded: LoadedPrincipal, as id: CertificateID) {
        self.state.withLock { state in
            guard state.journal.isCurrent(loaded.reliesOn, since: loaded.mark) else { return }
            if state.claims.count >= BrokerLimits.claimsKeptMax {
                state.claims.removeAll(keepingCapacity: true)
            }
            state.claims[id] = loaded
        }
    }

    /// A store, and every key that has been asked of it.
    private struct Reading {
        let store: any FleetStore
        let mark: ChangeJournal.Mark
        var keys: Set<RecordKey> = []

        mutating func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
            self.keys.formUnion(keys)
            return try await self.store.load(keys)
        }
    }

    private func record(
        of id: CertificateID, reading: inout Reading
    ) async throws(FleetError) -> PrincipalRecord? {
        let first = try await reading.load([
            .certificate(id), .policiesOfTarget(.certificate(id)), .thingsOfCertificate(id),
            .termsOfClaim(id),
        ])
        guard let certificate = first.certificate(id) else { return nil }
        let policyNames = first.policiesOfTarget(.certificate(id))
        let attachments = first.thingsOfCertificate(id)
            .prefix(BrokerLimits.thingsPerCertificateMax)

        var keys = Set(policyNames.map { RecordKey.policy($0) })
        for attachment in attachments {
            keys.insert(.thing(attachment.thing))
            keys.insert(.groupsOfThing(attachment.thing))
        }
        if let issuer = certificate.issuerID { keys.insert(.authority(issuer)) }
        let terms = first.claimTerms(of: id)
        // What changes them names the claim, not its certificates.
        if let terms { keys.insert(.claimTerms(terms.name)) }
        let second = try await reading.load(keys)

        var things: [AttachedThing] = []
        for attachment in attachments {
            guard let thing = second.thing(attachment.thing) else { continue }
            let groups = second.groupsOfThing(attachment.thing)
            things.append(
                AttachedThing(
                    thing: thing, exclusivity: attachment.exclusivity,
                    groupPolicies: try await self.policies(ofGroups: groups, reading: &reading)))
        }
        return PrincipalRecord(
            certificate: certificate,
            issuer: certificate.issuerID.flatMap { second.authority($0) },
            policies: self.compiled(policyNames, in: second), things: things,
            // One that cannot be read lets nobody in; it is none that a claim could be made with.
            networks: (terms?.networks ?? []).map { IPNetwork($0) ?? .nowhere })
    }

    /// The policies of `groups` and of all their ancestors.
    private func policies(
        ofGroups groups: [ThingGroupName], reading: inout Reading
    ) async throws(FleetError) -> [CompiledPolicy] {
        var seen: Set<ThingGroupName> = []
        var level = Set(groups)
        var names: Set<PolicyName> = []
        var depth = 0
        while !level.isEmpty, depth < BrokerLimits.groupDepthMax {
            var keys: Set<RecordKey> = []
            for group in level {
                keys.insert(.thingGroup(group))
                keys.insert(.policiesOfTarget(.thingGroup(group)))
            }
            let view = try await reading.load(keys)
            for group in level { names.formUnion(view.policiesOfTarget(.thingGroup(group))) }
            seen.formUnion(level)
            level = Set(level.compactMap { view.thingGroup($0)?.parent }).subtracting(seen)
            depth += 1
        }
        guard !names.isEmpty else { return [] }
        let view = try await reading.load(Set(names.map { RecordKey.policy($0) }))
        return self.compiled(names.sorted(), in: view)
    }

    private func compiled(
        _ names: [PolicyName], in view: RegistryView
    ) -> [CompiledPolicy] {
        self.state.withLock { state in
            names.map { state.policies.compiled($0, in: view) }
        }
    }
}
