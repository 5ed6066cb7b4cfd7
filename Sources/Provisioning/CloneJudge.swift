package import Fleet
import JSON

/// What becomes of a certificate that two live connections have: evidence and an alarm always,
/// and whatever `enrolment.onClone` says. Nothing here revokes: two sessions are a sign and no
/// proof, and who is the device is a person's to say.
package final class CloneJudge: CloneWatch {
    private let store: any FleetStore
    private let clock: any WallClock
    private let policy: EnrolmentPolicy
    private let observe: @Sendable (ProvisioningEvent) -> Void
    private let findings = RecentFindings()

    package init(
        store: any FleetStore, clock: any WallClock, policy: EnrolmentPolicy,
        observe: @escaping @Sendable (ProvisioningEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.clock = clock
        self.policy = policy
        self.observe = observe
    }

    package func sighted(_ sighting: CloneSighting) async -> EnrolmentPolicy {
        for _ in 0...Provisioner.conflictRetriesMax {
            do throws(FleetError) { return try await self.settle(sighting) } catch {
                guard error.code != .conflict else { continue }
                return self.unsettled(sighting, error)
            }
        }
        return self.unsettled(sighting, FleetError(.conflict, "the certificate keeps changing"))
    }

    /// What cannot be written down cannot be decided by anybody later, so the newer one goes.
    private func unsettled(_ sighting: CloneSighting, _ error: FleetError) -> EnrolmentPolicy {
        self.observe(.cloneNotRecorded(sighting, error))
        return self.policy == .allow ? .allow : .refuse
    }

    private func settle(_ sighting: CloneSighting) async throws(FleetError) -> EnrolmentPolicy {
        let now = self.clock.now
        let view = try await self.store.load([
            .certificate(sighting.certificate), .thingsOfCertificate(sighting.certificate),
        ])
        guard let certificate = view.certificate(sighting.certificate),
            certificate.status == .active
        else { return .hold }
        let decision = CloneDecision(sighting, certificate, policy: self.policy, in: view, at: now)
        guard self.findings.isNews(decision.finding, at: now) || decision.holds else {
            return decision.policy
        }
        self.observe(.cloneSighted(sighting, decision.policy))
        do throws(FleetError) {
            _ = try await self.store.commit(decision.changeSet, by: .service("clones"))
        } catch {
            self.findings.forget(decision.finding)
            throw error
        }
        return decision.policy
    }
}

/// The one decision about a certificate that is in two places.
struct CloneDecision {
    let finding: EnrolmentFinding
    /// A person who allowed it once is not asked again.
    let policy: EnrolmentPolicy
    private let certificate: Certificate
    private let asSeen: Precondition

    var holds: Bool { self.policy == .hold }

    init(
        _ sighting: CloneSighting, _ certificate: Certificate, policy: EnrolmentPolicy,
        in view: RegistryView, at now: UnixTime
    ) {
        let isAllowed = EnrolmentMark.state(of: certificate) == .allowed
        self.policy = isAllowed ? .allow : policy
        self.certificate = certificate
        self.asSeen = view.asSeen(.certificate(certificate.id))
        let sessions = sighting.sessions.map { session -> JSONValue in
            [
                "clientId": .string(session.clientID.clipped),
                "address": .string(session.address),
                "since": .string(session.since.description),
            ]
        }
        self.finding = EnrolmentFinding(
            kind: .clone, certificate: certificate.id, policy: self.policy,
            thing: view.thingsOfCertificate(certificate.id).first?.thing, at: now,
            evidence: [
                "sign": .string(sighting.sign.rawValue), "sessions": .array(sessions),
            ])
    }

    var changeSet: ChangeSet {
        var changes: [Change] = [.recordFinding(self.finding)]
        if self.holds {
            changes.append(
                .setCertificateStatus(
                    self.certificate.id, .inactive,
                    reason: EnrolmentMark.held(.clone, self.finding.thing),
                    at: self.finding.at))
        }
        return ChangeSet(
            action: self.holds ? "HoldEnrolment" : "SightClone", preconditions: [self.asSeen],
            changes: changes,
            detail: [
                "certificate": .string(self.certificate.id.rawValue),
                "evidence": .object(self.finding.evidence),
            ])
    }
}
