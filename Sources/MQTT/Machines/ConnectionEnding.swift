/// Time, acknowledgements, and every way a connection ends.
extension ConnectionMachine {
    /// When `tick` next has something to do, if nothing is heard until then. Nil: never.
    package var nextDeadline: MonotonicMilliseconds? {
        switch self.state {
        case .awaitingConnect(let since): since + self.settings.connectMillisecondsMax
        case .connected: self.lastHeard + self.keepAliveMilliseconds
        case .authorizing, .closed: nil
        }
    }

    /// How long from now until the connection is worth another look: a quarter of its keep-alive,
    /// or less where it would be silent for too long by then. A client that keeps its keep-alive
    /// is never so near to its deadline, so the timer is one that no packet moves.
    package func nextLook(at now: MonotonicMilliseconds) -> Int64 {
        let quarter = max(
            Self.lookMillisecondsMin,
            self.keepAliveMilliseconds / ConnectionSettings.keepAliveMillisecondsPerSecond * 250)
        guard let deadline = self.nextDeadline else { return quarter }
        return min(quarter, max(1, deadline - now))
    }

    private static var lookMillisecondsMin: Int64 { 250 }

    /// Call when `nextDeadline` is reached; calling early or late is harmless.
    package mutating func tick(at now: MonotonicMilliseconds) -> ConnectionAction {
        guard let deadline = self.nextDeadline, now >= deadline else { return .nothing }
        switch self.state {
        case .awaitingConnect: return self.close(.connectTimeout, nil, willIsDue: false)
        case .connected:
            if self.isThrottled {
                // We do not read, so the silence is our own.
                self.lastHeard = now
                return .nothing
            }
            return self.close(
                .keepAliveTimeout, self.disconnect(.keepAliveTimeout, nil), willIsDue: true)
        case .authorizing, .closed: return .nothing
        }
    }

    /// A QoS 1 publish of the client is dealt with: what to send for it.
    ///
    /// - Parameter reason: 3.1.1 has no refusal here; close the connection instead
    ///   ([MQTT-3.3.5-2] of 3.1.1).
    package mutating func acknowledge(
        _ packetID: PacketID, reason: ReasonCode = .success, reasonString: String? = nil
    ) -> ConnectionAction {
        guard self.isConnected, self.window.finished(packetID) else { return .nothing }
        return .send(
            .puback(
                PublishAck(
                    packetID: packetID, reason: reason,
                    properties: self.diagnostics(reasonString))))
    }

    /// A SUBSCRIBE is judged: what to send for it.
    ///
    /// - Parameter reasonString: about the lines that are refused, for whoever made the client.
    package func suback(
        _ packetID: PacketID, reasons: [ReasonCode], reasonString: String? = nil
    ) -> Packet {
        .suback(
            SubAck(
                packetID: packetID, reasons: reasons, properties: self.diagnostics(reasonString)))
    }

    /// Empty where the version has no properties, and where the client asked for none of these
    /// ([MQTT-3.1.2-29], which leaves it open for CONNACK). The encoder drops what is too large.
    func diagnostics(_ reasonString: String?) -> Properties {
        guard self.version == .v5, self.wantsProblemInformation, let reasonString else {
            return .none
        }
        return [.reasonString(reasonString)]
    }

    /// The decoder, or a rule outside this machine, says that the client broke the protocol.
    ///
    /// - Parameter version: the decoder's, for a CONNECT that it read only in part.
    package mutating func failed(
        _ error: MQTTError, version: ProtocolVersion? = nil
    ) -> ConnectionAction {
        if self.version == nil { self.version = version }
        switch self.state {
        case .closed: return .nothing
        case .awaitingConnect, .authorizing:
            return self.close(
                .clientError(error), self.connackRefusal(error), willIsDue: false)
        case .connected:
            return self.close(
                .clientError(error), self.disconnect(error.reasonCode, error.message),
                willIsDue: true)
        }
    }

    /// Whoever does not speak MQTT at all is not answered in it ([MQTT-3.1.2-1], 4.13.1).
    private func connackRefusal(_ error: MQTTError) -> Packet? {
        if error.code == .firstPacketNotConnect || error.code == .unsupportedProtocolName {
            return nil
        }
        if self.version == nil, error.code != .unsupportedProtocolVersion { return nil }
        return self.connackRefusal(error.reasonCode, error.message)
    }

    /// The server ends it: shutdown, take-over, revocation, a denied publish of 3.1.1.
    package mutating func close(
        reason: ReasonCode, reasonString: String? = nil, publishesWill: Bool
    ) -> ConnectionAction {
        switch self.state {
        case .closed: return .nothing
        case .awaitingConnect: return self.close(.server(reason), nil, willIsDue: false)
        case .authorizing:
            return self.close(
                .server(reason), self.connackRefusal(reason, reasonString), willIsDue: false)
        case .connected:
            return self.close(
                .server(reason), self.disconnect(reason, reasonString),
                willIsDue: publishesWill)
        }
    }

    /// The transport is gone.
    package mutating func connectionLost() -> ConnectionAction {
        switch self.state {
        case .closed: .nothing
        case .awaitingConnect, .authorizing, .connected:
            self.close(.connectionLost, nil, willIsDue: true)
        }
    }

    /// 3.1.1 servers say nothing before they close ([MQTT-4.8.0-1] of 3.1.1).
    private func disconnect(_ reason: ReasonCode, _ reasonString: String?) -> Packet? {
        guard self.version == .v5 else { return nil }
        return .disconnect(
            Disconnect(
                reason: reason.isAllowed(in: .disconnect) ? reason : .unspecifiedError,
                properties: Properties(reasonString.map { [.reasonString($0)] } ?? [])))
    }

    mutating func close(
        _ cause: Closing.Cause, _ packet: Packet?, willIsDue: Bool
    ) -> ConnectionAction {
        self.state = .closed
        return .close(
            Closing(cause: cause, packet: packet, willIsDue: willIsDue && self.will != nil))
    }
}
