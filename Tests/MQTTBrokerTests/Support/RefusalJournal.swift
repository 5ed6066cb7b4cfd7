import Fleet
import Synchronization

/// What the gateway said that it refused.
final class RefusalJournal: ConnectionJournal {
    private let refusals = Mutex<[ConnectionRefusal]>([])

    func note(_ refusal: ConnectionRefusal) { self.refusals.withLock { $0.append(refusal) } }

    var all: [ConnectionRefusal] { self.refusals.withLock { $0 } }
    var reasons: [RefusalReason] { self.all.map(\.reason) }
}

/// Answers every sighting alike, and remembers them.
final class CloneLog: CloneWatch {
    private let policy: EnrolmentPolicy
    private let sightings = Mutex<[CloneSighting]>([])

    init(_ policy: EnrolmentPolicy) { self.policy = policy }

    func sighted(_ sighting: CloneSighting) async -> EnrolmentPolicy {
        self.sightings.withLock { $0.append(sighting) }
        return self.policy
    }

    var all: [CloneSighting] { self.sightings.withLock { $0 } }
}
