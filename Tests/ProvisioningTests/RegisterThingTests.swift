import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct RegisterThingTests {
    @Test func oneCommitMakesTheThingAndActivatesItsCertificate() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        #expect(fixture.certificate(id)?.status == .pendingActivation)
        let commitsBefore = fixture.store.commits.count
        let answer = try await fixture.register(token, ["SerialNumber": "A7", "Lot": "L9"])
        #expect(answer["thingName"] == "sensor-A7")
        #expect(answer["deviceConfiguration"] == ["site": "lab"])
        #expect(fixture.store.commits.count == commitsBefore + 1)

        let certificate = try #require(fixture.certificate(id))
        #expect(certificate.status == .active)
        #expect(fixture.thing("sensor-A7")?.attributes == ["site": "lab"])
        #expect(fixture.token(token)?.redemption != nil)
        let target = PolicyTarget.certificate(id)
        let view = fixture.store.view([.policiesOfTarget(target), .thingsOfCertificate(id)])
        let policies = view.policiesOfTarget(target)
        #expect(policies.count == 1)
        #expect(policies.first?.rawValue.count == 40)
        #expect(view.thingsOfCertificate(id).map(\.thing.rawValue) == ["sensor-A7"])

        let registration = try #require(certificate.provenance?.registration)
        #expect(registration.template == ProvisioningFixture.template)
        #expect(registration.templateVersion == 1)
        #expect(registration.station == "S1")
        #expect(registration.lot == "L9")
        #expect(registration.parameters == ["SerialNumber": "A7", "Lot": "L9", "Site": "lab"])
        #expect(registration.clientID == "line-1")
        #expect(certificate.provenance?.origin.claim == fixture.claim.principal)
        #expect(certificate.provenance?.origin.flow == .csr)
    }

    @Test func theSameRequestAgainGetsTheSameAnswer() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let first = try await fixture.register(token)
        let commits = fixture.store.commits.count
        #expect(try await fixture.register(token) == first)
        #expect(fixture.store.commits.count == commits)
    }

    @Test func theAnswerStandsWhenTemplateAndHookHaveTurned() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let first = try await fixture.register(token)
        try await fixture.putHook()
        fixture.hook.answer(.denied(reason: "no more"))
        try await fixture.put(
            template: ProvisioningFixture.body.replacing("sensor\"", with: "other\""),
            hook: "gate", enabled: false)
        #expect(try await fixture.register(token) == first)
        #expect(fixture.hook.requests.isEmpty)
    }

    @Test func anotherRequestWithAUsedTokenIsRefused() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put(
            template: ProvisioningFixture.body, name: TemplateName(checked: "second"))
        let (_, token) = try await fixture.create()
        _ = try await fixture.register(token)
        for (parameters, template) in [
            (["SerialNumber": "A8"], "sensor"), ([:], "sensor"),
            (["SerialNumber": "A7", "Site": "lab"], "sensor"), (["SerialNumber": "A7"], "second"),
        ] {
            let error = await fixture.refusal(token, parameters, template: template)
            #expect(error?.code == .invalidOwnershipToken)
            #expect(error?.message.contains("already used") == true)
        }
        #expect(fixture.thing("sensor-A8") == nil)
    }

    @Test func eachBadTokenIsToldWhatIsWrongWithIt() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        func message(_ token: String, by publisher: Publisher? = nil) async -> String {
            let error = await fixture.refusal(token, by: publisher)
            #expect(error?.code == .invalidOwnershipToken)
            return error?.message ?? ""
        }
        #expect(await message("") == "Certificate ownership token cannot be empty.")
        #expect(await message("nonsense").contains("unknown"))
        #expect(await message(token + "A").contains("unknown"))
        #expect(await message(String(repeating: "A", count: 500)).contains("unknown"))
        #expect(await message(token, by: fixture.otherClaim).contains("another claim"))
        fixture.clock.advance(bySeconds: 3600)
        #expect(await message(token).contains("expired"))
        #expect(fixture.certificate(id)?.status == .pendingActivation)
    }

    @Test func aTokenWhoseCertificateNoLongerWaitsIsRefused() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        try await fixture.put([
            .setCertificateStatus(id, .revoked, reason: "lost", at: fixture.clock.now)
        ])
        let error = await fixture.refusal(token)
        #expect(error?.code == .invalidOwnershipToken)
        #expect(error?.message.contains("REVOKED") == true)
        #expect(fixture.thing("sensor-A7") == nil)
    }

    @Test func aClaimThatIsNoLongerActiveGetsNothing() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        try await fixture.put([
            .setCertificateStatus(
                fixture.claim.principal, .inactive, reason: nil, at: fixture.clock.now)
        ])
        #expect(await fixture.refusal(token)?.code == .accessDenied)
        await #expect(throws: FleetError.self) { try await fixture.create() }
    }

    @Test func templatesThatAreMissingDisabledOrOfAnotherTypeAreToldApart() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token, template: "nope")?.code == .templateNotFound)
        #expect(await fixture.refusal(token, template: "no good name")?.code == .templateNotFound)
        try await fixture.put(template: ProvisioningFixture.body, enabled: false)
        #expect(await fixture.refusal(token)?.code == .templateDisabled)
        try await fixture.put(template: ProvisioningFixture.body)
        #expect(await fixture.refusal(token) == nil)
    }

    @Test func aMissingParameterIsNamedAsAWSNamesIt() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let error = await fixture.refusal(token, [:])
        #expect(error?.code == .invalidParameters)
        #expect(
            error?.message.hasPrefix("Cannot resolve reference value: SerialNumber") == true)
    }

    @Test(arguments: ["a b", "a/b", "+", "#", "", String(repeating: "x", count: 122), "ä", "a\0"])
    func aParameterThatSpoilsTheNameIsNamed(_ serial: String) async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let error = await fixture.refusal(token, ["SerialNumber": serial])
        if serial.isEmpty {
            #expect(error == nil)  // "sensor-" is a thing name like any other.
        } else {
            #expect(error?.code == .invalidParameters)
            #expect(error?.message.contains("SerialNumber") == true)
        }
    }

    @Test func twoRegistrationsOfOneThingAtOnceBothSettle() async throws {
        let fixture = try await ProvisioningFixture()
        let (first, firstToken) = try await fixture.create()
        let (second, secondToken) = try await fixture.create()
        async let one = fixture.register(firstToken)
        async let two = fixture.register(secondToken)
        #expect(try await one == two)
        let name = ThingName(checked: "sensor-A7")
        let principals = fixture.store.view([.principalsOfThing(name)]).principalsOfThing(name)
        #expect(Set(principals.map(\.certificate)) == [first, second])
        // Whichever came second superseded the other.
        let statuses = [first, second].map { fixture.certificate($0)?.status }
        #expect(Set(statuses) == [.active, .inactive])
    }

    @Test func oneTokenUsedTwiceAtOnceMakesOneThing() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let outcomes = await withTaskGroup(of: FleetError?.self) { group in
            for number in 0..<8 {
                group.addTask {
                    await fixture.refusal(token, ["SerialNumber": "N\(number)"])
                }
            }
            return await group.reduce(into: [FleetError?]()) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == nil }.count == 1)
        #expect(outcomes.compactMap { $0?.code }.allSatisfy { $0 == .invalidOwnershipToken })
        let things = (0..<8).filter { fixture.thing("sensor-N\($0)") != nil }
        #expect(things.count == 1)
    }

    @Test func aKeyThatSpeaksForOneThingCannotSpeakForAnother() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, first) = try await fixture.create(key: "shared")
        let (_, second) = try await fixture.create(key: "shared")
        let (_, third) = try await fixture.create(key: "shared")
        _ = try await fixture.register(first)
        let error = await fixture.refusal(second, ["SerialNumber": "B1"])
        #expect(error?.code == .resourceConflict)
        #expect(error?.message == "this key already belongs to thing 'sensor-A7'")
        #expect(fixture.token(second)?.redemption == nil)
        _ = try await fixture.register(third)
    }

    @Test func oneKeyRegisteredForTwoThingsAtOnceWinsOnce() async throws {
        let fixture = try await ProvisioningFixture()
        var tokens: [String] = []
        for _ in 0..<6 { tokens.append(try await fixture.create(key: "shared").1) }
        let refused = await withTaskGroup(of: FleetError?.self) { group in
            for (number, token) in tokens.enumerated() {
                group.addTask {
                    await fixture.refusal(token, ["SerialNumber": "N\(number)"])
                }
            }
            return await group.reduce(into: 0) { $0 += $1 == nil ? 0 : 1 }
        }
        #expect(refused == 5)
        #expect((0..<6).filter { fixture.thing("sensor-N\($0)") != nil }.count == 1)
    }

    @Test func aLostRaceIsDecidedAfreshThreeTimes() async throws {
        let fixture = try await ProvisioningFixture()
        let (_, token) = try await fixture.create()
        let conflict = FleetError(.conflict, "lost")
        fixture.store.failNextCommits(conflict, conflict, conflict)
        _ = try await fixture.register(token)
        let (_, second) = try await fixture.create()
        fixture.store.failNextCommits(conflict, conflict, conflict, conflict)
        let error = await fixture.refusal(second, ["SerialNumber": "B1"])
        #expect(error?.code == .tooManyRequests)
        #expect(error?.message.contains("retry after 2 seconds") == true)
        #expect(fixture.token(second)?.redemption == nil)
        #expect(fixture.thing("sensor-B1") == nil)
    }

    @Test func aDiskThatRefusesIsNoLie() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create()
        fixture.store.failNextCommits(
            FleetError(.internalFailure, "/var/fleet.db: no space left"))
        let error = await fixture.refusal(token)
        #expect(error?.code == .internalFailure)
        #expect(error?.message.contains("fleet.db") == false)
        #expect(fixture.certificate(id)?.status == .pendingActivation)
        #expect(await fixture.refusal(token) == nil)
    }

    /// Whatever fails, a consumed token has its thing and an active certificate its registration.
    @Test(arguments: UInt64(1)...20)
    func noTokenIsConsumedWithoutItsThing(_ seed: UInt64) async throws {
        let fixture = try await ProvisioningFixture()
        var random = SplitMix64(seed: seed)
        var tokens: [(CertificateID, String)] = []
        for step in 0..<40 {
            if tokens.isEmpty || random.next() % 2 == 0 {
                tokens.append(try await fixture.create(key: "k\(random.next() % 8)"))
                continue
            }
            if random.next() % 3 == 0 {
                fixture.store.failNextCommits(FleetError(.internalFailure, "step \(step)"))
            }
            let (_, token) = tokens[Int(random.next() % UInt64(tokens.count))]
            _ = await fixture.refusal(token, ["SerialNumber": "N\(random.next() % 6)"])
            // A failure that was not met must not hit the next creation.
            _ = try? await fixture.store.commit(
                ChangeSet(action: "flush"), by: .service("test"))
        }
        for (id, token) in tokens {
            let certificate = try #require(fixture.certificate(id), "seed \(seed)")
            let isRedeemed = fixture.token(token)?.redemption != nil
            let things = fixture.store.view([.thingsOfCertificate(id)]).thingsOfCertificate(id)
            let isSuperseded = EnrolmentMark.state(of: certificate) == .superseded
            #expect(
                isRedeemed == (certificate.status == .active || isSuperseded), "seed \(seed)")
            #expect(isRedeemed == !things.isEmpty, "seed \(seed)")
            #expect(isRedeemed == (certificate.provenance?.registration != nil), "seed \(seed)")
            for principal in things {
                #expect(fixture.thing(principal.thing.rawValue) != nil, "seed \(seed)")
            }
        }
    }
}
