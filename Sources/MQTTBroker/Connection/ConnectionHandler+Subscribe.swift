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
        guard line.refusal == nil, case .filter(let filter) = line.filter else {
            let refusal = line.refusal ?? .topicFilterInvalid
            self.logSubscribeRefusal(line.filter.text, line.refusalReason ?? "\(refusal)")
            return refusal
        }
        if let hint = self.environment.reserved.subscribeFault(filter.text) {
            self.logSubscribeRefusal(
                filter.text, hint,
                kept: self.refusal(
                    .topicRefused, "iot:Subscribe", by: "reserved topics", hint,
                    resource: filter.text))
            return .topicFilterInvalid
        }
        guard self.isOpenToRenewal(filter) else {
            self.logSubscribeRefusal(filter.text, Self.endedCause)
            return .notAuthorized
        }
        let verdict = authority.subscribe(filter, at: self.environment.clock.now)
        guard verdict.isAllowed else {
            self.logDenial(verdict)
            return .notAuthorized
        }
        return self.hold(filter, as: line)
    }

    private func hold(_ filter: TopicFilter, as line: SubscribeRequest.Line) -> ReasonCode {
        let isKnown = self.shard.holds(self.number, filter)
        let max = self.environment.settings.subscriptionsPerConnectionMax
        guard isKnown || self.subscriptionCount < max else {
            self.logSubscribeRefusal(
                filter.text,
                "the connection holds \(max) already (listen.subscriptionsPerConnectionMax)")
            return .quotaExceeded
        }
        switch self.shard.subscribe(self.number, to: filter, options: line.options) {
        case .added:
            self.subscriptionCount += 1
            return line.reason
        case .replaced: return line.reason
        case .full:
            self.logSubscribeRefusal(filter.text, "the shard's routing table is full")
            return .quotaExceeded
        }
    }

    private func logSubscribeRefusal(
        _ filter: String, _ explanation: String, kept refusal: ConnectionRefusal? = nil
    ) {
        self.logRefusal(
            "subscription refused",
            ["filter": "\(filter.clipped)", "explanation": "\(explanation)"],
            kept: refusal)
    }

    func received(_ unsubscribe: Unsubscribe) {
        let reasons: [ReasonCode] = unsubscribe.filters.map { named in
            guard case .filter(let filter) = named else { return .topicFilterInvalid }
            guard self.shard.unsubscribe(self.number, from: filter) else {
                return .noSubscriptionExisted
            }
            self.subscriptionCount -= 1
            return .success
        }
        self.write(.unsuback(UnsubAck(packetID: unsubscribe.packetID, reasons: reasons)))
    }
}
