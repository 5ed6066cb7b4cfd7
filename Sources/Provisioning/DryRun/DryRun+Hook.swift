import Fleet
import JSON
import Registry

/// The hook's part of a registration that is only tried.
extension DryRun {
    func overrides(
        _ request: DryRunRequest, _ template: Template, _ standing: ClaimStanding?,
        into report: inout DryRunReport
    ) async throws(FleetError) -> [String: String] {
        let script: HookScript
        switch request.hook {
        case .none: return [:]
        case .own:
            guard let name = template.hook else { return [:] }
            script = try await self.script(name, into: &report)
        case .stored(let name): script = try await self.script(name, into: &report)
        case .source(let source, let name): script = self.script(source, name)
        case .answer(let verdict):
            report.hook = DryRunReport.Hook(name: nil, digest: nil, verdict: verdict, log: [])
            return try HookVerdict.overrides(verdict, by: nil)
        }
        if case .source = request.hook {
        } else if let cause = self.obstacle(script) {
            report.hook = DryRunReport.Hook(
                name: script.name, digest: script.digest, verdict: .failed(cause: cause), log: [])
            throw HookVerdict.failed(cause)
        }
        if script.isWebhook {
            // What it is not asked is told: see `hookDoubts`.
            guard case .stored = request.hook else { return [:] }
            guard self.surroundings.asksWebhooks else {
                throw FleetError(
                    .serviceUnavailable,
                    "webhook '\(script.name)' is asked by the running service alone "
                        + "(--against LIVE); give its answer (--hook-answer), or leave it out")
            }
        }
        guard let askHook = self.askHook else {
            throw FleetError(
                .serviceUnavailable,
                "there is no sandbox here to ask hook '\(script.name)' in: ask the running "
                    + "service, give the hook's answer, or leave the hook out")
        }
        let question = self.question(to: script, request, template, standing)
        let outcome: HookOutcome
        if await self.hookGate.enter(waitingMax: Self.hookTrialsWaitingMax) {
            outcome = await askHook(script, question)
            self.hookGate.leave()
        } else {
            outcome = HookOutcome(verdict: .busy, reads: [], log: [])
        }
        report.reads = outcome.reads
        report.hookAttributes = outcome.attributes
        report.hook = DryRunReport.Hook(
            name: script.name, digest: script.digest, verdict: outcome.verdict, log: outcome.log)
        let asked = AllowlistRefusal.keys(of: outcome)
        if !asked.isEmpty {
            try AllowlistRefusal.check(outcome, in: try await self.load(asked))
        }
        return try HookVerdict.overrides(
            outcome.verdict, saying: outcome.reasonCode, by: script.name)
    }

    /// - Throws: what a device hears of a template whose hook is missing.
    private func script(
        _ name: HookName, into report: inout DryRunReport
    ) async throws(FleetError) -> HookScript {
        guard let script = try await self.load([.hook(name)]).hook(name) else {
            report.hook = DryRunReport.Hook(
                name: name, digest: nil, verdict: .failed(cause: "there is no such hook"), log: [])
            throw HookVerdict.failed("there is no such hook")
        }
        return script
    }

    private func script(_ source: String, _ name: HookName?) -> HookScript {
        HookScript(
            name: name ?? HookName(checked: Self.nameless), source: source,
            digest: ContentDigest.sha256(of: source), createdAt: self.clock.now)
    }

    private static let nameless = "dry-run"

    /// What cannot be known of the hook's answer, whichever device is asked about.
    func hookDoubts(
        _ request: DryRunRequest, _ template: Template
    ) async throws(FleetError) -> [String] {
        let script: HookScript
        var isNamed = false
        switch request.hook {
        case .none, .answer: return []
        case .source(let source, let name): script = self.script(source, name)
        case .stored(let name):
            guard let found = try await self.load([.hook(name)]).hook(name) else { return [] }
            script = found
            isNamed = true
        case .own:
            guard let name = template.hook,
                let found = try await self.load([.hook(name)]).hook(name)
            else { return [] }
            script = found
        }
        guard !script.isWebhook else {
            return [
                isNamed
                    ? "what webhook '\(script.name)' does with the question: it was asked in "
                        + "earnest, and cannot tell a dry run from a device"
                    : "what webhook '\(script.name)' says: it is not asked, since it cannot tell a "
                        + "dry run from a device (--hook-answer speaks for it; --hook with its "
                        + "name asks it all the same)"
            ]
        }
        let unseen = Self.unseen(by: script.source, hasClientID: request.clientID != nil)
        guard !unseen.isEmpty else { return [] }
        return [
            "what hook '\(script.name)' makes of " + unseen.joined(separator: " and of ")
        ]
    }

    /// What a script reads and a dry run does not have. A claim's certificate it has.
    private static func unseen(by source: String, hasClientID: Bool) -> [String] {
        let source = source.replacing("claim.certificateId", with: "")
        var unseen: [String] = []
        if source.contains("certificateId") || source.contains("certificatePem") {
            unseen.append("the certificate (certificateId, certificatePem), which is not there yet")
        }
        if source.contains("clientId"), !hasClientID {
            unseen.append("the client id (--client-id), which is '\(Self.nameless)' here")
        }
        return unseen
    }

    /// Why a stored script is not asked, and refuses every device.
    private func obstacle(_ script: HookScript) -> String? {
        guard script.enabled else { return "the hook is disabled" }
        return self.requiresHookApproval && script.approval == nil
            ? "nobody has approved the script" : nil
    }

    private func question(
        to script: HookScript, _ request: DryRunRequest, _ template: Template,
        _ standing: ClaimStanding?
    ) -> HookRequest {
        let claim = standing?.publisher.principal ?? Self.standInCertificate
        var facts: JSONObject = ["certificateId": .string(claim.rawValue)]
        facts["label"] = (standing?.claim?.label ?? standing?.terms?.name.rawValue).map {
            .string($0)
        }
        facts["station"] = standing?.station.map { .string($0) }
        facts["lot"] = standing?.lot.map { .string($0) }
        return HookRequest(
            claimCertificateID: claim,
            certificateID: Self.standInCertificate, certificatePEM: "",
            templateARN: self.realm.template(
                template.source.template ?? TemplateName(checked: Self.nameless)),
            clientID: request.clientID ?? Self.nameless,
            parameters: JSONObject(
                request.parameters.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }),
            time: self.clock.now, claim: facts)
    }
}
