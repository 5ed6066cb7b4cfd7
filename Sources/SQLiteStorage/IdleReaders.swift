internal import Fleet
internal import GRDB
internal import Synchronization

/// Read-only connections for short reads, which are answered on the thread that asks: a look-up of
/// a few records in the page cache takes less time than waking another thread for it. Nobody ever
/// waits for a connection here; who finds none idle goes to the reader threads.
final class IdleReaders: Sendable {
    private struct State {
        var idle: [DatabaseQueue]
        var lent = 0
        var closed = false
        var closing: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ connections: [DatabaseQueue]) { self.state = Mutex(State(idle: connections)) }

    private func lend() -> DatabaseQueue? {
        self.state.withLock { state in
            guard !state.closed, let connection = state.idle.popLast() else { return nil }
            state.lent += 1
            return connection
        }
    }

    private func giveBack(_ connection: DatabaseQueue) {
        let closing: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            state.lent -= 1
            state.idle.append(connection)
            guard state.closed, state.lent == 0 else { return nil }
            defer { state.closing = nil }
            return state.closing
        }
        closing?.resume()
    }

    /// Runs `body` in a snapshot taken now, so that whoever was told of a commit sees it.
    /// - Parameter isOneStatement: whether `body` runs no more than one, which is a snapshot by
    ///   itself: to begin and end one of several costs as much again as a look-up.
    /// - Returns: nil where no connection is idle; `body` has not run then.
    func read<Value>(
        isOneStatement: Bool = false, _ body: (Database) throws -> Value
    ) throws(FleetError) -> Value? {
        guard let connection = self.lend() else { return nil }
        defer { self.giveBack(connection) }
        do {
            return try connection.inDatabase { db in
                if db.isInsideTransaction { try db.run("ROLLBACK") }
                if isOneStatement { return try body(db) }
                try db.run("BEGIN DEFERRED")
                defer {
                    // A snapshot that cannot be let go of now is let go of by the next read.
                    do { try db.run("COMMIT") } catch {
                        if db.isInsideTransaction { try? db.run("ROLLBACK") }
                    }
                }
                return try body(db)
            }
        } catch { throw FleetError(storage: error) }
    }

    /// Lends nothing from now on, and closes the connections once the last of them is back.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.state.withLock { state in
                state.closed = true
                guard state.lent > 0 else { return true }
                state.closing = continuation
                return false
            }
            if isIdle { continuation.resume() }
        }
        let connections = self.state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        for connection in connections { try? connection.close() }
    }
}
