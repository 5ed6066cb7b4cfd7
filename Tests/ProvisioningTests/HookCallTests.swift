import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

@Suite struct HookCallTests {
    let list = AllowlistName(checked: "demo")

    private func fixture() async throws -> ProvisioningFixture {
        let fixture = try await ProvisioningFixture()
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        return fixture
    }

    @Test func theHookSeesTheRequestAsSent() async throws {
        let fixture = try await self.fixture()
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(token)
        let request = try #require(fixture.hook.requests.first)
        #expect(request.parameters == ["SerialNumber": "A7"])
        #expect(request.certificateID == id)
        #expect(request.claimCertificateID == fixture.claim.principal)
        #expect(request.clientID == "line-1")
        #expect(
            request.templateARN.rawValue
                == "arn:aws:iot:local:000000000000:provisioningtemplate/sensor")
    }

    /// The word that the hook gives for machines is the device's, the trace's and the audit log's.
    @Test func aHooksOwnReasonCodeReachesReplyAndAuditLog() async throws {
        let fixture = try await self.fixture()
        let (_, token) = try await fixture.create()
        fixture.hook.answer(.denied(reason: "the lot is closed"), reasonCode: "lot-closed")
        let recording = Task { await fixture.provisioner.recordRefusals() }
        let refusal = try #require(await fixture.refusal(token))
        #expect(refusal.reason == .hookDenied && refusal.hookReasonCode == "lot-closed")
        #expect(Rejection(refusal).hookReasonCode == "lot-closed")
        fixture.provisioner.stopRecordingRefusals()
        await recording.value
        let kept = try #require(fixture.store.refusals.last)
        #expect(kept.detail["hookReasonCode"] == "lot-closed")
        #expect(kept.detail["reasonCode"] == .int(RefusalReason.hookDenied.rawValue))
    }

    /// Four eyes: the script is not even run until somebody else has approved that very text.
    @Test func aHookThatNobodyElseHasReadJudgesNoDevice() async throws {
        let fixture = try await ProvisioningFixture(requiresHookApproval: true)
        try await fixture.putHook()
        try await fixture.put(template: ProvisioningFixture.body, hook: "gate")
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token)?.code == .accessDenied)
        #expect(fixture.hook.requests.isEmpty)
        try await fixture.approveHook()
        _ = try await fixture.register(token)
        #expect(fixture.hook.requests.count == 1)
        try await fixture.putHook(source: "return 2")
        let (_, next) = try await fixture.create()
        #expect(await fixture.refusal(next)?.code == .accessDenied)
        #expect(fixture.hook.requests.count == 1)
    }

    @Test func overridesWinOverTheDevicesOwnValues() async throws {
        let fixture = try await self.fixture()
        try await fixture.put([
            .addAllowlistEntries(self.list, [try SerialNumber("A7")], at: fixture.clock.now)
        ])
        fixture.hook.answer(
            .allowed(parameterOverrides: ["SerialNumber": "Z", "Site": "plant"]),
            reads: [
                .init(
                    list: AllowlistName(checked: "other"), serial: "A7", version: 1, found: false),
                .init(list: self.list, serial: "A7", version: 4, found: true),
            ])
        let (id, token) = try await fixture.create()
        let answer = try await fixture.register(token)
        #expect(answer["thingName"] == "sensor-Z")
        #expect(answer["deviceConfiguration"] == ["site": "plant"])
        let registration = fixture.certificate(id)?.provenance?.registration
        #expect(registration?.allowlist == self.list)
        #expect(registration?.allowlistVersion == 4)
        #expect(registration?.hook == HookName(checked: "gate"))
        #expect(registration?.hookDigest?.count == 64)
    }

    /// A hook compares bytes; a name that is only equivalent would pass it by unseen.
    @Test(arguments: [("LinK", "Lin\u{212A}"), ("L\u{ED}nK", "Li\u{301}nK")])
    func aParameterSpeltWithOtherCharactersIsRefusedBeforeTheHook(
        declared: String, sent: String
    ) async throws {
        let fixture = try await self.fixture()
        try await fixture.put(
            template: ProvisioningFixture.body.replacing(
                "\"Site\": {", with: "\"\(declared)\": {\"Type\": \"String\"}, \"Site\": {"),
            hook: "gate")
        let (id, token) = try await fixture.create()
        do {
            _ = try await fixture.register(token, ["SerialNumber": "A7", sent: "x"])
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == .invalidParameters)
        }
        #expect(fixture.hook.requests.isEmpty)
        #expect(fixture.certificate(id)?.status == .pendingActivation)
    }

    @Test func nobodySetsAPseudoParameter() async throws {
        let fixture = try await self.fixture()
        try await fixture.put(
            template: ProvisioningFixture.body.replacing(
                "\"site\": {\"Ref\": \"Site\"}}}",
                with: "\"site\": {\"Ref\": \"AWS::Region\"}}}"), hook: "gate")
        fixture.hook.answer(.allowed(parameterOverrides: ["AWS::Region": "evil"]))
        let (id, token) = try await fixture.create()
        _ = try await fixture.register(
            token,
            ["SerialNumber": "A7", "AWS::Region": "evil", "AWS::IoT::Certificate::Id": "evil"])
        #expect(fixture.certificate(id)?.status == .active)
        #expect(fixture.thing("sensor-A7")?.attributes == ["site": "local"])
    }

    @Test(arguments: [
        (
            HookOutcome.Verdict.denied(reason: "serial is not on the list"),
            FleetError.Code.accessDenied,
            "serial is not on the list"
        ),
        (.denied(reason: nil), .accessDenied, "the pre-provisioning hook refused this device"),
        (
            .failed(cause: "attempt to index a nil value"), .accessDenied,
            "the pre-provisioning hook refused this device"
        ),
        (.timedOut, .hookTimeout, "the pre-provisioning hook did not answer in time"),
        (
            .busy, .tooManyRequests,
            "too many devices ask the hook at once; retry after 2 seconds"
        ),
        (
            .allowed(parameterOverrides: ["": "x"]), .accessDenied,
            "the pre-provisioning hook refused this device"
        ),
    ])
    func everythingButAPlainYesDenies(
        _ verdict: HookOutcome.Verdict, _ code: FleetError.Code, _ message: String
    ) async throws {
        let fixture = try await self.fixture()
        fixture.hook.answer(verdict)
        let (id, token) = try await fixture.create()
        let error = await fixture.refusal(token)
        #expect(error?.code == code)
        #expect(error?.message == message)
        #expect(fixture.certificate(id)?.status == .pendingActivation)
        #expect(fixture.token(token)?.redemption == nil)
        // The refusal cost the token nothing.
        fixture.hook.answer(.allowed(parameterOverrides: [:]))
        #expect(await fixture.refusal(token) == nil)
    }

    @Test func aMissingScriptDenies() async throws {
        let fixture = try await ProvisioningFixture()
        try await fixture.put(template: ProvisioningFixture.body, hook: "absent")
        let (_, token) = try await fixture.create()
        #expect(await fixture.refusal(token)?.code == .accessDenied)
    }

    @Test func aLostRaceDoesNotAskTwice() async throws {
        let fixture = try await self.fixture()
        let (_, token) = try await fixture.create()
        fixture.store.failNextCommits(FleetError(.conflict, "lost"))
        _ = try await fixture.register(token)
        #expect(fixture.hook.requests.count == 1)
    }

    private func provision(_ fixture: ProvisioningFixture, _ token: String) async -> [UInt8] {
        let replies = await fixture.service.handle(
            topic: "$aws/provisioning-templates/sensor/provision/json",
            payload: JSONPrinter.bytes([
                "certificateOwnershipToken": .string(token),
                "parameters": ["SerialNumber": "A7"],
            ]), from: fixture.claim)
        guard case .open(let bytes)? = replies.first?.payload else { return [] }
        return bytes
    }

    /// Why a hook failed is in the trace, in the log's line of the refusal and in the audit log,
    /// under one correlation id; the device hears that it was refused.
    @Test(arguments: [
        (
            HookOutcome.Verdict.failed(cause: "gate:1: boom"), "the hook failed: gate:1: boom"
        ),
        (
            .allowed(parameterOverrides: ["": "boom"]),
            "the hook failed: parameterOverrides: the name '' has 0 characters; 1 to 2048"
        ),
    ])
    func whyAHookFailedIsToldToAllButTheDevice(
        _ verdict: HookOutcome.Verdict, _ cause: String
    ) async throws {
        let fixture = try await self.fixture()
        fixture.hook.answer(verdict)
        let (_, token) = try await fixture.create()
        let recording = Task { await fixture.provisioner.recordRefusals() }
        let reply = await self.provision(fixture, token)
        fixture.provisioner.stopRecordingRefusals()
        await recording.value
        let told = try JSONParser.parse(reply)
        #expect(told["reasonCode"] == .int(RefusalReason.hookFailed.rawValue))
        #expect(told["errorMessage"] == "the pre-provisioning hook refused this device")
        #expect(told["cause"] == nil)
        #expect(fixture.store.refusals.last?.detail["cause"] == .string(cause))
        let id = try #require(told["correlationId"]?.stringValue)
        var causes: [String?] = []
        for event in fixture.events.all {
            switch event {
            case .attempted(let attempt):
                #expect(attempt.object["id"] == .string(id))
                causes.append(attempt.object["cause"]?.stringValue)
            case .refused(let refused):
                #expect(refused.attempt == id)
                causes.append(refused.cause)
            case .hookAnswered(_, let attempt): #expect(attempt == id)
            default: break
            }
        }
        #expect(causes == [cause, cause])
    }

    /// A person looks for the serial that the hook gave the unit, too.
    @Test func aTraceHasTheSerialAsTheHookHasIt() async throws {
        let fixture = try await self.fixture()
        fixture.hook.answer(.allowed(parameterOverrides: ["SerialNumber": "Z9", "Site": "lab"]))
        let (_, token) = try await fixture.create()
        _ = await self.provision(fixture, token)
        let attempts = fixture.events.all.compactMap { event -> JSONObject? in
            if case .attempted(let attempt) = event { return attempt.object }
            return nil
        }
        let attempt = try #require(attempts.last)
        #expect(attempt["serial"] == "A7")
        #expect(attempt["registeredSerial"] == "Z9")
        let steps = attempt["steps"]?.arrayValue ?? []
        #expect(steps.compactMap { $0["overrides"] } == [["SerialNumber", "Site"]])
    }

    @Test(arguments: [("absent", "is missing"), ("gate", "is disabled")])
    func aTraceTellsOfAHookThatIsNotAsked(_ hook: String, _ cause: String) async throws {
        let fixture = try await self.fixture()
        try await fixture.put(template: ProvisioningFixture.body, hook: hook)
        let gate = HookName(checked: "gate")
        let disabled = try HookScripts.disable(gate, in: fixture.store.view([.hook(gate)]))
        _ = try await fixture.store.commit(disabled, by: .service("test"))
        let (_, token) = try await fixture.create()
        _ = await self.provision(fixture, token)
        let causes = fixture.events.all.compactMap { event in
            if case .attempted(let attempt) = event { attempt.object["cause"] } else { nil }
        }
        #expect(causes.count == 1)
        #expect(causes.first?.stringValue?.contains(cause) == true)
    }

    /// A trace shows all that the hook's word rests on.
    @Test func aTraceShowsWhatTheHookAskedTheRegistry() async throws {
        let fixture = try await self.fixture()
        fixture.hook.answer(
            .allowed(parameterOverrides: [:]),
            questions: [
                HookRead(question: .registryThing(name: "sensor-A7"), answer: .null),
                HookRead(question: .registryCount(query: "thingName:*", most: 9), answer: 4),
            ])
        let (_, token) = try await fixture.create()
        _ = await fixture.service.handle(
            topic: "$aws/provisioning-templates/sensor/provision/json",
            payload: Array(
                JSONPrinter.print([
                    "certificateOwnershipToken": .string(token),
                    "parameters": ["SerialNumber": "A7"],
                ]).utf8), from: fixture.claim)
        var asked: [JSONValue] = []
        for case .attempted(let attempt) in fixture.events.all {
            asked += (attempt.object["steps"]?.arrayValue ?? []).filter { $0["asked"] != nil }
        }
        #expect(asked.compactMap { $0["thing"] ?? $0["query"] } == ["sensor-A7", "thingName:*"])
        #expect(asked.compactMap { $0["found"] ?? $0["count"] } == [false, 4])
        #expect(asked.allSatisfy { $0["step"] == "registry" })
    }
}
