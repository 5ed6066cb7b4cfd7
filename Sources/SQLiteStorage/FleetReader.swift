internal import Fleet
internal import GRDB

/// A read that waits for a snapshot; it is handed the connection, or why there is none.
typealias ReadRequest = @Sendable (Result<Database, any Error>) -> Void

/// One reader thread with its own read-only connection. It serves the reads that wait from one
/// snapshot, taken after they were asked: whoever was told of a commit sees it.
struct FleetReader: Sendable {
    let queue: DatabaseQueue
    let mailbox: Mailbox<ReadRequest>

    func run() {
        while true {
            var count = 0
            let batch = self.mailbox.take(wait: true) { _ in
                count += 1
                return count <= StorageLimits.readsPerSnapshotMax
            }
            guard let batch else { return }
            self.serve(batch)
        }
    }

    private func serve(_ batch: [ReadRequest]) {
        self.queue.inDatabase { db in
            do {
                if db.isInsideTransaction { try db.run("ROLLBACK") }
                try db.run("BEGIN DEFERRED")
            } catch {
                for request in batch { request(.failure(error)) }
                return
            }
            for request in batch { request(.success(db)) }
            do { try db.run("COMMIT") } catch {
                if db.isInsideTransaction { try? db.run("ROLLBACK") }
            }
        }
    }
}
