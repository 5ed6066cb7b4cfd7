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
            ])
    }

    func logRefusal(_ message: Logger.Message, _ facts: Logger.Metadata) {
        self.denialsLogged += 1
        if self.denialsLogged > Self.denialsLoggedMax { return }
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
        // A port scan, or a load balancer's probe: a socket that said nothing at all.
        let level: Logger.Level = end.isNotable ? .notice : .debug
        self.environment.logger.log(
            level: level, wasLive ? "connection closed" : "connection refused",
            metadata: self.metadata([
                "reason": "\(end.label)", "explanation": "\(end.explanation)",
            ]))
    }
}
