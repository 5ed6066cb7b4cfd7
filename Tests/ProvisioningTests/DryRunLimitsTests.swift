import Fleet
import JSON
import Registry
import TestSupport
import Testing

@testable import Provisioning

/// What a dry run does not do, or cannot know, is said; and what refuses a device before its
/// registration refuses it here.
@Suite struct DryRunLimitsTests {
    private static func trial(
        _ fixture: ProvisioningFixture, asksWebhooks: Bool = true
    ) -> DryRun {
        let store = fixture.store
        let hook = fixture.hook
        var surroundings = DryRun.Surroundings()
        surroundings.asksWebhooks = asksWebhooks
        return DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) },
            askHook: { await hook.run($0, request: $1) }, foresee: nil, clock: fixture.clock,
            realm: .standard, surroundings: surroundings)
    }

    private static func unknown(_ report: DryRunReport) -> [String] {
        (report.json["unknown"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    /// A service of somebody's own takes every question for a device's.
    @Test func aWebhookIsAskedOnlyByItsName() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.putHook(source: #"{"url": "https://localhost/"}"#)
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        fixture.hook.answer(.denied(reason: "no"))
        var ask: JSONObject = ["templateName": "sensor", "parameters": ["SerialNumber": "A7"]]
        let quiet = try await Self.trial(fixture).run(DryRunRequest(json: .object(ask)))
        #expect(fixture.hook.requests.isEmpty)
        #expect(quiet.isAccepted)
        #expect(Self.unknown(quiet).contains { $0.contains("'gate' says: it is not asked") })
        ask["hookAnswer"] = ["allowProvisioning": true]
        let answered = try await Self.trial(fixture).run(DryRunRequest(json: .object(ask)))
        #expect(answered.isAccepted && Self.unknown(answered).isEmpty)
        ask["hookAnswer"] = nil
        ask["hookName"] = "gate"
        let elsewhere = try await Self.trial(fixture, asksWebhooks: false)
            .run(DryRunRequest(json: .object(ask)))
        #expect(fixture.hook.requests.isEmpty)
        #expect(elsewhere.refusal?.code == .serviceUnavailable)
        let named = try await Self.trial(fixture).run(DryRunRequest(json: .object(ask)))
        #expect(fixture.hook.requests.count == 1)
        #expect(!named.isAccepted)
        #expect(Self.unknown(named).contains { $0.contains("asked in earnest") })
    }

    @Test(arguments: [
        ("return request.certificatePem", nil, "the certificate (certificateId"),
        ("return request.clientId", nil, "the client id (--client-id)"),
        ("return request.clientId", "line-1", nil),
        ("return request.claim.certificateId", nil, nil),
    ])
    func whatAHookReadsAndIsNotThereIsTold(
        _ source: String, _ clientID: String?, _ words: String?
    ) async throws {
        let fixture = try await ProvisioningFixture()
        var ask: JSONObject = [
            "templateName": "sensor", "parameters": ["SerialNumber": "A7"],
            "hookSource": .string(source),
        ]
        ask["clientId"] = clientID.map { .string($0) }
        let report = try await Self.trial(fixture).run(DryRunRequest(json: .object(ask)))
        let unknown = Self.unknown(report)
        #expect(unknown.isEmpty == (words == nil), "\(unknown)")
        if let words { #expect(unknown.first?.contains(words) == true) }
    }

    @Test func whatATemplateAsksOfACertificateThatIsBroughtAlongIsTold() async throws {
        let fixture = try await ProvisioningFixture()
        let body = ProvisioningFixture.body.replacing(
            "SerialNumber", with: "AWS::IoT::Certificate::SerialNumber")
        let end = try #require(body.lastIndex(of: "}"))
        let report = try await Self.trial(fixture).run(
            DryRunRequest(json: [
                "templateBody": .string(
                    body[..<end] + #", "Slipway": {"Certificate": {"ValidityDaysMax": 5}}}"#),
                "subject": "serialNumber=A7",
            ]))
        #expect(Self.unknown(report).contains { $0.contains("Slipway.Certificate") })
    }

    @Test func aKeyThatMayHaveNoCertificateIsRefusedAsItsRequestIs() async throws {
        let fixture = try await ProvisioningFixture()
        let (id, token) = try await fixture.create(key: "k1")
        _ = try await fixture.register(token)
        try await fixture.put([
            .setCertificateStatus(id, .revoked, reason: "lost", at: fixture.clock.now)
        ])
        for serial in ["A7", "B8"] {
            let report = try await DryRunTests.trial(fixture).run(
                DryRunRequest(json: [
                    "templateName": "sensor", "parameters": ["SerialNumber": .string(serial)],
                    "csr": "CSR k1",
                ]))
            let live = await #expect(throws: FleetError.self) {
                _ = try await fixture.create(key: "k1")
            }
            #expect(report.refusal?.code == .invalidCSR)
            #expect(report.refusal?.code == live?.code)
            #expect(report.refusal?.reason == live?.reason)
            #expect(report.refusal?.message == live?.message)
        }
    }

    @Test func parametersThatNoMessageHoldsAreRefused() async throws {
        let fixture = try await ProvisioningFixture()
        for (count, isTaken) in [(30, true), (40, false)] {
            var parameters: JSONObject = ["SerialNumber": "A7"]
            for number in 0..<count {
                parameters["p\(number)"] = .string(String(repeating: "x", count: 4000))
            }
            let report = try await Self.trial(fixture).run(
                DryRunRequest(json: [
                    "templateName": "sensor", "parameters": .object(parameters),
                ]))
            #expect(report.isAccepted == isTaken)
            if !isTaken { #expect(report.refusal?.reason == .parametersTooLarge) }
        }
    }
}
