package import Fleet
internal import Synchronization

/// The fleet's store as a test double: the same answers as the real one, without a disk.
package final class InMemoryFleetStore: FleetStore, AllowlistDrafts {
    private struct State {
        var tables = FleetTables()
        var log: [Commit] = []
        var subscribers: [Int: Subscriber] = [:]
        var subscribersMade = 0
        var failures: [FleetError] = []
    }

    private struct Subscriber {
        let after: Commit.Sequence
        let continuation: AsyncStream<Commit>.Continuation
    }

    private let clock: any WallClock
    private let state = Mutex(State())

    package init(clock: any WallClock = ManualClock()) { self.clock = clock }

    /// Makes the next commits fail, one for each error, changing nothing: a disk that is full, a
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

    // MARK: AllowlistDrafts

    package func begin(
        _ list: AllowlistName, mode: AllowlistDraft.Mode
    ) async throws(FleetError) -> AllowlistDraft {
        self.state.withLock { $0.tables.begin(list, mode: mode) }
    }

    package func append(
        _ serials: [SerialNumber], to draft: AllowlistDraft
    ) async throws(FleetError) -> Int {
        let result: Result<Int, FleetError> = self.state.withLock { state in
            do throws(FleetError) {
                return .success(try state.tables.append(serials, to: draft))
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    package func discard(_ draft: AllowlistDraft) async throws(FleetError) {
        self.state.withLock { $0.tables.discard(draft) }
    }
}

/// Listing what the tables hold, in the order of the records' own keys.
private struct InMemoryPage {
    let tables: FleetTables
    let log: [Commit]

    func page(_ query: ListQuery) -> ListPage {
        let rows = self.rows(query.subject).sorted { $0.key.precedes($1.key) }
        let rest = rows.drop { row in
            query.after.map { after in
                !SortKey(after, of: query.subject).precedes(row.key)
            } ?? false
        }
        let page = rest.prefix(query.limit)
        return ListPage(
            records: page.map(\.record), next: rest.count > page.count ? page.last?.key.text : nil)
    }

    /// Bytes decide, as in the database; the log's numbers by value.
    private struct SortKey {
        let number: Int64
        let text: String

        init(number: Int64 = 0, text: String) {
            self.number = number
            self.text = text
        }

        init(_ after: String, of subject: ListQuery.Subject) {
            switch subject {
            case .commits, .ownershipTokensExpired:
                let number = after.split(separator: ":").first.flatMap { Int64($0) } ?? 0
                self.init(number: number, text: after)
            case .things, .certificates, .policies, .templates, .hooks, .claims, .authorities,
                .allowlists, .allowlistEntries:
                self.init(text: after)
            }
        }

        func precedes(_ other: SortKey) -> Bool {
            self.number != other.number
                ? self.number < other.number
                : self.text.utf8.lexicographicallyPrecedes(other.text.utf8)
        }
    }

    private func rows(_ subject: ListQuery.Subject) -> [(key: SortKey, record: Record)] {
        switch subject {
        case .commits:
            return self.log.map {
                (SortKey(number: $0.sequence, text: String($0.sequence)), .commit($0))
            }
        case .allowlistEntries(let list):
            return self.tables.allowlistEntries[list, default: []].map {
                (SortKey(text: $0.rawValue), .allowlistEntry($0))
            }
        case .ownershipTokensExpired(let moment):
            return self.tables.records.values.compactMap { entry in
                guard case .ownershipToken(let token) = entry.record, token.expiresAt < moment
                else { return nil }
                let time = token.expiresAt.milliseconds
                return (SortKey(number: time, text: "\(time):\(token.hash)"), entry.record)
            }
        case .things, .certificates, .policies, .templates, .hooks, .claims, .authorities,
            .allowlists:
            return self.tables.records.compactMap { key, entry in
                Self.name(key, subject).map { (SortKey(text: $0), entry.record) }
            }
        }
    }

    private static func name(_ key: RecordKey, _ subject: ListQuery.Subject) -> String? {
        switch (subject, key) {
        case (.things, .thing(let name)): name.rawValue
        case (.certificates, .certificate(let id)): id.rawValue
        case (.policies, .policy(let name)): name.rawValue
        case (.templates, .template(let name)): name.rawValue
        case (.hooks, .hook(let name)): name.rawValue
        case (.claims, .claim(let id)): id.rawValue
        case (.authorities, .authority(let id)): id.rawValue
        case (.allowlists, .allowlist(let name)): name.rawValue
        case (_, _): nil
        }
    }
}
