import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

/// A device of a batch meets what those before it would leave.
@Suite struct DryRunBatchTests {
    private static func ask(
        _ fixture: ProvisioningFixture, _ devices: [JSONValue],
        enrolment: EnrolmentSettings = EnrolmentSettings(), _ more: JSONObject = [:]
    ) async throws -> [JSONValue] {
        var request: JSONObject = ["templateName": "sensor", "devices": .array(devices)]
        for (name, value) in more.members { request[name] = value }
        let answer = try await DryRunTests.trial(fixture, enrolment: enrolment)
            .answer(DryRunRequest(json: .object(request)))
        return answer["devices"]?.arrayValue ?? []
    }

    /// What becomes of the same two devices, one after the other.
    private static func live(
        _ fixture: ProvisioningFixture, _ devices: [[String: String]]
    ) async throws -> FleetError? {
        var last: FleetError?
        for device in devices {
            let (_, token) = try await fixture.create()
            last = await fixture.refusal(token, device)
        }
        return last
    }

    private static func expect(
        _ report: JSONValue?, toBe refusal: FleetError?, at place: SourceLocation = #_sourceLocation
    ) {
        #expect(report?["accepted"]?.boolValue == (refusal == nil), sourceLocation: place)
        let told = report?["refusal"]
        let code = refusal.map { JSONValue.string(Rejection($0).errorCode) }
        #expect(told?["errorCode"] == code, sourceLocation: place)
        #expect(
            told?["reason"] == refusal.flatMap { Rejection($0).explanation["reason"] },
            sourceLocation: place)
    }

    @Test func aThingThatALineBeforeMadeIsThere() async throws {
        let fixture = try await ProvisioningFixture()
        let devices = [["SerialNumber": "A7", "Site": "a"], ["SerialNumber": "A7", "Site": "b"]]
        let reports = try await Self.ask(
            fixture,
            [
                ["SerialNumber": "A7", "Site": "a"], ["SerialNumber": "A7", "Site": "b"],
                ["SerialNumber": "A7", "Site": "a"], ["SerialNumber": "B8", "Site": "b"],
            ])
        #expect(reports.map { $0["accepted"]?.boolValue } == [true, false, true, true])
        let outcomes = reports.map { $0["plan"]?["thing"]?["outcome"]?.stringValue }
        #expect(outcomes == ["created", nil, "unchanged", "created"])
        let refusal = try await Self.live(fixture, devices)
        #expect(refusal != nil)
        Self.expect(reports[1], toBe: refusal)
    }

    @Test func aTemplateForNewThingsAloneTakesASerialOnce() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putThingGroup(
                ThingGroup(
                    name: ThingGroupName(checked: "field"), id: .unknown,
                    createdAt: fixture.clock.now))
        ])
        try await fixture.put(template: try Shipped.text("Templates/reprovision-fail.json"))
        let device = ["SerialNumber": "1"]
        let reports = try await Self.ask(
            fixture, [["SerialNumber": "1"], ["SerialNumber": "1"]])
        let refusal = try await Self.live(fixture, [device, device])
        #expect(refusal != nil)
        Self.expect(reports.last, toBe: refusal)
    }

    @Test func aClaimPaysForAUnitAsOftenAsItMay() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(
                    name: ClaimName(checked: "line"), createdAt: fixture.clock.now,
                    registrationsPerUnit: 1))
        ])
        let reports = try await Self.ask(
            fixture, [["SerialNumber": "A7"], ["SerialNumber": "A7"]], ["claimName": "line"])
        #expect(reports.first?["accepted"] == true)
        let device = ["SerialNumber": "A7"]
        let refusal = try await Self.live(fixture, [device, device])
        #expect(refusal != nil)
        Self.expect(reports.last, toBe: refusal)
    }

    @Test func aSerialThatComesTwiceIsJudgedAsSeenBefore() async throws {
        var enrolment = EnrolmentSettings()
        enrolment.onRework = .hold
        let fixture = try await ProvisioningFixture(enrolment: enrolment)
        try await fixture.put([
            .putClaimTerms(
                ClaimTerms(name: ClaimName(checked: "line"), createdAt: fixture.clock.now))
        ])
        let reports = try await Self.ask(
            fixture, [["SerialNumber": "A7"], ["SerialNumber": "A7"]], enrolment: enrolment,
            ["claimName": "line"])
        #expect(reports.last?["enrolment"]?.arrayValue?.first?["finding"] == "rework")
        let device = ["SerialNumber": "A7"]
        let refusal = try await Self.live(fixture, [device, device])
        #expect(refusal?.reason == .enrolmentHeld)
        Self.expect(reports.last, toBe: refusal)
    }
}
