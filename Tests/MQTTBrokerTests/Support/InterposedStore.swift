import Fleet
import TestSupport

/// What happens between a read of the store and its answer.
struct Interposition: Sendable {
    typealias Body =
        @Sendable (InMemoryFleetStore, Set<RecordKey>) async throws(FleetError) -> Void

    let body: Body
    /// Whether commits are announced; where they are not, they are true all the same.
    let announces: Bool

    init(announces: Bool = true, _ body: @escaping Body) {
        self.announces = announces
        self.body = body
    }

    static let nothing = Interposition { _, _ in }
    static let silence = Interposition(announces: false) { _, _ in }
}

struct InterposedStore: FleetStore {
    private let store: InMemoryFleetStore
    private let interposition: Interposition

    init(_ store: InMemoryFleetStore, _ interposition: Interposition) {
        self.store = store
        self.interposition = interposition
    }

    func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
        let view = try await self.store.load(keys)
        try await self.interposition.body(self.store, keys)
        return view
    }

    func page(_ query: ListQuery) async throws(FleetError) -> ListPage {
        try await self.store.page(query)
    }

    func commit(_ set: ChangeSet, by actor: Actor) async throws(FleetError) -> Commit {
        try await self.store.commit(set, by: actor)
    }

    func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError) {
        try await self.store.record(refusal, by: actor)
    }

    func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit> {
        let commits = self.store.changes(after: sequence)
        guard !self.interposition.announces else { return commits }
        // Ends as the feed does, and says nothing until then.
        return AsyncStream { continuation in
            let task = Task {
                for await _ in commits {}
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    func latestSequence() async throws(FleetError) -> Commit.Sequence {
        try await self.store.latestSequence()
    }
}
