internal import Fleet
internal import JSON
internal import Testing

extension StorageConformance {
    /// A tree of four groups with a thing in each, and what hangs on them.
    private static func tree(_ store: Store) async throws {
        let names = ["a", "a-x", "b", "c"].map { ThingGroupName(checked: $0) }
        let groups = [
            ThingGroup(name: names[0], id: Samples.resourceID(1), createdAt: Samples.time),
            ThingGroup(name: names[1], id: Samples.resourceID(2), createdAt: Samples.time),
            ThingGroup(
                name: names[2], id: Samples.resourceID(3), ancestors: [names[0]],
                createdAt: Samples.time),
            ThingGroup(
                name: names[3], id: Samples.resourceID(4), ancestors: [names[0], names[2]],
                createdAt: Samples.time),
        ]
        for (number, group) in groups.enumerated() {
            try await store.make(.putThingGroup(group))
            for thing in [number, number + 10] {
                try await store.make(
                    .putThing(Samples.thing(thing)),
                    .addThingToGroup(Samples.thingName(thing), group.name))
            }
        }
    }

    private static func names(_ records: [Record]) -> [String] {
        records.map { record in
            switch record {
            case .thing(let thing): thing.name.rawValue
            case .thingName(let name): name.rawValue
            case .thingGroup(let group): group.name.rawValue
            case .billingGroup(let group): group.name.rawValue
            case .policy(let policy): policy.name.rawValue
            case .policyName(let name): name.rawValue
            case .policyTarget(.certificate(let id)): id.rawValue
            case .policyTarget(.thingGroup(let name)): name.rawValue
            case .certificate(let certificate): certificate.id.rawValue
            case .authority(let authority): authority.id.rawValue
            case .templateVersion(let version): "\(version.id)"
            case .thingPrincipal(let principal):
                "\(principal.thing) \(principal.certificate)"
            case _: "?"
            }
        }
    }

    /// The same in pages of every size.
    private static func expect(
        _ store: Store, _ subject: ListQuery.Subject, _ expected: [String],
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        for limit in [1, 2, 3, 1000] {
            let found = try await Self.all(store, subject, limit: limit)
            #expect(
                Self.names(found) == expected, "\(subject), pages of \(limit)",
                sourceLocation: location)
        }
    }

    static let registryListingChecks = [
        StorageConformance(name: "groupsAreListedByTheirPlaceInTheTree") { store in
            try await Self.tree(store)
            let top = ThingGroupName(checked: "a")
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter()), ["a", "a-x", "b", "c"])
            try await Self.expect(store, .thingGroups(ThingGroupFilter(.roots)), ["a", "a-x"])
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter(.children(of: top))), ["b"])
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter(.descendants(of: top))), ["b", "c"])
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter(.descendants(of: top), prefix: "c")), ["c"])
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter(prefix: "a")), ["a", "a-x"])
            try await Self.expect(
                store, .thingGroups(ThingGroupFilter(.roots, prefix: "a-")), ["a-x"])
            try await Self.expect(
                store,
                .thingGroups(ThingGroupFilter(.descendants(of: ThingGroupName(checked: "no")))),
                [])
        },
        StorageConformance(name: "aGroupsThingsComeWithOrWithoutThoseBelow") { store in
            try await Self.tree(store)
            let top = ThingGroupName(checked: "a")
            try await Self.expect(
                store, .thingsInGroup(top, recursive: false), ["thing-0", "thing-10"])
            try await Self.expect(
                store, .thingsInGroup(top, recursive: true),
                ["thing-0", "thing-10", "thing-12", "thing-2", "thing-13", "thing-3"])
            try await Self.expect(
                store, .thingsInGroup(ThingGroupName(checked: "c"), recursive: true),
                ["thing-13", "thing-3"])
            try await Self.expect(store, .groupsOfThing(Samples.thingName(12)), ["b"])
        },
        StorageConformance(name: "aRecursiveListingGoesOnWhereAGroupWasDeleted") { store in
            try await Self.tree(store)
            let query = ListQuery.Subject.thingsInGroup(
                ThingGroupName(checked: "a"), recursive: true)
            let first = try await store.page(ListQuery(query, limit: 3))
            #expect(Self.names(first.records) == ["thing-0", "thing-10", "thing-12"])
            try await store.make(
                .deleteThingGroup(ThingGroupName(checked: "b")),
                .addThingToGroup(Samples.thingName(1), ThingGroupName(checked: "a")))
            let second = try await store.page(ListQuery(query, after: first.next, limit: 3))
            #expect(Self.names(second.records) == ["thing-13", "thing-3"])
        },
        StorageConformance(name: "thingsAreFoundByTypeAndAttribute") { store in
            for number in 0..<12 {
                try await store.make(
                    .putThing(Samples.thing(number, version: number.isMultiple(of: 3) ? 2 : 1)))
            }
            // As it was before, the index must not find it.
            try await store.make(
                .putThing(Samples.thing(3, version: 1)), .deleteThing(Samples.thingName(6)))
            let type = ThingTypeName(checked: "sensor")
            let exact = ThingFilter.Attribute(name: "version", value: "v2")
            let prefix = ThingFilter.Attribute(name: "serial", value: "SN-1", isPrefix: true)
            try await Self.expect(
                store, .thingsWhere(ThingFilter(attribute: exact)), ["thing-0", "thing-9"])
            try await Self.expect(
                store, .thingsWhere(ThingFilter(typeName: type, attribute: exact)), ["thing-0"])
            try await Self.expect(
                store, .thingsWhere(ThingFilter(attribute: prefix)),
                ["thing-1", "thing-10", "thing-11"])
            try await Self.expect(
                store, .thingsWhere(ThingFilter(typeName: type, attribute: prefix)), ["thing-10"])
            try await Self.expect(
                store, .thingsWhere(ThingFilter(typeName: type)),
                ["thing-0", "thing-10", "thing-2", "thing-4", "thing-8"])
            try await Self.expect(
                store, .thingsInBillingGroup(Samples.billingGroupName(0)),
                ["thing-0", "thing-3", "thing-9"])
        },
        StorageConformance(name: "caseCountsWhereThingsAreListedByAnAttribute") { store in
            for (number, value) in ["ab", "AB", "aB1", "ab2", "AB"].enumerated() {
                var thing = Samples.thing(number % 4)
                thing.attributes = ["x": value]
                try await store.make(.putThing(thing))
            }
            for (value, isPrefix, names) in [
                ("ab", false, []), ("AB", false, ["thing-0", "thing-1"]), ("ab", true, ["thing-3"]),
                ("a", true, ["thing-2", "thing-3"]), ("A", true, ["thing-0", "thing-1"]),
            ] as [(String, Bool, [String])] {
                let attribute = ThingFilter.Attribute(name: "x", value: value, isPrefix: isPrefix)
                try await Self.expect(
                    store, .thingsWhere(ThingFilter(attribute: attribute)), names)
            }
        },
        StorageConformance(name: "billingGroupsAreListedByPrefix") { store in
            for number in [1, 2, 10, 11] {
                try await store.make(.putBillingGroup(Samples.billingGroup(number)))
            }
            try await Self.expect(
                store, .billingGroups(prefix: "billing-1"),
                ["billing-1", "billing-10", "billing-11"])
            try await Self.expect(store, .billingGroups(prefix: "c"), [])
        },
        StorageConformance(name: "whatIsAttachedIsListedFromBothEnds") { store in
            let ids = (1...3).map { Samples.certificateID($0) }.sorted()
            for number in 1...3 {
                try await store.make(
                    .putThing(Samples.thing(number)),
                    .putCertificate(Samples.certificate(number)),
                    .putPolicy(Samples.policy(number)))
            }
            for id in ids {
                try await store.make(
                    .attachThingPrincipal(
                        ThingPrincipal(
                            thing: Samples.thingName(1), certificate: id,
                            exclusivity: id == ids[0] ? .exclusive : .nonExclusive)),
                    .attachPolicy(Samples.policyName(1), .certificate(id)))
            }
            try await store.make(
                .putThingGroup(Samples.group(1)),
                .attachPolicy(Samples.policyName(1), .thingGroup(Samples.groupName(1))),
                .attachPolicy(Samples.policyName(2), .thingGroup(Samples.groupName(1))))
            let thing = Samples.thingName(1)
            try await Self.expect(
                store, .principalsOfThing(thing, nil), ids.map { "\(thing) \($0)" })
            try await Self.expect(
                store, .principalsOfThing(thing, .exclusive), ["\(thing) \(ids[0])"])
            try await Self.expect(
                store, .thingsOfCertificate(ids[1], nil), ["\(thing) \(ids[1])"])
            try await Self.expect(store, .thingsOfCertificate(ids[1], .exclusive), [])
            let policy = Samples.policyName(1)
            try await Self.expect(
                store, .targetsOfPolicy(policy), ids.map(\.rawValue) + ["group-1"])
            try await Self.expect(
                store, .principalsOfPolicy(policy, .ascending), ids.map(\.rawValue))
            try await Self.expect(
                store, .principalsOfPolicy(policy, .descending),
                ids.reversed().map(\.rawValue))
            try await Self.expect(
                store, .policiesOfTarget(.thingGroup(Samples.groupName(1))),
                ["policy-1", "policy-2"])
        },
        StorageConformance(name: "listingsByCreationRunBothWays") { store in
            for number in 1...4 {
                // Two of the same moment: the key decides between them.
                let time = Samples.time.advanced(bySeconds: Int64(-number / 2))
                try await store.make(
                    .putPolicy(
                        Policy(
                            name: Samples.policyName(number), versions: [], defaultVersionID: 1,
                            createdAt: time)), .putAuthority(Samples.authority(number)),
                    .putCertificate(Samples.certificate(number)))
            }
            let policies = ["policy-4", "policy-2", "policy-3", "policy-1"]
            try await Self.expect(store, .policiesByCreation(.ascending), policies)
            try await Self.expect(store, .policiesByCreation(.descending), policies.reversed())
            let ids = (1...4).map { Samples.certificateID($0).rawValue }
            let line = TemplateName(checked: "line")
            try await Self.expect(
                store, .authoritiesByCreation(.ascending, template: nil), ids)
            try await Self.expect(
                store, .authoritiesByCreation(.descending, template: line), ids.reversed())
            try await Self.expect(
                store,
                .authoritiesByCreation(.ascending, template: TemplateName(checked: "other")), [])
            try await Self.expect(
                store, .certificatesByCreation(.descending), ids.sorted().reversed())
            try await Self.expect(
                store, .certificatesOfIssuer(Samples.certificateID(900), .ascending),
                ids.sorted())
            try await Self.expect(
                store, .certificatesOfIssuer(Samples.certificateID(1), .ascending), [])
        },
        StorageConformance(name: "aTemplatesVersionsAreListedByNumber") { store in
            for number in [2, 1, 10, 3] {
                try await store.make(.putTemplateVersion(Samples.templateVersion(number)))
            }
            try await Self.expect(
                store, .versionsOfTemplate(TemplateName(checked: "line")), ["1", "2", "3", "10"])
        },
    ]
}
