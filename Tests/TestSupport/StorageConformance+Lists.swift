internal import Fleet
internal import JSON
internal import Testing

extension StorageConformance {
    static let listingChecks = [
        StorageConformance(name: "aListingComesInPagesInTheOrderOfItsKeys") { store in
            for number in 0..<25 { try await store.make(.putThing(Samples.thing(number))) }
            let expected = (0..<25).map { Samples.thing($0) }.sorted { $0.name < $1.name }
            for limit in [1, 7, 25, 1000] {
                let found = try await Self.all(store, .things, limit: limit)
                #expect(found == expected.map { .thing($0) }, "pages of \(limit)")
            }
        },
        StorageConformance(name: "everySubjectLists") { store in
            try await store.make(
                .putCertificate(Samples.certificate(1)),
                .putCertificate(Samples.certificate(800)))
            for (_, _, change) in Self.everyRecord { try await store.make(change) }
            try await store.make(
                .addAllowlistEntries(Samples.listName, [Samples.serial(1)], at: Samples.time))
            let subjects: [(ListQuery.Subject, Int)] = [
                (.things, 2), (.thingTypes, 1), (.certificates, 3), (.policies, 1),
                (.templates, 1), (.hooks, 1), (.claims, 1), (.authorities, 1), (.allowlists, 1),
                (.accessKeys, 2), (.roles, 1),
                (.thingGroups(ThingGroupFilter()), 2), (.billingGroups(prefix: ""), 1),
                (.policiesByCreation(.ascending), 1), (.certificatesByCreation(.descending), 3),
                (.authoritiesByCreation(.ascending, template: nil), 1),
                (.versionsOfTemplate(TemplateName(checked: "line")), 1),
                (.versionsOfHook(Samples.hook.name), 1),
                (.allowlistEntries(Samples.listName), 1),
                (.ownershipTokensExpired(before: UnixTime(milliseconds: .max)), 2),
                (.registrationTasks(nil), 2), (.registrationTasks(.failed), 1),
                (.commits, 32), (.claimTerms, 1), (.renewalsOpen, 1),
            ]
            for (subject, count) in subjects {
                let whole = try await store.page(ListQuery(subject))
                #expect(whole.records.count == count, "\(subject)")
                #expect(whole.next == nil, "\(subject)")
                #expect(try await Self.all(store, subject, limit: 1) == whole.records)
            }
        },
        StorageConformance(name: "aFindingThatComesAgainIsTheNewestOfItsKind") { store in
            let findings = [
                Samples.finding(1, .clone, .allow), Samples.finding(2, .clone, .hold),
                Samples.finding(1, .retry, .replace), Samples.finding(1, .clone, .hold),
            ]
            for finding in findings { try await store.make(.recordFinding(finding)) }
            func listed(_ subject: ListQuery.Subject) async throws -> [Record] {
                try await Self.all(store, subject, limit: 1)
            }
            let (second, retry, again) = (findings[1], findings[2], findings[3])
            #expect(
                try await listed(.enrolmentFindings(nil))
                    == [second, retry, again].map { .enrolmentFinding($0) })
            #expect(
                try await listed(.enrolmentFindings(.clone))
                    == [second, again].map { .enrolmentFinding($0) })
            #expect(
                try await listed(.enrolmentsHeld) == [second, again].map { .enrolmentFinding($0) })
        },
        StorageConformance(name: "anEmptyListingHasOneEmptyPage") { store in
            for subject: ListQuery.Subject in [
                .things, .commits, .allowlistEntries(Samples.listName),
            ] {
                let page = try await store.page(ListQuery(subject))
                #expect(page.records.isEmpty)
                #expect(page.next == nil)
            }
        },
        StorageConformance(name: "aPageStaysStableUnderChange") { store in
            for number in 1...6 { try await store.make(.putThing(Samples.thing(number))) }
            let first = try await store.page(ListQuery(.things, limit: 3))
            try await store.make(
                .deleteThing(Samples.thingName(3)), .putThing(Samples.thing(0)))
            let second = try await store.page(ListQuery(.things, after: first.next, limit: 3))
            #expect(second.records == [4, 5, 6].map { .thing(Samples.thing($0)) })
        },
        StorageConformance(name: "expiredTokensComeOldestFirst") { store in
            try await store.make(.putCertificate(Samples.certificate(1)))
            for (number, seconds) in [(1, 30), (2, 10), (3, 20), (4, 20), (5, 40)] {
                try await store.make(
                    .putOwnershipToken(
                        Samples.token(number, certificate: 1, seconds: Int64(seconds))))
            }
            let before = Samples.time.advanced(bySeconds: 40)
            let found = try await Self.all(store, .ownershipTokensExpired(before: before), limit: 2)
            let ends = found.map { record in
                if case .ownershipToken(let token) = record {
                    token.expiresAt
                } else {
                    UnixTime(seconds: 0)
                }
            }
            #expect(ends == [10, 20, 20, 30].map { Samples.time.advanced(bySeconds: $0) })
        },
    ]

    static func all(
        _ store: Store, _ subject: ListQuery.Subject, limit: Int
    ) async throws -> [Record] {
        var records: [Record] = []
        var after: String?
        repeat {
            let page = try await store.page(ListQuery(subject, after: after, limit: limit))
            #expect(page.records.count <= limit)
            records += page.records
            after = page.next
        } while after != nil
        return records
    }
}

// MARK: Allowlists

extension StorageConformance {
    private static func serials(_ numbers: some Sequence<Int>) -> [SerialNumber] {
        numbers.map { Samples.serial($0) }
    }

    /// What the list holds, asserted in each way a caller can ask.
    private static func expect(
        _ store: Store, version: Int?, _ numbers: some Sequence<Int>,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let name = Samples.listName
        let expected = Set(self.serials(numbers))
        let keys = (0..<40).map { RecordKey.allowlistEntry(name, Samples.serial($0)) }
        let view = try await store.load(Set(keys).union([.allowlist(name)]))
        #expect(view.allowlist(name)?.version == version, sourceLocation: location)
        #expect(view.allowlist(name)?.count ?? 0 == expected.count, sourceLocation: location)
        for number in 0..<40 {
            let serial = Samples.serial(number)
            #expect(
                view.isOnAllowlist(name, serial) == expected.contains(serial), "\(serial)",
                sourceLocation: location)
        }
        let listed = try await self.all(store, .allowlistEntries(name), limit: 6)
        #expect(
            listed == expected.sorted().map { .allowlistEntry($0) }, sourceLocation: location)
    }

    static let allowlistChecks = [
        StorageConformance(name: "entriesAreAddedAndRemovedByHand") { store in
            let name = Samples.listName
            try await store.make(
                .addAllowlistEntries(name, Self.serials([1, 2, 2, 3]), at: Samples.time))
            try await Self.expect(store, version: 1, [1, 2, 3])
            try await store.make(
                .addAllowlistEntries(name, Self.serials([3, 4]), at: Samples.time))
            try await Self.expect(store, version: 2, [1, 2, 3, 4])
            try await store.make(
                .removeAllowlistEntries(name, Self.serials([1, 4, 9]), at: Samples.time))
            try await Self.expect(store, version: 3, [2, 3])
            try await store.make(
                .addAllowlistEntries(name, Self.serials([1]), at: Samples.time))
            try await Self.expect(store, version: 4, [1, 2, 3])
            #expect(try await store.entry(.allowlist(name))?.revision == 4)
        },
        StorageConformance(name: "aDraftIsInvisibleUntilItIsPublished") { store in
            let draft = try await store.begin(Samples.listName, mode: .merge)
            #expect(draft.baseVersion == nil)
            #expect(try await store.append(Self.serials([1, 2, 3, 3]), to: draft) == 3)
            #expect(try await store.append(Self.serials([3, 4]), to: draft) == 1)
            try await Self.expect(store, version: nil, [])
            try await store.make(.publishAllowlist(draft, at: Samples.time))
            try await Self.expect(store, version: draft.version, 1...4)
        },
        StorageConformance(name: "aMergeKeepsWhatWasOnTheList") { store in
            try await store.make(
                .addAllowlistEntries(Samples.listName, Self.serials(1...5), at: Samples.time))
            let draft = try await store.begin(Samples.listName, mode: .merge)
            #expect(draft.baseVersion == 1)
            #expect(try await store.append(Self.serials(4...8), to: draft) == 3)
            try await Self.expect(store, version: 1, 1...5)
            try await store.make(.publishAllowlist(draft, at: Samples.time))
            try await Self.expect(store, version: draft.version, 1...8)
        },
        StorageConformance(name: "aReplacementBecomesTheWholeList") { store in
            try await store.make(
                .addAllowlistEntries(Samples.listName, Self.serials(1...5), at: Samples.time))
            let draft = try await store.begin(Samples.listName, mode: .replace)
            #expect(try await store.append(Self.serials(4...8), to: draft) == 5)
            try await store.make(.publishAllowlist(draft, at: Samples.time))
            try await Self.expect(store, version: draft.version, 4...8)
            try await store.make(
                .addAllowlistEntries(Samples.listName, Self.serials([1]), at: Samples.time),
                .removeAllowlistEntries(Samples.listName, Self.serials([8]), at: Samples.time))
            try await Self.expect(store, version: draft.version + 2, [1, 4, 5, 6, 7])
        },
        StorageConformance(name: "aListThatChangedMeanwhileRefusesTheDraft") { store in
            let draft = try await store.begin(Samples.listName, mode: .merge)
            _ = try await store.append(Self.serials(1...3), to: draft)
            try await store.make(
                .addAllowlistEntries(Samples.listName, Self.serials([2, 9]), at: Samples.time))
            try await store.conflicts(.publishAllowlist(draft, at: Samples.time))
            let version = try #require(
                try await store.load([.allowlist(Samples.listName)]).allowlist(Samples.listName)
            ).version
            try await Self.expect(store, version: version, [2, 9])
        },
        StorageConformance(name: "ofTwoDraftsOneIsPublished") { store in
            let first = try await store.begin(Samples.listName, mode: .replace)
            let second = try await store.begin(Samples.listName, mode: .replace)
            #expect(first != second)
            _ = try await store.append(Self.serials(1...3), to: first)
            _ = try await store.append(Self.serials(3...5), to: second)
            try await store.make(.publishAllowlist(second, at: Samples.time))
            try await store.conflicts(.publishAllowlist(first, at: Samples.time))
            try await store.conflicts(.publishAllowlist(second, at: Samples.time))
            try await Self.expect(store, version: second.version, 3...5)
        },
        StorageConformance(name: "aDiscardedDraftIsGone") { store in
            let draft = try await store.begin(Samples.listName, mode: .merge)
            _ = try await store.append(Self.serials(1...3), to: draft)
            try await store.discard(draft)
            try await store.discard(draft)
            try await store.conflicts(.publishAllowlist(draft, at: Samples.time))
            await #expect(throws: FleetError.self) {
                try await store.append(Self.serials([4]), to: draft)
            }
            try await Self.expect(store, version: nil, [])
            #expect(try await store.page(ListQuery(.allowlists)).records.isEmpty)
        },
        StorageConformance(name: "aSerialNumberMayHoldAnyText") { store in
            let texts = ["Ü-1", "a'b\"c", "%_", "日本", "-- DROP", "😀"]
            let serials = try texts.map { try SerialNumber($0) }
            try await store.make(
                .addAllowlistEntries(Samples.listName, serials, at: Samples.time))
            for serial in serials {
                #expect(
                    try await store.record(.allowlistEntry(Samples.listName, serial))
                        == .allowlistEntry(serial))
            }
            let other = AllowlistName(checked: "lot-2")
            #expect(try await store.record(.allowlistEntry(other, serials[0])) == nil)
            let listed = try await Self.all(store, .allowlistEntries(Samples.listName), limit: 2)
            #expect(Set(listed) == Set(serials.map { .allowlistEntry($0) }))
        },
    ]
}
