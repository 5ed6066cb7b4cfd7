import DequeModule
import Fleet

/// The records that lately announced commits touched, in order: what tells a load that was under
/// way at the time whether it read something older than what everybody else has been told.
struct ChangeJournal {
    /// A count of announced commits.
    typealias Mark = UInt64

    private var entries: Deque<Set<RecordKey>> = []
    private(set) var mark: Mark = 0

    mutating func note(_ keys: Set<RecordKey>) {
        self.mark += 1
        self.entries.append(keys)
        if self.entries.count > BrokerLimits.journalCommitsMax { self.entries.removeFirst() }
    }

    /// Whether none of `keys` has been announced as changed since `mark`. A mark older than the
    /// journal's memory counts as changed.
    func isCurrent(_ keys: Set<RecordKey>, since mark: Mark) -> Bool {
        let unseen = self.mark - min(mark, self.mark)
        guard unseen <= UInt64(self.entries.count) else { return false }
        return self.entries.suffix(Int(unseen)).allSatisfy { $0.isDisjoint(with: keys) }
    }
}
