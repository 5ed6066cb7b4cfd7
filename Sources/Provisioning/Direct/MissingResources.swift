import Fleet

/// Beyond AWS, where an order may say so: thing types, static groups and billing groups that its
/// template names and the registry lacks. They come to be in the same commit as what needs them.
struct MissingResources {
    /// One type, ten groups, one billing group: what a template can name.
    static let idsMax = 2 + TemplateLimits.groupsMax

    private(set) var records: [RecordKey: Record] = [:]
    private(set) var changes: [Change] = []

    /// - Parameter ids: new ones, `idsMax` of them; empty where nothing may be created.
    init(_ rendered: RenderedTemplate, in view: RegistryView, ids: [ResourceID], at now: UnixTime) {
        var ids = ids[...]
        if let name = rendered.typeName, view.thingType(name) == nil, let id = ids.popFirst() {
            let type = ThingType(name: name, id: id, createdAt: now)
            self.records[.thingType(name)] = .thingType(type)
            self.changes.append(.putThingType(type))
        }
        for name in rendered.groups where view.thingGroup(name) == nil {
            guard let id = ids.popFirst() else { break }
            let group = ThingGroup(name: name, id: id, createdAt: now)
            self.records[.thingGroup(name)] = .thingGroup(group)
            self.changes.append(.putThingGroup(group))
        }
        if let name = rendered.billingGroup, view.billingGroup(name) == nil,
            let id = ids.popFirst()
        {
            let group = BillingGroup(name: name, id: id, createdAt: now)
            self.records[.billingGroup(name)] = .billingGroup(group)
            self.changes.append(.putBillingGroup(group))
        }
    }

    /// What a plan relied upon, where it took these for granted: that nobody else makes them.
    func preconditions(_ relied: [Precondition]) -> [Precondition] {
        let others = relied.filter { precondition in
            switch precondition {
            case .absent(let key), .present(let key), .revision(let key, _), .holds(let key, _),
                .below(let key, _):
                self.records[key] == nil
            }
        }
        return others + self.records.keys.map { .absent($0) }
    }
}
