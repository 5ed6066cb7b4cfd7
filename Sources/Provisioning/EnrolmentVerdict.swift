package import Fleet
import JSON

/// What it means that a serial number is seen again: the one table.
///
/// | what is seen | finding | policy |
/// |---|---|---|
/// | no certificate speaks for the thing | `first` | registered |
/// | the same key, the same serial | `retry` | `enrolment.onRetry` |
/// | another key, same station, within the window | `rework` | `enrolment.onRework` |
/// | another key anywhere else, or later | `elsewhere` | `enrolment.onElsewhere` |
/// | the same key under another serial | `KeyOwnership` refuses, 7104 | always refused |
///
/// A station is who the claim says it is; what a device says of its station can make two places of
/// one, and never one of two.
package struct EnrolmentVerdict: Sendable {
    package enum Finding: String, Sendable, CaseIterable {
        case first, retry, rework, elsewhere
    }

    package let finding: Finding
    package let policy: EnrolmentSettings.Policy
    /// The certificates that speak for the thing so far, as registrations made them.
    package let holders: [Certificate]
    package let thing: ThingName
    package let certificate: CertificateID

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

    /// - Parameters:
    ///   - station: as the registration that is asked for would have it.
    ///   - view: holds the thing's principals, their certificates and those certificates' claims.
    static func judge(
        _ thing: ThingName, _ pending: Certificate, by claim: CertificateID, station: String?,
        in view: RegistryView, settings: EnrolmentSettings, at now: UnixTime
    ) -> EnrolmentVerdict {
        let holders = Self.holders(
            view.principalsOfThing(thing), besides: pending.id, in: view)
        let isSameKey = holders.contains { $0.publicKey == pending.publicKey }
        func verdict(
            _ finding: Finding, _ policy: EnrolmentSettings.Policy
        ) -> EnrolmentVerdict {
            EnrolmentVerdict(
                finding: finding, policy: policy, holders: holders, thing: thing,
                certificate: pending.id)
        }
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
            return isSameClaim && before.station == station && now < ends
        }
        return isRework
            ? verdict(.rework, settings.onRework) : verdict(.elsewhere, settings.onElsewhere)
    }

    // MARK: What follows

    /// What becomes of the certificates so far. They stay with the thing, as its history and so
    /// that their keys go to no other. A pair that the service made is lost with its device's
    /// memory, and revoked; a device's own key must be able to come again, and its certificate is
    /// inactive.
    func superseding(at now: UnixTime) -> [Change] {
        self.holders.map { held in
            .setCertificateStatus(
                held.id, held.provenance?.origin.flow == .serverKeys ? .revoked : .inactive,
                reason: EnrolmentMark.superseded(by: self.certificate), at: now)
        }
    }

    /// The audit record's account of it.
    var detail: JSONObject {
        [
            "finding": .string(self.finding.rawValue), "policy": .string(self.policy.rawValue),
            "holders": .array(self.holders.map { .string($0.id.rawValue) }),
        ]
    }

    var refusal: FleetError {
        let reason: RefusalReason =
            switch self.finding {
            case .first, .retry: .retryRefused
            case .rework: .reworkRefused
            case .elsewhere: .serialElsewhere
            }
        return FleetError(
            .resourceConflict, "thing '\(self.thing)' is in use\(self.whereAndWhen)",
            resource: self.thing.rawValue
        ).because(reason)
    }

    var heldRefusal: FleetError {
        FleetError(
            .resourceConflict,
            "thing '\(self.thing)' is in use\(self.whereAndWhen); held until somebody decides",
            resource: self.thing.rawValue
        ).because(.enrolmentHeld)
    }

    /// For the person at the bench: "at station S7 since 2026-11-26T10:42:00.000Z".
    private var whereAndWhen: String {
        guard let held = self.holders.last, let before = held.provenance?.registration else {
            return ""
        }
        let station = before.station.map { " at station \($0.clipped)" } ?? ""
        return "\(station) since \(before.registeredAt)"
    }
}

/// What the status reason of a certificate says of its enrolment. The record is the certificate's
/// own, so that a decision lives and dies with the certificate it is about.
package enum EnrolmentMark {
    private static let supersededPrefix = "superseded by "
    private static let heldPrefix = "enrolment held: "
    private static let allowedPrefix = "enrolment allowed by "
    private static let refusedPrefix = "enrolment refused by "

    package enum State: String, Sendable, CaseIterable {
        case superseded, held, allowed, refused
    }

    static func superseded(by id: CertificateID) -> String {
        self.supersededPrefix + id.rawValue
    }

    static func held(_ finding: EnrolmentVerdict.Finding) -> String {
        self.heldPrefix + finding.rawValue
    }

    static func decided(_ allow: Bool, by person: String) -> String {
        (allow ? self.allowedPrefix : self.refusedPrefix) + person
    }

    static func isSuperseded(_ certificate: Certificate) -> Bool {
        self.state(of: certificate) == .superseded
    }

    package static func state(of certificate: Certificate) -> State? {
        guard let reason = certificate.statusReason else { return nil }
        if reason.hasPrefix(self.supersededPrefix) { return .superseded }
        if reason.hasPrefix(self.refusedPrefix) { return .refused }
        guard certificate.status == .pendingActivation else { return nil }
        if reason.hasPrefix(self.heldPrefix) { return .held }
        return reason.hasPrefix(self.allowedPrefix) ? .allowed : nil
    }
}

/// A person's word on an enrolment that is held.
package enum EnrolmentDecision {
    /// - Throws: `FleetError.notFound`, `.certificateState` for one that is not held.
    package static func decide(
        _ id: CertificateID, allow: Bool, reason: String?, by person: String,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let certificate = view.certificate(id) else {
            throw FleetError(
                .notFound, "there is no enrolment of certificate \(id); it may have ended",
                resource: id.rawValue)
        }
        let state = EnrolmentMark.state(of: certificate)
        guard state == .held || state == .allowed else {
            throw FleetError(
                .certificateState,
                "the enrolment of certificate \(id) is not held: it is "
                    + (state?.rawValue ?? certificate.status.rawValue), resource: id.rawValue)
        }
        var detail: JSONObject = [
            "certificate": .string(id.rawValue), "decision": allow ? "allow" : "refuse",
        ]
        detail["reason"] = reason.map { .string($0.clipped) }
        return ChangeSet(
            action: "DecideEnrolment", preconditions: [view.asSeen(.certificate(id))],
            changes: [
                .setCertificateStatus(
                    id, allow ? .pendingActivation : .revoked,
                    reason: EnrolmentMark.decided(allow, by: person), at: now)
            ], detail: detail)
    }
}

extension Provisioner {
    /// Does what the verdict's policy says of a serial that is seen again.
    /// - Throws: the refusal, once what is held is committed.
    func settleVerdict(
        _ verdict: EnrolmentVerdict, _ registration: ThingRegistration, in view: RegistryView
    ) async throws(FleetError) {
        guard verdict.finding != .first else { return }
        let certificate = registration.pending.certificate
        Attempt.current?.note(.enrolment, verdict.detail)
        self.announce(.serialSeenAgain(verdict, registration.publisher))
        guard EnrolmentMark.state(of: certificate) != .allowed else { return }
        switch verdict.policy {
        case .allow, .replace: return
        case .refuse: throw verdict.refusal
        case .hold:
            if EnrolmentMark.state(of: certificate) != .held {
                let publisher = registration.publisher
                _ = try await self.ports.store.commit(
                    registration.holding(verdict, in: view),
                    by: .principal(publisher.principal, from: publisher.sourceAddress))
            }
            throw verdict.heldRefusal
        }
    }
}
