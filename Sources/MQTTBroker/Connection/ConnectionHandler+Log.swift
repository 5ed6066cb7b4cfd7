import Fleet
import Logging
import MQTT
import Policies

/// One line for each thing an operator would ask about. What a peer can make happen at will is
/// logged a bounded number of times per connection.
extension ConnectionHandler {
    /// Denials of one connection that get a line of their own.
    private static let denialsLoggedMax = 20

    func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["address": "\(self.sourceAddress)"]
        if let id = self.certificateID { metadata["certificate"] = "\(id)" }
        if !self.machine.clientID.isEmpty {
            metadata["clientId"] = "\(self.machine.clientID.clipped)"
        }
        return metadata.merging(more) { _, new in new }
    }

    func logDenial(_ verdict: ConnectionAuthority.Verdict) {
        self.environment.meter.count { $0.requestsDenied += 1 }
        self.logRefusal(
            "denied by policy",
            [
                "action": "\(verdict.request.operation)",
                "resource": "\(verdict.request.resource.rawValue.clipped)",
                "decidedBy": "\(verdict.decidedBy)",
            ], kept: self.refusal(verdict))
    }

    /// A denial as it is kept; nil for what nobody asked for by a packet of its own.
    private func refusal(_ verdict: ConnectionAuthority.Verdict) -> ConnectionRefusal? {
        guard let action = verdict.request.action, let reason = Self.reasons[action] else {
            return nil
        }
        return self.refusal(
            reason, action.rawValue, by: verdict.decidedBy, "\(action.rawValue) is not allowed",
            resource: verdict.resource)
    }

    private static let reasons: [PolicyAction: RefusalReason] = [
        .connect: .connectDenied, .publish: .publishDenied, .retainPublish: .publishDenied,
        .subscribe: .subscribeDenied,
    ]

    func refusal(
        _ reason: RefusalReason, _ action: String, by decider: String, _ explanation: String,
        resource: String? = nil
    ) -> ConnectionRefusal {
        let accepted = self.machine.clientID
        let clientID = accepted.isEmpty ? self.announcedClientID : accepted
        return ConnectionRefusal(
            reason, action: action, decidedBy: decider, explanation: explanation,
            resource: resource?.clipped,
            peer: ConnectionRefusal.Peer(
                address: self.sourceAddress, certificate: self.certificateID,
                clientID: clientID.clipped, serverName: self.serverName?.clipped),
            at: self.environment.clock.now)
    }

    /// - Parameter kept: what goes to the journal, under the same bound.
    func logRefusal(
        _ message: Logger.Message, _ facts: Logger.Metadata, kept refusal: ConnectionRefusal? = nil
    ) {
        self.denialsLogged += 1
        if self.denialsLogged > Self.denialsLoggedMax { return }
        if let refusal {
            self.hasKeptRefusal = true
            self.environment.journal?.note(refusal)
        }
        var metadata = self.metadata(facts)
        if self.denialsLogged == Self.denialsLoggedMax {
            metadata["note"] = "further refusals on this connection are not logged"
        }
        self.environment.logger.notice(message, metadata: metadata)
    }

    func logEnd(_ end: ConnectionEnd, wasLive: Bool) {
        self.environment.meter.count { counters in
            if wasLive {
                counters.connectionsEnded[end.label, default: 0] += 1
            } else {
                counters.connectionsRefused[end.label, default: 0] += 1
            }
        }
        // A CONNECT that a policy denied has said so already, and by which.
        let isTold = !wasLive && self.hasKeptRefusal
        if !isTold, let reason = end.refusalReason(wasLive: wasLive) {
            let action = reason == .handshakeFailed ? "TLS" : "iot:Connect"
            self.environment.journal?.note(
                self.refusal(reason, action, by: end.label, end.explanation))
        }
        // A port scan, or a load balancer's probe: a socket that said nothing at all.
        let level: Logger.Level = end.isNotable ? .notice : .debug
        self.environment.logger.log(
            level: level, wasLive ? "connection closed" : "connection refused",
            metadata: self.metadata([
                "reason": "\(end.label)", "explanation": "\(end.explanation)",
            ]))
    }
}

extension ConnectionAuthority.Verdict {
    /// `topic/a/b`, without what all ARNs of the fleet have in common.
    fileprivate var resource: String? {
        self.request.resource.rawValue.split(
            separator: ":", maxSplits: 5, omittingEmptySubsequences: false
        ).last.map(String.init)
    }

    /// What the client is told of a denial: enough to mend its policy by. Which policy decided is
    /// the operator's to see.
    var denial: String {
        let resource = self.resource.map { " on \($0.clipped)" } ?? ""
        return "\(self.request.operation)\(resource) is not allowed"
    }
}
