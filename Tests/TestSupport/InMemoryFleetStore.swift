package import Fleet
internal import Synchronization

/// The fleet's store as a test double: the same answers as the real one, without a disk.
package final class InMemoryFleetStore: FleetStore, AllowlistDrafts, ConnectivityStore,
    RevocationStore
{
    private struct State {
        var tables = FleetTables()
        var log: [Commit] = []
        var subscribers: [Int: Subscriber] = [:]
        var subscribersMade = 0
        var failures: [FleetError] = []
        var listNumbers: [CertificateID: RevocationListNumber] = [:]
    }

    private struct Subscriber {
        let after: Commit.Sequence
        let continuation: AsyncStream<Commit>.Continuation
    }

    private let clock: any WallClock
    private let state = Mutex(State())

    package init(clock: any WallClock = ManualClock()) { self.clock = clock }

    /// Makes the next writes fail, one for each error, changing nothing: a disk that is full, a
    /// race that is lost.
    package func failNextCommits(_ errors: FleetError...) {
        self.state.withLock { $0.failures += errors }
    }

    /// The audit log: every commit and refusal, oldest first.
    package var log: [Commit] { self.state.withLock { $0.log } }
    package var commits: [Commit] { self.log.filter { $0.outcome == .committed } }
    package var refusals: [Commit] { self.log.filter { $0.outcome != .committed } }

    // MARK: FleetStore

    package func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
        self.view(keys)
    }

    /// The same without waiting, for assertions.
    package func view(_ keys: Set<RecordKey>) -> RegistryView {
        self.state.withLock { state in
            var entries: [RecordKey: RegistryView.Entry] = [:]
            for key in keys { entries[key] = state.tables.entry(key) }
            return RegistryView(keys: keys, entries: entries)
        }
    }

    package func commit(
        _ set: ChangeSet, by actor: Actor
    ) async throws(FleetError) -> Commit {
        try self.apply(set, by: actor).get()
    }

    private func apply(_ set: ChangeSet, by actor: Actor) -> Result<Commit, FleetError> {
        self.state.withLock { state in
            guard state.failures.isEmpty else { return .failure(state.failures.removeFirst()) }
            let sequence = Commit.Sequence(state.log.count + 1)
            var tables = state.tables
            do throws(FleetError) {
                for precondition in set.preconditions { try tables.check(precondition) }
                for change in set.changes { try tables.apply(change, revision: sequence) }
            } catch { return .failure(error) }
            state.tables = tables
            let commit = Commit(
                sequence: sequence, time: self.clock.now, actor: actor, action: set.action,
                outcome: .committed, changes: set.changes, detail: set.detail)
            state.log.append(commit)
            for subscriber in state.subscribers.values where sequence > subscriber.after {
                subscriber.continuation.yield(commit)
            }
            return .success(commit)
        }
    }

    // MARK: RevocationStore

    package func revocations(
        of issuer: CertificateID, buckets: ClosedRange<Int>, endingAfter: UnixTime,
        after: RevocationEntries.Place?, limit: Int
    ) async throws(FleetError) -> RevocationEntries {
        func place(_ record: Revocation) -> (Int, String) { (record.bucket, record.serialNumber) }
        let all = self.state.withLock { Array($0.tables.revocations.values) }
        let found = all.filter { record in
            record.issuerID == issuer && buckets.contains(record.bucket)
                && record.notAfter >= endingAfter
                && after.map { place(record) > ($0.bucket, $0.serialNumber) } ?? true
        }.sorted { place($0) < place($1) }.prefix(limit)
        var entries = RevocationEntries()
        for record in found {
            let isTaken = entries.append(
                hex: record.serialNumber, revokedAt: record.revokedAt,
                reason: record.reason.code)
            guard isTaken else {
                throw FleetError(.internalFailure, "a row of 'revocations' is damaged")
            }
            entries.end(
                at: RevocationEntries.Place(
                    bucket: record.bucket, serialNumber: record.serialNumber))
        }
        return entries
    }

    package func revocationsAtMost() async throws(FleetError) -> Int {
        self.state.withLock { $0.tables.revocations.count }
    }

    package func standing(
        of serialNumber: String, issuer: CertificateID
    ) async throws(FleetError) -> CertificateStanding {
        self.state.withLock { state in
            let revoked = state.tables.revocations.values.first {
                $0.issuerID == issuer && $0.serialNumber == serialNumber
            }
            if let revoked { return .revoked(revoked) }
            let isKnown = state.tables.records.values.contains { entry in
                guard case .certificate(let found) = entry.record else { return false }
                return found.issuerID == issuer && found.serialNumber == serialNumber
            }
            return isKnown ? .good : .unknown
        }
    }

    package func takeListNumber(
        of issuer: CertificateID, at now: UnixTime
    ) async throws(FleetError) -> RevocationListNumber {
        let taken: Result<RevocationListNumber, FleetError> = self.state.withLock { state in
            guard state.failures.isEmpty else { return .failure(state.failures.removeFirst()) }
            do throws(FleetError) {
                let number = try RevocationListNumber(after: state.listNumbers[issuer], at: now)
                state.listNumbers[issuer] = number
                return .success(number)
            } catch { return .failure(error) }
        }
        return try taken.get()
    }

    package func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError) {
        self.state.withLock { state in
            state.log.append(
                Commit(
                    sequence: Commit.Sequence(state.log.count + 1), time: self.clock.now,
                    actor: actor, action: refusal.action,
                    outcome: .refused(
                        code: refusal.error.code.rawValue, message: refusal.error.message),
                    changes: [], detail: refusal.detail))
        }
    }

    /// Buffers without bound, as a test double may.
    package func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit> {
        let (stream, continuation) = AsyncStream.makeStream(of: Commit.self)
        let number = self.state.withLock { state in
            for commit in state.log where commit.sequence > sequence {
                if commit.outcome == .committed { continuation.yield(commit) }
            }
            state.subscribersMade += 1
            state.subscribers[state.subscribersMade] = Subscriber(
                after: sequence, continuation: continuation)
            return state.subscribersMade
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.subscribers[number] = nil }
        }
        return stream
    }

    package func latestSequence() async throws(FleetError) -> Commit.Sequence {
        Commit.Sequence(self.log.count)
    }

    package func page(_ query: ListQuery) async throws(FleetError) -> ListPage {
        let (tables, log) = self.state.withLock { ($0.tables, $0.log) }
        return InMemoryPage(tables: tables, log: log).page(query)
    }

    // MARK: ConnectivityStore

    package func note(_ notes: [ConnectivityNote]) async throws(FleetError) {
        self.state.withLock { state in
            for note in notes { state.tables.note(note) }
        }
    }

    // MARK: AllowlistDrafts

    package func begin(
        _ list: AllowlistName, mode: AllowlistDraft.Mode
    ) async throws(FleetError) -> AllowlistDraft {
        self.state.withLock { $0.tables.begin(list, mode: mode) }
    }

    package func append(
        entries: [AllowlistFacts], to draft: AllowlistDraft
    ) async throws(FleetError) -> AllowlistAppended {
        let result: Result<AllowlistAppended, FleetError> = self.state.withLock { state in
            do throws(FleetError) {
                return .success(try state.tables.append(entries, to: draft))
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    package func removed(
        by draft: AllowlistDraft, limit: Int
    ) async throws(FleetError) -> [SerialNumber] {
        self.state.withLock { $0.tables.removed(by: draft, limit: limit) }
    }

    package func discard(_ draft: AllowlistDraft) async throws(FleetError) {
        self.state.withLock { $0.tables.discard(draft) }
    }
}
