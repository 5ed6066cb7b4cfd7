/// What a subscription asks for beside its filter (3.8.3.1). 3.1.1 knows only the QoS.
package struct SubscriptionOptions: Hashable, Sendable {
    /// Which retained messages the subscription itself brings (3.8.3.1).
    package enum RetainHandling: UInt8, Hashable, Sendable {
        case sendAlways = 0
        case sendIfNew = 1
        case sendNever = 2
    }

    package var qos: QoS
    package var noLocal: Bool
    package var retainAsPublished: Bool
    package var retainHandling: RetainHandling

    package init(
        qos: QoS = .atMostOnce, noLocal: Bool = false, retainAsPublished: Bool = false,
        retainHandling: RetainHandling = .sendAlways
    ) {
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
    }

    /// Nil where reserved bits are set, QoS is 3 or Retain Handling is 3 ([MQTT-3.8.3-5]).
    package init?(byte: UInt8, version: ProtocolVersion) {
        let reserved: UInt8 =
            switch version {
            case .v311: 0b1111_1100
            case .v5: 0b1100_0000
            }
        guard byte & reserved == 0, let qos = QoS(rawValue: byte & 0b11),
            let retainHandling = RetainHandling(rawValue: byte >> 4 & 0b11)
        else { return nil }
        self.qos = qos
        self.noLocal = byte & 0b100 != 0
        self.retainAsPublished = byte & 0b1000 != 0
        self.retainHandling = retainHandling
    }

    package func byte(version: ProtocolVersion) -> UInt8 {
        switch version {
        case .v311: self.qos.rawValue
        case .v5:
            self.qos.rawValue | (self.noLocal ? 0b100 : 0)
                | (self.retainAsPublished ? 0b1000 : 0) | self.retainHandling.rawValue << 4
        }
    }
}

/// What a line of a SUBSCRIBE or UNSUBSCRIBE names: a filter, or a text that is none.
///
/// A text that breaks the rules of 4.7 is a well-formed string in a well-formed packet: its own
/// line is refused, and the others and the connection stand (provisioning specification, 5.7).
package enum NamedFilter: Hashable, Sendable {
    case filter(TopicFilter)
    case malformed(String, MQTTError)

    package init(_ text: String) {
        do throws(MQTTError) { self = .filter(try TopicFilter(text)) } catch {
            self = .malformed(text, error)
        }
    }

    package var text: String {
        switch self {
        case .filter(let filter): filter.text
        case .malformed(let text, _): text
        }
    }
}

/// One line of a SUBSCRIBE.
package struct Subscription: Hashable, Sendable {
    package var filter: NamedFilter
    package var options: SubscriptionOptions

    package init(filter: TopicFilter, options: SubscriptionOptions = SubscriptionOptions()) {
        self.init(named: .filter(filter), options: options)
    }

    package init(
        named filter: NamedFilter, options: SubscriptionOptions = SubscriptionOptions()
    ) {
        self.filter = filter
        self.options = options
    }
}

/// SUBSCRIBE (3.8); never without a subscription ([MQTT-3.8.3-2]).
package struct Subscribe: Hashable, Sendable {
    package var packetID: PacketID
    package var subscriptions: [Subscription]
    package var properties: Properties

    package init(
        packetID: PacketID, subscriptions: [Subscription], properties: Properties = .none
    ) {
        self.packetID = packetID
        self.subscriptions = subscriptions
        self.properties = properties
    }
}

/// SUBACK (3.9): one reason per subscription, in order. In 3.1.1 every refusal is 0x80.
package struct SubAck: Hashable, Sendable {
    package var packetID: PacketID
    package var reasons: [ReasonCode]
    package var properties: Properties

    package init(packetID: PacketID, reasons: [ReasonCode], properties: Properties = .none) {
        self.packetID = packetID
        self.reasons = reasons
        self.properties = properties
    }
}

/// UNSUBSCRIBE (3.10); never without a filter ([MQTT-3.10.3-2]).
package struct Unsubscribe: Hashable, Sendable {
    package var packetID: PacketID
    package var filters: [NamedFilter]
    package var properties: Properties

    package init(packetID: PacketID, filters: [TopicFilter], properties: Properties = .none) {
        self.init(packetID: packetID, named: filters.map { .filter($0) }, properties: properties)
    }

    package init(
        packetID: PacketID, named filters: [NamedFilter], properties: Properties = .none
    ) {
        self.packetID = packetID
        self.filters = filters
        self.properties = properties
    }
}

/// UNSUBACK (3.11): one reason per filter, in order. In 3.1.1 there are none on the wire, and a
/// decoded packet has an empty list.
package struct UnsubAck: Hashable, Sendable {
    package var packetID: PacketID
    package var reasons: [ReasonCode]
    package var properties: Properties

    package init(packetID: PacketID, reasons: [ReasonCode], properties: Properties = .none) {
        self.packetID = packetID
        self.reasons = reasons
        self.properties = properties
    }
}
