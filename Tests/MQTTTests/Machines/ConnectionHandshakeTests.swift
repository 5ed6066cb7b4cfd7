import MQTT
import NIOCore
import Testing

/// A machine that has heard its CONNECT and accepted it at time 0.
func connected(
    _ version: ProtocolVersion, settings: ConnectionSettings = ConnectionSettings(),
    _ change: (inout Connect) -> Void = { _ in }
) -> ConnectionMachine {
    var machine = ConnectionMachine(settings: settings, at: 0)
    var connect = Connect(version: version, clientID: "pump")
    change(&connect)
    _ = machine.received(.connect(connect), at: 0)
    _ = machine.accept(clientID: "pump", at: 0)
    #expect(machine.isConnected == true)
    return machine
}

extension ConnectionAction {
    var closing: Closing? { if case .close(let closing) = self { closing } else { nil } }
    var request: ConnectRequest? {
        if case .authorizeConnect(let request) = self { request } else { nil }
    }
    var connack: ConnAck? {
        switch self {
        case .send(.connack(let ack)): ack
        case .close(let closing):
            if case .connack(let ack)? = closing.packet { ack } else { nil }
        default: nil
        }
    }
    var error: MQTTError? {
        if case .clientError(let error)? = self.closing?.cause { error } else { nil }
    }
    /// What a v5 DISCONNECT says.
    var goodbye: ReasonCode? {
        if case .disconnect(let packet)? = self.closing?.packet { packet.reason } else { nil }
    }
}

@Suite struct ConnectionHandshakeTests {
    @Test(arguments: [.v311, .v5] as [ProtocolVersion])
    func aConnectIsJudgedThenAnswered(_ version: ProtocolVersion) throws {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        #expect(machine.wantsPackets && machine.version == nil)
        let connect = Connect(version: version, clientID: "pump", keepAliveSeconds: 60)
        let request = try #require(machine.received(.connect(connect), at: 5).request)
        #expect(request.clientID == "pump" && request.keepAliveSeconds == 60)
        #expect(request.clientReceiveMaximum == .max && request.connect == connect)
        #expect(!machine.wantsPackets && !machine.isConnected && machine.version == version)
        #expect(machine.nextDeadline == nil)

        let ack = try #require(machine.accept(clientID: "pump", at: 10).connack)
        #expect(ack.reason == .success && !ack.sessionPresent)
        #expect(ack.properties.isEmpty == (version == .v311))
        #expect(machine.wantsPackets && machine.isConnected && machine.clientID == "pump")
        #expect(machine.nextDeadline == 90_010)
    }

    @Test func theConnackSaysWhatIsInForce() throws {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        let connect = Connect(
            version: .v5, clientID: "", keepAliveSeconds: 5,
            properties: [
                .sessionExpiryInterval(3600), .receiveMaximum(7), .maximumPacketSize(1000),
            ])
        let request = try #require(machine.received(.connect(connect), at: 0).request)
        #expect(request.clientID == nil && request.sessionExpirySeconds == 0)
        #expect(request.clientReceiveMaximum == 7 && request.clientPacketBytesMax == 1000)
        let id = "$GEN/6f1e2f9c-0000-4000-8000-0123456789ab"
        let properties = try #require(machine.accept(clientID: id, at: 0).connack).properties
        #expect(
            properties == [
                .sessionExpiryInterval(0), .receiveMaximum(100), .maximumQoS(.atLeastOnce),
                .retainAvailable(false), .maximumPacketSize(149_504),
                .assignedClientIdentifier(id), .topicAliasMaximum(8),
                .wildcardSubscriptionAvailable(true), .subscriptionIdentifierAvailable(false),
                .sharedSubscriptionAvailable(false), .serverKeepAlive(30),
            ])
        #expect(machine.clientID == id)
    }

    @Test(
        arguments: [
            (0, 1200), (1, 30), (29, 30), (30, 30), (60, 60), (1200, 1200), (1201, 1200),
            (.max, 1200),
        ] as [(UInt16, UInt16)])
    func keepAliveIsBroughtIntoRange(_ asked: UInt16, _ effective: UInt16) {
        #expect(ConnectionSettings().effectiveKeepAlive(asked) == effective)
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        let connect = Connect(version: .v311, clientID: "a", keepAliveSeconds: asked)
        #expect(
            machine.received(.connect(connect), at: 0).request?.keepAliveSeconds == effective)
    }

    @Test(arguments: [
        ("a", true), (String(repeating: "x", count: 128), true),
        (String(repeating: "x", count: 129), false), ("$x", false), ("$GEN/", false),
        ("$GEN/6f1e2f9c-0000-4000-8000-0123456789ab", true),
        ("$GEN/6f1e2f9c-0000-4000-8000-0123456789ag", false),
        ("$GEN/6f1e2f9c00000-4000-8000-0123456789ab", false), ("a$b", true), ("a/+/#", true),
    ])
    func clientIdentifiersAreJudged(_ id: String, _ isTaken: Bool) {
        for version in ProtocolVersion.allCases {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            let action = machine.received(
                .connect(Connect(version: version, clientID: id)), at: 0)
            #expect((action.request != nil) == isTaken)
            if !isTaken {
                #expect(action.connack?.reason == .clientIdentifierNotValid)
                #expect(machine.isClosed == true)
            }
        }
    }

    @Test func anEmptyIdentifierNeedsACleanSessionIn311() {
        for (version, clean, isTaken) in [
            (.v311, true, true), (.v311, false, false), (.v5, true, true), (.v5, false, true),
        ] as [(ProtocolVersion, Bool, Bool)] {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            let connect = Connect(version: version, clientID: "", cleanStart: clean)
            let action = machine.received(.connect(connect), at: 0)
            #expect((action.request != nil) == isTaken)
            #expect(isTaken || action.connack?.reason == .clientIdentifierNotValid)
        }
    }

    @Test func willsKeepTheSettings() {
        let long = String(repeating: "x", count: 257)
        for (will, reason) in [
            (Will(topic: topic("w"), payload: buffer("x"), qos: .atLeastOnce), nil),
            (Will(topic: topic("w"), payload: buffer("x"), qos: .exactlyOnce), .qosNotSupported),
            (Will(topic: topic("w"), payload: buffer("x"), retain: true), .retainNotSupported),
            (Will(topic: topic(long), payload: buffer("x")), .topicNameInvalid),
        ] as [(Will, ReasonCode?)] {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            var connect = Connect(version: .v5, clientID: "a")
            connect.will = will
            let action = machine.received(.connect(connect), at: 0)
            #expect(action.connack?.reason == reason)
            #expect(action.closing?.willIsDue != true)
        }
    }

    /// 3.1.1 has no return code for it, so the connection just closes.
    @Test func aQoS2WillOf311IsClosedInSilence() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        var connect = Connect(version: .v311, clientID: "a")
        connect.will = Will(topic: topic("w"), payload: buffer("x"), qos: .exactlyOnce)
        let action = machine.received(.connect(connect), at: 0)
        #expect(action.error?.code == .qosNotSupported && action.closing?.packet == nil)
    }

    @Test func enhancedAuthenticationIsRefused() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        let connect = Connect(
            version: .v5, clientID: "a", properties: [.authenticationMethod("SCRAM-SHA-1")])
        #expect(
            machine.received(.connect(connect), at: 0).connack?.reason == .badAuthenticationMethod)
    }

    @Test func refusalsAreSaidInTheVersionsWords() {
        for (version, reason, said) in [
            (.v311, .notAuthorized, .notAuthorized), (.v311, .unspecifiedError, nil),
            (.v5, .notAuthorized, .notAuthorized), (.v5, .sessionTakenOver, .unspecifiedError),
        ] as [(ProtocolVersion, ReasonCode, ReasonCode?)] {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            _ = machine.received(.connect(Connect(version: version, clientID: "a")), at: 0)
            let action = machine.refuse(reason, reasonString: "no")
            #expect(action.closing?.cause == .connectRefused(reason))
            #expect(action.connack?.reason == said)
            let words: Properties = version == .v5 ? [.reasonString("no")] : .none
            #expect((action.connack?.properties ?? Properties.none) == words)
            #expect(machine.isClosed && machine.accept(clientID: "a", at: 0) == .nothing)
        }
    }

    @Test func nothingButConnectComesFirst() {
        for packet in [Packet.pingreq, .disconnect(Disconnect()), .puback(PublishAck(packetID: 1))]
        {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            let action = machine.received(packet, at: 0)
            #expect(action.error?.code == .firstPacketNotConnect && action.closing?.packet == nil)
        }
    }

    @Test func nothingIsReadWhileTheConnectIsJudged() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        _ = machine.received(.connect(Connect(version: .v5, clientID: "a")), at: 0)
        let action = machine.received(.pingreq, at: 0)
        #expect(action.error?.code == .unexpectedPacket)
        #expect(action.connack?.reason == .protocolError)
    }

    @Test func aConnectThatCannotBeReadIsAnsweredWhereItsVersionIsKnown() {
        for (error, version, said) in [
            (.init(.unsupportedProtocolVersion, "x"), nil, .unsupportedProtocolVersion),
            (.init(.unsupportedProtocolName, "x"), nil, nil),
            (.init(.packetTooLarge, "x"), nil, nil),
            (.init(.invalidUTF8, "x"), .v311, nil),
            (.init(.invalidUTF8, "x"), .v5, .malformedPacket),
            (.init(.duplicateProperty, "x"), .v5, .protocolError),
        ] as [(MQTTError, ProtocolVersion?, ReasonCode?)] {
            var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
            let action = machine.failed(error, version: version)
            #expect(action.error == error && action.connack?.reason == said, "\(error)")
            #expect(machine.failed(error) == .nothing)
        }
    }

    @Test func aSilentConnectionEndsAtItsDeadline() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 100)
        #expect(machine.nextDeadline == 10_100)
        #expect(machine.tick(at: 10_099) == .nothing)
        let closing = machine.tick(at: 10_100).closing
        #expect(closing?.cause == .connectTimeout && closing?.packet == nil)
        #expect(machine.nextDeadline == nil && machine.tick(at: 99_999) == .nothing)
    }
}
