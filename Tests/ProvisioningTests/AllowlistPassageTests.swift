import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

/// What a list says of a unit that its hook would let in, and what becomes of the unit.
@Suite struct AllowlistPassageTests {
    private let list = AllowlistName(checked: "line")
    private let serial = SerialNumber.sample("A7")

    private func fixture(
        _ facts: AllowlistFacts? = nil, _ standing: AllowlistStanding? = nil
    ) async throws -> ProvisioningFixture {
        let fixture = try await ProvisioningFixture()
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        let draft = try await fixture.store.begin(self.list, mode: .merge)
        _ = try await fixture.store.append(
            entries: [facts ?? AllowlistFacts(serial: self.serial)], to: draft)
        try await fixture.put([.publishAllowlist(draft, at: fixture.clock.now)])
        if let standing {
            try await fixture.put([.setAllowlistStanding(self.list, self.serial, standing)])
        }
        self.answer(fixture, allowed: true)
        return fixture
    }

    private func answer(_ fixture: ProvisioningFixture, allowed: Bool) {
        fixture.hook.answer(
            allowed ? .allowed(parameterOverrides: [:]) : .denied(reason: "not on the list"),
            reads: [.init(list: self.list, serial: "A7", version: 1, found: allowed)])
    }

    private func unit(_ fixture: ProvisioningFixture) -> AllowlistUnit? {
        fixture.store.view([.allowlistUnit(self.list, self.serial)])
            .allowlistUnit(self.list, self.serial)
    }

    /// A hook that asks of two spellings has asked of two units, and each list entry has its word.
    @Test func spellingsThatAreEquivalentAreTwoEntries() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let passage = AllowlistPassage(
            [
                .init(list: self.list, serial: decomposed, version: 1, found: true),
                .init(list: self.list, serial: composed, version: 1, found: false),
            ], of: [decomposed])
        #expect(passage?.keys.count == 2)
        // A parent's entry that the hook was told of is none of the unit's own.
        let parents = AllowlistPassage(
            [
                .init(list: self.list, serial: decomposed, version: 1, found: true),
                .init(list: self.list, serial: composed, version: 1, found: true),
            ], of: [decomposed])
        #expect(
            parents?.keys == [.allowlistUnit(self.list, try SerialNumber(decomposed))])
    }

    @Test func aUnitIsProvisionedInTheCommitThatRegistersIt() async throws {
        let fixture = try await self.fixture()
        let before = try await fixture.store.latestSequence()
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(token)
        #expect(try await fixture.store.latestSequence() == before + 2)
        let standing = self.unit(fixture)?.standing
        #expect(standing?.state == .provisioned)
        #expect(standing?.thing == ThingName(checked: "sensor-A7"))
        #expect(standing?.station == fixture.certificate(id)?.provenance?.station)
        // Again, with another key: nothing more becomes of the unit.
        _ = try await fixture.register(try await fixture.create().1)
        let history = try await fixture.store.page(
            ListQuery(.allowlistHistory(self.list, self.serial)))
        #expect(history.records.count == 1)
    }

    @Test func aUnitOnHoldIsToldToComeAgainAndAnUnknownOneIsNot() async throws {
        let fixture = try await self.fixture(
            AllowlistFacts(serial: self.serial, firstState: .held))
        self.answer(fixture, allowed: false)
        let (_, token) = try await fixture.create()
        let held = await fixture.refusal(token)
        #expect(held?.code == .tooManyRequests)
        #expect(held?.message.contains("retry after 60 seconds") == true)
        // A hook that overlooks the state does not let it in either.
        self.answer(fixture, allowed: true)
        #expect(await fixture.refusal(token)?.code == .tooManyRequests)
        fixture.hook.answer(
            .denied(reason: nil),
            reads: [.init(list: self.list, serial: "B1", version: 1, found: false)])
        #expect(await fixture.refusal(token, ["SerialNumber": "B1"])?.code == .accessDenied)
        try await fixture.put([
            .setAllowlistStanding(
                self.list, self.serial,
                AllowlistStanding(state: .released, since: fixture.clock.now, reason: "ready"))
        ])
        self.answer(fixture, allowed: true)
        _ = try await fixture.register(token)
        #expect(self.unit(fixture)?.state == .provisioned)
    }

    /// `allowlist.contains` says no of a unit on hold as of an unknown one: a hook that lets both
    /// in has not been told of the hold, and the list has the word.
    @Test(arguments: [AllowlistStanding.State.held, .blocked], [true, false])
    func aHookThatAskedOnlyWhetherAUnitIsListedCannotLetItIn(
        _ state: AllowlistStanding.State, _ isFoundElsewhere: Bool
    ) async throws {
        let other = AllowlistName(checked: "other")
        let fixture = try await self.fixture(
            nil, AllowlistStanding(state: state, since: ManualClock.start, reason: "scrapped"))
        let draft = try await fixture.store.begin(other, mode: .merge)
        _ = try await fixture.store.append(
            entries: [AllowlistFacts(serial: self.serial)], to: draft)
        try await fixture.put([.publishAllowlist(draft, at: fixture.clock.now)])
        fixture.hook.answer(
            .allowed(parameterOverrides: [:]),
            reads: [.init(list: self.list, serial: "A7", version: 1, found: false)]
                + (isFoundElsewhere
                    ? [.init(list: other, serial: "A7", version: 1, found: true)] : []))
        let (_, token) = try await fixture.create()
        let refusal = await fixture.refusal(token)
        let expected: RefusalReason = state == .held ? .unitHeld : .unitBlocked
        #expect(refusal?.reason == expected)
        let trial = DryRun(
            load: { [store = fixture.store] keys async throws(FleetError) in
                try await store.load(keys)
            }, askHook: { [hook = fixture.hook] in await hook.run($0, request: $1) },
            foresee: nil, clock: fixture.clock, realm: .standard)
        let tried = try await trial.run(
            DryRunRequest(json: ["templateName": "sensor", "parameters": ["SerialNumber": "A7"]]))
        #expect(tried.refusal?.reason == refusal?.reason)
        try await fixture.put([
            .setAllowlistStanding(
                self.list, self.serial,
                AllowlistStanding(state: .released, since: fixture.clock.now, reason: "ready"))
        ])
        _ = try await fixture.register(token)
    }

    /// What counts is what the list says at the commit, not what it said to the hook.
    @Test(arguments: [true, false])
    func aHoldThatComesWhileTheHookThinksWins(_ found: Bool) async throws {
        let fixture = try await self.fixture()
        fixture.hook.answer(
            .allowed(parameterOverrides: [:]),
            reads: [.init(list: self.list, serial: "A7", version: 1, found: found)])
        fixture.hook.whileAsked {
            try? await fixture.put([
                .setAllowlistStanding(
                    self.list, self.serial,
                    AllowlistStanding(state: .held, since: fixture.clock.now))
            ])
        }
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token)?.reason == .unitHeld)
    }

    /// A hook that was told of another unit's entry judges that one itself; of what it was not
    /// told, the list speaks.
    @Test func anotherUnitsEntryIsTheHooksToJudgeWhereItSawIt() async throws {
        let old = AllowlistFacts(
            serial: SerialNumber.sample("OLD"), key: FakeIssuer.fingerprint(Array("k".utf8)),
            firstState: .blocked)
        let fixture = try await self.fixture()
        let draft = try await fixture.store.begin(self.list, mode: .merge)
        _ = try await fixture.store.append(entries: [old], to: draft)
        try await fixture.put([.publishAllowlist(draft, at: fixture.clock.now)])
        func answer(seeing: Bool) {
            fixture.hook.answer(
                .allowed(parameterOverrides: [:]),
                reads: [
                    .init(list: self.list, serial: "A7", version: 2, found: true),
                    .init(list: self.list, serial: "OLD", version: 2, found: seeing),
                ])
        }
        answer(seeing: false)
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token)?.reason == .unitBlocked)
        answer(seeing: true)
        _ = try await fixture.register(token)
        #expect(self.unit(fixture)?.state == .provisioned)
    }

    @Test func aBlockedUnitAndAnotherKeyAreRefused() async throws {
        let blocked = try await self.fixture(
            nil, AllowlistStanding(state: .blocked, since: ManualClock.start, reason: "scrapped"))
        #expect(await blocked.refusal(try await blocked.create().1)?.code == .accessDenied)
        let keyed = try await self.fixture(
            AllowlistFacts(
                serial: self.serial, key: FakeIssuer.fingerprint(Array("CSR mine".utf8)),
                mac: "02:00:00:00:00:01"))
        #expect(
            await keyed.refusal(try await keyed.create(key: "other").1)?.code == .accessDenied)
        let (_, token) = try await keyed.create(key: "mine")
        #expect(
            await keyed.refusal(token, ["SerialNumber": "A7", "MAC": "02:00:00:00:00:02"])?.code
                == .accessDenied)
        _ = try await keyed.register(token, ["SerialNumber": "A7", "MAC": "02-00-00-00-00-01"])
    }

    @Test func aLeaseKeepsAUnitForItsStationAndEnds() async throws {
        let fixture = try await self.fixture(
            nil,
            AllowlistStanding(
                state: .leased, since: ManualClock.start, station: "nest-3",
                until: ManualClock.start.advanced(bySeconds: 60)))
        let (_, token) = try await fixture.create()
        let refusal = await fixture.refusal(token)
        #expect(refusal?.code == .resourceConflict)
        #expect(refusal?.message.contains("in use at station 'nest-3'") == true)
        fixture.clock.advance(bySeconds: 61)
        _ = try await fixture.register(token)
    }

    /// A claim's key may be in wrong hands, and they can name any station; a hook's word counts.
    @Test func aDeviceDoesNotNameTheStationOfALease() async throws {
        let fixture = try await self.fixture(
            nil,
            AllowlistStanding(
                state: .leased, since: ManualClock.start, station: "nest-3",
                until: ManualClock.start.advanced(bySeconds: 60)))
        try await fixture.put(
            template: ProvisioningFixture.body.replacing(
                "\"Site\": {", with: "\"Station\": {\"Type\": \"String\"}, \"Site\": {"),
            hook: "gate")
        try await fixture.put([
            .putClaim(
                Claim(
                    certificate: fixture.claim.principal, label: "line", station: nil, lot: nil,
                    createdAt: fixture.clock.now))
        ])
        let (id, token) = try await fixture.create()
        let sent = ["SerialNumber": "A7", "Station": "nest-3"]
        #expect(await fixture.refusal(token, sent)?.reason == .unitLeased)
        fixture.hook.answer(
            .allowed(parameterOverrides: [:]),
            reads: [.init(list: self.list, serial: "A7", version: 1, found: true)],
            attributes: ["station": "nest-3"])
        _ = try await fixture.register(token, sent)
        #expect(fixture.certificate(id)?.provenance?.station == "nest-3")
    }

    @Test func stepsWantAReasonAndASensibleState() async throws {
        let fixture = try await self.fixture()
        func step(
            _ step: AllowlistStates.Step, reason: String? = nil, station: String? = nil
        ) async throws -> Int {
            let keys = AllowlistStates.keys([self.serial], on: self.list)
            let set = try AllowlistStates.change(
                [self.serial], on: self.list,
                .init(step: step, reason: reason, station: station),
                by: .service("test"), in: fixture.store.view(keys), at: fixture.clock.now)
            if !set.changes.isEmpty {
                _ = try await fixture.store.commit(set, by: .service("test"))
            }
            return set.changes.count
        }
        await #expect(throws: FleetError.self) { _ = try await step(.release) }
        await #expect(throws: FleetError.self) { _ = try await step(.block, reason: "") }
        await #expect(throws: FleetError.self) { _ = try await step(.lease) }
        await #expect(throws: FleetError.self) { _ = try await step(.lease, station: "a\nb") }
        #expect(try await step(.hold) == 1)
        #expect(try await step(.hold) == 0)
        // No reason is lost for the state being there before.
        #expect(try await step(.hold, reason: "burn-in") == 1)
        #expect(try await step(.hold, reason: "burn-in") == 0)
        #expect(self.unit(fixture)?.standing?.reason == "burn-in")
        await #expect(throws: FleetError.self) { _ = try await step(.lease, station: "S1") }
        #expect(try await step(.release, reason: "burn-in passed") == 1)
        #expect(try await step(.lease, station: "S1") == 1)
        #expect(try await step(.lease, station: "S2") == 1)
    }
}

extension SerialNumber {
    fileprivate static func sample(_ text: String) -> SerialNumber {
        guard let serial = try? SerialNumber(text) else {
            preconditionFailure("\(text) is no serial number.")
        }
        return serial
    }
}
