/// Every reason code of MQTT 5, table 2-6. Where the standard gives one value several names, the
/// others are static members.
package enum ReasonCode: UInt8, Hashable, Sendable, CaseIterable {
    case success = 0x00
    case grantedQoS1 = 0x01
    case grantedQoS2 = 0x02
    case disconnectWithWillMessage = 0x04
    case noMatchingSubscribers = 0x10
    case noSubscriptionExisted = 0x11
    case continueAuthentication = 0x18
    case reAuthenticate = 0x19
    case unspecifiedError = 0x80
    case malformedPacket = 0x81
    case protocolError = 0x82
    case implementationSpecificError = 0x83
    case unsupportedProtocolVersion = 0x84
    case clientIdentifierNotValid = 0x85
    case badUserNameOrPassword = 0x86
    case notAuthorized = 0x87
    case serverUnavailable = 0x88
    case serverBusy = 0x89
    case banned = 0x8A
    case serverShuttingDown = 0x8B
    case badAuthenticationMethod = 0x8C
    case keepAliveTimeout = 0x8D
    case sessionTakenOver = 0x8E
    case topicFilterInvalid = 0x8F
    case topicNameInvalid = 0x90
    case packetIdentifierInUse = 0x91
    case packetIdentifierNotFound = 0x92
    case receiveMaximumExceeded = 0x93
    case topicAliasInvalid = 0x94
    case packetTooLarge = 0x95
    case messageRateTooHigh = 0x96
    case quotaExceeded = 0x97
    case administrativeAction = 0x98
    case payloadFormatInvalid = 0x99
    case retainNotSupported = 0x9A
    case qosNotSupported = 0x9B
    case useAnotherServer = 0x9C
    case serverMoved = 0x9D
    case sharedSubscriptionsNotSupported = 0x9E
    case connectionRateExceeded = 0x9F
    case maximumConnectTime = 0xA0
    case subscriptionIdentifiersNotSupported = 0xA1
    case wildcardSubscriptionsNotSupported = 0xA2

    package static let normalDisconnection = ReasonCode.success
    package static let grantedQoS0 = ReasonCode.success

    /// Values from 0x80 report a failure (2.4).
    package var isFailure: Bool { self.rawValue >= 0x80 }

    /// The SUBACK code that grants `qos`.
    package static func granted(_ qos: QoS) -> ReasonCode {
        switch qos {
        case .atMostOnce: .success
        case .atLeastOnce: .grantedQoS1
        case .exactlyOnce: .grantedQoS2
        }
    }

    /// The QoS this SUBACK code grants; nil for a refusal.
    package var grantedQoS: QoS? { QoS(rawValue: self.rawValue) }
}

extension ReasonCode {
    /// Whether table 2-6 lists the code for packets of `type`.
    package func isAllowed(in type: PacketType) -> Bool {
        switch type {
        case .connack: Self.connackCodes.contains(self)
        case .puback, .pubrec: Self.publishCodes.contains(self)
        case .pubrel, .pubcomp: self == .success || self == .packetIdentifierNotFound
        case .suback: Self.subackCodes.contains(self)
        case .unsuback: Self.unsubackCodes.contains(self)
        case .disconnect: Self.disconnectCodes.contains(self)
        case .auth:
            self == .success || self == .continueAuthentication || self == .reAuthenticate
        case .connect, .publish, .subscribe, .unsubscribe, .pingreq, .pingresp: false
        }
    }

    private static let connackCodes: Set<ReasonCode> = [
        .success, .unspecifiedError, .malformedPacket, .protocolError,
        .implementationSpecificError, .unsupportedProtocolVersion, .clientIdentifierNotValid,
        .badUserNameOrPassword, .notAuthorized, .serverUnavailable, .serverBusy, .banned,
        .badAuthenticationMethod, .topicNameInvalid, .packetTooLarge, .quotaExceeded,
        .payloadFormatInvalid, .retainNotSupported, .qosNotSupported, .useAnotherServer,
        .serverMoved, .connectionRateExceeded,
    ]
    private static let publishCodes: Set<ReasonCode> = [
        .success, .noMatchingSubscribers, .unspecifiedError, .implementationSpecificError,
        .notAuthorized, .topicNameInvalid, .packetIdentifierInUse, .quotaExceeded,
        .payloadFormatInvalid,
    ]
    private static let subackCodes: Set<ReasonCode> = [
        .success, .grantedQoS1, .grantedQoS2, .unspecifiedError, .implementationSpecificError,
        .notAuthorized, .topicFilterInvalid, .packetIdentifierInUse, .quotaExceeded,
        .sharedSubscriptionsNotSupported, .subscriptionIdentifiersNotSupported,
        .wildcardSubscriptionsNotSupported,
    ]
    private static let unsubackCodes: Set<ReasonCode> = [
        .success, .noSubscriptionExisted, .unspecifiedError, .implementationSpecificError,
        .notAuthorized, .topicFilterInvalid, .packetIdentifierInUse,
    ]
    private static let disconnectCodes: Set<ReasonCode> = [
        .success, .disconnectWithWillMessage, .unspecifiedError, .malformedPacket, .protocolError,
        .implementationSpecificError, .notAuthorized, .serverBusy, .serverShuttingDown,
        .keepAliveTimeout, .sessionTakenOver, .topicFilterInvalid, .topicNameInvalid,
        .receiveMaximumExceeded, .topicAliasInvalid, .packetTooLarge, .messageRateTooHigh,
        .quotaExceeded, .administrativeAction, .payloadFormatInvalid, .retainNotSupported,
        .qosNotSupported, .useAnotherServer, .serverMoved, .sharedSubscriptionsNotSupported,
        .connectionRateExceeded, .maximumConnectTime, .subscriptionIdentifiersNotSupported,
        .wildcardSubscriptionsNotSupported,
    ]
}

/// The six answers an MQTT 3.1.1 CONNACK knows (table 3.1).
package enum ConnectReturnCode: UInt8, Hashable, Sendable, CaseIterable {
    case accepted = 0
    case unacceptableProtocolVersion = 1
    case identifierRejected = 2
    case serverUnavailable = 3
    case badUserNameOrPassword = 4
    case notAuthorized = 5

    /// Nil where no return code applies: the server then closes without a CONNACK
    /// ([MQTT-3.2.2-6] of 3.1.1).
    package init?(_ reason: ReasonCode) {
        switch reason {
        case .success: self = .accepted
        case .unsupportedProtocolVersion: self = .unacceptableProtocolVersion
        case .clientIdentifierNotValid: self = .identifierRejected
        case .badUserNameOrPassword, .badAuthenticationMethod: self = .badUserNameOrPassword
        case .notAuthorized, .banned: self = .notAuthorized
        case .serverUnavailable, .serverBusy, .quotaExceeded, .connectionRateExceeded,
            .serverShuttingDown:
            self = .serverUnavailable
        case .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage, .noMatchingSubscribers,
            .noSubscriptionExisted, .continueAuthentication, .reAuthenticate, .unspecifiedError,
            .malformedPacket, .protocolError, .implementationSpecificError, .keepAliveTimeout,
            .sessionTakenOver, .topicFilterInvalid, .topicNameInvalid, .packetIdentifierInUse,
            .packetIdentifierNotFound, .receiveMaximumExceeded, .topicAliasInvalid,
            .packetTooLarge, .messageRateTooHigh, .administrativeAction, .payloadFormatInvalid,
            .retainNotSupported, .qosNotSupported, .useAnotherServer, .serverMoved,
            .sharedSubscriptionsNotSupported, .maximumConnectTime,
            .subscriptionIdentifiersNotSupported, .wildcardSubscriptionsNotSupported:
            return nil
        }
    }

    package var reasonCode: ReasonCode {
        switch self {
        case .accepted: .success
        case .unacceptableProtocolVersion: .unsupportedProtocolVersion
        case .identifierRejected: .clientIdentifierNotValid
        case .serverUnavailable: .serverUnavailable
        case .badUserNameOrPassword: .badUserNameOrPassword
        case .notAuthorized: .notAuthorized
        }
    }
}
