package import Fleet
import JSON

/// What it means that a serial number is seen again: the one table.
///
/// | what is seen | finding | policy |
/// |---|---|---|
/// | no certificate speaks for the thing | `first` | registered |
/// | the device asks with the thing's own certificate | `renewal` | the old one retires in time |
/// | the same key, the same serial | `retry` | `enrolment.onRetry` |
/// | another key, same station, within the window | `rework` | `enrolment.onRework` |
/// | another key anywhere else, or later | `elsewhere` | `enrolment.onElsewhere` |
/// | the same key under another serial | `copiedImage` | `enrolment.onCopiedImage` |
///
/// A station is who the claim says it is; what a device says of its station can make two places of
/// one, and never one of two.
package struct EnrolmentVerdict: Sendable {
    package enum Finding: String, Sendable, CaseIterable {
        case first, renewal, retry, rework, elsewhere, copiedImage

        /// What is kept of it; nothing of a first time or a renewal.
        var kind: EnrolmentFinding.Kind? {
            switch self {
            case .first, .renewal: nil
            case .retry: .retry
            case .rework: .rework
            case .elsewhere: .elsewhere
            case .copiedImage: .copiedImage
            }
        }
    }

    package let finding: Finding
    package let policy: EnrolmentSettings.Policy
    /// The certificates that speak for the thing so far, as registrations made them; of a copied
    /// image, those that have its key.
    package let holders: [Certificate]
    package let thing: ThingName
    package let certificate: CertificateID
    /// Of a copied image: what its key speaks for so far.
    package var otherThings: [ThingName] = []

    /// What must be loaded, besides the thing's principals, to judge them.
    static func keys(of principals: [ThingPrincipal]) -> Set<RecordKey> {
        Set(principals.prefix(Self.holdersMax).map { .certificate($0.certificate) })
    }

    /// Principals of one thing that are looked at.
    static let holdersMax = 1000

    /// The claims that the holders came by whom the view has.
    static func claims(of principals: [ThingPrincipal], in view: RegistryView) -> Set<RecordKey> {
        let loaded = principals.filter { view.holds(.certificate($0.certificate)) }
        return Set(
            Self.holders(loaded, besides: nil, in: view)
                .compactMap { $0.provenance?.origin.claim.map { .claim($0) } })
    }

    private static func holders(
        _ principals: [ThingPrincipal], besides id: CertificateID?, in view: RegistryView
    ) -> [Certificate] {
        principals.prefix(Self.holdersMax).compactMap { principal in
            guard principal.certificate != id, let held = view.certificate(principal.certificate),
                held.kind == .device, held.status == .active || held.status == .inactive,
                !EnrolmentMark.isSuperseded(held), held.provenance?.registration != nil,
                held.provenance?.origin.claim != nil
            else { return nil }
            return held
        }
    }

    /// What a view that holds the thing's principals lacks yet to judge who comes: the
    /// certificates that have the key or speak for the thing, and their claims.
    static func further(
        _ others: [CertificateID], of thing: ThingName, by claim: CertificateID,
        in view: RegistryView
    ) -> Set<RecordKey> {
        let principals = view.principalsOfThing(thing)
        guard !others.isEmpty || !principals.isEmpty else { return [] }
        return KeyOwnership.keys(of: others)
            .union(Self.keys(of: principals))
            .union(Self.claims(of: principals, in: view))
            .union([.claim(claim)])
    }

    /// Whoever comes with a serial number.
    struct Arrival {
        let certificate: CertificateID
        /// nil for one that nobody had before.
        let key: PublicKeyFingerprint?
        /// The certificate that asks.
        let claim: CertificateID
        /// It speaks for the thing already, and is the thing's own.
        var isRenewal = false
        /// As the registration that is asked for would have it.
        let station: String?
    }

    /// - Parameter view: holds the thing's principals, their certificates and those certificates'
    ///   claims.
    static func judge(
        _ thing: ThingName, _ arrival: Arrival, in view: RegistryView,
        settings: EnrolmentSettings, at now: UnixTime
    ) -> EnrolmentVerdict {
        let claim = arrival.claim
        let holders = Self.holders(
            view.principalsOfThing(thing), besides: arrival.certificate, in: view)
        let isSameKey = holders.contains { $0.publicKey == arrival.key }
        func verdict(
            _ finding: Finding, _ policy: EnrolmentSettings.Policy
        ) -> EnrolmentVerdict {
            EnrolmentVerdict(
                finding: finding, policy: policy, holders: holders, thing: thing,
                certificate: arrival.certificate)
        }
        if arrival.isRenewal { return verdict(.renewal, .allow) }
        guard !holders.isEmpty else { return verdict(.first, .allow) }
        if isSameKey { return verdict(.retry, settings.onRetry) }
        let isRework = holders.allSatisfy { held in
            guard let origin = held.provenance?.origin.claim,
                let before = held.provenance?.registration
            else { return false }
            let ends = before.registeredAt.advanced(bySeconds: settings.reworkSeconds)
            let isSameClaim =
                origin == claim
                || view.claim(origin)?.station != nil
                    && view.claim(origin)?.station == view.claim(claim)?.station
            return isSameClaim && before.station == arrival.station && now < ends
        }
        return isRework
            ? verdict(.rework, settings.onRework) : verdict(.elsewhere, settings.onElsewhere)
    }

    /// A key that speaks for another thing already, whatever became of its certificate there.
    /// - Parameters:
    ///   - others: the certificates that share the key.
    ///   - view: holds `KeyOwnership.keys(of: others)`.
    static func judgeKey(
        _ others: [CertificateID], key: PublicKeyFingerprint, of certificate: CertificateID,
        for thing: ThingName, in view: RegistryView, settings: EnrolmentSettings
    ) -> EnrolmentVerdict? {
        let taken = others.filter { other in
            view.thingsOfCertificate(other).contains { $0.thing != thing }
        }
        var otherThings = taken.flatMap { view.thingsOfCertificate($0).map(\.thing) }
            .filter { $0 != thing }
        // The first thing of the key counts when it and its certificates are gone.
        if let first = view.knownKey(key)?.thing, first != thing, !otherThings.contains(first) {
            otherThings.append(first)
        }
        guard !otherThings.isEmpty else { return nil }
        return EnrolmentVerdict(
            finding: .copiedImage, policy: settings.onCopiedImage,
            holders: taken.compactMap(view.certificate), thing: thing, certificate: certificate,
            otherThings: otherThings)
    }

    // MARK: What follows

    /// What becomes of the certificates so far. They stay with the thing, as its history and so
    /// that their keys go to no other. A pair that the service made is lost with its device's
    /// memory, and revoked; a device's own key must be able to come again, and its certificate is
    /// inactive.
    func superseding(at now: UnixTime) -> [Change] {
        var changes: [Change] = []
        for held in self.holders
        where held.status != .revoked && !EnrolmentMark.isSuperseded(held) {
            let isLost = held.provenance?.origin.flow == .serverKeys
            changes.append(
                .setCertificateStatus(
                    held.id, isLost ? .revoked : .inactive,
                    reason: EnrolmentMark.superseded(by: self.certificate), at: now))
            if isLost {
                changes.append(.putRevocation(Revocation(of: held, .superseded, at: now)))
            }
        }
        return changes
    }

    /// What is kept for whoever asks later.
    /// - Parameter evidence: where and by whom the certificate is being registered.
    func finding(_ evidence: JSONObject, at now: UnixTime) -> EnrolmentFinding? {
        guard let kind = self.finding.kind else { return nil }
        var whole = self.detail
        for member in evidence.members { whole[member.key] = member.value }
        return EnrolmentFinding(
            kind: kind, certificate: self.certificate, policy: self.policy, thing: self.thing,
            at: now, evidence: whole)
    }

    /// The audit record's account of it.
    var detail: JSONObject {
        var detail: JSONObject = [
            "finding": .string(self.finding.rawValue), "policy": .string(self.policy.rawValue),
            "holders": .array(self.holders.map { .string($0.id.rawValue) }),
        ]
        if !self.otherThings.isEmpty {
            detail["otherThings"] = .array(self.otherThings.map { .string($0.rawValue) })
        }
        return detail
    }

    var refusal: FleetError {
        let reason: RefusalReason =
            switch self.finding {
            case .first, .renewal, .retry: .retryRefused
            case .rework: .reworkRefused
            case .elsewhere: .serialElsewhere
            case .copiedImage: .copiedImage
            }
        if let other = self.otherThings.first {
            return FleetError(
                .resourceConflict, "this key already belongs to thing '\(other)'",
                resource: other.rawValue
            ).because(reason)
        }
        return FleetError(
            .resourceConflict, "thing '\(self.thing)' is in use\(self.whereAndWhen)",
            resource: self.thing.rawValue
        ).because(reason)
    }

    /// Whether a person has allowed the certificate what it asks for, knowing whom it takes over
    /// from: a certificate that has come to speak for the thing since is nobody that the person
    /// saw.
    func isAllowed(_ certificate: Certificate) -> Bool {
        EnrolmentMark.isAllowed(certificate, for: self.thing)
            && self.holders.allSatisfy { held in
                guard let before = held.provenance?.registration else { return true }
                return before.registeredAt <= certificate.statusChangedAt
            }
    }

    /// What the device is told by the policy; nil where it is let in.
    var stop: FleetError? {
        switch self.policy {
        case .allow, .replace: nil
        case .refuse: self.refusal
        case .hold: self.heldRefusal
        }
    }

    var heldRefusal: FleetError {
        let what =
            self.otherThings.first.map { "this key already belongs to thing '\($0)'" }
            ?? "thing '\(self.thing)' is in use\(self.whereAndWhen)"
        return FleetError(
            .resourceConflict, "\(what); held until somebody decides",
            resource: self.thing.rawValue
        ).because(.enrolmentHeld)
    }

    /// For the person at the bench: "at station S7 since 2026-11-26T10:42:00.000Z".
    var whereAndWhen: String {
        guard let held = self.holders.last, let before = held.provenance?.registration else {
            return ""
        }
        let station = before.station.map { " at station \($0.clipped)" } ?? ""
        return "\(station) since \(before.registeredAt)"
    }
}

extension Provisioner {
    /// Does what the verdict's policy says of a serial that is seen again.
    /// - Throws: the refusal, once what is held is committed.
    func settleVerdict(
        _ verdict: EnrolmentVerdict, _ registration: ThingRegistration, in view: RegistryView
    ) async throws(FleetError) {
        guard let finding = registration.finding(verdict) else { return }
        let certificate = registration.pending.certificate
        let publisher = registration.publisher
        let actor = Actor.principal(publisher.principal, from: publisher.sourceAddress)
        Attempt.current?.note(.enrolment, verdict.detail)
        self.announce(.serialSeenAgain(verdict, publisher))
        let isRefusedCopy = verdict.finding == .copiedImage && verdict.policy == .refuse
        guard !verdict.isAllowed(certificate) || isRefusedCopy else { return }
        switch verdict.policy {
        case .allow, .replace: return
        case .refuse:
            // Once: a device that asks again and again writes nothing more.
            guard self.findings.isNews(finding, at: registration.at) else { throw verdict.refusal }
            do throws(FleetError) {
                _ = try await self.ports.store.commit(
                    ChangeSet(
                        action: "RefuseEnrolment", changes: [.recordFinding(finding)],
                        detail: ["enrolment": .object(verdict.detail)]), by: actor)
            } catch {
                self.findings.forget(finding)
                throw error
            }
            throw verdict.refusal
        case .hold:
            if !EnrolmentMark.isHeld(certificate, for: verdict.thing) {
                _ = try await self.ports.store.commit(
                    registration.holding(verdict, finding, in: view), by: actor)
            }
            throw verdict.heldRefusal
        }
    }
}
