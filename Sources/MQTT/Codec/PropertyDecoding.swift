import NIOCore

extension WireReader {
    /// A list of properties with its length (2.2.2). 3.1.1 has none.
    mutating func properties(in place: PropertyPlace) throws(MQTTError) -> Properties {
        guard self.version == .v5 else { return .none }
        let length = try self.variableByteInteger("property length")
        if length == 0 { return .none }
        var part = try self.part(length, "properties")
        var properties = Properties()
        var seen: UInt64 = 0
        while !part.isAtEnd {
            let id = try part.propertyID(in: place)
            // Identifiers stay below 43, so each has its bit.
            let bit: UInt64 = 1 << UInt64(id.rawValue)
            if seen & bit != 0, !id.mayRepeat(in: place) {  // 2.2.2.2: a protocol error.
                throw self.error(.duplicateProperty, "\(place) holds \(id) twice")
            }
            seen |= bit
            properties.append(try part.property(id))
        }
        return properties
    }

    private mutating func propertyID(in place: PropertyPlace) throws(MQTTError) -> PropertyID {
        // The identifier is a variable byte integer (2.2.2.2), though all known are one byte.
        let number = try self.variableByteInteger("property identifier")
        guard let byte = UInt8(exactly: number), let id = PropertyID(rawValue: byte) else {
            throw self.error(.unknownProperty, "no property \(number) exists")
        }
        guard id.isAllowed(in: place) else {
            throw self.error(.propertyNotAllowed, "\(place) may not hold \(id)")
        }
        return id
    }

    private mutating func property(_ id: PropertyID) throws(MQTTError) -> Property {
        switch id {
        case .payloadFormatIndicator: .payloadFormatIndicator(try self.flag(id))
        case .messageExpiryInterval: .messageExpiryInterval(try self.uint32("message expiry"))
        case .contentType: .contentType(try self.string("content type"))
        case .responseTopic: .responseTopic(try self.responseTopic())
        case .correlationData: .correlationData(try self.binary("correlation data"))
        case .subscriptionIdentifier: .subscriptionIdentifier(try self.subscriptionIdentifier())
        case .sessionExpiryInterval: .sessionExpiryInterval(try self.uint32("session expiry"))
        case .assignedClientIdentifier:
            .assignedClientIdentifier(try self.string("assigned client identifier"))
        case .serverKeepAlive: .serverKeepAlive(try self.uint16("server keep alive"))
        case .authenticationMethod:
            .authenticationMethod(try self.string("authentication method"))
        case .authenticationData: .authenticationData(try self.binary("authentication data"))
        case .requestProblemInformation: .requestProblemInformation(try self.flag(id))
        case .willDelayInterval: .willDelayInterval(try self.uint32("will delay interval"))
        case .requestResponseInformation: .requestResponseInformation(try self.flag(id))
        case .responseInformation: .responseInformation(try self.string("response information"))
        case .serverReference: .serverReference(try self.string("server reference"))
        case .reasonString: .reasonString(try self.string("reason string"))
        case .receiveMaximum: .receiveMaximum(try self.nonZero16(id))
        case .topicAliasMaximum: .topicAliasMaximum(try self.uint16("topic alias maximum"))
        case .topicAlias: .topicAlias(try self.topicAlias())
        case .maximumQoS: .maximumQoS(try self.flag(id) ? .atLeastOnce : .atMostOnce)
        case .retainAvailable: .retainAvailable(try self.flag(id))
        case .userProperty:
            .userProperty(
                name: try self.string("user property name"),
                value: try self.string("user property value"))
        case .maximumPacketSize: .maximumPacketSize(try self.maximumPacketSize())
        case .wildcardSubscriptionAvailable: .wildcardSubscriptionAvailable(try self.flag(id))
        case .subscriptionIdentifierAvailable:
            .subscriptionIdentifierAvailable(try self.flag(id))
        case .sharedSubscriptionAvailable: .sharedSubscriptionAvailable(try self.flag(id))
        }
    }

    /// A byte that is 0 or 1; any other value is a protocol error, as each property's section says.
    private mutating func flag(_ id: PropertyID) throws(MQTTError) -> Bool {
        switch try self.byte("property value") {
        case 0: return false
        case 1: return true
        case let other: throw self.invalidValue(id, Int(other), "0 or 1")
        }
    }

    private mutating func nonZero16(_ id: PropertyID) throws(MQTTError) -> UInt16 {
        let value = try self.uint16("receive maximum")
        guard value > 0 else { throw self.invalidValue(id, 0, "above 0") }  // 3.1.2.11.3
        return value
    }

    private mutating func maximumPacketSize() throws(MQTTError) -> UInt32 {
        let value = try self.uint32("maximum packet size")
        guard value > 0 else {  // 3.1.2.11.4
            throw self.invalidValue(.maximumPacketSize, 0, "above 0")
        }
        return value
    }

    private mutating func topicAlias() throws(MQTTError) -> UInt16 {
        let alias = try self.uint16("topic alias")
        guard alias > 0 else {  // [MQTT-3.3.2-8]
            throw self.error(.topicAliasInvalid, "topic alias 0 does not exist")
        }
        return alias
    }

    private mutating func subscriptionIdentifier() throws(MQTTError) -> UInt32 {
        let identifier = try self.variableByteInteger("subscription identifier")
        guard identifier > 0 else {  // 3.8.2.1.2
            throw self.invalidValue(.subscriptionIdentifier, 0, "above 0")
        }
        return UInt32(truncatingIfNeeded: identifier)  // At most 0x0FFFFFFF by its encoding.
    }

    /// A topic name, so without wildcards: [MQTT-3.3.2-14].
    private mutating func responseTopic() throws(MQTTError) -> TopicName {
        let text = try self.string("response topic")
        do { return try TopicName(text) } catch {
            throw self.error(.invalidPropertyValue, "responseTopic: \(error.message)")
        }
    }

    private func invalidValue(_ id: PropertyID, _ value: Int, _ allowed: String) -> MQTTError {
        self.error(.invalidPropertyValue, "\(id) is \(value); it must be \(allowed)")
    }
}
