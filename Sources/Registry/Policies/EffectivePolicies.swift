package import Fleet

/// Which policies count for a principal (provisioning specification, 5.6): those it carries, and,
/// where it stands for a thing, those of every static group that holds the thing and of the groups
/// above. What has to be looked at next follows from what was seen, so it is found in steps.
package struct EffectivePolicies: Hashable, Sendable {
    /// What is asked about: a certificate or a group, a thing, or both.
    package let target: PolicyTarget?
    package let thing: ThingName?

    package init(target: PolicyTarget?, thing: ThingName?) {
        self.target = target
        self.thing = thing
    }

    /// The first look.
    package var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = []
        if let target { keys.formUnion([target.key, .policiesOfTarget(target)]) }
        if let thing { keys.formUnion([.thing(thing), .groupRecordsOfThing(thing)]) }
        return keys
    }

    /// Every target whose policies count, the principal's own first, and groups before those above
    /// them.
    ///
    /// - Throws: `FleetError.notFound` where the principal or the thing does not exist.
    package func targets(in view: RegistryView) throws(FleetError) -> [PolicyTarget] {
        var targets: [PolicyTarget] = []
        switch self.target {
        case .certificate(let id)?:
            try Attachments.checkExists(.certificate(id), in: view)
            targets.append(.certificate(id))
        case .thingGroup(let name)?:
            try Attachments.checkExists(.thingGroup(name), in: view)
            if let group = view.thingGroup(name) { targets += Self.targets(ofGroups: [group]) }
        case nil: break
        }
        if let thing = self.thing {
            guard view.thing(thing) != nil else {
                throw FleetError(
                    .notFound, "Thing \(thing) does not exist", resource: thing.rawValue)
            }
            for target in Self.targets(ofGroups: view.groupRecordsOfThing(thing))
            where !targets.contains(target) {
                targets.append(target)
            }
        }
        return targets
    }

    /// What counts for a thing in `groups`: the static ones of them and those above, each once.
    package static func targets(ofGroups groups: [ThingGroup]) -> [PolicyTarget] {
        var targets: [PolicyTarget] = []
        for group in groups where !group.isDynamic {
            for name in [group.name] + group.ancestors.reversed()
            where !targets.contains(.thingGroup(name)) {
                targets.append(.thingGroup(name))
            }
        }
        return targets
    }

    /// The second look: what hangs on `targets`.
    package static func keys(of targets: [PolicyTarget]) -> Set<RecordKey> {
        Set(targets.map { RecordKey.policiesOfTarget($0) })
    }

    /// The policies of `targets`, each once, in the order in which they are met.
    package static func names(
        of targets: [PolicyTarget], in view: RegistryView
    ) -> [PolicyName] {
        var names: [PolicyName] = []
        for target in targets {
            for name in view.policiesOfTarget(target) where !names.contains(name) {
                names.append(name)
            }
        }
        return names
    }
}
