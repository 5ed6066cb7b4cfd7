import NIOCore

/// The flags byte of a CONNECT (3.1.2.3), bit by bit.
private struct ConnectFlags {
    let byte: UInt8

    var reserved: Bool { self.byte & 0b1 != 0 }
    var cleanStart: Bool { self.byte & 0b10 != 0 }
    var will: Bool { self.byte & 0b100 != 0 }
    var willQoSBits: UInt8 { self.byte >> 3 & 0b11 }
    var willRetain: Bool { self.byte & 0b10_0000 != 0 }
    var password: Bool { self.byte & 0b100_0000 != 0 }
    var userName: Bool { self.byte & 0b1000_0000 != 0 }
}

extension WireReader {
    private static let protocolName = "MQTT"
    /// MQTT 3.1's, which is answered as an old version rather than as a stranger.
    private static let oldProtocolName = "MQIsdp"

    /// - Parameter versionFound: told the version as soon as it is read, so that an answer to the
    ///   rest can be given in it.
    mutating func connect(
        versionFound: (ProtocolVersion) throws(MQTTError) -> Void
    ) throws(MQTTError) -> Connect {
        let name = try self.string("protocol name")
        guard name == Self.protocolName || name == Self.oldProtocolName else {
            throw self.error(  // [MQTT-3.1.2-1]
                .unsupportedProtocolName, "the protocol is called \(Quoted(name)), not MQTT")
        }
        let level = try self.byte("protocol version")
        guard name == Self.protocolName, let version = ProtocolVersion(rawValue: level) else {
            throw self.error(  // [MQTT-3.1.2-2]
                .unsupportedProtocolVersion, "protocol version \(level) is neither 4 nor 5")
        }
        try versionFound(version)
        self = self.speaking(version)

        let flags = ConnectFlags(byte: try self.byte("connect flags"))
        try self.check(flags)
        var connect = Connect(
            version: version, clientID: "", cleanStart: flags.cleanStart,
            keepAliveSeconds: try self.uint16("keep alive"),
            properties: try self.properties(in: .packet(.connect)))
        connect.clientID = try self.string("client identifier")
        if flags.will { connect.will = try self.will(flags) }
        if flags.userName { connect.userName = try self.string("user name") }
        if flags.password { connect.password = Password(try self.binary("password")) }
        try self.checkAuthentication(connect.properties)
        return connect
    }

    private func check(_ flags: ConnectFlags) throws(MQTTError) {
        guard !flags.reserved else {  // [MQTT-3.1.2-3]
            throw self.error(.invalidConnectFlags, "the reserved flag is set")
        }
        guard flags.willQoSBits < 3 else {  // [MQTT-3.1.2-12]
            throw self.error(.invalidConnectFlags, "will QoS 3 does not exist")
        }
        guard flags.will || flags.willQoSBits == 0 && !flags.willRetain else {
            // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
            throw self.error(.invalidConnectFlags, "will flags are set without a will")
        }
        guard self.version == .v5 || flags.userName || !flags.password else {
            // [MQTT-3.1.2-22] of 3.1.1
            throw self.error(.invalidConnectFlags, "a password came without a user name")
        }
    }

    private mutating func will(_ flags: ConnectFlags) throws(MQTTError) -> Will {
        let properties = try self.properties(in: .will)
        let topic = try self.topicName("will topic")
        let payload = try self.binary("will payload")
        return Will(
            // The bits are below 3 by `check`.
            topic: topic, payload: payload,
            qos: QoS(rawValue: flags.willQoSBits) ?? .atMostOnce, retain: flags.willRetain,
            properties: properties)
    }

    /// Data without a method is a protocol error (3.1.2.11.10).
    private func checkAuthentication(_ properties: Properties) throws(MQTTError) {
        guard properties.authenticationData == nil || properties.authenticationMethod != nil
        else {
            throw self.error(
                .invalidPropertyValue, "authentication data came without a method")
        }
    }

    mutating func connack() throws(MQTTError) -> ConnAck {
        let flags = try self.byte("acknowledge flags")
        guard flags & 0b1111_1110 == 0 else {  // [MQTT-3.2.2-1]
            throw self.error(.reservedFlags, "its acknowledge flags are \(flags)")
        }
        let reason: ReasonCode
        switch self.version {
        case .v5: reason = try self.reason()
        case .v311:
            let byte = try self.byte("return code")
            guard let code = ConnectReturnCode(rawValue: byte) else {
                throw self.error(.unknownReasonCode, "no return code \(byte) exists")
            }
            reason = code.reasonCode
        }
        guard flags == 0 || !reason.isFailure else {  // [MQTT-3.2.2-6]; 3.1.1: [MQTT-3.2.2-4]
            throw self.error(.reservedFlags, "a refusal says that a session is present")
        }
        return ConnAck(
            sessionPresent: flags == 1, reason: reason,
            properties: try self.properties(in: .packet(.connack)))
    }

    /// Every byte of an MQTT 5 DISCONNECT may be left out (3.14.2.1, 3.14.2.2.1).
    mutating func disconnect() throws(MQTTError) -> Disconnect {
        if self.isAtEnd { return Disconnect() }
        let reason = try self.reason()
        if self.isAtEnd { return Disconnect(reason: reason) }
        return Disconnect(
            reason: reason, properties: try self.properties(in: .packet(.disconnect)))
    }

    mutating func auth() throws(MQTTError) -> Auth {
        if self.isAtEnd { return Auth() }  // 3.15.2.1
        let reason = try self.reason()
        let properties = try self.properties(in: .packet(.auth))
        guard properties.authenticationMethod != nil else {  // 3.15.2.2.2
            throw self.error(.invalidPropertyValue, "it has no authentication method")
        }
        return Auth(reason: reason, properties: properties)
    }
}
