import Fleet
import Logging
import MQTT

/// What the client asks to hear.
extension ConnectionHandler {
    func received(_ request: SubscribeRequest) {
        let answers = request.lines.map { self.subscribe($0) }
        self.write(
            self.machine.suback(
                request.packetID, reasons: answers.map(\.reason),
                reasonString: Self.reasonString(answers)))
    }

    /// What becomes of one line of a SUBSCRIBE.
    private struct Answer {
        let reason: ReasonCode
        /// For a person, beside a reason that refuses.
        var explanation: String?
    }

    /// One for the packet, which has a reason code for each line: about the first that is refused.
    private static func reasonString(_ answers: [Answer]) -> String? {
        let explanations = answers.compactMap(\.explanation)
        guard let first = explanations.first else { return nil }
        let others = explanations.count - 1
        return others == 0 ? first : "\(first) (and \(others) more refused)"
    }

    private func subscribe(_ line: SubscribeRequest.Line) -> Answer {
        guard let authority = self.authority else { return Answer(reason: .notAuthorized) }
        guard line.refusal == nil, case .filter(let filter) = line.filter else {
            let refusal = line.refusal ?? .topicFilterInvalid
            return self.refused(
                refusal, line.filter.text, line.refusalReason ?? "\(refusal)")
        }
        if let hint = self.environment.reserved.subscribeFault(filter.text) {
            return self.refused(
                .topicFilterInvalid, filter.text, hint,
                kept: self.refusal(
                    .topicRefused, "iot:Subscribe", by: "reserved topics", hint,
                    resource: filter.text))
        }
        guard self.isOpenToRenewal(filter) else {
            return self.refused(.notAuthorized, filter.text, Self.endedCause)
        }
        let verdict = authority.subscribe(filter, at: self.environment.clock.now)
        guard verdict.isAllowed else {
            self.logDenial(verdict)
            return Answer(reason: .notAuthorized, explanation: verdict.denial)
        }
        return self.hold(filter, as: line)
    }

    private func hold(_ filter: TopicFilter, as line: SubscribeRequest.Line) -> Answer {
        let isKnown = self.shard.holds(self.number, filter)
        let max = self.environment.settings.subscriptionsPerConnectionMax
        guard isKnown || self.subscriptionCount < max else {
            return self.refused(
                .quotaExceeded, filter.text,
                "the connection holds \(max) already (listen.subscriptionsPerConnectionMax)")
        }
        switch self.shard.subscribe(self.number, to: filter, options: line.options) {
        case .added:
            self.subscriptionCount += 1
            return Answer(reason: line.reason)
        case .replaced: return Answer(reason: line.reason)
        case .full:
            return self.refused(
                .quotaExceeded, filter.text, "the shard's routing table is full")
        }
    }

    /// Logs the refusal and says it.
    private func refused(
        _ reason: ReasonCode, _ filter: String, _ explanation: String,
        kept refusal: ConnectionRefusal? = nil
    ) -> Answer {
        self.logRefusal(
            "subscription refused",
            ["filter": "\(filter.clipped)", "explanation": "\(explanation)"],
            kept: refusal)
        return Answer(reason: reason, explanation: "\(filter.clipped): \(explanation)")
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
