import Fleet
import MQTT
import NIOCore

/// One certificate, two devices. A second connection alone proves nothing, since the first may be
/// dead without anybody knowing; so the first is watched, and what it says while the second lives
/// is what tells.
extension ConnectionHandler {
    /// The connection is about to be accepted.
    func enterSession(as clientID: String, displacing loser: SessionDirectory.Holder?) {
        guard self.environment.clones != nil, let id = self.certificateID,
            self.authority?.record.certificate.kind == .device
        else { return }
        let session = CertificateSessions.Session(
            holder: self.shard.holder(self.number), clientID: clientID,
            address: self.sourceAddress, since: self.environment.clock.now)
        self.ownSession = session
        let meeting = self.environment.certificates.enter(
            session, with: id, displacing: loser)
        if let displaced = meeting.displaced,
            let trail = self.environment.takeovers.note(session, over: displaced, with: id)
        {
            self.report(trail, .takeover, older: nil, newer: session.holder)
        } else if let rival = meeting.rival {
            self.shard.watch(rival.holder, rival: session)
        }
    }

    func leaveSession() {
        guard let session = self.ownSession, let id = self.certificateID else { return }
        self.ownSession = nil
        self.environment.certificates.leave(session.holder, id)
    }

    /// The client said something while another session of its certificate had begun.
    func spoke(_ packet: Packet, beside rival: CertificateSessions.Session) {
        // Whoever opens the next connection before closing this one says good-bye now.
        if case .disconnect = packet { return }
        self.rival = nil
        guard let own = self.ownSession, let id = self.certificateID,
            self.environment.certificates.isLive(rival.holder, id)
        else { return }
        self.report([own, rival], .concurrent, older: own.holder, newer: rival.holder)
    }

    private func report(
        _ sessions: [CertificateSessions.Session], _ sign: CloneSighting.Sign,
        older: SessionDirectory.Holder?, newer: SessionDirectory.Holder
    ) {
        guard let clones = self.environment.clones, let id = self.certificateID else { return }
        self.environment.meter.count { $0.clonesSighted += 1 }
        let sighting = CloneSighting(
            certificate: id, sign: sign, sessions: sessions.map(\.asSighted))
        let eventLoop = self.shard.eventLoop
        let bound = NIOLoopBound(self.shard, eventLoop: eventLoop)
        Task {
            let policy = await clones.sighted(sighting)
            eventLoop.execute {
                switch policy {
                // A hold is a change of the certificate, which ends its connections by itself.
                case .allow, .hold: break
                case .replace:
                    if let older { bound.value.end(older, .certificateInTwoPlaces) }
                case .refuse: bound.value.end(newer, .certificateInTwoPlaces)
                }
                bound.value.flush()
            }
        }
    }
}
