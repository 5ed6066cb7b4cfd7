import Fleet
import Foundation
import JSON
import Provisioning
import TestSupport
import Testing

/// Every reason, provoked at the dialogue's topics: bytes in, bytes out.
@Suite struct ReasonCodeTests {
    /// `slipway reasons --markdown > Documentation/reason-codes.md` renews it.
    @Test func thePageSaysWhatTheTableDoes() throws {
        let page = try Shipped.text("Documentation/reason-codes.md")
        #expect(page == RefusalReason.markdown() + "\n")
    }

    @Test func everyReasonIsExplainedAndHasItsOwnNumber() {
        #expect(Set(RefusalReason.allCases.map(\.rawValue)).count == RefusalReason.allCases.count)
        for reason in RefusalReason.allCases {
            let told = reason.explanation
            #expect(!told.meaning.isEmpty && !told.action.isEmpty)
            #expect(told.isRetryable == (told.retryAfterSeconds != nil))
            if reason != .internalFailure {
                #expect(told.meaning != RefusalReason.internalFailure.explanation.meaning)
            }
        }
    }

    /// The gateway's own are no answers of the dialogue; they are provoked over its port.
    @Test(arguments: RefusalReason.allCases.filter { !$0.isTheGateways })
    func eachReasonComesOverTheWire(_ reason: RefusalReason) async throws {
        let scene = try await Scene(reason)
        let reply = try await scene.ask()
        #expect(reply["reasonCode"] == .int(reason.rawValue), "\(reply)")
        #expect(reply["reason"] == .string(reason.name))
        #expect(reply["step"] == .string(reason.explanation.step.rawValue))
        #expect(reply["retryable"] == .bool(reason.explanation.isRetryable))
        #expect(
            reply["retryAfterSeconds"] == reason.explanation.retryAfterSeconds.map { .int($0) })
        #expect(reply["parameter"]?.stringValue == scene.parameter)
        #expect(reply["correlationId"]?.stringValue?.count == 16)
        let id = try #require(reply["correlationId"])
        let records = scene.fixture.events.all.compactMap { event in
            if case .attempted(let record) = event { record.object } else { nil }
        }
        let record = try #require(records.first { $0["id"] == id })
        #expect(record["reasonCode"] == .int(reason.rawValue))
        #expect(record["outcome"] == "refused")
        #expect(record["steps"]?.arrayValue?.first?["step"] == "tls")
    }
}

/// What has to be so for a reason to arise, and the request that then meets it.
private struct Scene {
    let fixture: ProvisioningFixture
    var topic = "$aws/provisioning-templates/sensor/provision/json"
    var payload = ""
    var parameter: String?
    var publisher: Publisher

    private static let csrTopic = "$aws/certificates/create-from-csr/json"

    init(_ reason: RefusalReason) async throws {
        var enrolment = EnrolmentSettings()
        switch reason {
        case .retryRefused: enrolment.onRetry = .refuse
        case .reworkRefused: enrolment.onRework = .refuse
        case .serialElsewhere: enrolment.onElsewhere = .refuse
        default: break
        }
        self.fixture = try await ProvisioningFixture(
            inFlightMax: reason == .tooManyAtOnce ? 0 : 512, enrolment: enrolment,
            renewal: Self.renewal(reason))
        self.publisher = self.fixture.claim
        switch reason.rawValue / 1000 {
        case 2 where reason.rawValue / 100 == 21: try await self.prepareRenewal(reason)
        case 1, 2: try await self.prepareRequest(reason)
        case 3: try await self.prepareToken(reason)
        case 6 where reason.explanation.step == .allowlist:
            try await self.prepareAllowlist(reason)
        case 4, 5, 6: try await self.prepareTemplate(reason)
        case 7: try await self.prepareRegistry(reason)
        default: try await self.prepareService(reason)
        }
    }

    func ask() async throws -> JSONObject {
        let replies = await self.fixture.service.handle(
            topic: self.topic, payload: Array(self.payload.utf8), from: self.publisher)
        let reply = try #require(replies.first)
        #expect(reply.topic == self.topic + "/rejected")
        guard case .open(let bytes) = reply.payload else { return [:] }
        return try #require(try JSONParser.parse(bytes).objectValue)
    }

    private mutating func send(_ token: String, _ parameters: JSONObject = ["SerialNumber": "A7"]) {
        self.payload = JSONPrinter.print(
            .object([
                "certificateOwnershipToken": .string(token), "parameters": .object(parameters),
            ]))
    }

    private mutating func prepareRequest(_ reason: RefusalReason) async throws {
        self.topic = Self.csrTopic
        self.parameter = "certificateSigningRequest"
        switch reason {
        case .payloadUnreadable: (self.payload, self.parameter) = ("{", nil)
        case .fieldOfWrongKind: self.payload = #"{"certificateSigningRequest":7}"#
        case .fieldMissing: self.payload = "{}"
        case .parametersTooLarge:
            self.topic = "$aws/provisioning-templates/sensor/provision/json"
            self.parameter = "parameters"
            self.payload = #"{"certificateOwnershipToken":"T","parameters":{"":"x"}}"#
        case .csrRefused: self.payload = #"{"certificateSigningRequest":"x"}"#
        case .csrTooLong:
            let text = String(repeating: "x", count: 5000)
            self.payload = #"{"certificateSigningRequest":"\#(text)"}"#
        case .signerTimedOut, .signerBusy, .signerFailed:
            self.parameter = nil
            try await self.fixture.putProvider()
            let outcomes: [RefusalReason: SigningOutcome] = [
                .signerTimedOut: .timedOut, .signerBusy: .busy,
            ]
            self.fixture.signer.answer(outcomes[reason] ?? .failed(cause: "nonsense"))
            self.payload = #"{"certificateSigningRequest":"CSR own"}"#
        case .noIssuingAuthority:
            self.parameter = nil
            self.refuseToIssue(reason)
        default:
            let (id, _) = try await self.fixture.create(key: "own")
            try await self.fixture.put([
                .setCertificateStatus(id, .revoked, reason: nil, at: self.fixture.clock.now)
            ])
            self.payload = #"{"certificateSigningRequest":"CSR own"}"#
        }
    }

    /// As the issuer's rota does, which has tests of its own.
    private mutating func refuseToIssue(_ reason: RefusalReason) {
        self.topic = Self.csrTopic
        self.payload = #"{"certificateSigningRequest":"CSR own"}"#
        self.fixture.issuer.fail(with: FleetError(.certificateState, "no").because(reason))
    }

    /// The double's certificates live for a day.
    private static func renewal(_ reason: RefusalReason) -> RenewalSettings {
        var settings = RenewalSettings()
        if reason == .renewalTooEarly { settings.windowSeconds = 3600 }
        if reason != .renewalTooOften { settings.intervalSeconds = 0 }
        return settings
    }

    private mutating func prepareRenewal(_ reason: RefusalReason) async throws {
        self.topic = "$slipway/certificates/renew/json"
        guard reason != .renewalNotOffered else { return }
        let (id, token) = try await self.fixture.create(key: "own")
        _ = try await self.fixture.register(token)
        self.publisher = Publisher(
            principal: id, kind: .device, clientID: "sensor-A7", sourceAddress: "10.0.0.9")
        if reason == .renewalTooLate { self.fixture.clock.advance(bySeconds: 2 * 86_400) }
        if reason == .renewalOfAnotherSubject {
            self.parameter = "certificateSigningRequest"
            self.payload = #"{"certificateSigningRequest":"CSR x as CN=y"}"#
        }
    }

    private mutating func prepareToken(_ reason: RefusalReason) async throws {
        let (id, token) = try await self.fixture.create()
        self.send(token)
        self.parameter = "certificateOwnershipToken"
        switch reason {
        case .tokenEmpty: self.payload = "{}"
        case .tokenUnknown: self.send(token + "A")
        case .tokenOfAnotherClaim: self.publisher = self.fixture.otherClaim
        case .tokenExpired: self.fixture.clock.advance(bySeconds: 3600)
        case .tokenUsed:
            _ = try await self.fixture.register(token)
            self.send(token, ["SerialNumber": "A8"])
        case .certificateNotPending:
            try await self.fixture.put([
                .setCertificateStatus(id, .revoked, reason: nil, at: self.fixture.clock.now)
            ])
        default:
            _ = try await self.fixture.register(token)
            let (_, next) = try await self.fixture.create()
            _ = try await self.fixture.register(next)
        }
    }

    private mutating func prepareTemplate(_ reason: RefusalReason) async throws {
        let (_, token) = try await self.fixture.create()
        self.send(token)
        var body = ProvisioningFixture.body
        var hook: String?
        switch reason {
        case .templateUnknown: self.topic = "$aws/provisioning-templates/x/provision/json"
        case .templateOfAnotherType: return try await self.putJustInTime()
        case .certificateProfileMissing: return self.refuseToIssue(reason)
        case .parameterMissing:
            self.parameter = "SerialNumber"
            self.send(token, [:])
        case .parameterRefused:
            self.parameter = "SerialNumber"
            self.send(token, ["SerialNumber": "a/b"])
        case .parameterMisspelt:
            body = body.replacing("Site", with: "K")
            self.send(token, ["SerialNumber": "A7", "\u{212A}": "x"])
        case .resourceMissing:
            body = body.replacing(
                "\"AttributePayload\"", with: "\"ThingTypeName\": \"none\", \"AttributePayload\"")
        case .hookDenied: self.fixture.hook.answer(.denied(reason: "no"))
        case .hookTimedOut: self.fixture.hook.answer(.timedOut)
        case .hookBusy: self.fixture.hook.answer(.busy)
        case .hookFailed: self.fixture.hook.answer(.failed(cause: "nonsense"))
        default: break
        }
        if reason.rawValue / 1000 == 6 {
            hook = "gate"
            try await self.fixture.putHook()
        }
        try await self.fixture.put(
            template: body, hook: hook, enabled: reason != .templateDisabled)
    }

    private mutating func prepareAllowlist(_ reason: RefusalReason) async throws {
        let (list, serial) = (AllowlistName(checked: "line"), try SerialNumber("A7"))
        let now = self.fixture.clock.now
        var facts = AllowlistFacts(serial: serial)
        var standing: AllowlistStanding?
        var parameters: JSONObject = ["SerialNumber": "A7"]
        switch reason {
        case .unitHeld: facts.firstState = .held
        case .unitBlocked: facts.firstState = .blocked
        case .unitLeased:
            standing = AllowlistStanding(
                state: .leased, since: now, station: "nest-3",
                until: now.advanced(bySeconds: 60))
        case .unitOfAnotherKey: facts.key = FakeIssuer.fingerprint(Array("other".utf8))
        case .unitOfAnotherAddress:
            facts.mac = "02:00:00:00:00:01"
            parameters["Mac"] = "02:00:00:00:00:02"
            self.parameter = "Mac"
        default: facts = AllowlistFacts(serial: try SerialNumber("B1"))
        }
        let draft = try await self.fixture.store.begin(list, mode: .merge)
        _ = try await self.fixture.store.append(entries: [facts], to: draft)
        try await self.fixture.put([.publishAllowlist(draft, at: now)])
        if let standing {
            try await self.fixture.put([.setAllowlistStanding(list, serial, standing)])
        }
        self.fixture.hook.answer(
            .allowed(parameterOverrides: [:]),
            reads: [.init(list: list, serial: "A7", version: 1, found: true)])
        try await self.fixture.putHook()
        try await self.fixture.put(template: ProvisioningFixture.body, hook: "gate")
        self.send(try await self.fixture.create().1, parameters)
    }

    private mutating func putJustInTime() async throws {
        let name = TemplateName(checked: "jitp")
        let template = ProvisioningTemplate(
            name: name, kind: .jitp, summary: "", enabled: true, defaultVersionID: 1,
            latestVersionID: 1, hook: nil, createdAt: self.fixture.clock.now,
            lastModifiedAt: self.fixture.clock.now)
        try await self.fixture.put([.putTemplate(template)])
        self.topic = "$aws/provisioning-templates/jitp/provision/json"
    }

    private mutating func prepareRegistry(_ reason: RefusalReason) async throws {
        let (first, token) = try await self.fixture.create(key: "one")
        _ = try await self.fixture.register(token)
        let isSameKey =
            reason == .retryRefused || reason == .copiedImage
            || reason == .keyOfRevokedCertificate
        let isLater =
            reason == .serialElsewhere || reason == .enrolmentHeld || reason == .enrolmentRefused
        if isLater { self.fixture.clock.advance(bySeconds: 9 * 3600) }
        let (second, again) = try await self.fixture.create(key: isSameKey ? "one" : "two")
        self.send(again)
        switch reason {
        case .thingConflict: self.send(again, ["SerialNumber": "A7", "Site": "elsewhere"])
        case .policyConflict: try await self.spoilPolicy(of: first)
        case .keyOfRevokedCertificate:
            try await self.fixture.put([
                .setCertificateStatus(first, .revoked, reason: nil, at: self.fixture.clock.now)
            ])
        case .copiedImage: self.send(again, ["SerialNumber": "A8"])
        case .enrolmentRefused:
            #expect(await self.fixture.refusal(again)?.reason == .enrolmentHeld)
            let set = try EnrolmentDecision.decide(
                second, allow: false, reason: nil, by: "ada",
                in: try await self.fixture.store.load([.certificate(second)]) {
                    EnrolmentDecision.further(second, in: $0)
                }, at: self.fixture.clock.now)
            _ = try await self.fixture.store.commit(set, by: .service("test"))
        default: break
        }
    }

    private func spoilPolicy(of certificate: CertificateID) async throws {
        let target = PolicyTarget.certificate(certificate)
        let name = try #require(
            self.fixture.store.view([.policiesOfTarget(target)]).policiesOfTarget(target).first)
        let document = #"{"Version":"2012-10-17","Statement":[]}"#
        let now = self.fixture.clock.now
        try await self.fixture.put([
            .addPolicyVersion(
                name, Policy.Version(id: 2, document: document, createdAt: now), isDefault: true)
        ])
    }

    private mutating func prepareService(_ reason: RefusalReason) async throws {
        let isTurnedAway = reason == .tooManyAtOnce
        let token = isTurnedAway ? "T" : try await self.fixture.create().1
        self.send(token)
        let clock = self.fixture.clock
        switch reason {
        case .claimNotActive:
            try await self.fixture.put([
                .setCertificateStatus(
                    self.fixture.claim.principal, .inactive, reason: nil, at: clock.now)
            ])
        case .accessDenied:
            self.fixture.issuer.fail(with: FleetError(.accessDenied, "no"))
            self.askForCertificate()
        case .claimRateExceeded:
            try await self.putTerms { $0.perMinute = 1 }
            _ = try await self.fixture.create(key: "first")
            self.askForCertificate()
        case .claimPendingExceeded:
            try await self.putTerms { $0.pendingMax = 1 }
            self.askForCertificate()
        case .storeBusy:
            self.fixture.store.failNextCommits(FleetError(.throttled, "queue full"))
        case .keyPairsExhausted:
            self.fixture.keyPairs.fail(with: FleetError(.tooManyRequests, "all wait"))
            (self.topic, self.payload) = ("$aws/certificates/create/json", "")
        case .clockWentBack: clock.advance(bySeconds: -600)
        case .internalFailure:
            self.fixture.store.failNextCommits(FleetError(.internalFailure, "disk full"))
        case .authorityKeyUnavailable:
            self.fixture.issuer.fail(
                with: FleetError(.internalFailure, "no token")
                    .because(.authorityKeyUnavailable))
            self.askForCertificate()
        case .raceLost:
            let lost = FleetError(.conflict, "lost")
            self.fixture.store.failNextCommits(lost, lost, lost, lost, lost, lost, lost, lost)
        default: break
        }
    }

    private func putTerms(_ change: (inout ClaimTerms) -> Void) async throws {
        var terms = ClaimTerms(name: ClaimName(checked: "line"), createdAt: ManualClock.start)
        change(&terms)
        try await self.fixture.put([.putClaimTerms(terms)])
    }

    private mutating func askForCertificate() {
        (self.topic, self.payload) = (Self.csrTopic, #"{"certificateSigningRequest":"CSR x"}"#)
    }
}
