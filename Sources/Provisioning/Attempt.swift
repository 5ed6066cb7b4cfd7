import Fleet
package import JSON
import Synchronization

/// One request of the dialogue as it goes through the service, step by step: what `slipway trace`
/// shows. It holds names, digests and verdicts; a token, a key or a parameter's value never, but
/// for the serial number that it is found by.
///
/// It travels with the task, so that the use cases note what they have just learnt without handing
/// it on; a use case called by somebody else has none and notes nothing.
package final class Attempt: Sendable {
    @TaskLocal static var current: Attempt?

    /// Hex digits of a correlation id are twice as many.
    static let idBytesCount = 8
    /// A hook may look at many entries; a trace shows the first of them.
    static let hookReadsMax = 32
    static let hookLinesMax = 16
    static let hookLineScalarsMax = 256
    static let overridesMax = 16
    /// Of a serial number, so that whatever a list can name is found by all of it.
    package static let serialScalarsMax = SerialNumber.bytesMax

    private struct State {
        var steps: [JSONValue] = []
        var serial: String?
        var registeredSerial: String?
        var certificate: CertificateID?
        var thing: String?
        var error: FleetError?
        var cause: String?
    }

    package let id: String
    let operation: ProvisioningOperation
    let template: String?
    let publisher: Publisher
    private let clock: any WallClock
    private let startedAt: UnixTime
    private let state = Mutex(State())

    init(
        _ operation: ProvisioningOperation, template: String?, publisher: Publisher,
        clock: any WallClock, entropy: any Entropy
    ) {
        self.id = entropy.bytes(count: Self.idBytesCount).map(Self.hex).joined()
        self.operation = operation
        self.template = template
        self.publisher = publisher
        self.clock = clock
        self.startedAt = clock.now
        self.note(
            .tls,
            [
                "certificate": .string(publisher.principal.rawValue),
                "kind": .string(publisher.kind.rawValue),
                "source": .string(publisher.sourceAddress),
                "client": .string(publisher.clientID.clipped),
            ])
        self.note(.policy, ["allowed": true, "action": "iot:Publish"])
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }

    // MARK: What the use cases note

    func note(_ step: DialogueStep, _ facts: JSONObject) {
        var object: JSONObject = [
            "step": .string(step.rawValue),
            "atMs": .int(Int(self.clock.now.milliseconds - self.startedAt.milliseconds)),
        ]
        for member in facts.members { object[member.key] = member.value }
        self.state.withLock { $0.steps.append(.object(object)) }
    }

    /// What the device calls itself, as it says: what a trace is found by, never what it is
    /// judged by.
    func names(serial: String?) {
        self.state.withLock { $0.serial = serial?.clipped(to: Self.serialScalarsMax) }
    }

    /// What the hook and the template's defaults made of that: a person looks for what is on the
    /// list and on the label, and finds the attempt by either.
    func registers(serial: String?) {
        self.state.withLock { state in
            let text = serial?.clipped(to: Self.serialScalarsMax)
            state.registeredSerial = text == state.serial ? nil : text
        }
    }

    /// - Parameter provider: who signed, where it was not this service.
    func created(_ certificate: Certificate, by provider: CertificateProviderName?) {
        self.state.withLock { $0.certificate = certificate.id }
        var facts: JSONObject = [
            "certificate": .string(certificate.id.rawValue),
            "serialNumber": .string(certificate.serialNumber),
            "publicKey": .string(certificate.publicKey.rawValue),
            "notBefore": .string(certificate.notBefore.description),
            "notAfter": .string(certificate.notAfter.description),
        ]
        facts["certificateProvider"] = provider.map { .string($0.rawValue) }
        self.note(.certificate, facts)
        self.note(.commit, ["what": "the certificate, pending, and its ownership token"])
    }

    func renewed(_ renewed: RenewedCertificate) {
        self.state.withLock { $0.certificate = renewed.certificate }
        self.note(
            .certificate,
            [
                "certificate": .string(renewed.certificate.rawValue),
                "renews": .string(renewed.predecessor.rawValue),
                "notAfter": .string(renewed.notAfter.description),
                "answeredBefore": .bool(renewed.isReplay),
            ])
        guard !renewed.isReplay else { return }
        self.note(.commit, ["what": "the certificate, with all that the one before it had"])
    }

    func judged(_ pending: TokenJudgement.Pending) {
        self.state.withLock { $0.certificate = pending.certificate.id }
        self.note(
            .token,
            [
                "certificate": .string(pending.certificate.id.rawValue),
                "issuedAt": .string(pending.token.issuedAt.description),
                "expiresAt": .string(pending.token.expiresAt.description),
            ])
    }

    func found(_ template: UsableTemplate) {
        var facts: JSONObject = [
            "template": .string(template.record.name.rawValue),
            "version": .int(template.version.id), "digest": .string(template.version.digest),
        ]
        facts["hook"] = template.record.hook.map { .string($0.rawValue) }
        self.note(.template, facts)
    }

    func asked(_ script: HookScript, _ outcome: HookOutcome) {
        var facts: JSONObject = [
            "hook": .string(script.name.rawValue), "digest": .string(script.digest),
            "verdict": .string(Self.word(outcome.verdict)),
        ]
        if let cost = outcome.cost {
            facts["instructions"] = .int(cost.instructions)
            facts["bytes"] = .int(cost.bytes)
            facts["microseconds"] = .int(cost.microseconds)
        }
        facts["reasonCode"] = outcome.reasonCode.map { .string($0) }
        // Names alone: a value may be a secret.
        if let overrides = outcome.verdict.overrides, !overrides.isEmpty {
            facts["overrides"] = .array(
                overrides.keys.sorted().prefix(Self.overridesMax).map { .string($0.clipped) })
        }
        if !outcome.log.isEmpty {
            facts["log"] = .array(
                outcome.log.prefix(Self.hookLinesMax).map {
                    .string($0.clipped(to: Self.hookLineScalarsMax))
                })
        }
        self.note(.hook, facts)
        for read in outcome.reads.prefix(Self.hookReadsMax) {
            var facts: JSONObject = [
                "list": .string(read.list.rawValue), "serial": .string(read.serial.clipped),
                "found": .bool(read.found),
            ]
            facts["version"] = read.version.map { .int($0) }
            self.note(.allowlist, facts)
        }
        for facts in outcome.questions.lazy.compactMap(Self.ofRegistry).prefix(Self.hookReadsMax) {
            self.note(.registry, facts)
        }
    }

    /// What a hook asked of the registry, and whether there was such a thing or how many; what
    /// things are is for whoever may ask the registry itself.
    private static func ofRegistry(_ read: HookRead) -> JSONObject? {
        var facts: JSONObject = ["asked": .string(read.question.function)]
        switch read.question {
        case .allowlistContains, .allowlistGet: return nil
        case .registryThing(let name):
            facts["thing"] = .string(name.clipped)
            facts["found"] = .bool(read.answer != .null)
        case .registryCount(let query, _):
            facts["query"] = .string(query.clipped)
            facts["count"] = read.answer
        }
        return facts
    }

    private static func word(_ verdict: HookOutcome.Verdict) -> String {
        switch verdict {
        case .allowed: "allowed"
        case .denied: "denied"
        case .timedOut: "timed out"
        case .busy: "busy"
        case .failed: "failed"
        }
    }

    func planned(_ plan: ProvisioningPlan) {
        self.state.withLock { $0.thing = plan.thing.name.rawValue }
        self.note(
            .registry,
            [
                "thing": .string(plan.thing.name.rawValue),
                "isNew": .bool(plan.thingBefore == nil),
                "groupsAdded": .array(plan.groupsAdded.map { .string($0.rawValue) }),
                "policies": .array(plan.policies.map { .string($0.name.rawValue) }),
            ])
    }

    func replayed(_ thing: ThingName, _ certificate: CertificateID) {
        self.state.withLock {
            $0.thing = thing.rawValue
            $0.certificate = certificate
        }
        self.note(.token, ["answeredBefore": true])
    }

    func committed() { self.note(.commit, ["what": "the thing and all that belongs to it"]) }

    func refused(_ error: FleetError, cause: String?) {
        self.state.withLock {
            $0.error = error
            $0.cause = cause
        }
    }

    // MARK: The whole

    var record: AttemptRecord {
        self.state.withLock { state in
            var object: JSONObject = [
                "id": .string(self.id), "at": .string(self.startedAt.description),
                "operation": .string(self.operation.rawValue),
            ]
            object["template"] = self.template.map { .string($0.clipped) }
            object["serial"] = state.serial.map { .string($0) }
            object["registeredSerial"] = state.registeredSerial.map { .string($0) }
            object["certificate"] = state.certificate.map { .string($0.rawValue) }
            object["thing"] = state.thing.map { .string($0) }
            object["outcome"] = state.error == nil ? "accepted" : "refused"
            if let error = state.error {
                let rejection = Rejection(error)
                for member in rejection.object(correlationID: self.id).members
                where member.key != "correlationId" { object[member.key] = member.value }
                object["cause"] = state.cause.map { .string($0) }
            }
            object["tookMs"] = .int(
                Int(self.clock.now.milliseconds - self.startedAt.milliseconds))
            object["steps"] = .array(state.steps)
            return AttemptRecord(object: object)
        }
    }
}

/// A finished attempt, as it is kept.
package struct AttemptRecord: Sendable {
    package let object: JSONObject
}
