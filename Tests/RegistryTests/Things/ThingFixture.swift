import Fleet
import Registry
import TestSupport
import Testing

/// The registry's decisions in short: each loads what it names, decides and commits.
extension RegistryFixture {
    /// Ids as a use case gives them, each another one.
    func id() -> ResourceID { Samples.resourceID(Int(self.store.log.count) + 1) }

    func put(_ changes: Change...) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    /// The decision alone, for races: it is committed later than it was made.
    func decide(
        _ keys: Set<RecordKey>, _ decide: (RegistryView) throws -> ChangeSet
    ) async throws -> ChangeSet {
        try decide(await self.store.load(keys))
    }

    /// Expects that `set`, decided before, comes too late.
    func losesRace(
        _ set: ChangeSet, at location: SourceLocation = #_sourceLocation
    ) async {
        let code = await refusal {
            _ = try await self.store.commit(set, by: .service("test"))
        }
        #expect(code == .conflict, sourceLocation: location)
    }

    @discardableResult
    func create(
        _ name: String, type: String? = nil, _ attributes: [String: String] = [:],
        billingGroup: String? = nil
    ) async throws -> ChangeSet {
        let definition = ThingDefinition(
            name: ThingName(checked: name), typeName: type.map { ThingTypeName(checked: $0) },
            attributes: attributes,
            billingGroup: billingGroup.map { BillingGroupName(checked: $0) })
        let (id, now) = (self.id(), self.clock.now)
        return try await self.apply(definition.keys) {
            try Things.create(definition, id: id, in: $0, at: now)
        }
    }

    @discardableResult
    func createType(
        _ name: String, _ properties: ThingTypeProperties = ThingTypeProperties(),
        tags: [String: String] = [:]
    ) async throws -> ChangeSet {
        let definition = ThingTypeDefinition(
            name: ThingTypeName(checked: name), properties: properties, tags: tags)
        let (id, now) = (self.id(), self.clock.now)
        return try await self.apply(definition.keys) {
            try ThingTypes.create(definition, id: id, in: $0, at: now)
        }
    }

    @discardableResult
    func createGroup(
        _ name: String, under parent: String? = nil, _ attributes: [String: String] = [:],
        tags: [String: String] = [:]
    ) async throws -> ChangeSet {
        let definition = ThingGroupDefinition(
            name: ThingGroupName(checked: name),
            parent: parent.map { ThingGroupName(checked: $0) }, attributes: attributes,
            tags: tags)
        let (id, now) = (self.id(), self.clock.now)
        return try await self.apply(definition.keys) {
            try ThingGroups.create(definition, id: id, in: $0, at: now)
        }
    }

    @discardableResult
    func add(
        _ thing: String, to group: String, overriding: Bool = false
    ) async throws -> ChangeSet {
        let (thing, group) = (ThingName(checked: thing), ThingGroupName(checked: group))
        return try await self.apply(GroupMembership.Request(thing: thing, added: [group]).keys) {
            try GroupMembership.add(
                thing, to: group, overridesDynamicGroups: overriding, in: $0)
        }
    }

    func thing(_ name: String) -> Thing? {
        let name = ThingName(checked: name)
        return self.store.view([.thing(name)]).thing(name)
    }

    func group(_ name: String) -> ThingGroup? {
        let name = ThingGroupName(checked: name)
        return self.store.view([.thingGroup(name)]).thingGroup(name)
    }

    func groups(of thing: String) -> [String] {
        let name = ThingName(checked: thing)
        return self.store.view([.groupsOfThing(name)]).groupsOfThing(name).map(\.rawValue)
    }
}
