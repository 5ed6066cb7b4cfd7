/// The CONNECT, and the two answers it may get.
extension ConnectionMachine {
    mutating func receivedConnect(_ connect: Connect) -> ConnectionAction {
        self.version = connect.version
        self.wantsProblemInformation = connect.properties.requestProblemInformation ?? true
        if let bytes = connect.properties.maximumPacketSize {
            self.clientPacketBytesMax = Int(bytes)
        }
        do throws(MQTTError) {
            if let method = connect.properties.authenticationMethod {  // [MQTT-4.12.0-1]
                throw MQTTError(
                    .badAuthenticationMethod,
                    "CONNECT: no authentication method \(Quoted(method)) is known")
            }
            try self.checkClientID(connect)
            if let will = connect.will { try self.check(will, connect.version) }
        } catch {
            return self.failed(error)
        }
        let asked = connect.properties.sessionExpiryInterval ?? 0
        self.sessionExpiryAsked = asked
        let request = ConnectRequest(
            connect: connect, clientID: connect.clientID.isEmpty ? nil : connect.clientID,
            sessionExpirySeconds: self.sessionExpiry(connect),
            keepAliveSeconds: self.settings.effectiveKeepAlive(connect.keepAliveSeconds),
            // Absent: 65,535 (3.1.2.11.3); 3.1.1 sets no bound.
            clientReceiveMaximum: connect.properties.receiveMaximum ?? .max,
            clientPacketBytesMax: self.clientPacketBytesMax)
        self.state = .authorizing(request)
        return .authorizeConnect(request)
    }

    /// 3.1.1: a session that is not clean lives as long as the server lets it; 5: as asked.
    private func sessionExpiry(_ connect: Connect) -> UInt32 {
        switch connect.version {
        case .v311: connect.cleanStart ? 0 : self.settings.sessionExpirySecondsMax
        case .v5:
            min(
                connect.properties.sessionExpiryInterval ?? 0,
                self.settings.sessionExpirySecondsMax)
        }
    }

    private func checkClientID(_ connect: Connect) throws(MQTTError) {
        if connect.clientID.isEmpty {
            // 3.1.1: [MQTT-3.1.3-8]: nobody could ever resume that session.
            guard connect.version == .v5 || connect.cleanStart else {
                throw MQTTError(
                    .invalidClientID,
                    "CONNECT: an empty client identifier needs Clean Session")
            }
        } else if let fault = self.settings.clientIDFault(connect.clientID) {
            throw MQTTError(.invalidClientID, "CONNECT: \(fault)")
        }
    }

    private func check(_ will: Will, _ version: ProtocolVersion) throws(MQTTError) {
        guard will.qos <= self.settings.maximumQoS else {  // [MQTT-3.2.2-12]
            throw MQTTError(
                .qosNotSupported,
                "CONNECT: will QoS \(will.qos.rawValue) is above the maximum, "
                    + "\(self.settings.maximumQoS.rawValue)")
        }
        guard !will.retain || self.settings.retainAvailable || version == .v311 else {
            throw MQTTError(  // [MQTT-3.2.2-13]
                .retainNotSupported, "CONNECT: Will Retain is set; messages are not retained here")
        }
        if let fault = self.settings.sizeFault(
            bytes: will.topic.byteCount, levels: will.topic.levelCount)
        {
            throw MQTTError(.invalidTopicName, "CONNECT: the will topic \(fault)")
        }
    }

    /// The CONNECT is allowed.
    ///
    /// - Parameter clientID: the request's, or the one assigned where it had none.
    /// - Returns: the CONNACK to send; nothing where the connection ended meanwhile.
    package mutating func accept(
        clientID: String, sessionPresent: Bool = false, at now: MonotonicMilliseconds
    ) -> ConnectionAction {
        guard case .authorizing(let request) = self.state else { return .nothing }
        self.state = .connected
        self.clientID = clientID
        self.will = request.connect.will
        self.keepAliveMilliseconds =
            Int64(request.keepAliveSeconds) * ConnectionSettings.keepAliveMillisecondsPerSecond
        self.lastHeard = now
        return .send(
            .connack(
                ConnAck(
                    sessionPresent: sessionPresent,
                    properties: request.connect.version == .v5
                        ? self.connackProperties(request, clientID: clientID) : .none)))
    }

    /// Everything is said outright, what the standard would default as well: a client's log then
    /// shows what it may count on.
    private func connackProperties(_ request: ConnectRequest, clientID: String) -> Properties {
        var properties: Properties = [
            .sessionExpiryInterval(request.sessionExpirySeconds),
            .receiveMaximum(self.settings.receiveMaximum),
        ]
        if self.settings.maximumQoS < .exactlyOnce {
            properties.append(.maximumQoS(self.settings.maximumQoS))
        }
        properties.append(.retainAvailable(self.settings.retainAvailable))
        properties.append(
            .maximumPacketSize(UInt32(clamping: max(1, self.settings.packetBytesMax))))
        if request.clientID == nil { properties.append(.assignedClientIdentifier(clientID)) }
        properties.append(.topicAliasMaximum(self.settings.topicAliasMaximum))
        properties.append(.wildcardSubscriptionAvailable(true))
        properties.append(
            .subscriptionIdentifierAvailable(self.settings.subscriptionIdentifiersAvailable))
        properties.append(
            .sharedSubscriptionAvailable(self.settings.sharedSubscriptionsAvailable))
        properties.append(.serverKeepAlive(request.keepAliveSeconds))
        return properties
    }

    /// The CONNECT is not allowed.
    package mutating func refuse(
        _ reason: ReasonCode, reasonString: String? = nil
    ) -> ConnectionAction {
        guard case .authorizing = self.state else { return .nothing }
        return self.close(
            .connectRefused(reason), self.connackRefusal(reason, reasonString),
            willIsDue: false)
    }

    /// Nil where the version has no words for it.
    func connackRefusal(_ reason: ReasonCode, _ reasonString: String?) -> Packet? {
        switch self.version {
        case nil, .v311:
            guard ConnectReturnCode(reason) != nil else { return nil }
            return .connack(ConnAck(reason: reason))
        case .v5:
            let sayable: ReasonCode =
                if reason == .serverShuttingDown {
                    .serverUnavailable
                } else {
                    reason.isAllowed(in: .connack) ? reason : .unspecifiedError
                }
            return .connack(
                ConnAck(
                    reason: sayable,
                    properties: self.diagnostics(reasonString)))
        }
    }
}
