import Synchronization
import TestSupport
import Testing

@testable import Fleet

/// A read that asks for what it finds, while others write.
@Suite struct FollowingReadTests {
    /// Commits something of its own after each of the first looks.
    private final class Meddler: FleetStore {
        let store = InMemoryFleetStore(clock: ManualClock())
        private let looks = Mutex(0)
        private let lastMeddling: Int

        init(lastMeddling: Int) { self.lastMeddling = lastMeddling }

        func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
            let view = try await self.store.load(keys)
            let look = self.looks.withLock { looks in
                looks += 1
                return looks
            }
            if look <= self.lastMeddling {
                let another = Samples.certificate(look, key: 7)
                let set = ChangeSet(action: "test", changes: [.putCertificate(another)])
                _ = try await self.store.commit(set, by: .service("test"))
            }
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

    /// One certificate of the key is there before anybody looks.
    private func store(lastMeddling: Int) async throws -> Meddler {
        let meddler = Meddler(lastMeddling: lastMeddling)
        let set = ChangeSet(
            action: "test", changes: [.putCertificate(Samples.certificate(100, key: 7))])
        _ = try await meddler.commit(set, by: .service("test"))
        return meddler
    }

    private static let key = RecordKey.certificatesWithKey(Samples.fingerprint(7))

    private static func sharers(_ view: RegistryView) -> Set<RecordKey> {
        Set(view.certificatesWithKey(Samples.fingerprint(7)).map { .certificate($0) })
    }

    @Test func theViewHoldsAllThatItAsksForHoweverOthersWrite() async throws {
        let store = try await self.store(lastMeddling: 3)
        let view = try await store.load([Self.key], following: Self.sharers)
        let ids = view.certificatesWithKey(Samples.fingerprint(7))
        #expect(ids.count == 4)
        #expect(ids.allSatisfy { view.certificate($0) != nil })
    }

    @Test func oneLookIsEnoughWhereNothingIsToBeFollowed() async throws {
        let store = Meddler(lastMeddling: 0)
        let view = try await store.load([Self.key], following: Self.sharers)
        #expect(view.certificatesWithKey(Samples.fingerprint(7)).isEmpty)
    }

    @Test func recordsThatNeverComeToRestAreALostRace() async throws {
        let store = try await self.store(lastMeddling: .max)
        await #expect(throws: FleetError.self) {
            _ = try await store.load([Self.key], following: Self.sharers)
        }
    }
}
