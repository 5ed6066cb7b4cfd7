package import Fleet
import JSON

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

    /// A hold is of a certificate and a thing: what a person allows is what that person saw.
    static func held(_ finding: EnrolmentFinding.Kind, _ thing: ThingName?) -> String {
        self.heldPrefix + finding.rawValue + self.suffix(thing)
    }

    static func decided(_ allow: Bool, by person: String, _ thing: ThingName?) -> String {
        (allow ? self.allowedPrefix : self.refusedPrefix) + person + self.suffix(thing)
    }

    private static let thingSeparator = " for thing "

    private static func suffix(_ thing: ThingName?) -> String {
        thing.map { self.thingSeparator + $0.rawValue } ?? ""
    }

    /// The thing that a hold or a decision is about. Its name holds no space, whatever a person's
    /// does.
    package static func thing(of certificate: Certificate) -> ThingName? {
        guard let reason = certificate.statusReason,
            let last = reason.ranges(of: self.thingSeparator).last
        else { return nil }
        return try? ThingName(String(reason[last.upperBound...]))
    }

    /// Whether a person has allowed the certificate to be this thing's.
    static func isAllowed(_ certificate: Certificate, for thing: ThingName) -> Bool {
        self.state(of: certificate) == .allowed && self.thing(of: certificate) == thing
    }

    static func isHeld(_ certificate: Certificate, for thing: ThingName) -> Bool {
        self.state(of: certificate) == .held && self.thing(of: certificate) == thing
    }

    static func isSuperseded(_ certificate: Certificate) -> Bool {
        self.state(of: certificate) == .superseded
    }

    package static func state(of certificate: Certificate) -> State? {
        guard let reason = certificate.statusReason else { return nil }
        if reason.hasPrefix(self.supersededPrefix) { return .superseded }
        if reason.hasPrefix(self.refusedPrefix) { return .refused }
        switch certificate.status {
        case .pendingActivation:
            if reason.hasPrefix(self.heldPrefix) { return .held }
            return reason.hasPrefix(self.allowedPrefix) ? .allowed : nil
        // A clone's certificate was active, and is again once somebody has allowed it.
        case .inactive: return reason.hasPrefix(self.heldPrefix) ? .held : nil
        case .active: return reason.hasPrefix(self.allowedPrefix) ? .allowed : nil
        case .revoked, .pendingTransfer, .registerInactive: return nil
        }
    }
}

/// A person's word on an enrolment that is held.
package enum EnrolmentDecision {
    /// What must be seen to decide, besides the certificate: whose its key is already.
    package static func further(_ id: CertificateID, in view: RegistryView) -> Set<RecordKey> {
        view.certificate(id).map { [.knownKey($0.publicKey)] } ?? []
    }

    /// - Parameter view: holds the certificate and what `further` says.
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
        let thing = EnrolmentMark.thing(of: certificate)
        var detail: JSONObject = [
            "certificate": .string(id.rawValue), "decision": allow ? "allow" : "refuse",
        ]
        detail["thing"] = thing.map { .string($0.rawValue) }
        detail["reason"] = reason.map { .string($0.clipped) }
        let isPending = certificate.status == .pendingActivation
        // A key comes back no more once a certificate of it was revoked. The unit that a refused
        // copy was made of would pay for it, when it next renews or loses power: the copy's
        // certificate, which never was active, ends with its token as one that the table refused.
        let isCopy = !allow && isPending && view.knownKey(certificate.publicKey)?.thing != nil
        let allowed: Certificate.Status = isPending ? .pendingActivation : .active
        let refused: Certificate.Status = isCopy ? .pendingActivation : .revoked
        let status = allow ? allowed : refused
        var changes: [Change] = [
            .setCertificateStatus(
                id, status, reason: EnrolmentMark.decided(allow, by: person, thing), at: now)
        ]
        if status == .revoked {
            // A clone's key is in two devices.
            let why: RevocationReason = isPending ? .privilegeWithdrawn : .keyCompromise
            changes.append(.putRevocation(Revocation(of: certificate, why, at: now)))
        }
        return ChangeSet(
            action: "DecideEnrolment", preconditions: [view.asSeen(.certificate(id))],
            changes: changes, detail: detail)
    }
}
