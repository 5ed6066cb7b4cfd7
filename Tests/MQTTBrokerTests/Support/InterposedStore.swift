import Fleet
import TestSupport

/// What happens between a read of the store and its answer.
struct Interposition: Sendable {
    typealias Body =
        @Sendable (InMemoryFleetStore, Set<RecordKey>) async throws(FleetError) -> Void

    let body: Body

    init(_ body: @escaping Body) { self.body = body }

    static let nothing = Interposition { _, _ in }
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
        self.store.changes(after: sequence)
    }

    func latestSequence() async throws(FleetError) -> Commit.Sequence {
        try await self.store.latestSequence()
    }
}
