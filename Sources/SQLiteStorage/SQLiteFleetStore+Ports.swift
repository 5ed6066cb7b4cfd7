package import Fleet
internal import GRDB
internal import Synchronization

extension SQLiteFleetStore: FleetStore {
    package func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
        guard keys.count <= StorageLimits.keysReadBrieflyMax else {
            return try await self.read { db in try RecordLoader(db: db).view(keys) }
        }
        return try await self.readBriefly(isOneStatement: Self.isOneStatement(keys)) { db in
            try RecordLoader(db: db).view(keys)
        }
    }

    /// Whether these are read by a single statement: what is asked for most often.
    private static func isOneStatement(_ keys: Set<RecordKey>) -> Bool {
        guard keys.count == 1 else { return false }
        return switch keys.first {
        case .thing, .policiesOfTarget: true
        default: false
        }
    }

    package func page(_ query: ListQuery) async throws(FleetError) -> ListPage {
        let page: @Sendable (Database) throws -> ListPage = { db in
            try ListPages(db: db).page(query)
        }
        // Some rows along the primary key, whatever the fleet: any other listing may take longer.
        let isBrief = query.subject == .things && query.limit <= StorageLimits.rowsReadBrieflyMax
        return isBrief
            ? try await self.readBriefly(isOneStatement: true, page) : try await self.read(page)
    }

    package func commit(
        _ set: ChangeSet, by actor: Actor
    ) async throws(FleetError) -> Commit {
        let draft = try AuditDraft(set, by: actor)
        guard case .commit(let commit) = try await self.write(.commit(set.preconditions, draft))
        else { throw Self.wrongAnswer }
        return commit
    }

    package func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError) {
        _ = try await self.write(.refusal(AuditDraft(refusal, by: actor)))
    }

    package func latestSequence() async throws(FleetError) -> Commit.Sequence {
        try await self.read { db in try AuditLog.state(db).size }
    }

    static var wrongAnswer: FleetError {
        FleetError(.internalFailure, "the writer answered another question")
    }
}

// MARK: The feed

/// Where one reader of the feed stands. Its stream asks for one commit at a time, so nothing
/// piles up anywhere while the reader is busy.
private final class FeedReader: Sendable {
    private struct State {
        var cursor: Commit.Sequence
        /// The commits at hand, newest first.
        var atHand: [Commit] = []
    }
    private let state: Mutex<State>

    init(after cursor: Commit.Sequence) { self.state = Mutex(State(cursor: cursor)) }

    var cursor: Commit.Sequence { self.state.withLock { $0.cursor } }

    func pop() -> Commit? { self.state.withLock { $0.atHand.popLast() } }

    func take(_ commits: [Commit], upTo sequence: Commit.Sequence) {
        self.state.withLock { state in
            state.atHand = commits.reversed()
            state.cursor = sequence
        }
    }
}

extension SQLiteFleetStore {
    package func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit> {
        let reader = FeedReader(after: sequence)
        let (feed, isLive) = (self.feed, self.writes != nil)
        return AsyncStream { [weak self] in
            while true {
                if let commit = reader.pop() { return commit }
                let cursor = reader.cursor
                switch await feed.next(after: cursor) {
                case .commits(let commits, let latest): reader.take(commits, upTo: latest)
                case .ended:
                    guard !isLive, let self, !Task.isCancelled,
                        await self.replay(to: reader, after: cursor), reader.cursor > cursor
                    else { return reader.pop() }
                case .readTable:
                    guard let self else { return nil }
                    if await self.replay(to: reader, after: cursor) == false {
                        // The disk does not answer. The next commit will tell when it does.
                        await feed.wait(after: feed.latest)
                        if Task.isCancelled { return nil }
                    }
                }
            }
        }
    }

    private func replay(to reader: FeedReader, after cursor: Commit.Sequence) async -> Bool {
        do throws(FleetError) {
            let (commits, upTo) = try await self.read(urgent: true) { db in
                try ListPages(db: db).replay(after: cursor)
            }
            reader.take(commits, upTo: upTo)
            return true
        } catch { return false }
    }
}

// MARK: Allowlists

extension SQLiteFleetStore: AllowlistDrafts {
    package func begin(
        _ list: AllowlistName, mode: AllowlistDraft.Mode
    ) async throws(FleetError) -> AllowlistDraft {
        guard case .draft(let draft) = try await self.write(.beginDraft(list, mode)) else {
            throw Self.wrongAnswer
        }
        return draft
    }

    /// In pieces, one after the other, so that other requests come in between.
    package func append(
        entries serials: [AllowlistFacts], to draft: AllowlistDraft
    ) async throws(FleetError) -> AllowlistAppended {
        var sum = AllowlistAppended()
        var start = 0
        repeat {
            let end = min(start + StorageLimits.draftRowsPerRequestMax, serials.count)
            let piece = Array(serials[start..<end])
            guard case .appended(let count) = try await self.write(.appendToDraft(piece, draft))
            else { throw Self.wrongAnswer }
            sum.add(count)
            start = end
        } while start < serials.count
        return sum
    }

    package func removed(
        by draft: AllowlistDraft, limit: Int
    ) async throws(FleetError) -> [SerialNumber] {
        try await self.read { db in try AllowlistTables.removed(by: draft, limit: limit, db) }
    }

    package func discard(_ draft: AllowlistDraft) async throws(FleetError) {
        _ = try await self.write(.discardDraft(draft))
    }
}

// MARK: Connectivity

extension SQLiteFleetStore: ConnectivityStore {
    package func note(_ notes: [ConnectivityNote]) async throws(FleetError) {
        guard let run = self.run else { throw .readOnlyStore }
        var rest = notes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(StorageLimits.connectivityNotesPerRequestMax))
            _ = try await self.write(.noteConnectivity(piece, run: run))
            rest = rest.dropFirst(piece.count)
        }
    }
}

// MARK: Verification

extension SQLiteFleetStore {
    /// Recomputes the audit log from its rows and compares it with the root stored with them.
    package func verifyAudit() async throws(FleetError) -> AuditReport {
        var verification = try await self.read { db in try AuditVerification(db) }
        while true {
            let current = verification
            let (next, more) = try await self.read { db in
                var next = current
                let more = try next.step(db)
                return (next, more)
            }
            verification = next
            if !more { return verification.finish() }
        }
    }

    /// SQLite's own check of every page and index, and of every reference between rows.
    /// - Returns: what is wrong; nothing in a sound database.
    package func checkIntegrity() async throws(FleetError) -> [String] {
        try await self.read { db in
            let pages = try String.fetchAll(db, sql: "PRAGMA integrity_check")
            let references = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { row in
                "\(row[0] as DatabaseValue): row \(row[1] as DatabaseValue) refers to nothing"
            }
            return pages.filter { $0 != "ok" } + references
        }
    }
}
