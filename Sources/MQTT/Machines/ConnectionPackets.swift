import NIOCore

/// What a client says once it is connected, and before.
extension ConnectionMachine {
    package mutating func received(
        _ packet: Packet, at now: MonotonicMilliseconds
    ) -> ConnectionAction {
        switch self.state {
        case .closed: return .nothing
        case .awaitingConnect:
            guard case .connect(let connect) = packet else {  // [MQTT-3.1.0-1]
                return self.failed(
                    MQTTError(.firstPacketNotConnect, "\(packet.type) came before CONNECT"))
            }
            return self.receivedConnect(connect)
        case .authorizing:
            return self.failed(
                MQTTError(.unexpectedPacket, "\(packet.type) was read before CONNACK"))
        case .connected:
            self.lastHeard = now
            do throws(MQTTError) { return try self.receivedConnected(packet) } catch {
                return self.failed(error)
            }
        }
    }

    private mutating func receivedConnected(
        _ packet: Packet
    ) throws(MQTTError) -> ConnectionAction {
        switch packet {
        case .publish(let publish): return try self.receivedPublish(publish)
        case .puback(let ack): return .acknowledged(ack)
        case .subscribe(let subscribe): return try self.receivedSubscribe(subscribe)
        case .unsubscribe(let unsubscribe): return self.receivedUnsubscribe(unsubscribe)
        case .pingreq: return .send(.pingresp)  // [MQTT-3.12.4-1]
        case .disconnect(let disconnect): return try self.receivedDisconnect(disconnect)
        case .connect: throw MQTTError(.secondConnect, "a second CONNECT came")  // [MQTT-3.1.0-2]
        case .auth:  // [MQTT-4.12.0-7]: only after a CONNECT that named a method.
            throw MQTTError(.unexpectedPacket, "AUTH came without an authentication method")
        case .pubrec, .pubrel, .pubcomp:
            // No QoS 2 exchange is ever begun from either side, so none can go on.
            throw MQTTError(.unexpectedPacket, "\(packet.type) belongs to QoS 2, which is not here")
        case .connack, .suback, .unsuback, .pingresp:
            throw MQTTError(.unexpectedPacket, "\(packet.type) comes from servers only")
        }
    }

    private mutating func receivedPublish(
        _ publish: Publish
    ) throws(MQTTError) -> ConnectionAction {
        guard publish.qos <= self.settings.maximumQoS else {  // [MQTT-3.2.2-11]
            throw MQTTError(
                .qosNotSupported,
                "PUBLISH: QoS \(publish.qos.rawValue) is above the maximum, "
                    + "\(self.settings.maximumQoS.rawValue)")
        }
        // 3.1.1 has no way to say that it is not there; the broker delivers without retaining.
        guard !publish.retain || self.settings.retainAvailable || self.version == .v311 else {
            throw MQTTError(  // [MQTT-3.2.2-14]
                .retainNotSupported, "PUBLISH: RETAIN is set; messages are not retained here")
        }
        let resolved = try self.aliases.resolve(publish)
        if let fault = self.settings.publishFault(resolved.topic) {
            throw MQTTError(.invalidTopicName, "PUBLISH: \(fault)")
        }
        guard resolved.payload.readableBytes <= self.settings.payloadBytesMax else {
            throw MQTTError(
                .packetTooLarge,
                "PUBLISH: the payload has \(resolved.payload.readableBytes) bytes; "
                    + "at most \(self.settings.payloadBytesMax)")
        }
        guard let packetID = resolved.packetID else { return .publish(resolved) }
        switch self.window.arrived(packetID) {
        case .admitted: return .publish(resolved)
        case .full:  // [MQTT-3.3.4-7]
            throw MQTTError(
                .receiveMaximumExceeded,
                "PUBLISH: \(self.window.count) are unacknowledged already")
        case .alreadyInFlight:
            // The PUBACK it waits for is still to come. A 3.1.1 client may resend meanwhile.
            guard self.version == .v5 else { return .nothing }
            return .send(
                .puback(PublishAck(packetID: packetID, reason: .packetIdentifierInUse)))
        }
    }

    private mutating func receivedSubscribe(
        _ subscribe: Subscribe
    ) throws(MQTTError) -> ConnectionAction {
        let identifier = subscribe.properties.subscriptionIdentifiers.first
        guard identifier == nil || self.settings.subscriptionIdentifiersAvailable else {
            throw MQTTError(  // 3.2.2.3.12
                .subscriptionIdentifiersNotSupported,
                "SUBSCRIBE: subscription identifiers are not available")
        }
        let isTooMany = subscribe.subscriptions.count > self.settings.filtersPerPacketMax
        return .subscribe(
            SubscribeRequest(
                packetID: subscribe.packetID,
                lines: subscribe.subscriptions.map {
                    isTooMany ? self.surplus($0, of: subscribe) : self.line($0)
                },
                subscriptionIdentifier: identifier))
    }

    /// AWS: quota "filters per SUBSCRIBE"; 0x97, and the connection stays.
    private func surplus(
        _ subscription: Subscription, of subscribe: Subscribe
    ) -> SubscribeRequest.Line {
        SubscribeRequest.Line(
            filter: subscription.filter, options: subscription.options, refusal: .quotaExceeded,
            refusalReason: "the SUBSCRIBE has \(subscribe.subscriptions.count) filters; at most "
                + "\(self.settings.filtersPerPacketMax)", shared: nil)
    }

    private func line(_ subscription: Subscription) -> SubscribeRequest.Line {
        var options = subscription.options
        options.qos = min(options.qos, self.settings.maximumQoS)
        let judged = self.settings.judge(subscription.filter)
        return SubscribeRequest.Line(
            filter: subscription.filter, options: options, refusal: judged.refusal?.reason,
            refusalReason: judged.refusal?.message, shared: judged.shared)
    }

    private func receivedUnsubscribe(_ unsubscribe: Unsubscribe) -> ConnectionAction {
        guard unsubscribe.filters.count <= self.settings.filtersPerPacketMax else {
            // UNSUBACK has no "quota exceeded" (table 2-6).
            let reasons = Array(
                repeating: ReasonCode.implementationSpecificError,
                count: unsubscribe.filters.count)
            return .send(.unsuback(UnsubAck(packetID: unsubscribe.packetID, reasons: reasons)))
        }
        return .unsubscribe(unsubscribe)
    }

    private mutating func receivedDisconnect(
        _ disconnect: Disconnect
    ) throws(MQTTError) -> ConnectionAction {
        if let expiry = disconnect.properties.sessionExpiryInterval, expiry > 0,
            self.sessionExpiryAsked == 0
        {
            throw MQTTError(  // 3.14.2.2.2
                .sessionExpiryRaised,
                "DISCONNECT: a session that ends with its connection may not be prolonged")
        }
        // [MQTT-3.14.4-3]: a normal goodbye discards the will; any other publishes it.
        let willIsDue = disconnect.reason != .normalDisconnection
        return self.close(.clientDisconnected(disconnect.reason), nil, willIsDue: willIsDue)
    }
}
