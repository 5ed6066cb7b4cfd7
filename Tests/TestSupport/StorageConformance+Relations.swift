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
        StorageConformance(name: "aDeletedTemplateLeavesWhatFileItCameFrom") { store in
            let name = TemplateName(checked: "line")
            let key = RecordKey.fileOfDeletedTemplate(name)
            try await store.make(.putTemplate(Samples.template()))
            #expect(try await store.record(key) == nil)
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(key) == .loadedDigest("ab cd"))
            // One that comes from no file changes nothing about that.
            var template = Samples.template()
            template.loadedDigest = nil
            try await store.make(.putTemplate(template))
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(key) == .loadedDigest("ab cd"))
            template.loadedDigest = "ef"
            try await store.make(.putTemplate(template))
            #expect(try await store.record(key) == nil)
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(key) == .loadedDigest("ef"))
        },
        StorageConformance(name: "aDeletedTemplateLeavesTheNumberOfItsLastVersion") { store in
            let name = TemplateName(checked: "line")
            let key = RecordKey.lastVersionOfDeletedTemplate(name)
            var template = Samples.template()
            template.latestVersionID = 7
            try await store.make(.putTemplate(template))
            #expect(try await store.record(key) == nil)
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(key) == .count(7))
            template.latestVersionID = 9
            try await store.make(.putTemplate(template))
            try await store.make(.deleteTemplate(name))
            #expect(try await store.record(key) == .count(9))
        },
        StorageConformance(name: "templatesKnowTheVersionsInUse") { store in
            let name = TemplateName(checked: "line")
            func certificate(
                _ number: Int, _ status: Certificate.Status, version: Int
            ) -> Certificate {
                Samples.registered(number, status: status, by: name, version: version)
            }
            let other = Samples.registered(
                5, status: .active, by: TemplateName(checked: "other"), version: 9)
            try await store.make(
                .putCertificate(certificate(1, .active, version: 3)),
                .putCertificate(certificate(2, .inactive, version: 3)),
                .putCertificate(certificate(3, .revoked, version: 4)),
                .putCertificate(certificate(4, .active, version: 7)), .putCertificate(other))
            let end = other.notAfter
            #expect(
                try await store.record(.versionsInUse(name)) == .versionsInUse([3: end, 7: end]))
            #expect(try await store.record(.versionsInUse(TemplateName(checked: "no"))) == nil)
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
