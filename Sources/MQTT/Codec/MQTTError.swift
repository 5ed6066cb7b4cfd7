/// What a peer did that the protocol does not allow, or what cannot be said in it.
///
/// The code is the stable part (logs, metrics, tests); the message names the packet and the field;
/// the reason code is what an MQTT 5 peer is told when the connection closes (4.13).
package struct MQTTError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        // Bytes that are no packet: 0x81.
        case reservedPacketType, reservedFlags, malformedLength, truncatedField, trailingBytes
        case invalidUTF8, invalidQoS, invalidConnectFlags, invalidSubscriptionOptions
        case unknownProperty, propertyNotAllowed, unknownReasonCode

        // Packets that may not be said here or like this: 0x82.
        case firstPacketNotConnect, secondConnect, unexpectedPacket, invalidPacketID
        case duplicateProperty, invalidPropertyValue, emptySubscription, emptyTopic
        case unknownTopicAlias, sessionExpiryRaised

        // Each has a reason code of its own.
        case unsupportedProtocolName, unsupportedProtocolVersion, invalidClientID
        case badAuthenticationMethod, packetTooLarge, invalidTopicName, invalidTopicFilter
        case topicAliasInvalid, receiveMaximumExceeded, qosNotSupported, retainNotSupported
        case subscriptionIdentifiersNotSupported, keepAliveTimeout, connectTimeout

        /// Only the encoder's: a value that has no form on the wire.
        case notEncodable
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var reasonCode: ReasonCode {
        switch self.code {
        case .reservedPacketType, .reservedFlags, .malformedLength, .truncatedField,
            .trailingBytes, .invalidUTF8, .invalidQoS, .invalidConnectFlags,
            .invalidSubscriptionOptions, .unknownProperty, .propertyNotAllowed,
            .unknownReasonCode:
            .malformedPacket
        case .firstPacketNotConnect, .secondConnect, .unexpectedPacket, .invalidPacketID,
            .duplicateProperty, .invalidPropertyValue, .emptySubscription, .emptyTopic,
            .unknownTopicAlias, .sessionExpiryRaised, .connectTimeout:
            .protocolError
        case .unsupportedProtocolName, .unsupportedProtocolVersion: .unsupportedProtocolVersion
        case .invalidClientID: .clientIdentifierNotValid
        case .badAuthenticationMethod: .badAuthenticationMethod
        case .packetTooLarge: .packetTooLarge
        case .invalidTopicName: .topicNameInvalid
        case .invalidTopicFilter: .topicFilterInvalid
        case .topicAliasInvalid: .topicAliasInvalid
        case .receiveMaximumExceeded: .receiveMaximumExceeded
        case .qosNotSupported: .qosNotSupported
        case .retainNotSupported: .retainNotSupported
        case .subscriptionIdentifiersNotSupported: .subscriptionIdentifiersNotSupported
        case .keepAliveTimeout: .keepAliveTimeout
        case .notEncodable: .implementationSpecificError
        }
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
