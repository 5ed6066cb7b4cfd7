package import NIOCore

/// The properties of one packet, in the order they stand on the wire (2.2.2). User properties keep
/// their order ([MQTT-3.3.2-18]). Always empty in MQTT 3.1.1.
///
/// One array, not one field per property: most packets carry none, and an empty array is one
/// pointer that is never allocated.
package struct Properties: Hashable, Sendable, ExpressibleByArrayLiteral {
    package private(set) var list: [Property]

    package init(_ list: [Property] = []) { self.list = list }
    package init(arrayLiteral elements: Property...) { self.list = elements }

    package static let none = Properties()

    package var isEmpty: Bool { self.list.isEmpty }

    package mutating func append(_ property: Property) { self.list.append(property) }

    package var userProperties: [(name: String, value: String)] {
        self.list.compactMap {
            if case .userProperty(let name, let value) = $0 { (name, value) } else { nil }
        }
    }

    package var subscriptionIdentifiers: [UInt32] {
        self.list.compactMap {
            if case .subscriptionIdentifier(let identifier) = $0 { identifier } else { nil }
        }
    }

    /// What a server passes on unaltered from a PUBLISH or will to its subscribers
    /// ([MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-20]). The expiry interval is among them;
    /// what is left of it is the session's to say.
    package var forwarded: Properties {
        if self.list.isEmpty { return self }
        return Properties(
            self.list.filter {
                switch $0.id {
                case .payloadFormatIndicator, .messageExpiryInterval, .contentType,
                    .responseTopic, .correlationData, .userProperty:
                    true
                case .subscriptionIdentifier, .sessionExpiryInterval, .assignedClientIdentifier,
                    .serverKeepAlive, .authenticationMethod, .authenticationData,
                    .requestProblemInformation, .willDelayInterval, .requestResponseInformation,
                    .responseInformation, .serverReference, .reasonString, .receiveMaximum,
                    .topicAliasMaximum, .topicAlias, .maximumQoS, .retainAvailable,
                    .maximumPacketSize, .wildcardSubscriptionAvailable,
                    .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
                    false
                }
            })
    }

    /// Without what only a person reads: the part that gives way when a packet would be larger
    /// than its receiver accepts ([MQTT-3.2.2-19], [MQTT-3.2.2-20] and their like), or when the
    /// client asked for no problem information ([MQTT-3.1.2-29]).
    package var withoutDiagnostics: Properties {
        Properties(self.list.filter { $0.id != .reasonString && $0.id != .userProperty })
    }

    private func first<Value>(_ value: (Property) -> Value?) -> Value? {
        for property in self.list {
            if let found = value(property) { return found }
        }
        return nil
    }

    private mutating func replace(_ id: PropertyID, with property: Property?) {
        self.list.removeAll { $0.id == id }
        if let property { self.list.append(property) }
    }
}

// MARK: The properties that stand at most once

extension Properties {
    /// True: the payload is UTF-8 text (3.3.2.3.2).
    package var payloadFormatIndicator: Bool? {
        get {
            self.first { if case .payloadFormatIndicator(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(
                .payloadFormatIndicator, with: newValue.map(Property.payloadFormatIndicator))
        }
    }
    /// Seconds.
    package var messageExpiryInterval: UInt32? {
        get {
            self.first { if case .messageExpiryInterval(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(.messageExpiryInterval, with: newValue.map(Property.messageExpiryInterval))
        }
    }
    package var contentType: String? {
        get {
            self.first { if case .contentType(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.contentType, with: newValue.map(Property.contentType)) }
    }
    package var responseTopic: TopicName? {
        get {
            self.first { if case .responseTopic(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.responseTopic, with: newValue.map(Property.responseTopic)) }
    }
    package var correlationData: ByteBuffer? {
        get {
            self.first { if case .correlationData(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.correlationData, with: newValue.map(Property.correlationData)) }
    }
    /// Seconds; 0xFFFFFFFF never expires.
    package var sessionExpiryInterval: UInt32? {
        get {
            self.first { if case .sessionExpiryInterval(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(.sessionExpiryInterval, with: newValue.map(Property.sessionExpiryInterval))
        }
    }
    package var assignedClientIdentifier: String? {
        get {
            self.first { if case .assignedClientIdentifier(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(
                .assignedClientIdentifier, with: newValue.map(Property.assignedClientIdentifier))
        }
    }
    /// Seconds.
    package var serverKeepAlive: UInt16? {
        get {
            self.first { if case .serverKeepAlive(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.serverKeepAlive, with: newValue.map(Property.serverKeepAlive)) }
    }
    package var authenticationMethod: String? {
        get {
            self.first { if case .authenticationMethod(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(.authenticationMethod, with: newValue.map(Property.authenticationMethod))
        }
    }
    package var authenticationData: ByteBuffer? {
        get {
            self.first { if case .authenticationData(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.authenticationData, with: newValue.map(Property.authenticationData)) }
    }
    package var requestProblemInformation: Bool? {
        get {
            self.first { if case .requestProblemInformation(let value) = $0 { value } else { nil } }
        }
        set {
            self.replace(
                .requestProblemInformation, with: newValue.map(Property.requestProblemInformation))
        }
    }
    /// Seconds.
    package var willDelayInterval: UInt32? {
        get {
            self.first { if case .willDelayInterval(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.willDelayInterval, with: newValue.map(Property.willDelayInterval)) }
    }
    package var requestResponseInformation: Bool? {
        get {
            self.first {
                if case .requestResponseInformation(let value) = $0 { value } else { nil }
            }
        }
        set {
            self.replace(
                .requestResponseInformation, with: newValue.map(Property.requestResponseInformation)
            )
        }
    }
    package var responseInformation: String? {
        get {
            self.first { if case .responseInformation(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.responseInformation, with: newValue.map(Property.responseInformation)) }
    }
    package var serverReference: String? {
        get {
            self.first { if case .serverReference(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.serverReference, with: newValue.map(Property.serverReference)) }
    }
    package var reasonString: String? {
        get {
            self.first { if case .reasonString(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.reasonString, with: newValue.map(Property.reasonString)) }
    }
    package var receiveMaximum: UInt16? {
        get {
            self.first { if case .receiveMaximum(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.receiveMaximum, with: newValue.map(Property.receiveMaximum)) }
    }
    package var topicAliasMaximum: UInt16? {
        get {
            self.first { if case .topicAliasMaximum(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.topicAliasMaximum, with: newValue.map(Property.topicAliasMaximum)) }
    }
    package var topicAlias: UInt16? {
        get {
            self.first { if case .topicAlias(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.topicAlias, with: newValue.map(Property.topicAlias)) }
    }
    package var maximumQoS: QoS? {
        get {
            self.first { if case .maximumQoS(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.maximumQoS, with: newValue.map(Property.maximumQoS)) }
    }
    package var retainAvailable: Bool? {
        get {
            self.first { if case .retainAvailable(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.retainAvailable, with: newValue.map(Property.retainAvailable)) }
    }
    /// Bytes of a whole packet.
    package var maximumPacketSize: UInt32? {
        get {
            self.first { if case .maximumPacketSize(let value) = $0 { value } else { nil } }
        }
        set { self.replace(.maximumPacketSize, with: newValue.map(Property.maximumPacketSize)) }
    }
    package var wildcardSubscriptionAvailable: Bool? {
        get {
            self.first {
                if case .wildcardSubscriptionAvailable(let value) = $0 { value } else { nil }
            }
        }
        set {
            self.replace(
                .wildcardSubscriptionAvailable,
                with: newValue.map(Property.wildcardSubscriptionAvailable))
        }
    }
    package var subscriptionIdentifierAvailable: Bool? {
        get {
            self.first {
                if case .subscriptionIdentifierAvailable(let value) = $0 { value } else { nil }
            }
        }
        set {
            self.replace(
                .subscriptionIdentifierAvailable,
                with: newValue.map(Property.subscriptionIdentifierAvailable))
        }
    }
    package var sharedSubscriptionAvailable: Bool? {
        get {
            self.first {
                if case .sharedSubscriptionAvailable(let value) = $0 { value } else { nil }
            }
        }
        set {
            self.replace(
                .sharedSubscriptionAvailable,
                with: newValue.map(Property.sharedSubscriptionAvailable))
        }
    }
}
