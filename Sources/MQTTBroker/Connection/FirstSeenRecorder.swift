import Fleet
import Logging

/// Writes down when a device was first accepted with its own certificate, behind the connection's
/// back: nobody waits for it, and a note that finds the queue full is left to the next connection.
final class FirstSeenRecorder: Sendable {
    struct Note: Sendable {
        let certificate: CertificateID
        let address: String
        let time: UnixTime
    }

    private let store: any FleetStore
    private let meter: BrokerMeter
    private let logger: Logger
    private let notes: AsyncStream<Note>
    private let continuation: AsyncStream<Note>.Continuation

    init(store: any FleetStore, meter: BrokerMeter, logger: Logger) {
        self.store = store
        self.meter = meter
        self.logger = logger
        (self.notes, self.continuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(BrokerLimits.firstSeenWaitingMax))
    }

    func note(_ note: Note) { self.continuation.yield(note) }

    func finish() { self.continuation.finish() }

    /// Runs until `finish()`, with a few commits under way at a time so that they share an fsync.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var inFlight = 0
            for await note in self.notes {
                if inFlight >= BrokerLimits.firstSeenInFlightMax {
                    await group.next()
                    inFlight -= 1
                }
                group.addTask { await self.write(note) }
                inFlight += 1
            }
        }
    }

    private func write(_ note: Note) async {
        let set = ChangeSet(
            action: "FirstSeen",
            changes: [.recordFirstSeen(note.certificate, at: note.time)])
        do {
            _ = try await self.store.commit(
                set, by: .principal(note.certificate, from: note.address))
            self.meter.count { $0.firstSeenRecorded += 1 }
        } catch {
            self.logger.warning(
                "first sight of a device not recorded",
                metadata: [
                    "certificate": "\(note.certificate)", "error": "\(error)",
                ])
        }
    }
}
