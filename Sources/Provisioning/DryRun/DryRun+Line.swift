import Fleet

/// What a line's claim and its allowlist have to say of a registration that is only tried: the
/// same words that a device would be refused with, and nothing is spent.
extension DryRun {
    func standing(
        _ request: DryRunRequest, _ template: Template
    ) async throws(FleetError) -> ClaimStanding? {
        guard let name = request.claim else { return nil }
        var standing = try ClaimStanding(
            trying: name, from: request.sourceAddress,
            in: try await self.load([.claimTerms(name)]))
        standing.serialParameter = self.enrolment.serialParameter
        standing.declared = Set(template.document.parameters.map(\.name))
        // A body that came along is no template yet that a claim could be bound to.
        guard let template = template.source.template else { return standing }
        try standing.checkRegistration(by: template, at: self.clock.now)
        return standing
    }

    /// Whether budget and list have room for the device.
    func pass(
        _ rendering: RegistrationRendering, _ standing: ClaimStanding?,
        into report: inout DryRunReport
    ) async throws(FleetError) {
        let thing = rendering.rendered.thing
        let texts = rendering.parameters.texts
        let station = standing?.station ?? texts["Station"] ?? texts["station"]
        if let standing, let terms = standing.terms {
            let view = try await self.load(standing.keysToSpend(on: thing))
            report.claim = DryRunReport.ClaimUse(
                name: terms.name, spent: view.count(.claimSpent(terms.name)), budget: terms.budget,
                isRepeat: view.count(.claimUnit(terms.name, thing)) > 0)
            _ = try standing.spending(
                on: thing, parameters: texts, station: station, in: view, at: self.clock.now)
        }
        // A list that is only described has no records; the hook has had its say.
        guard
            let passage = AllowlistPassage(
                report.reads, of: DeviceSerial.all(in: texts, named: self.enrolment.serialParameter)
            )
        else { return }
        let view = try await self.load(passage.keys)
        report.unit = passage.shown(in: view)
        try passage.check(
            AllowlistPassage.Device(
                key: report.certificate?.publicKey, station: station, parameters: texts),
            in: view, at: self.clock.now)
    }
}
