import Fleet
import Synchronization
import TestSupport

/// A store of connectivity that tells of each batch it is given, and fails when told to.
final class ConnectivityLog: ConnectivityStore {
    private let failures = Mutex(0)
    private let batches: AsyncStream<[ConnectivityNote]>
    private let continuation: AsyncStream<[ConnectivityNote]>.Continuation

    init() { (self.batches, self.continuation) = AsyncStream.makeStream() }

    func failNext(_ count: Int) { self.failures.withLock { $0 = count } }

    func note(_ notes: [ConnectivityNote]) async throws(FleetError) {
        let fails = self.failures.withLock { failures in
            defer { failures = max(0, failures - 1) }
            return failures > 0
        }
        if fails { throw FleetError(.throttled, "the writer is busy") }
        self.continuation.yield(notes)
    }

    /// Reads batches until `condition` holds of the newest note of each client.
    func newest(
        until condition: ([ThingName: ConnectivityNote]) -> Bool
    ) async -> [ThingName: ConnectivityNote] {
        var newest: [ThingName: ConnectivityNote] = [:]
        for await batch in self.batches {
            for note in batch { newest[note.clientID] = note }
            if condition(newest) { break }
        }
        return newest
    }
}
