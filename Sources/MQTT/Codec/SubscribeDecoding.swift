extension WireReader {
    mutating func subscribe() throws(MQTTError) -> Subscribe {
        let packetID = try self.packetID()
        let properties = try self.properties(in: .packet(.subscribe))
        var subscriptions: [Subscription] = []
        while !self.isAtEnd {
            let filter = NamedFilter(try self.string("topic filter"))
            let byte = try self.byte("subscription options")
            guard let options = SubscriptionOptions(byte: byte, version: self.version) else {
                throw self.error(  // [MQTT-3.8.3-5]; 3.1.1: [MQTT-3-8.3-4]
                    .invalidSubscriptionOptions, "no subscription options \(byte) exist")
            }
            if options.noLocal, filter.text.utf8.starts(with: SharedSubscription.prefix.utf8) {
                throw self.error(  // [MQTT-3.8.3-4]
                    .invalidPropertyValue, "No Local is set on a shared subscription")
            }
            subscriptions.append(Subscription(named: filter, options: options))
        }
        guard !subscriptions.isEmpty else {  // [MQTT-3.8.3-2]
            throw self.error(.emptySubscription, "it holds no topic filter")
        }
        return Subscribe(
            packetID: packetID, subscriptions: subscriptions, properties: properties)
    }

    mutating func suback() throws(MQTTError) -> SubAck {
        let packetID = try self.packetID()
        let properties = try self.properties(in: .packet(.suback))
        let reasons = try self.reasons()
        return SubAck(packetID: packetID, reasons: reasons, properties: properties)
    }

    mutating func unsubscribe() throws(MQTTError) -> Unsubscribe {
        let packetID = try self.packetID()
        let properties = try self.properties(in: .packet(.unsubscribe))
        var filters: [NamedFilter] = []
        while !self.isAtEnd { filters.append(NamedFilter(try self.string("topic filter"))) }
        guard !filters.isEmpty else {  // [MQTT-3.10.3-2]
            throw self.error(.emptySubscription, "it holds no topic filter")
        }
        return Unsubscribe(packetID: packetID, named: filters, properties: properties)
    }

    mutating func unsuback() throws(MQTTError) -> UnsubAck {
        let packetID = try self.packetID()
        guard self.version == .v5 else { return UnsubAck(packetID: packetID, reasons: []) }
        let properties = try self.properties(in: .packet(.unsuback))
        let reasons = try self.reasons()
        return UnsubAck(packetID: packetID, reasons: reasons, properties: properties)
    }

    /// One per filter, and there is no SUBSCRIBE without a filter.
    private mutating func reasons() throws(MQTTError) -> [ReasonCode] {
        var reasons: [ReasonCode] = []
        while !self.isAtEnd {
            let reason = try self.reason()
            if self.version == .v311 {  // [MQTT-3.9.3-2] of 3.1.1
                guard reason.grantedQoS != nil || reason == .unspecifiedError else {
                    throw self.error(
                        .unknownReasonCode, "no return code \(reason.rawValue) exists for it")
                }
            }
            reasons.append(reason)
        }
        guard !reasons.isEmpty else {
            throw self.error(.truncatedField, "it holds no reason code")
        }
        return reasons
    }
}
