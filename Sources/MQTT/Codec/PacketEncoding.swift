import NIOCore

/// The body of each packet, once.
extension PacketSink {
    mutating func put(_ packet: Packet, version: ProtocolVersion) {
        switch packet {
        case .connect(let connect): self.put(connect)
        case .connack(let ack): self.put(ack, version: version)
        case .publish(let publish): self.put(publish, version: version)
        case .puback(let ack), .pubrec(let ack), .pubrel(let ack), .pubcomp(let ack):
            self.put(ack.packetID)
            if version == .v5 { self.put(ending: ack.reason, ack.properties) }
        case .subscribe(let subscribe): self.put(subscribe, version: version)
        case .suback(let ack): self.put(ack, version: version)
        case .unsubscribe(let unsubscribe):
            self.put(unsubscribe.packetID)
            self.put(unsubscribe.properties, version: version)
            for filter in unsubscribe.filters { self.put(string: filter.text) }
        case .unsuback(let ack):
            self.put(ack.packetID)
            self.put(ack.properties, version: version)
            if version == .v5 {
                for reason in ack.reasons { self.put(reason.rawValue) }
            }
        case .pingreq, .pingresp: return
        case .disconnect(let packet):
            if version == .v5 { self.put(ending: packet.reason, packet.properties) }
        case .auth(let packet): self.put(ending: packet.reason, packet.properties)
        }
    }

    mutating func put(_ publish: Publish, version: ProtocolVersion) {
        self.put(string: publish.topic.text)
        if let packetID = publish.packetID { self.put(packetID) }
        self.put(publish.properties, version: version)
        self.putRaw(publish.payload)
    }

    /// Success without properties is said by silence, and no properties by no length
    /// (3.4.2.1, 3.14.2.2.1).
    private mutating func put(ending reason: ReasonCode, _ properties: Properties) {
        if reason == .success, properties.isEmpty { return }
        self.put(reason.rawValue)
        if !properties.isEmpty { self.put(properties, version: .v5) }
    }

    private mutating func put(_ connect: Connect) {
        self.put(string: "MQTT")
        self.put(connect.version.rawValue)
        var flags: UInt8 = connect.cleanStart ? 0b10 : 0
        if let will = connect.will {
            flags |= 0b100 | will.qos.rawValue << 3 | (will.retain ? 0b10_0000 : 0)
        }
        if connect.password != nil { flags |= 0b100_0000 }
        if connect.userName != nil { flags |= 0b1000_0000 }
        self.put(flags)
        self.put(connect.keepAliveSeconds)
        self.put(connect.properties, version: connect.version)
        self.put(string: connect.clientID)
        if let will = connect.will {
            self.put(will.properties, version: connect.version)
            self.put(string: will.topic.text)
            self.put(binary: will.payload)
        }
        if let userName = connect.userName { self.put(string: userName) }
        if let password = connect.password { self.put(binary: password.bytes) }
    }

    private mutating func put(_ ack: ConnAck, version: ProtocolVersion) {
        self.put(ack.sessionPresent && !ack.reason.isFailure)
        switch version {
        case .v5: self.put(ack.reason.rawValue)
        case .v311:
            // A refusal without a return code of its own is closed without CONNACK by
            // `ConnectionMachine`; anyone who sends it all the same says "unavailable".
            self.put((ConnectReturnCode(ack.reason) ?? .serverUnavailable).rawValue)
        }
        self.put(ack.properties, version: version)
    }

    private mutating func put(_ subscribe: Subscribe, version: ProtocolVersion) {
        self.put(subscribe.packetID)
        self.put(subscribe.properties, version: version)
        for subscription in subscribe.subscriptions {
            self.put(string: subscription.filter.text)
            self.put(subscription.options.byte(version: version))
        }
    }

    private mutating func put(_ ack: SubAck, version: ProtocolVersion) {
        self.put(ack.packetID)
        self.put(ack.properties, version: version)
        for reason in ack.reasons {
            switch version {
            case .v5: self.put(reason.rawValue)
            case .v311:
                // Its only refusal: [MQTT-3.9.3-2].
                self.put((reason.grantedQoS == nil ? .unspecifiedError : reason).rawValue)
            }
        }
    }
}
