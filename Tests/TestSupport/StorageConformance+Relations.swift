internal import Fleet
internal import JSON
internal import Testing

extension StorageConformance {
    static let relationChecks = [
        StorageConformance(name: "deletingAGroupTakesMembershipsPoliciesAndTags") { store in
            let (thing, group) = (Samples.thingName(1), Samples.groupName(1))
            try await store.make(
                .putThing(Samples.thing(1)), .putThingGroup(Samples.group(1)),
                .putThingGroup(Samples.group(2)), .putPolicy(Samples.policy(1)),
                .addThingToGroup(thing, group), .addThingToGroup(thing, Samples.groupName(2)),
                .attachPolicy(Samples.policyName(1), .thingGroup(group)),
                .setTags(.thingGroup(group), ["a": "b"]))
            try await store.make(.deleteThingGroup(group))
            let view = try await store.load([
                .thingGroup(group), .groupsOfThing(thing), .policiesOfTarget(.thingGroup(group)),
                .tags(.thingGroup(group)), .anyTargetOfPolicy(Samples.policyName(1)),
            ])
            #expect(view.thingGroup(group) == nil)
            #expect(view.groupsOfThing(thing) == [Samples.groupName(2)])
            #expect(view.policiesOfTarget(.thingGroup(group)).isEmpty)
            #expect(view.tags(of: .thingGroup(group)).isEmpty)
            #expect(view.anyTargetOfPolicy(Samples.policyName(1)) == nil)
        },
        StorageConformance(name: "deletingABillingGroupLeavesItsThingsInNone") { store in
            let billing = Samples.billingGroupName(0)
            try await store.make(
                .putBillingGroup(Samples.billingGroup(0)), .putThing(Samples.thing(0)),
                .putThing(Samples.thing(1)))
            try await store.make(.deleteBillingGroup(billing))
            let view = try await store.load([
                .thing(Samples.thingName(0)), .billingGroup(billing),
                .thing(Samples.thingName(1)),
            ])
            #expect(view.billingGroup(billing) == nil)
            #expect(view.thing(Samples.thingName(0))?.billingGroup == nil)
            #expect(view.thing(Samples.thingName(0))?.version == 1)
            // Whoever decided upon the thing as it was has to look again.
            #expect(view.entry(.thing(Samples.thingName(0)))?.revision == 2)
            #expect(view.entry(.thing(Samples.thingName(1)))?.revision == 1)
        },
        StorageConformance(name: "deletingATaggedResourceTakesItsTags") { store in
            let template = TemplateName(checked: "line")
            let all: [(TaggedResource, Change, Change)] = [
                (
                    .thingType(Samples.typeName(1)), .putThingType(Samples.type(1)),
                    .deleteThingType(Samples.typeName(1))
                ),
                (
                    .billingGroup(Samples.billingGroupName(1)),
                    .putBillingGroup(Samples.billingGroup(1)),
                    .deleteBillingGroup(Samples.billingGroupName(1))
                ),
                (
                    .policy(Samples.policyName(1)), .putPolicy(Samples.policy(1)),
                    .deletePolicy(Samples.policyName(1))
                ),
                (.template(template), .putTemplate(Samples.template()), .deleteTemplate(template)),
                (
                    .authority(Samples.certificateID(1)), .putAuthority(Samples.authority(1)),
                    .deleteAuthority(Samples.certificateID(1))
                ),
            ]
            for (resource, put, delete) in all {
                try await store.make(put, .setTags(resource, ["a": "b"]))
                #expect(try await store.record(.tags(resource)) == .tags(["a": "b"]))
                try await store.make(delete)
                #expect(try await store.record(.tags(resource)) == nil, "\(resource)")
            }
        },
        StorageConformance(name: "tagsAreSetAsAWhole") { store in
            let resource = TaggedResource.policy(Samples.policyName(1))
            try await store.make(.setTags(resource, ["a": "1", "b": "2"]))
            try await store.make(.setTags(resource, ["b": "3"]))
            #expect(try await store.entry(.tags(resource))?.revision == 2)
            #expect(try await store.record(.tags(resource)) == .tags(["b": "3"]))
            try await store.make(.setTags(resource, [:]))
            #expect(try await store.entry(.tags(resource)) == nil)
        },
        StorageConformance(name: "aTemplateGoesWithAllItsVersions") { store in
            let name = TemplateName(checked: "line")
            try await store.make(
                .putTemplate(Samples.template()), .putTemplateVersion(Samples.templateVersion(1)),
                .putTemplateVersion(Samples.templateVersion(2)),
                .putTemplateVersion(Samples.templateVersion(3)))
            try await store.make(.deleteTemplateVersion(name, 2))
            #expect(
                try await store.record(.versionsOfTemplate(name)) == .versionNumbers([1, 3]))
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(.versionsOfTemplate(name)) == nil)
            #expect(try await store.record(.template(name)) == nil)
        },
        StorageConformance(name: "groupsKnowTheirChildrenAndKind") { store in
            try await store.make(
                .putThing(Samples.thing(1)), .putThingGroup(Samples.group(0)),
                .putThingGroup(Samples.group(2)), .putThingGroup(Samples.group(1)),
                .putThingGroup(Samples.dynamicGroup(5)),
                .addThingToGroup(Samples.thingName(1), Samples.groupName(5)),
                .addThingToGroup(Samples.thingName(1), Samples.groupName(2)))
            let view = try await store.load([
                .childrenOfGroup(Samples.groupName(0)), .childrenOfGroup(Samples.groupName(1)),
                .dynamicGroups, .groupRecordsOfThing(Samples.thingName(1)),
            ])
            #expect(view.childrenOfGroup(Samples.groupName(0)) == [1, 2].map(Samples.groupName))
            #expect(view.childrenOfGroup(Samples.groupName(1)).isEmpty)
            #expect(view.dynamicGroups == [Samples.groupName(5)])
            #expect(
                view.groupRecordsOfThing(Samples.thingName(1))
                    == [Samples.group(2), Samples.dynamicGroup(5)])
        },
        StorageConformance(name: "aTypeNamesOneThingThatUsesIt") { store in
            let type = ThingTypeName(checked: "sensor")
            try await store.make(.putThing(Samples.thing(4)), .putThing(Samples.thing(2)))
            #expect(
                try await store.record(.anyThingOfType(type)) == .things([Samples.thingName(2)]))
            try await store.make(
                .deleteThing(Samples.thingName(2)), .deleteThing(Samples.thingName(4)))
            #expect(try await store.record(.anyThingOfType(type)) == nil)
        },
    ]
}
