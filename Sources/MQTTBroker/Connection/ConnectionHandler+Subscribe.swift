import Fleet
import Logging
import MQTT

/// What the client asks to hear.
extension ConnectionHandler {
    func received(_ request: SubscribeRequest) {
        let reasons = request.lines.map { self.subscribe($0) }
        self.write(.suback(SubAck(packetID: request.packetID, reasons: reasons)))
    }

    private func subscribe(_ line: SubscribeRequest.Line) -> ReasonCode {
        guard let authority = self.authority else { return .notAuthorized }
        if let refusal = line.refusal {
            self.logSubscribeRefusal(line.filter, line.refusalReason ?? "\(refusal)")
            return refusal
        }
        if line.filter.isReserved, !self.environment.reserved.mayHold(line.filter) {
            let hint = self.environment.reserved.hint(forRefused: line.filter)
            self.logSubscribeRefusal(
                line.filter, hint,
                kept: self.refusal(
                    .topicRefused, "iot:Subscribe", by: "reserved topics", hint,
                    resource: line.filter.text))
            return .topicFilterInvalid
        }
        guard self.isOpenToRenewal(line.filter) else {
            self.logSubscribeRefusal(line.filter, Self.endedCause)
            return .notAuthorized
        }
        let verdict = authority.subscribe(line.filter, at: self.environment.clock.now)
        guard verdict.isAllowed else {
            self.logDenial(verdict)
            return .notAuthorized
        }
        let isKnown = self.shard.holds(self.number, line.filter)
        let max = self.environment.settings.subscriptionsPerConnectionMax
        guard isKnown || self.subscriptionCount < max else {
            self.logSubscribeRefusal(line.filter, "the connection holds \(max) already")
            return .quotaExceeded
        }
        switch self.shard.subscribe(self.number, to: line.filter, options: line.options) {
        case .added:
            self.subscriptionCount += 1
            return line.reason
        case .replaced: return line.reason
        case .full:
            self.logSubscribeRefusal(line.filter, "the shard's routing table is full")
            return .quotaExceeded
        }
    }

    private func logSubscribeRefusal(
        _ filter: TopicFilter, _ explanation: String, kept refusal: ConnectionRefusal? = nil
    ) {
        self.logRefusal(
            "subscription refused",
            ["filter": "\(filter.text.clipped)", "explanation": "\(explanation)"],
            kept: refusal)
    }

    func received(_ unsubscribe: Unsubscribe) {
        let reasons: [ReasonCode] = unsubscribe.filters.map { filter in
            guard self.shard.unsubscribe(self.number, from: filter) else {
                return .noSubscriptionExisted
            }
            self.subscriptionCount -= 1
            return .success
        }
        self.write(.unsuback(UnsubAck(packetID: unsubscribe.packetID, reasons: reasons)))
    }
}
