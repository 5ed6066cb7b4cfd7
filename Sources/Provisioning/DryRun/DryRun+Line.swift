package import Fleet
import Policies

/// What a line's claim and its allowlist have to say of a registration that is only tried: the
/// same words that a device would be refused with, and nothing is spent.
extension DryRun {
    /// - Throws: `FleetError.notFound` where there is no such claim.
    func standing(
        _ request: DryRunRequest, _ template: Template
    ) async throws(FleetError) -> ClaimStanding? {
        guard let name = request.claim else { return nil }
        let keys: Set<RecordKey> = [.claimTerms(name), .certificatesOfClaim(name)]
        let first = try await self.load(keys)
        guard first.claimTerms(name) != nil else {
            throw await self.missing("claim", name.rawValue, among: .claimTerms)
        }
        let certificates = first.certificates(ofClaim: name)
        let view = try await self.load(
            keys.union(
                certificates.flatMap {
                    [RecordKey.certificate($0), .claim($0), .pendingOfClaim($0)]
                }))
        guard let terms = view.claimTerms(name) else {
            throw FleetError(.conflict, "claim '\(name)' was taken away meanwhile")
        }
        var standing = ClaimStanding(
            trying: terms, by: certificates, from: request.sourceAddress, in: view)
        standing.serialParameter = self.enrolment.serialParameter
        standing.declared = Set(template.document.parameters.map(\.name))
        return standing
    }

    /// Whether the claim may be used at all, and for the template.
    func check(_ standing: ClaimStanding?, _ template: Template) throws(FleetError) {
        guard let standing else { return }
        // The certificate comes first, and a device that brings its own needs no claim.
        try standing.checkCreation(at: self.clock.now)
        // A body that came along is no template yet that a claim could be bound to.
        guard let template = template.source.template else { return }
        try standing.checkRegistration(by: template, at: self.clock.now)
    }

    /// What the claim lacks to come as far as its registration: that is the gateway's to see.
    func doubts(
        _ standing: ClaimStanding?, _ template: Template
    ) async throws(FleetError) -> [String] {
        guard let standing, let terms = standing.terms else { return [] }
        let claim = terms.name
        var doubts: [String] = []
        if !standing.networksNotAsked.isEmpty {
            doubts.append(
                "where a device asks from (--source-address): claim '\(claim)' may be used from "
                    + standing.networksNotAsked.joined(separator: ", ") + " alone")
        }
        if let pace = terms.perMinute {
            doubts.append(
                "how many certificates claim '\(claim)' was given within this minute (at most "
                    + "\(pace)): the service counts that where a device asks for one")
        }
        guard standing.publisher.principal != Self.standInCertificate else {
            return doubts + [
                "how a device would connect: claim '\(claim)' has no certificate that is active"
            ]
        }
        guard let template = template.source.template else { return doubts }
        let target = PolicyTarget.certificate(standing.publisher.principal)
        let names = try await self.load([.policiesOfTarget(target)]).policiesOfTarget(target)
        let found = try await self.load(Set(names.map { .policy($0) }))
        let policies = names.compactMap { found.policy($0) }.map { CompiledPolicy($0) }
        for problem in try ClaimReach.problems(of: policies, for: template, in: self.realm) {
            doubts.append("how a device would get as far: claim '\(claim)' \(problem)")
        }
        return doubts
    }

    /// There is no record of that name, and perhaps one that is spelt nearly like it.
    func missing(
        _ noun: String, _ name: String, among subject: ListQuery.Subject
    ) async -> FleetError {
        let nearest = NearestName.of(name, among: await self.names?(subject) ?? [])
        return FleetError(
            .notFound,
            "there is no \(noun) '\(name)'"
                + (nearest.map { "; did you mean '\($0)'?" } ?? ""), resource: name)
    }

    /// Names that a store has, as many as one page holds.
    package static func names(in store: any FleetStore) -> Names {
        { subject in
            let page = try? await store.page(ListQuery(subject))
            return (page?.records ?? []).compactMap { (record: Record) -> String? in
                if case .claimTerms(let terms) = record { return terms.name.rawValue }
                if case .template(let template) = record { return template.name.rawValue }
                if case .hook(let script) = record { return script.name.rawValue }
                return nil
            }
        }
    }

    /// Whether budget and list have room for the device.
    func pass(
        _ rendering: RegistrationRendering, of sent: [String: String],
        _ standing: ClaimStanding?, after earlier: EarlierDevices,
        into report: inout DryRunReport
    ) async throws(FleetError) {
        let thing = rendering.rendered.thing
        let texts = rendering.parameters.texts
        let station = report.station
        if let standing, let terms = standing.terms {
            let view = earlier.over(
                try await self.load(standing.keysToSpend(on: thing)), ofClaim: terms.name, thing)
            report.claim = DryRunReport.ClaimUse(
                name: terms.name, spent: view.count(.claimSpent(terms.name)), budget: terms.budget,
                isRepeat: view.count(.claimUnit(terms.name, thing)) > 0)
            _ = try standing.spending(
                on: thing, parameters: texts, station: station, in: view, at: self.clock.now)
        }
        // A list that is only described has no records; the hook has had its say.
        guard
            let passage = AllowlistPassage(
                report.reads,
                of: [sent, texts].flatMap {
                    DeviceSerial.all(in: $0, named: self.enrolment.serialParameter)
                })
        else { return }
        let view = try await self.load(passage.keys)
        report.unit = passage.shown(in: view)
        try passage.check(
            AllowlistPassage.Device(
                key: report.certificate?.publicKey, station: station,
                vouchedStation: ThingRegistration.vouchedStation(standing, report.hookAttributes),
                parameters: texts),
            in: view, at: self.clock.now)
    }
}
