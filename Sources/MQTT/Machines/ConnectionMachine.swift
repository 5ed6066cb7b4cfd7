/// The server's side of one connection: the order of the handshake, keep-alive, and every limit the
/// server sets. Pure: events go in, one action comes out, time is an argument.
///
/// It knows nothing of policies, sessions or subscriptions; where those must judge, it asks by its
/// action and is told by the next call. Wire it as: decoder -> `received` -> do the action.
package struct ConnectionMachine: ~Copyable {
    enum State {
        case awaitingConnect(since: MonotonicMilliseconds)
        case authorizing(ConnectRequest)
        case connected
        case closed
    }

    let settings: ConnectionSettings
    var state: State
    var window: InboundWindow
    var aliases: TopicAliases
    var lastHeard: MonotonicMilliseconds
    var keepAliveMilliseconds: Int64 = 0

    /// Nil until the CONNECT has come; 3.1.1 has fewer last words than 5.
    package internal(set) var version: ProtocolVersion?
    /// The identifier in force; empty until `accept`.
    package internal(set) var clientID = ""
    /// Of the connection that was accepted; whether it is due, `Closing` says.
    package internal(set) var will: Will?
    /// False where the client asked for no reason strings on acknowledgements: then leave them and
    /// user properties out ([MQTT-3.1.2-29]).
    package internal(set) var wantsProblemInformation = true
    /// The client's Maximum Packet Size, which binds a CONNACK too ([MQTT-3.1.2-24]).
    package internal(set) var clientPacketBytesMax = PacketEncoder.packetBytesUnlimited
    /// What the client asked for its session, in seconds; only a DISCONNECT looks back at it.
    var sessionExpiryAsked: UInt32 = 0

    package init(settings: ConnectionSettings, at now: MonotonicMilliseconds) {
        self.settings = settings
        self.state = .awaitingConnect(since: now)
        self.window = InboundWindow(maximum: settings.receiveMaximum)
        self.aliases = TopicAliases(maximum: settings.topicAliasMaximum)
        self.lastHeard = now
    }

    /// Whether a packet may be fed now. While it is false, leave the bytes where they are: a
    /// CONNECT is being judged, or a 3.1.1 client, which no receive maximum binds, has as many
    /// publishes open as one of MQTT 5 might.
    package var wantsPackets: Bool {
        switch self.state {
        case .awaitingConnect: true
        case .authorizing, .closed: false
        case .connected: !self.isThrottled
        }
    }

    package var isConnected: Bool {
        if case .connected = self.state { true } else { false }
    }

    package var isClosed: Bool {
        if case .closed = self.state { true } else { false }
    }

    /// Publishes of the client that await `acknowledge`.
    package var unacknowledgedCount: Int { self.window.count }

    var isThrottled: Bool { self.version == .v311 && self.window.isFull }
}
