import Fleet
import JSON

/// What a hook said about this request, kept for as long as the request lasts: a lost race is
/// decided afresh, but the hook is asked once.
struct HookCall: Sendable {
    struct Outcome: Sendable {
        let script: HookScript
        let overrides: [String: String]
        /// The list that let the device in; else the first one asked.
        let allowlist: HookOutcome.AllowlistRead?
        /// All of it, for whoever keeps traces.
        let trace: HookTrace
    }

    let outcome: Outcome
    let templateDigest: String

    /// What a hook is told of the claim.
    static func facts(_ publisher: Publisher, _ claim: Claim?) -> JSONObject {
        var facts: JSONObject = ["certificateId": .string(publisher.principal.rawValue)]
        facts["label"] = (claim?.label).map { .string($0) }
        facts["station"] = (claim?.station).map { .string($0) }
        facts["lot"] = (claim?.lot).map { .string($0) }
        return facts
    }
}

extension Provisioner {
    /// Asks the template's hook. Everything but a plain yes denies, and what went wrong inside is
    /// for the operator's eyes only (AWS: nothing beyond ACCESS_DENIED).
    ///
    /// - Returns: nil where the template has no hook.
    func ask(
        _ template: UsableTemplate, about pending: TokenJudgement.Pending,
        _ request: RegisterThingRequest, _ publisher: Publisher, claim: Claim?,
        memo: inout HookCall?
    ) async throws(FleetError) -> HookCall.Outcome? {
        let script: HookScript
        switch template.hook {
        case nil: return nil
        case .missing(let name):
            throw HookVerdict.failed(
                "the script '\(name)' is missing; every device is refused")
        case .script(let found): script = found
        }
        guard script.enabled else {
            throw HookVerdict.failed(
                "it is disabled; every device is refused until somebody enables it: "
                    + "slipway hook enable \(script.name)")
        }
        if self.settings.requiresHookApproval, script.approval == nil {
            throw HookVerdict.failed(
                "the script has not been approved; every device is refused until somebody "
                    + "other than its author does: slipway hook approve \(script.name)")
        }
        if let memo, memo.outcome.script.digest == script.digest,
            memo.templateDigest == template.version.digest
        {
            return memo.outcome
        }
        let question = HookRequest(
            claimCertificateID: publisher.principal,
            certificateID: pending.certificate.id, certificatePEM: pending.certificate.pem,
            templateARN: self.settings.realm.template(template.record.name),
            clientID: publisher.clientID, parameters: request.document,
            time: self.ports.clock.now, claim: HookCall.facts(publisher, claim))
        let answer = await self.ports.hook.run(script, request: question)
        let trace = HookTrace(script: script, request: question, outcome: answer)
        let attempt = Attempt.current
        self.announce(.hookAnswered(trace, attempt: attempt?.id))
        attempt?.asked(script, answer)
        if !answer.log.isEmpty {
            self.announce(.hookLogged(script.name, answer.log, attempt: attempt?.id))
        }
        let asked = AllowlistRefusal.keys(of: answer)
        if !asked.isEmpty {
            try AllowlistRefusal.check(answer, in: try await self.ports.store.load(asked))
        }
        let overrides = try HookVerdict.overrides(
            answer.verdict, saying: answer.reasonCode, by: script.name)
        let outcome = HookCall.Outcome(
            script: script, overrides: overrides,
            allowlist: answer.reads.first(where: \.found) ?? answer.reads.first,
            trace: trace)
        memo = HookCall(outcome: outcome, templateDigest: template.version.digest)
        return outcome
    }
}

/// AWS: template parameters, at most 2048 characters a key and 4096 a value.
enum ParameterRules {
    /// A name that is canonically equivalent to a declared one and yet other bytes, as KELVIN SIGN
    /// is to K (Unicode, UAX 15). Swift holds the two for one string, and a hook, which compares
    /// bytes, does not: it would not see a value that the template then uses.
    static func problem(
        in parameters: [String: String], declared: [TemplateDocument.Parameter]
    ) -> String? {
        let names = Dictionary(declared.map { ($0.name, $0.name) }) { first, _ in first }
        for key in parameters.keys.sorted() {
            guard let name = names[key], !name.utf8.elementsEqual(key.utf8) else { continue }
            return "'\(name.clipped)' is spelt with other characters than the template's"
        }
        return nil
    }

    /// - Throws: `FleetError.invalidParameters` for too many, or one that is too long.
    static func check(_ parameters: [String: String]) throws(FleetError) {
        guard let fault = Self.fault(in: parameters) else { return }
        throw FleetError(.invalidParameters, "parameters: \(fault.problem)")
            .because(.parametersTooLarge, parameter: fault.parameter ?? "parameters")
    }

    /// nil where there is none.
    static func problem(in parameters: [String: String]) -> String? {
        Self.fault(in: parameters)?.problem
    }

    struct Fault {
        let problem: String
        /// The parameter at fault; nil where it is their number, or one has no name.
        let parameter: String?
    }

    /// nil where there is none.
    static func fault(in parameters: [String: String]) -> Fault? {
        guard parameters.count <= Limits.parametersMax else {
            return Fault(
                problem: "\(parameters.count) parameters; at most \(Limits.parametersMax)",
                parameter: nil)
        }
        for (key, value) in parameters.sorted(by: { $0.key < $1.key }) {
            guard (1...Limits.parameterKeyCharactersMax).contains(key.count) else {
                return Fault(
                    problem: "the name '\(key.clipped)' has \(key.count) characters; 1 to "
                        + "\(Limits.parameterKeyCharactersMax)",
                    parameter: key.isEmpty ? nil : key)
            }
            guard value.count <= Limits.parameterValueCharactersMax else {
                return Fault(
                    problem: "'\(key.clipped)' has \(value.count) characters; at most "
                        + "\(Limits.parameterValueCharactersMax)", parameter: key)
            }
        }
        return nil
    }
}
