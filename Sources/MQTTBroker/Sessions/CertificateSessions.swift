import Fleet
import Synchronization

/// The live sessions of each device's certificate, over all shards: who else has it now.
final class CertificateSessions: Sendable {
    struct Session: Hashable, Sendable {
        let holder: SessionDirectory.Holder
        let clientID: String
        let address: String
        let since: UnixTime

        var asSighted: CloneSighting.Session {
            CloneSighting.Session(
                clientID: self.clientID, address: self.address, since: self.since)
        }
    }

    /// What a session met as it began.
    struct Meeting: Hashable, Sendable {
        /// The one whose client identifier it took, where that has the same certificate.
        let displaced: Session?
        /// The newest of the others, under another client identifier.
        let rival: Session?
    }

    /// Sessions of one certificate that are known of; a certificate that whole fleets share costs
    /// no more than that.
    private static let sessionsPerCertificateMax = 8
    private static let stripeCount = 16

    /// One lock each; a certificate always meets the same one.
    private final class Stripe: Sendable {
        let sessions = Mutex<[CertificateID: [Session]]>([:])
    }

    private let stripes = (0..<CertificateSessions.stripeCount).map { _ in Stripe() }

    private func stripe(_ certificate: CertificateID) -> Stripe {
        self.stripes[Int(UInt(bitPattern: certificate.hashValue) % UInt(Self.stripeCount))]
    }

    /// - Parameter loser: who held the client identifier until now.
    func enter(
        _ session: Session, with certificate: CertificateID,
        displacing loser: SessionDirectory.Holder?
    ) -> Meeting {
        self.stripe(certificate).sessions.withLock { sessions in
            var held = sessions[certificate] ?? []
            let displaced = loser.flatMap { loser in held.first { $0.holder == loser } }
            if let displaced { held.removeAll { $0 == displaced } }
            let rival = held.last
            if held.count < Self.sessionsPerCertificateMax { held.append(session) }
            sessions[certificate] = held
            return Meeting(displaced: displaced, rival: rival)
        }
    }

    func leave(_ holder: SessionDirectory.Holder, _ certificate: CertificateID) {
        self.stripe(certificate).sessions.withLock { sessions in
            sessions[certificate]?.removeAll { $0.holder == holder }
            if sessions[certificate]?.isEmpty == true { sessions[certificate] = nil }
        }
    }

    func isLive(_ holder: SessionDirectory.Holder, _ certificate: CertificateID) -> Bool {
        self.stripe(certificate).sessions.withLock {
            $0[certificate]?.contains { $0.holder == holder } == true
        }
    }
}

/// Takeovers of a client identifier with one and the same certificate. One is a device that comes
/// back before its old connection is known to be dead; two units that take it from each other,
/// from one address and another in turn, are not. Units behind one address look like one unit.
final class TakeoverWatch: Sendable {
    /// Times that an address which had lost the identifier must have taken it back.
    private static let returnsMin = 3
    /// Within how long.
    private static let windowSeconds: Int64 = 600
    private static let certificatesMax = 4096
    private static let sessionsKept = 8

    private struct Trail {
        var sessions: [CertificateSessions.Session]
        var returns = 0
        let began: UnixTime
    }

    private let trails = Mutex<[CertificateID: Trail]>([:])

    /// - Returns: the sessions, oldest first, once they are a sign of two units.
    func note(
        _ winner: CertificateSessions.Session, over loser: CertificateSessions.Session,
        with certificate: CertificateID
    ) -> [CertificateSessions.Session]? {
        guard winner.address != loser.address else { return nil }
        return self.trails.withLock { trails in
            var trail = trails[certificate] ?? Trail(sessions: [loser], began: winner.since)
            if winner.since > trail.began.advanced(bySeconds: Self.windowSeconds) {
                trail = Trail(sessions: [loser], began: winner.since)
            }
            if trail.sessions.contains(where: { $0.address == winner.address }) {
                trail.returns += 1
            }
            trail.sessions = trail.sessions.suffix(Self.sessionsKept - 1) + [winner]
            guard trail.returns < Self.returnsMin else {
                trails[certificate] = nil
                return trail.sessions
            }
            if trails[certificate] == nil, trails.count >= Self.certificatesMax {
                trails.removeAll(keepingCapacity: true)
            }
            trails[certificate] = trail
            return nil
        }
    }
}
