import Fleet
import JSON
import Registry

/// What of the registry a registration that is only tried is weighed against, and what is made of
/// a serial number or a key that was seen before.
extension DryRun {
    /// Looks of one read: things, the certificates that speak for them, and their claims; and
    /// one for whatever changed meanwhile.
    private static let looksMax = 4

    func view(
        _ rendering: RegistrationRendering, _ request: DryRunRequest,
        _ certificate: DryRunCertificate?, _ standing: ClaimStanding?
    ) async throws(FleetError) -> RegistryView {
        let rendered = rendering.rendered
        let claim = standing?.publisher.principal ?? Self.standInCertificate
        var keys = rendered.keys
            .union(PlanDecision.keys(of: Self.standInCertificate))
            .union([.principalsOfThing(rendered.thing), .claim(claim)])
        if let key = certificate?.publicKey {
            keys.formUnion([.certificatesWithKey(key), .knownKey(key)])
        }
        switch request.registry {
        case .database: break
        case .empty: return RegistryView(keys: keys, entries: [:])
        case .newThing:
            return try await self.viewOfNewThing(rendered, keys, certificate?.publicKey)
        }
        for _ in 0..<Self.looksMax {
            let view = try await self.load(keys)
            let others = (certificate?.publicKey).map { view.certificatesWithKey($0) } ?? []
            let needed = keys.union(
                EnrolmentVerdict.further(others, of: rendered.thing, by: claim, in: view))
            guard needed.count > keys.count else { return view }
            keys = needed
        }
        throw FleetError(.conflict, "other requests kept changing what this one rests upon")
    }

    private func viewOfNewThing(
        _ rendered: RenderedTemplate, _ keys: Set<RecordKey>, _ key: PublicKeyFingerprint?
    ) async throws(FleetError) -> RegistryView {
        let found = try await self.load(keys)
        var ownKeys: Set<RecordKey> = [
            .thing(rendered.thing), .groupRecordsOfThing(rendered.thing),
            .principalsOfThing(rendered.thing),
        ]
        // A new thing's key is new too: the certificates that have it are not looked at.
        if let key { ownKeys.formUnion([.certificatesWithKey(key), .knownKey(key)]) }
        var entries: [RecordKey: RegistryView.Entry] = [:]
        for key in keys.subtracting(ownKeys) { entries[key] = found.entry(key) }
        let view = RegistryView(keys: keys, entries: entries)
        let missing = MissingResources(
            rendered, in: view,
            ids: [ResourceID](repeating: .unknown, count: MissingResources.idsMax),
            at: self.clock.now)
        return view.assuming(missing.records)
    }

    /// Whether the key may have a certificate: that is asked for, and refused, before anything is
    /// registered.
    func checkKey(_ key: PublicKeyFingerprint?) async throws(FleetError) {
        guard let key else { return }
        let keys = KeyReuse.keys(of: key)
        let others = try await self.load(keys).certificatesWithKey(key)
        let view = try await self.load(keys.union(KeyReuse.keys(ofOthers: others)))
        do throws(FleetError) { _ = try KeyReuse.check(key, as: .invalidCSR, in: view) } catch {
            throw error.because(.keyNotFree)
        }
    }

    /// Registration's own judgement, of which nothing is kept.
    ///
    /// A claim that nobody names may be at the station where the serial was seen last or at any
    /// other one. Where that makes a difference, it is said and not decided.
    /// - Throws: what a device would be told by the verdict's policy.
    func judge(
        _ rendering: RegistrationRendering, _ standing: ClaimStanding?,
        after earlier: EarlierDevices, in view: RegistryView, into report: inout DryRunReport
    ) throws(FleetError) {
        let thing = rendering.rendered.thing
        let key = report.certificate?.publicKey
        let now = self.clock.now
        let copy = key.flatMap {
            EnrolmentVerdict.judgeKey(
                view.certificatesWithKey($0), key: $0, of: Self.standInCertificate, for: thing,
                in: view, settings: self.enrolment)
        }
        if let copy { report.verdicts.append(copy) }
        let serial = EnrolmentVerdict.judge(
            thing,
            EnrolmentVerdict.Arrival(
                certificate: Self.standInCertificate, key: key,
                claim: standing?.publisher.principal ?? Self.standInCertificate,
                station: report.station),
            in: view, settings: self.enrolment, at: now)
        if let doubt = self.doubt(serial, standing) {
            report.unknown.append(doubt)
        } else if serial.finding != .first {
            report.verdicts.append(serial)
        }
        if let again = earlier.verdict(
            serial, station: report.station, settings: self.enrolment)
        {
            report.verdicts.append(again)
        }
        if self.surroundings.isBesideService, copy != nil || serial.finding != .first {
            report.unknown.append(
                "whether the service was started with other settings than this command's for what "
                    + "was seen before (enrolment.…): ask it (--against LIVE)")
        }
        for verdict in report.verdicts {
            if let stop = verdict.stop { throw stop }
        }
    }

    /// What cannot be said of a serial that comes again without knowing by which claim.
    private func doubt(_ verdict: EnrolmentVerdict, _ standing: ClaimStanding?) -> String? {
        let settings = self.enrolment
        guard standing == nil, verdict.finding == .elsewhere,
            settings.onRework != settings.onElsewhere
        else { return nil }
        return "whether thing '\(verdict.thing)', which is in use\(verdict.whereAndWhen), is "
            + "registered again: at the same station within "
            + "\(settings.reworkSeconds) seconds it is rework (\(settings.onRework.rawValue)), "
            + "else it is elsewhere (\(settings.onElsewhere.rawValue)); name a claim (--claim)"
    }
}

extension EnrolmentVerdict {
    /// Stable: members are added, never renamed.
    var json: JSONValue {
        var object = self.detail
        object["outcome"] =
            switch self.policy {
            case .allow: "registered"
            case .replace: "supersedes"
            case .hold: "held"
            case .refuse: "refused"
            }
        return .object(object)
    }
}
