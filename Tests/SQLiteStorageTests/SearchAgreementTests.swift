import Fleet
import GRDB
import TestSupport
import Testing

@testable import SQLiteStorage

/// That SQL finds what a query literally means, whichever way it goes about it.
@Suite struct SearchAgreementTests {
    /// A store with a random fleet in it, and the same fleet as documents.
    private struct Fixture {
        let store: SQLiteFleetStore
        let folder: TemporaryFolder
        let documents: [FleetDocument]
        let groups: [ThingGroup]

        init(things: Int, seed: UInt64) async throws {
            self.folder = try TemporaryFolder()
            self.store = try SQLiteFleetStore.open(
                path: self.folder.file("fleet.db"), mode: .exclusive, clock: ManualClock())
            let double = InMemoryFleetStore()
            let fleet = SearchableFleet(things: things, seed: seed)
            let set = ChangeSet(action: "Fill", changes: fleet.changes)
            _ = try await self.store.commit(set, by: .service("test"))
            _ = try await double.commit(set, by: .service("test"))
            try await self.store.note(fleet.connectivity)
            try await double.note(fleet.connectivity)
            self.documents = try await double.page(
                ListQuery(.search(FleetQuery(.things, .everything)))
            ).records.compactMap { if case .document(let found) = $0 { found } else { nil } }
            self.groups = try await double.page(
                ListQuery(.search(FleetQuery(.thingGroups, .everything)))
            ).records.compactMap { if case .thingGroup(let found) = $0 { found } else { nil } }
        }

        func expected(_ query: FleetQuery) -> [Fleet.Record] {
            switch query.index {
            case .things: self.documents.filter { query.matches($0) }.map { .document($0) }
            case .thingGroups: self.groups.filter { query.matches($0) }.map { .thingGroup($0) }
            }
        }

        func values(of field: QueryField, _ query: FleetQuery) -> [FieldValue: Int] {
            var counts: [FieldValue: Int] = [:]
            for record in self.expected(query) {
                let values: [FieldValue] =
                    switch record {
                    case .document(let document): document.values(of: field)
                    case .thingGroup(let group): group.values(of: field)
                    default: []
                    }
                for value in values { counts[value, default: 0] += 1 }
            }
            return counts
        }

        /// Every page of `subject`, one after the other.
        func all(
            _ subject: ListQuery.Subject, limit: Int, _ budget: SearchBudget
        ) async throws -> [Fleet.Record] {
            try await self.store.read { db in
                var records: [Fleet.Record] = []
                var place: String?
                repeat {
                    let page = try ListPages(db: db, budget: budget).page(
                        ListQuery(subject, after: place, limit: limit))
                    records += page.records
                    place = page.next
                } while place != nil
                return records
            }
        }
    }

    private static let budgets: [(name: String, budget: SearchBudget)] = [
        ("as released", SearchBudget()),
        ("looking at all in one read", SearchBudget(candidatesMax: -1)),
        (
            "looking at seven in one read",
            SearchBudget(candidatesMax: -1, thingsMax: 7, groupsMax: 1)
        ),
        ("by few candidates", SearchBudget(candidatesMax: 20, statementsMax: 6, thingsMax: 50)),
        ("along what is in order", SearchBudget(candidatesMax: 20, probedMax: 2)),
        (
            "three in order at a time",
            SearchBudget(candidatesMax: 150, probedMax: 0, namesMax: 2, thingsMax: 3)
        ),
    ]

    @Test(arguments: FleetIndex.allCases, [1, 2, 3] as [UInt64])
    func everyPlanFindsWhatTheQueryMeans(index: FleetIndex, seed: UInt64) async throws {
        let fixture = try await Fixture(things: 150, seed: seed)
        var queries = RandomQueries(seed: seed, index: index)
        var sizes: [Int] = []
        for round in 0..<200 {
            let query = queries.query()
            let expected = fixture.expected(query)
            sizes.append(expected.count)
            let limit = Int.random(in: 1...200, using: &queries.random)
            for (name, budget) in Self.budgets {
                let found = try await fixture.all(.search(query), limit: limit, budget)
                guard found != expected else { continue }
                Issue.record(
                    """
                    seed \(seed), round \(round), \(name): found \(found.count) and not \
                    \(expected.count): \(query)
                    """)
                return
            }
        }
        // A generator that finds nothing, or everything, would prove nothing.
        let telling = sizes.filter {
            $0 > 0 && $0 < fixture.expected(FleetQuery(index, .everything)).count
        }
        #expect(telling.count > 25)
        await fixture.store.close()
    }

    @Test(arguments: FleetIndex.allCases, [4, 5] as [UInt64])
    func valuesAreCountedAsTheDocumentsHaveThem(index: FleetIndex, seed: UInt64) async throws {
        let fixture = try await Fixture(things: 100, seed: seed)
        var queries = RandomQueries(seed: seed, index: index)
        let fields =
            QueryField.named(in: index) + SearchableFleet.attributeNames.map { .attribute($0) }
        for round in 0..<25 {
            let query = round == 0 ? FleetQuery(index, .everything) : queries.query()
            for field in fields {
                let expected = fixture.values(of: field, query)
                for (name, budget) in Self.budgets {
                    var found: [FieldValue: Int] = [:]
                    for case .fieldValue(let value, let count) in try await fixture.all(
                        .values(of: field, where: query), limit: 1000, budget)
                    { found[value, default: 0] += count }
                    #expect(found == expected, "seed \(seed), round \(round), \(name): \(query)")
                }
            }
        }
        await fixture.store.close()
    }

    /// What comes and goes between two pages moves nothing else.
    @Test func pagesStayInPlaceWhileTheFleetChanges() async throws {
        let fixture = try await Fixture(things: 60, seed: 9)
        let query = FleetQuery(.things, .everything)
        let before = fixture.documents.map(\.thing.name)
        let first = try await fixture.store.page(ListQuery(.search(query), limit: 20))
        _ = try await fixture.store.commit(
            ChangeSet(
                action: "Change",
                changes: before.prefix(10).map { .deleteThing($0) } + [
                    .putThing(Samples.thing(0))
                ]), by: .service("test"))
        let second = try await fixture.store.page(
            ListQuery(.search(query), after: first.next, limit: 20))
        let names = second.records.compactMap { record in
            if case .document(let document) = record { document.thing.name } else { nil }
        }
        let expected = (before + [Samples.thingName(0)]).sorted()
            .filter { $0.rawValue > before[19].rawValue }
        #expect(names == Array(expected.prefix(20)))
        await fixture.store.close()
    }
}
