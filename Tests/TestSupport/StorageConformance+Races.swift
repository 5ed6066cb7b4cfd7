internal import Fleet
internal import JSON
internal import Testing

extension StorageConformance {
    /// Preconditions and changes that come too late.
    static let raceChecks = [
        StorageConformance(name: "aPreconditionThatHoldsLetsTheSetThrough") { store in
            let key = RecordKey.thing(Samples.thingName(1))
            try await store.make(.putThing(Samples.thing(1)), when: [.absent(key)])
            try await store.make(
                .putThing(Samples.thing(1, version: 2)), when: [.present(key), .revision(key, 1)])
            #expect(try await store.entry(key)?.revision == 2)
        },
        StorageConformance(name: "aPreconditionThatFailsIsAConflictAndChangesNothing") { store in
            let key = RecordKey.thing(Samples.thingName(1))
            try await store.conflicts(.putThing(Samples.thing(1)), when: [.present(key)])
            try await store.conflicts(.putThing(Samples.thing(1)), when: [.revision(key, 1)])
            try await store.make(.putThing(Samples.thing(1)))
            try await store.conflicts(.putThing(Samples.thing(9)), when: [.absent(key)])
            try await store.conflicts(.putThing(Samples.thing(9)), when: [.revision(key, 7)])
            #expect(try await store.record(.thing(Samples.thingName(9))) == nil)
        },
        StorageConformance(name: "everyKeyCanBeAPrecondition") { store in
            for key in Self.everyKey {
                try await store.conflicts(when: [.present(key)])
                try await store.make(when: [.absent(key)])
            }
            try await store.make(
                .putCertificate(Samples.certificate(1)), .putCertificate(Samples.certificate(800)))
            for (key, _, change) in Self.everyRecord {
                let commit = try await store.make(change)
                try await store.make(when: [.present(key), .revision(key, commit.sequence)])
                try await store.conflicts(when: [.absent(key)])
            }
            try await store.make(
                .putThingGroup(Samples.group(1)),
                .addThingToGroup(Samples.thingName(1), Samples.groupName(1)))
            try await store.make(when: [.present(.groupsOfThing(Samples.thingName(1)))])
            try await store.conflicts(when: [.absent(.groupsOfThing(Samples.thingName(1)))])
        },
        StorageConformance(name: "aSetHasNoRevision") { store in
            try await store.refuses(
                .internalFailure,
                ChangeSet(
                    action: "Test",
                    preconditions: [.revision(.groupsOfThing(Samples.thingName(1)), 0)]))
        },
        StorageConformance(name: "aSetIsAPreconditionByWhatItHolds") { store in
            let (thing, key) = (
                Samples.thingName(1), RecordKey.groupsOfThing(Samples.thingName(1))
            )
            try await store.make(
                .putThing(Samples.thing(1)), .putThingGroup(Samples.group(1)),
                .putThingGroup(Samples.group(2)), .addThingToGroup(thing, Samples.groupName(1)))
            let one = Record.groups([Samples.groupName(1)])
            #expect(try await store.load([key]).asSeen(key) == .holds(key, one))
            try await store.make(
                .addThingToGroup(thing, Samples.groupName(2)), when: [.holds(key, one)])
            try await store.conflicts(
                .removeThingFromGroup(thing, Samples.groupName(1)), when: [.holds(key, one)])
            try await store.refuses(
                .internalFailure,
                ChangeSet(
                    action: "Test",
                    preconditions: [.holds(.thing(thing), .thing(Samples.thing(1)))]))
        },
        StorageConformance(name: "aSetThatFailsHalfwayLeavesNothing") { store in
            try await store.conflicts(
                .putThing(Samples.thing(1)), .putThingGroup(Samples.group(1)),
                .addThingToGroup(Samples.thingName(1), Samples.groupName(1)),
                .addThingToGroup(Samples.thingName(2), Samples.groupName(1)))
            let view = try await store.load([
                .thing(Samples.thingName(1)), .groupsOfThing(Samples.thingName(1)),
            ])
            #expect(view.thing(Samples.thingName(1)) == nil)
            #expect(view.groupsOfThing(Samples.thingName(1)).isEmpty)
        },
        StorageConformance(name: "whatHangsOnNothingIsAConflict") { store in
            let (thing, group) = (Samples.thingName(1), Samples.groupName(1))
            let id = Samples.certificateID(1)
            try await store.conflicts(.addThingToGroup(thing, group))
            try await store.conflicts(.attachThingPrincipal(Samples.principal(1, 1)))
            try await store.conflicts(.attachPolicy(Samples.policyName(1), .certificate(id)))
            try await store.conflicts(.attachPolicy(Samples.policyName(1), .thingGroup(group)))
            try await store.conflicts(.putClaim(Samples.claim(1)))
            try await store.conflicts(.putOwnershipToken(Samples.token(1, certificate: 1)))
            try await store.conflicts(.putRenewal(Samples.renewal(1, by: 2)))
            try await store.conflicts(
                .setCertificateStatus(id, .active, reason: nil, at: Samples.time))
            try await store.conflicts(
                .setProvenance(id, Samples.provenance(1, registered: true)))
            try await store.conflicts(.recordFirstSeen(id, at: Samples.time))
            try await store.conflicts(
                .redeemOwnershipToken(Samples.tokenHash(1), Samples.redemption(1)))
            try await store.conflicts(
                .removeAllowlistEntries(Samples.listName, [], at: Samples.time))
        },
        StorageConformance(name: "aTokenIsRedeemedOnce") { store in
            try await store.make(
                .putCertificate(Samples.certificate(1)),
                .putOwnershipToken(Samples.token(1, certificate: 1)))
            try await store.make(
                .redeemOwnershipToken(Samples.tokenHash(1), Samples.redemption(1)))
            try await store.conflicts(
                .redeemOwnershipToken(Samples.tokenHash(1), Samples.redemption(1)))
            var token = Samples.token(1, certificate: 1)
            token.redemption = Samples.redemption(1)
            #expect(
                try await store.record(.ownershipToken(Samples.tokenHash(1)))
                    == .ownershipToken(token))
        },
        StorageConformance(name: "oneOfManyRacersWins") { store in
            let key = RecordKey.thing(Samples.thingName(1))
            let won = await withTaskGroup(of: Bool.self) { group in
                for number in 1...40 {
                    group.addTask {
                        do throws(FleetError) {
                            try await store.make(
                                .putThing(Samples.thing(1, version: number)), when: [.absent(key)])
                            return true
                        } catch { return false }
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            let latest = try await store.latestSequence()
            #expect(won == 1)
            #expect(latest == 1)
        },
    ]

    /// The audit log and the feed.
    static let logChecks = [
        StorageConformance(name: "commitsAreNumberedWithoutGaps") { store in
            #expect(try await store.latestSequence() == 0)
            for number in 1...5 {
                try await store.conflicts(when: [.present(.thing(Samples.thingName(99)))])
                let commit = try await store.make(.putThing(Samples.thing(number)))
                #expect(commit.sequence == Commit.Sequence(number))
            }
            #expect(try await store.latestSequence() == 5)
        },
        StorageConformance(name: "theLogTellsWhoDidWhatAndWhatWasRefused") { store in
            let set = ChangeSet(
                action: "RegisterThing", changes: [.putThing(Samples.thing(1))],
                detail: ["why": "demo", "n": 1])
            let device = Actor.principal(Samples.certificateID(1), from: "192.0.2.9")
            let commit = try await store.commit(set, by: device)
            let error = FleetError(.accessDenied, "not on the list")
            try await store.record(
                Refusal(action: "RegisterThing", error: error, detail: ["serial": "SN-9"]),
                by: .service("sweeper"))
            let page = try await store.page(ListQuery(.commits))
            #expect(page.records.first == .commit(commit))
            #expect(commit.actor == device)
            #expect(commit.changes == set.changes)
            #expect(commit.detail == set.detail)
            guard case .commit(let refusal)? = page.records.last else {
                Issue.record("no refusal")
                return
            }
            #expect(refusal.sequence == 2)
            #expect(
                refusal.outcome == .refused(code: "AccessDenied", message: "not on the list"))
            #expect(refusal.detail == ["serial": "SN-9"])
            #expect(refusal.actor == .service("sweeper"))
            #expect(refusal.changes.isEmpty)
        },
        StorageConformance(name: "theFeedReplaysAndThenFollows") { store in
            for number in 1...3 { try await store.make(.putThing(Samples.thing(number))) }
            try await store.record(
                Refusal(
                    action: "Test", error: FleetError(.accessDenied, "no"), detail: [:]),
                by: Self.actor)
            var feed = store.changes(after: 1).makeAsyncIterator()
            #expect(await feed.next()?.sequence == 2)
            #expect(await feed.next()?.sequence == 3)
            let commit = try await store.make(.putThing(Samples.thing(5)))
            #expect(commit.sequence == 5)
            #expect(await feed.next() == commit)
        },
        StorageConformance(name: "everyReaderOfTheFeedSeesEveryCommitInOrder") { store in
            let commits = 300
            let seen = try await withThrowingTaskGroup(of: [Commit.Sequence].self) { group in
                for start in [0, 100, 250] {
                    let feed = store.changes(after: Commit.Sequence(start))
                    group.addTask {
                        var seen: [Commit.Sequence] = []
                        for await commit in feed {
                            seen.append(commit.sequence)
                            if commit.sequence == Commit.Sequence(commits) { break }
                        }
                        return seen
                    }
                }
                for number in 1...commits {
                    try await store.make(.putThing(Samples.thing(number)))
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for sequences in seen {
                let first = try #require(sequences.first)
                #expect(sequences == Array(first...Commit.Sequence(commits)))
            }
            #expect(Set(seen.map { $0.first }) == [1, 101, 251])
        },
        StorageConformance(name: "aReaderOfTheFeedCanGiveUp") { store in
            let feed = store.changes(after: 0)
            let task = Task { for await _ in feed {} }
            task.cancel()
            await task.value
        },
    ]
}
