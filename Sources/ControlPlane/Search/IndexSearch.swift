package import Fleet
package import Registry

/// What searches and aggregations have in common: the index, the query, and the pages it takes.
struct IndexSearch: Sendable {
    let query: FleetQuery
    private let store: any FleetStore
    private let membership: DynamicMembership

    /// Reads of the store that one request may take; each looks at a stretch of the fleet, so a
    /// page that would need more comes out shorter, and has a next one.
    private static let readsPerPageMax = 100

    /// What `query` finds in the whole fleet, dynamic groups and all.
    init(_ query: FleetQuery, _ store: any FleetStore) async throws(FleetError) {
        let membership = try await DynamicMembership.load(from: store)
        self.query = try membership.expanding(query)
        self.store = store
        self.membership = membership
    }

    /// The members of a dynamic group.
    init(
        membersBy query: ThingGroup.DynamicQuery, _ store: any FleetStore
    ) throws(FleetError) {
        self.query = try FleetQuery.parse(query.queryString, isStored: true)
        self.store = store
        self.membership = .empty
    }

    /// - Returns: up to `limit` records, and where the next page begins.
    func page(after place: String?, limit: Int) async throws(FleetError) -> ListPage {
        var records: [Record] = []
        var place = place
        for _ in 0..<Self.readsPerPageMax {
            let page = try await self.store.page(
                ListQuery(.search(self.query), after: place, limit: limit - records.count))
            records += page.records.map(self.completed)
            place = page.next
            if place == nil || records.count >= limit { break }
        }
        return ListPage(records: records, next: place)
    }

    private func completed(_ record: Record) -> Record {
        guard case .document(let document) = record else { return record }
        return .document(self.membership.completing(document))
    }

    /// Every value of `field` among what is found.
    func tally(_ field: QueryField) async throws(FleetError) -> FieldTally {
        try await Self.tally(field, self.query, self.store)
    }

    /// How many things or groups are found.
    func total() async throws(FleetError) -> Int { try await self.tally(.version).total }

    /// How many of them have any value in `field`, however many.
    func total(having field: QueryField) async throws(FleetError) -> Int {
        let having = FleetQuery(
            self.query.index, .conjunction([self.query.expression, .field(field, .present)]))
        return try await Self.tally(.version, having, self.store).total
    }

    private static func tally(
        _ field: QueryField, _ query: FleetQuery, _ store: any FleetStore
    ) async throws(FleetError) -> FieldTally {
        var tally = FieldTally()
        var place: String?
        repeat {
            let page = try await store.page(
                ListQuery(.values(of: field, where: query), after: place))
            for case .fieldValue(let value, let count) in page.records {
                try tally.add(value, count: count)
            }
            place = page.next
        } while place != nil
        return tally
    }
}

extension DynamicMembership {
    /// The dynamic groups there are now.
    package static func load(
        from store: any FleetStore
    ) async throws(FleetError) -> DynamicMembership {
        let names = try await store.load([.dynamicGroups]).dynamicGroups
        guard !names.isEmpty else { return .empty }
        let view = try await store.load(Set(names.map { .thingGroup($0) }))
        return try DynamicMembership(names.compactMap { view.thingGroup($0) })
    }
}
