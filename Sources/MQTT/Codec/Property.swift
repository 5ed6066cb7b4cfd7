package import NIOCore

/// The property identifiers of MQTT 5, table 2-4.
package enum PropertyID: UInt8, Hashable, Sendable, CaseIterable {
    case payloadFormatIndicator = 0x01
    case messageExpiryInterval = 0x02
    case contentType = 0x03
    case responseTopic = 0x08
    case correlationData = 0x09
    case subscriptionIdentifier = 0x0B
    case sessionExpiryInterval = 0x11
    case assignedClientIdentifier = 0x12
    case serverKeepAlive = 0x13
    case authenticationMethod = 0x15
    case authenticationData = 0x16
    case requestProblemInformation = 0x17
    case willDelayInterval = 0x18
    case requestResponseInformation = 0x19
    case responseInformation = 0x1A
    case serverReference = 0x1C
    case reasonString = 0x1F
    case receiveMaximum = 0x21
    case topicAliasMaximum = 0x22
    case topicAlias = 0x23
    case maximumQoS = 0x24
    case retainAvailable = 0x25
    case userProperty = 0x26
    case maximumPacketSize = 0x27
    case wildcardSubscriptionAvailable = 0x28
    case subscriptionIdentifierAvailable = 0x29
    case sharedSubscriptionAvailable = 0x2A
}

/// One property with its value, in the type the standard gives it.
package enum Property: Hashable, Sendable {
    /// True: the payload is UTF-8 text.
    case payloadFormatIndicator(Bool)
    /// Seconds.
    case messageExpiryInterval(UInt32)
    case contentType(String)
    case responseTopic(TopicName)
    case correlationData(ByteBuffer)
    case subscriptionIdentifier(UInt32)
    /// Seconds; 0xFFFFFFFF never expires.
    case sessionExpiryInterval(UInt32)
    case assignedClientIdentifier(String)
    /// Seconds.
    case serverKeepAlive(UInt16)
    case authenticationMethod(String)
    case authenticationData(ByteBuffer)
    case requestProblemInformation(Bool)
    /// Seconds.
    case willDelayInterval(UInt32)
    case requestResponseInformation(Bool)
    case responseInformation(String)
    case serverReference(String)
    case reasonString(String)
    case receiveMaximum(UInt16)
    case topicAliasMaximum(UInt16)
    case topicAlias(UInt16)
    case maximumQoS(QoS)
    case retainAvailable(Bool)
    case userProperty(name: String, value: String)
    /// Bytes of a whole packet.
    case maximumPacketSize(UInt32)
    case wildcardSubscriptionAvailable(Bool)
    case subscriptionIdentifierAvailable(Bool)
    case sharedSubscriptionAvailable(Bool)

    package var id: PropertyID {
        switch self {
        case .payloadFormatIndicator: .payloadFormatIndicator
        case .messageExpiryInterval: .messageExpiryInterval
        case .contentType: .contentType
        case .responseTopic: .responseTopic
        case .correlationData: .correlationData
        case .subscriptionIdentifier: .subscriptionIdentifier
        case .sessionExpiryInterval: .sessionExpiryInterval
        case .assignedClientIdentifier: .assignedClientIdentifier
        case .serverKeepAlive: .serverKeepAlive
        case .authenticationMethod: .authenticationMethod
        case .authenticationData: .authenticationData
        case .requestProblemInformation: .requestProblemInformation
        case .willDelayInterval: .willDelayInterval
        case .requestResponseInformation: .requestResponseInformation
        case .responseInformation: .responseInformation
        case .serverReference: .serverReference
        case .reasonString: .reasonString
        case .receiveMaximum: .receiveMaximum
        case .topicAliasMaximum: .topicAliasMaximum
        case .topicAlias: .topicAlias
        case .maximumQoS: .maximumQoS
        case .retainAvailable: .retainAvailable
        case .userProperty: .userProperty
        case .maximumPacketSize: .maximumPacketSize
        case .wildcardSubscriptionAvailable: .wildcardSubscriptionAvailable
        case .subscriptionIdentifierAvailable: .subscriptionIdentifierAvailable
        case .sharedSubscriptionAvailable: .sharedSubscriptionAvailable
        }
    }
}

/// Where a list of properties stands: in a packet, or in the will of a CONNECT (3.1.3.2).
package enum PropertyPlace: Hashable, Sendable, CustomStringConvertible {
    case packet(PacketType)
    case will

    package var description: String {
        switch self {
        case .packet(let type): type.description
        case .will: "CONNECT will"
        }
    }
}

extension PropertyID {
    /// Whether table 2-4 lists the property for `place`.
    package func isAllowed(in place: PropertyPlace) -> Bool {
        switch place {
        case .will: Self.willProperties.contains(self)
        case .packet(let type): self.packetTypes.contains(type)
        }
    }

    private static let willProperties: Set<PropertyID> = [
        .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic,
        .correlationData, .willDelayInterval, .userProperty,
    ]

    private var packetTypes: [PacketType] {
        switch self {
        case .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic,
            .correlationData, .topicAlias:
            [.publish]
        case .subscriptionIdentifier: [.publish, .subscribe]
        case .sessionExpiryInterval: [.connect, .connack, .disconnect]
        case .assignedClientIdentifier, .serverKeepAlive, .responseInformation, .maximumQoS,
            .retainAvailable, .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable,
            .sharedSubscriptionAvailable:
            [.connack]
        case .authenticationMethod, .authenticationData: [.connect, .connack, .auth]
        case .requestProblemInformation, .requestResponseInformation: [.connect]
        case .willDelayInterval: []
        case .serverReference: [.connack, .disconnect]
        case .reasonString:
            [
                .connack, .puback, .pubrec, .pubrel, .pubcomp, .suback, .unsuback, .disconnect,
                .auth,
            ]
        case .receiveMaximum, .topicAliasMaximum, .maximumPacketSize: [.connect, .connack]
        case .userProperty:
            [
                .connect, .connack, .publish, .puback, .pubrec, .pubrel, .pubcomp, .subscribe,
                .suback, .unsubscribe, .unsuback, .disconnect, .auth,
            ]
        }
    }

    /// Whether the property may stand more than once in `place`. User properties may anywhere;
    /// a PUBLISH to a client names every subscription that it answers (3.3.2.3.8).
    func mayRepeat(in place: PropertyPlace) -> Bool {
        self == .userProperty
            || self == .subscriptionIdentifier && place == .packet(.publish)
    }
}
