import Fleet
import Logging
import NIOCore
import Synchronization

/// Writes down who is connected, behind the connections' backs: what happens within a moment is
/// written together, of each client the newest only, so that a thousand devices that come at once
/// cost the disk one write and none of them waits for it.
final class ConnectivityRecorder: Sendable {
    private struct State {
        var waiting: [ThingName: ConnectivityNote] = [:]
        /// Whether the last write failed; the log says so once.
        var isFailing = false
    }

    private let store: any ConnectivityStore
    private let meter: BrokerMeter
    private let logger: Logger
    private let state = Mutex(State())
    private let signals: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init(store: any ConnectivityStore, meter: BrokerMeter, logger: Logger) {
        self.store = store
        self.meter = meter
        self.logger = logger
        (self.signals, self.continuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(1))
    }

    /// Of clients whose name no thing can have, nothing is kept.
    func note(_ clientID: String, session: SessionNumber, _ state: Connectivity) {
        guard let name = try? ThingName(clientID) else { return }
        let note = ConnectivityNote(clientID: name, session: session, state: state)
        let isKept = self.state.withLock { Self.keep(note, in: &$0.waiting) }
        if isKept {
            self.continuation.yield()
        } else {
            self.meter.count { $0.connectivityNotesDropped += 1 }
        }
    }

    /// - Returns: false where too many clients wait already.
    private static func keep(
        _ note: ConnectivityNote, in waiting: inout [ThingName: ConnectivityNote]
    ) -> Bool {
        if let known = waiting[note.clientID] {
            if known.session <= note.session { waiting[note.clientID] = note }
            return true
        }
        guard waiting.count < BrokerLimits.connectivityWaitingMax else { return false }
        waiting[note.clientID] = note
        return true
    }

    func finish() { self.continuation.finish() }

    /// Runs until `finish()`, and writes what is left then.
    /// - Parameter loop: whose clock tells when a moment is over.
    func run(on loop: any EventLoop) async {
        for await _ in self.signals {
            // A scheduled task that is cancelled with its loop ends the moment early.
            try? await loop.scheduleTask(
                in: .milliseconds(BrokerLimits.connectivityWriteMilliseconds)
            ) {}.futureResult.get()
            await self.write()
        }
        await self.write()
    }

    private func write() async {
        let notes = self.state.withLock { state in
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return Array(state.waiting.values)
        }
        guard !notes.isEmpty else { return }
        do throws(FleetError) {
            try await self.store.note(notes)
            self.meter.count { $0.connectivityNotesWritten += notes.count }
            self.state.withLock { $0.isFailing = false }
        } catch { self.putBack(notes, after: error) }
    }

    /// What could not be written waits for the next moment, unless it is out of date by then.
    private func putBack(_ notes: [ConnectivityNote], after error: FleetError) {
        let (dropped, isNews) = self.state.withLock { state in
            var dropped = 0
            for note in notes {
                if let known = state.waiting[note.clientID], known.session >= note.session {
                    continue
                }
                if !Self.keep(note, in: &state.waiting) { dropped += 1 }
            }
            defer { state.isFailing = true }
            return (dropped, !state.isFailing)
        }
        if dropped > 0 { self.meter.count { $0.connectivityNotesDropped += dropped } }
        if isNews {
            self.logger.warning(
                "who is connected cannot be written down", metadata: ["error": "\(error)"])
        }
        self.continuation.yield()
    }
}
