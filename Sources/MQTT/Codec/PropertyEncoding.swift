import NIOCore

extension PacketSink {
    /// A list of properties with its length; nothing at all in 3.1.1.
    mutating func put(_ properties: Properties, version: ProtocolVersion) {
        guard version == .v5 else { return }
        var counter = ByteCounter()
        for property in properties.list { counter.put(property) }
        self.put(variable: counter.count)
        for property in properties.list { self.put(property) }
    }

    mutating func put(_ property: Property) {
        self.put(property.id.rawValue)
        switch property {
        case .payloadFormatIndicator(let flag), .requestProblemInformation(let flag),
            .requestResponseInformation(let flag), .retainAvailable(let flag),
            .wildcardSubscriptionAvailable(let flag), .subscriptionIdentifierAvailable(let flag),
            .sharedSubscriptionAvailable(let flag):
            self.put(flag)
        case .maximumQoS(let qos): self.put(qos.rawValue)
        case .serverKeepAlive(let number), .receiveMaximum(let number),
            .topicAliasMaximum(let number), .topicAlias(let number):
            self.put(number)
        case .messageExpiryInterval(let number), .sessionExpiryInterval(let number),
            .willDelayInterval(let number), .maximumPacketSize(let number):
            self.put(number)
        case .subscriptionIdentifier(let identifier): self.put(variable: Int(identifier))
        case .contentType(let text), .assignedClientIdentifier(let text),
            .authenticationMethod(let text), .responseInformation(let text),
            .serverReference(let text), .reasonString(let text):
            self.put(string: text)
        case .responseTopic(let topic): self.put(string: topic.text)
        case .correlationData(let bytes), .authenticationData(let bytes):
            self.put(binary: bytes)
        case .userProperty(let name, let value):
            self.put(string: name)
            self.put(string: value)
        }
    }
}
