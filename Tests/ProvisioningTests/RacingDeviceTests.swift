import Fleet
import TestSupport
import Testing

@testable import Provisioning

/// What a line does when a label is scanned twice, or a device tries again on a second connection.
@Suite struct RacingDeviceTests {
    private static let devices = 24

    @Test func oneRequestFromManyConnectionsIsServedOnEach() async throws {
        let fixture = try await ProvisioningFixture()
        let ids = try await withThrowingTaskGroup(of: CertificateID.self) { group in
            for _ in 0..<Self.devices {
                group.addTask { try await fixture.create(key: "the same").0 }
            }
            return try await group.reduce(into: Set<CertificateID>()) { $0.insert($1) }
        }
        #expect(ids.count == Self.devices)
    }

    /// A token that another connection spends between this one's look at it and its decision: what
    /// is wrong is the token, not the thing that the other one made.
    @Test func aTokenSpentMeanwhileIsToldAsThat() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        let (_, token) = try await fixture.create()
        fixture.hook.whileAsked {
            _ = try? await fixture.register(token, ["SerialNumber": "B8"])
        }
        #expect(await fixture.refusal(token)?.reason == .tokenUsed)
        #expect(fixture.thing("sensor-B8") != nil && fixture.thing("sensor-A7") == nil)
        let (_, next) = try await fixture.create()
        fixture.hook.whileAsked {
            _ = try? await fixture.register(next, ["SerialNumber": "C9"])
        }
        // The very same request on a second connection: both get the one answer.
        _ = try await fixture.register(next, ["SerialNumber": "C9"])
    }

    @Test func oneSerialNumberFromManyDevicesIsAThingOnce() async throws {
        let fixture = try await ProvisioningFixture()
        var tokens: [String] = []
        for _ in 0..<Self.devices { tokens.append(try await fixture.create().1) }
        let refusals = await withTaskGroup(of: FleetError?.self) { group in
            for token in tokens { group.addTask { await fixture.refusal(token) } }
            return await group.reduce(into: [FleetError]()) { all, refusal in
                if let refusal { all.append(refusal) }
            }
        }
        #expect(refusals.allSatisfy { $0.reason != .internalFailure })
        #expect(fixture.thing("sensor-A7") != nil)
        let name = ThingName(checked: "sensor-A7")
        let active = fixture.store.view([.principalsOfThing(name)]).principalsOfThing(name)
            .filter { fixture.certificate($0.certificate)?.status == .active }
        #expect(active.count == 1)
    }
}
