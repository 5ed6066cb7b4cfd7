internal import Fleet
internal import Synchronization

/// Tells readers of the feed what was committed. The newest commits are kept in memory for those
/// who keep up; whoever falls behind is sent to the table. Nothing is buffered for anyone, so a
/// reader that stops reading costs nothing and loses nothing.
final class CommitFeed: Sendable {
    enum Next: Sendable {
        /// Commits after the cursor, and where it stands then.
        case commits([Commit], upTo: Commit.Sequence)
        case readTable
        case ended
    }

    private struct State {
        /// Without refusals, oldest first.
        var recent: [Commit] = []
        /// Every commit after this one is in `recent`.
        var recentAfter: Commit.Sequence
        var latest: Commit.Sequence
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var waitersMade = 0
        var closed = false
    }

    private let state: Mutex<State>

    init(latest: Commit.Sequence) {
        self.state = Mutex(State(recentAfter: latest, latest: latest))
    }

    var latest: Commit.Sequence { self.state.withLock { $0.latest } }

    func announce(_ commits: [Commit], upTo latest: Commit.Sequence) {
        let waiting = self.state.withLock { state in
            state.latest = max(state.latest, latest)
            state.recent += commits
            // Twice as many at times, since taking away the first moves all others.
            if state.recent.count > 2 * StorageLimits.recentCommitsMax {
                let excess = state.recent.count - StorageLimits.recentCommitsMax
                state.recentAfter = state.recent[excess - 1].sequence
                state.recent.removeFirst(excess)
            }
            guard !commits.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            return Self.takeWaiting(&state)
        }
        for continuation in waiting { continuation.resume() }
    }

    func close() {
        let waiting = self.state.withLock { state in
            state.closed = true
            return Self.takeWaiting(&state)
        }
        for continuation in waiting { continuation.resume() }
    }

    private static func takeWaiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        let waiting = Array(state.waiting.values)
        state.waiting = [:]
        return waiting
    }

    /// What is new after `cursor`; waits for it where there is nothing yet.
    func next(after cursor: Commit.Sequence) async -> Next {
        while !Task.isCancelled {
            let known = self.state.withLock { state -> Next? in
                if cursor < state.recentAfter { return state.closed ? .ended : .readTable }
                // From the end, where a reader that keeps up stands.
                let heard = state.recent.lastIndex { $0.sequence <= cursor }
                let news = state.recent[(heard.map { $0 + 1 } ?? 0)...]
                if !news.isEmpty { return .commits(Array(news), upTo: state.latest) }
                return state.closed ? .ended : nil
            }
            if let known { return known }
            await self.wait(after: cursor)
        }
        return .ended
    }

    /// Returns at the next announcement, at closing, or when the task is cancelled.
    func wait(after cursor: Commit.Sequence) async {
        let number = self.state.withLock { state in
            state.waitersMade += 1
            return state.waitersMade
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = self.state.withLock { state in
                    let isNews = (state.recent.last?.sequence ?? 0) > cursor
                    guard !state.closed, !isNews, !Task.isCancelled else { return false }
                    state.waiting[number] = continuation
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
        }
    }
}
