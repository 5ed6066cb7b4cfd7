/// What `ConnectionMachine` wants done. Exactly one comes back for each event.
package enum ConnectionAction: Hashable, Sendable {
    /// Nothing to do.
    case nothing
    /// Send this packet.
    case send(Packet)
    /// Judge the CONNECT, then call `accept` or `refuse`. Until then feed no packet.
    case authorizeConnect(ConnectRequest)
    /// Judge and route; its topic is a name, never an alias. At QoS 1, call `acknowledge` when it
    /// is done.
    case publish(Publish)
    /// Judge each line that is not refused yet, then send a SUBACK with a reason for each.
    case subscribe(SubscribeRequest)
    /// Remove, then send an UNSUBACK with a reason for each.
    case unsubscribe(Unsubscribe)
    /// The client's PUBACK: for `SessionMachine.acknowledged`.
    case acknowledged(PublishAck)
    /// Send the packet if there is one, then close. Nothing follows.
    case close(Closing)
}

/// A CONNECT that keeps every rule of the protocol and the settings.
package struct ConnectRequest: Hashable, Sendable {
    package let connect: Connect
    /// Nil where the client leaves the choice to the server: choose `ClientIDRule.assignedPrefix`
    /// and a UUID, judge that, and give it to `accept`.
    package let clientID: String?
    /// Seconds the session may outlive the connection: what was asked, cut to what is granted.
    package let sessionExpirySeconds: UInt32
    package let keepAliveSeconds: UInt16
    /// How many QoS 1 messages the client takes at once, for `SessionMachine`.
    package let clientReceiveMaximum: UInt16
    /// For `PacketEncoder`.
    package let clientPacketBytesMax: Int
}

/// A SUBSCRIBE with what the settings already refuse.
package struct SubscribeRequest: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        /// Malformed only where `refusal` is set.
        package let filter: NamedFilter
        /// With the QoS cut to what the server grants.
        package let options: SubscriptionOptions
        /// Set where the line is refused whatever a policy says.
        package let refusal: ReasonCode?
        /// For the log, beside `refusal`.
        package let refusalReason: String?
        /// The parsed form of a shared subscription.
        package let shared: SharedSubscription?

        /// The SUBACK code if nobody objects.
        package var reason: ReasonCode { self.refusal ?? .granted(self.options.qos) }
    }

    package let packetID: PacketID
    package let lines: [Line]
    package let subscriptionIdentifier: UInt32?
}

/// How and why a connection ends.
package struct Closing: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The client sent DISCONNECT.
        case clientDisconnected(ReasonCode)
        /// The client broke a rule.
        case clientError(MQTTError)
        /// The transport ended without a DISCONNECT.
        case connectionLost
        case keepAliveTimeout
        case connectTimeout
        /// The CONNECT was refused.
        case connectRefused(ReasonCode)
        /// The server's own wish.
        case server(ReasonCode)
    }

    package let cause: Cause
    /// The last word, where the version has one and the client is owed it.
    package let packet: Packet?
    /// Whether the will of this connection is now due (3.1.2.5).
    package let willIsDue: Bool
}
