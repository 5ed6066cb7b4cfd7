/// Where the fleet is kept. The port speaks of things and certificates, never of SQL, and no
/// closure runs inside a transaction: a use case loads a value, pure code decides upon it, and
/// the decision travels back with what it relied on.
package protocol FleetStore: Sendable {
    /// One consistent read of `keys`.
    /// - Throws: `FleetError.internalFailure` where the store cannot be read.
    func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView

    /// One page of a listing, in the order the query states; stable under change.
    func page(_ query: ListQuery) async throws(FleetError) -> ListPage

    /// Makes `set` true, atomically and durably, together with its audit record: when this
    /// returns, a power failure loses nothing of it.
    /// - Throws: `FleetError.conflict` where a precondition no longer holds; `.throttled` where the
    ///   writer's queue is full; `.internalFailure` where the disk refuses. Nothing changed then.
    func commit(_ set: ChangeSet, by actor: Actor) async throws(FleetError) -> Commit

    /// Writes a refusal to the audit log. It changes nothing else and is announced to nobody.
    func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError)

    /// Every commit after `sequence`, then each further one as it becomes durable. Refusals are
    /// left out. A slow reader makes the store re-read, never lose.
    func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit>

    /// The newest commit's sequence number; 0 in an empty store.
    func latestSequence() async throws(FleetError) -> Commit.Sequence
}

/// Builds large allowlists outside the fleet's own transactions: rows of a draft are written in
/// many small transactions and stay invisible until `Change.publishAllowlist` names the draft.
package protocol AllowlistDrafts: Sendable {
    func begin(
        _ list: AllowlistName, mode: AllowlistDraft.Mode
    ) async throws(FleetError) -> AllowlistDraft
    /// Writes entries to the draft; no serial number is in `entries` twice. In a merge an entry
    /// that says something else takes the place of the one on the list.
    func append(
        entries: [AllowlistFacts], to draft: AllowlistDraft
    ) async throws(FleetError) -> AllowlistAppended
    /// Serial numbers that publishing the draft takes off the list: the first `limit` of them.
    func removed(
        by draft: AllowlistDraft, limit: Int
    ) async throws(FleetError) -> [SerialNumber]
    func discard(_ draft: AllowlistDraft) async throws(FleetError)
}

extension AllowlistDrafts {
    /// Entries of which nothing is said.
    /// - Returns: how many of `serials` were new to the list (merge) or to the draft (replace).
    package func append(
        _ serials: [SerialNumber], to draft: AllowlistDraft
    ) async throws(FleetError) -> Int {
        try await self.append(entries: serials.map { AllowlistFacts(serial: $0) }, to: draft)
            .inserted
    }
}
