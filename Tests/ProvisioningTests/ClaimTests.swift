import Fleet
import JSON
import TestSupport
import Testing

@testable import Provisioning

/// What a claim may do, how much of it, and what its holder is told.
@Suite struct ClaimTests {
    private static let name = ClaimName(checked: "line")

    /// A fixture whose claim, and the other one of the same line, have the terms.
    private func fixture(
        _ change: (inout ClaimTerms) throws -> Void = { _ in }
    ) async throws -> ProvisioningFixture {
        let fixture = try await ProvisioningFixture()
        var terms = ClaimTerms(
            name: Self.name, createdAt: fixture.clock.now,
            templates: [ProvisioningFixture.template], station: "S4", lot: "L7")
        try change(&terms)
        try await fixture.put([.putClaimTerms(terms)])
        return fixture
    }

    /// One whose claim is for the serial numbers A1 to A8 and a template that reads them in its
    /// own way.
    private func fixture(
        _ template: TemplateName, _ body: String
    ) async throws -> ProvisioningFixture {
        let fixture = try await self.fixture {
            $0.serials = try SerialRange("A1..A8")
            $0.templates = [template]
        }
        try await fixture.put(template: body, name: template)
        return fixture
    }

    private func causes(_ fixture: ProvisioningFixture) -> [String] {
        fixture.events.all.compactMap { event in
            if case .refused(let refused) = event { refused.cause } else { nil }
        }
    }

    /// Refused at the first step, with nothing said, and the log knowing why.
    private func expectClosed(
        _ fixture: ProvisioningFixture, because why: String,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let error = await #expect(throws: FleetError.self, sourceLocation: location) {
            _ = try await fixture.create()
        }
        #expect(error?.code == .accessDenied, sourceLocation: location)
        #expect(
            error?.message == "the claim of this connection may not do this",
            sourceLocation: location)
        #expect(
            self.causes(fixture).last?.contains(why) == true, "\(self.causes(fixture))",
            sourceLocation: location)
    }

    @Test func aBudgetIsExactUnderConcurrency() async throws {
        let fixture = try await self.fixture { $0.budget = 5 }
        var tokens: [String] = []
        for number in 0..<12 { tokens.append(try await fixture.create(key: "k\(number)").1) }
        let registered = await withTaskGroup(of: Bool.self) { group in
            for (number, token) in tokens.enumerated() {
                group.addTask {
                    await fixture.refusal(token, ["SerialNumber": "A\(number)"]) == nil
                }
            }
            return await group.reduce(into: 0) { count, isIn in count += isIn ? 1 : 0 }
        }
        #expect(registered == 5)
        #expect(
            fixture.store.view([.claimSpent(Self.name)]).count(.claimSpent(Self.name)) == 5)
        #expect(self.causes(fixture).allSatisfy { $0.contains("has spent its budget of 5") })
    }

    @Test func aUnitThatComesAgainCountsOnceEvenWhenTheBudgetIsSpent() async throws {
        let fixture = try await self.fixture { $0.budget = 1 }
        let (_, first) = try await fixture.create()
        _ = try await fixture.register(first)
        // Its reply was lost, and so was its key: it asks for everything anew.
        let (_, second) = try await fixture.create()
        _ = try await fixture.register(second)
        // The very same request once more is no registration at all.
        _ = try await fixture.register(second)
        let (_, third) = try await fixture.create()
        #expect(await fixture.refusal(third, ["SerialNumber": "B1"])?.code == .accessDenied)
        let hours = try await fixture.store.page(ListQuery(.claimHours(Self.name)))
        #expect(
            hours.records.map { record in
                if case .claimHour(let hour) = record {
                    "\(hour.station) \(hour.units) \(hour.repeats)"
                } else {
                    ""
                }
            } == ["S4 1 1"])
    }

    @Test func oneUnitCannotBeRegisteredForEver() async throws {
        let fixture = try await self.fixture { $0.registrationsPerUnit = 2 }
        for _ in 0..<2 { _ = try await fixture.register(try await fixture.create().1) }
        #expect(await fixture.refusal(try await fixture.create().1)?.code == .accessDenied)
    }

    @Test func aStolenClaimCannotFillTheStore() async throws {
        let fixture = try await self.fixture { $0.pendingMax = 3 }
        var tokens: [String] = []
        for _ in 0..<3 { tokens.append(try await fixture.create().1) }
        let error = await #expect(throws: FleetError.self) { _ = try await fixture.create() }
        #expect(error?.code == .tooManyRequests)
        #expect(error?.message.contains("claim") == false)
        // One that is registered, and those that are swept, make room.
        _ = try await fixture.register(tokens[0])
        _ = try await fixture.create()
        fixture.clock.advance(bySeconds: Limits.ownershipTokenSeconds + 1)
        _ = try await PendingSweep(store: fixture.store, clock: fixture.clock).sweepOnce()
        for _ in 0..<3 { _ = try await fixture.create() }
    }

    @Test func aRateIsHeldAndFillsEvenly() async throws {
        let fixture = try await self.fixture { $0.perMinute = 2 }
        for _ in 0..<2 { _ = try await fixture.create() }
        await #expect(throws: FleetError.self) { _ = try await fixture.create() }
        fixture.clock.advance(bySeconds: 30)
        _ = try await fixture.create()
        await #expect(throws: FleetError.self) { _ = try await fixture.create() }
    }

    @Test func askingOftenTakesNothingFromARate() async throws {
        let fixture = try await self.fixture { $0.perMinute = 1 }
        _ = try await fixture.create()
        for _ in 0..<59 {
            fixture.clock.advance(bySeconds: 1)
            await #expect(throws: FleetError.self) { _ = try await fixture.create() }
        }
        fixture.clock.advance(bySeconds: 1)
        _ = try await fixture.create()
    }

    /// An operator may write any number.
    @Test(arguments: [1_000_000_000_001, Int.max])
    func aRateBeyondAllMachinesIsNoBound(_ rate: Int) async throws {
        let fixture = try await self.fixture { $0.perMinute = rate }
        for _ in 0..<2 {
            _ = try await fixture.create()
            fixture.clock.advance(bySeconds: 60)
        }
    }

    @Test func aClaimEndsBeginsAndStops() async throws {
        let now = ManualClock.start
        try await self.expectClosed(
            try await self.fixture { $0.status = .disabled }, because: "is DISABLED")
        try await self.expectClosed(
            try await self.fixture { $0.notBefore = now.advanced(bySeconds: 1) },
            because: "is not valid before")
        try await self.expectClosed(
            try await self.fixture { $0.notAfter = now }, because: "ended at")
        try await self.expectClosed(
            try await self.fixture { $0.networks = ["192.168.0.0/16", "::/0"] },
            because: "may not be used from 10.0.0.1")
        _ = try await self.fixture { $0.networks = ["10.0.0.0/24"] }.create()
    }

    @Test func aClaimThatIsStoppedBetweenTheStepsRegistersNothing() async throws {
        let fixture = try await self.fixture()
        let (_, token) = try await fixture.create()
        var terms = ClaimTerms(name: Self.name, createdAt: fixture.clock.now)
        terms.status = .disabled
        try await fixture.put([.putClaimTerms(terms)])
        #expect(await fixture.refusal(token)?.code == .accessDenied)
        #expect(fixture.thing("sensor-A7") == nil)
    }

    /// The claim is looked at before anything is signed, and that look is held to in the commit.
    @Test func aClaimThatIsStoppedWhileItSignsGetsNoCertificate() async throws {
        let fixture = try await self.fixture()
        let (store, now) = (fixture.store, fixture.clock.now)
        fixture.issuer.meanwhile {
            var terms = ClaimTerms(name: Self.name, createdAt: now)
            terms.status = .disabled
            _ = try? await store.commit(
                ChangeSet(action: "test", changes: [.putClaimTerms(terms)]), by: .service("test"))
        }
        try await self.expectClosed(fixture, because: "is DISABLED")
        let made = FakeIssuer.certificate(1, key: [], at: now).id
        #expect(try await store.load([.certificate(made)]).certificate(made) == nil)
        #expect(fixture.issuer.issuedCount == 1)
    }

    /// The same where something else of the claim changed: decided afresh, and made.
    @Test func aClaimThatIsChangedWhileItSignsGetsItsCertificate() async throws {
        let fixture = try await self.fixture()
        let (store, now) = (fixture.store, fixture.clock.now)
        fixture.issuer.meanwhile {
            let terms = ClaimTerms(name: Self.name, createdAt: now, station: "S9")
            _ = try? await store.commit(
                ChangeSet(action: "test", changes: [.putClaimTerms(terms)]), by: .service("test"))
        }
        let (certificate, _) = try await fixture.create()
        let record = try await store.load([.certificate(certificate)]).certificate(certificate)
        #expect(record?.provenance?.origin.station == "S9")
    }

    @Test func templatesAndSerialNumbersAreThoseOfTheClaim() async throws {
        let fixture = try await self.fixture { $0.serials = try SerialRange("A1..A8") }
        try await fixture.put(
            template: ProvisioningFixture.body, name: TemplateName(checked: "other"))
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token, template: "other")?.code == .accessDenied)
        #expect(self.causes(fixture).last?.contains("may not use template 'other'") == true)
        for serial in ["A9", "A", "A80", "a7"] {
            #expect(
                await fixture.refusal(token, ["SerialNumber": serial])?.code == .accessDenied)
        }
        _ = try await fixture.register(token, ["SerialNumber": "A8"])
    }

    /// Else a stolen claim would name a unit of its range beside the one that it makes.
    @Test func onlyWhatTheTemplateReadsIsTheSerialNumber() async throws {
        let free = TemplateName(checked: "free")
        let fixture = try await self.fixture(
            free, ProvisioningFixture.body.replacing("SerialNumber", with: "Serial"))
        let (_, token) = try await fixture.create()
        for spelling in ["SerialNumber", "serialNumber", "serial_number", "serial"] {
            let sent = ["Serial": "EVIL", spelling: "A3"]
            #expect(
                await fixture.refusal(token, sent, template: free.rawValue)?.code == .accessDenied)
        }
        #expect(fixture.thing("sensor-EVIL") == nil)
        _ = try await fixture.register(
            token, ["Serial": "A8", "SerialNumber": "EVIL"], template: free.rawValue)
        #expect(fixture.thing("sensor-A8") != nil)
    }

    @Test func spellingsThatDifferAreRefusedWhereTheTemplateReadsBoth() async throws {
        let both = TemplateName(checked: "both")
        let fixture = try await self.fixture(
            both,
            ProvisioningFixture.body
                .replacing("{\"Ref\": \"SerialNumber\"}", with: "{\"Ref\": \"Serial\"}")
                .replacing(
                    "{\"Parameters\": {",
                    with: "{\"Parameters\": {\"Serial\": {\"Type\": \"String\"},"))
        let (_, token) = try await fixture.create()
        let sent = ["SerialNumber": "A3", "Serial": "EVIL"]
        #expect(await fixture.refusal(token, sent, template: "both")?.code == .accessDenied)
        #expect(self.causes(fixture).last?.contains("'A3' and 'EVIL'") == true)
        _ = try await fixture.register(
            token, ["SerialNumber": "A3", "Serial": "A3"], template: "both")
    }

    @Test func stationAndLotAreInTheProvenanceFromTheFirst() async throws {
        let fixture = try await self.fixture()
        let (id, token) = try await fixture.create()
        #expect(fixture.certificate(id)?.provenance?.origin.station == "S4")
        #expect(fixture.certificate(id)?.provenance?.lot == "L7")
        _ = try await fixture.register(token)
        #expect(fixture.certificate(id)?.provenance?.registration?.station == "S4")
        #expect(fixture.certificate(id)?.provenance?.registration?.lot == "L7")
    }

    @Test func shiftsRunOverMidnightAndByTheFactorysClock() throws {
        // 2026-11-23 was a Monday.
        func at(_ day: Int64, _ hour: Int64, _ minute: Int64 = 0) -> UnixTime {
            UnixTime(seconds: 1_795_392_000 + day * 86_400 + hour * 3600 + minute * 60)
        }
        let early = try Shift("mon-fri 06:00-14:00 +01:00")
        #expect(early.contains(at(0, 5)))
        #expect(!early.contains(at(0, 4, 59)))
        #expect(!early.contains(at(0, 13)))
        #expect(!early.contains(at(5, 9)))
        let night = try Shift("fri 22:00-06:00")
        #expect(night.contains(at(4, 22)))
        #expect(night.contains(at(5, 5, 59)))
        #expect(!night.contains(at(4, 5)))
        #expect(!night.contains(at(5, 22)))
        for text in ["daily 00:00-24:00", "mon-fri 06:00-14:00 +01:00", "sun 22:00-06:00 -05:30"] {
            #expect(try Shift(text).description == text)
        }
        for text in ["", "mon", "fri-mon 06:00-14:00", "mon 6:00-14:00", "mon 25:00-26:00"] {
            #expect(throws: FleetError.self) { _ = try Shift(text) }
        }
    }
}
