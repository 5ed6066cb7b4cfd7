import Fleet
import Logging
import MQTT
import NIOCore
import NIOSSL

extension MonotonicMilliseconds {
    static var now: MonotonicMilliseconds {
        MonotonicMilliseconds(NIODeadline.now().uptimeNanoseconds / 1_000_000)
    }
}

/// What the machine decides, done.
extension ConnectionHandler {
    func perform(_ action: ConnectionAction) {
        switch action {
        case .nothing: break
        case .send(let packet): self.write(packet)
        case .authorizeConnect(let request): self.authorize(request)
        case .publish(let publish): self.received(publish)
        case .subscribe(let request): self.received(request)
        case .unsubscribe(let unsubscribe): self.received(unsubscribe)
        case .acknowledged(let ack): self.received(ack)
        case .close(let closing): self.end(ConnectionEnd(closing), lastWord: closing.packet)
        }
    }

    // MARK: CONNECT

    func authorize(_ request: ConnectRequest) {
        self.announcedClientID = request.clientID ?? ""
        guard let principal = self.principal else { return self.registerFirst(request) }
        let now = self.environment.clock.now
        if let refusal = self.refusal(of: principal) ?? principal.refusal(of: self.sourceAddress) {
            return self.end(.principalRefused(refusal))
        }
        self.isRenewalOnly = now > principal.certificate.notAfter
        let clientID = request.clientID ?? self.environment.assignClientID()
        let authority = ConnectionAuthority(
            record: principal, clientID: clientID, sourceAddress: self.sourceAddress,
            serverName: self.serverName, realm: self.environment.realm)
        for defect in authority.defects {
            self.environment.logger.error(
                "everything is denied to this principal: a policy cannot be read",
                metadata: self.metadata(["policy": "\(defect)"]))
        }
        let verdict = authority.connect(request.connect, clientID: clientID, at: now)
        guard verdict.isAllowed else {
            self.logDenial(verdict)
            return self.perform(
                self.machine.refuse(.notAuthorized, reasonString: verdict.denial))
        }
        if let will = request.connect.will {
            // AWS: reserved topics take no wills; 0x90 is its answer.
            guard !will.topic.isReserved, !self.isRenewalOnly else {
                let cause =
                    self.isRenewalOnly ? Self.endedCause : "topics that begin with $ take no will"
                return self.perform(self.machine.refuse(.topicNameInvalid, reasonString: cause))
            }
            let verdict = authority.publish(will.topic, retain: will.retain, at: now)
            guard verdict.isAllowed else {
                self.logDenial(verdict)
                return self.perform(
                    self.machine.refuse(
                        .notAuthorized, reasonString: "the last will: \(verdict.denial)"))
            }
        }
        self.accept(request, clientID: clientID, authority: authority)
    }

    private func accept(
        _ request: ConnectRequest, clientID: String, authority: ConnectionAuthority
    ) {
        let settings = self.environment.settings
        self.authority = authority
        self.connect = request.connect
        // Nobody asks for it again.
        self.connect?.password = nil
        if let will = self.connect?.will { self.connect?.will?.payload = will.payload.compacted }
        self.encoder = PacketEncoder(
            version: request.connect.version, packetBytesMax: request.clientPacketBytesMax)
        var limits = SessionLimits()
        limits.queuedMessagesMax = settings.pendingMessagesMax
        limits.queuedBytesMax = settings.pendingBytesMax
        self.session = SessionMachine(
            limits: limits, clientReceiveMaximum: request.clientReceiveMaximum)
        self.deadline?.cancel()
        self.phase = .live
        // [MQTT-3.1.4-3]: the one who was here under this name goes first.
        let claim = self.environment.directory.claim(
            clientID, for: self.shard.holder(self.number))
        // Noted while the loser is still known, which its end takes out of every index.
        self.enterSession(as: clientID, displacing: claim.loser)
        if let loser = claim.loser { self.shard.displace(loser) }
        self.sessionNumber = claim.session
        self.environment.connectivity.note(
            clientID, session: claim.session, .connected(at: self.environment.clock.now))
        self.perform(self.machine.accept(clientID: clientID, at: .now))
        self.scheduleKeepAliveCheck()
        self.environment.meter.count { $0.connectionsAccepted += 1 }
        self.environment.logger.info(
            "connected",
            metadata: self.metadata([
                "kind": "\(authority.record.certificate.kind.rawValue)",
                "thing": "\(authority.thing?.thing.name.rawValue ?? "-")",
                "scope": self.isRenewalOnly ? "renewal" : "policy",
            ]))
        self.noteFirstSight(of: authority.record.certificate)
    }

    private func noteFirstSight(of certificate: Certificate) {
        guard certificate.kind == .device, certificate.firstSeenAt == nil else { return }
        self.environment.firstSeen.note(
            FirstSeenRecorder.Note(
                certificate: certificate.id, address: self.sourceAddress,
                time: self.environment.clock.now))
    }

    /// One timer per connection, which looks at what the machine has noted; no packet moves it.
    private func scheduleKeepAliveCheck() {
        guard self.phase == .live else { return }
        let bound = NIOLoopBound(self, eventLoop: self.shard.eventLoop)
        let delay = TimeAmount.milliseconds(self.machine.nextLook(at: .now))
        self.keepAliveCheck = self.shard.eventLoop.scheduleTask(in: delay) {
            bound.value.checkLiveness()
            bound.value.scheduleKeepAliveCheck()
        }
    }

    private func checkLiveness() {
        guard self.phase == .live else { return }
        if let principal, let refusal = self.refusal(of: principal) {
            // A certificate ends while its connection is open.
            self.end(.principalRefused(refusal))
        } else {
            self.perform(self.machine.tick(at: .now))
        }
        self.shard.flush()
    }

    /// The registry says something else about this principal than when it was let in.
    func reauthorize(_ record: PrincipalRecord) {
        guard let connect = self.connect else { return }
        let now = self.environment.clock.now
        let clientID = self.machine.clientID
        let authority = ConnectionAuthority(
            record: record, clientID: clientID, sourceAddress: self.sourceAddress,
            serverName: self.serverName, realm: self.environment.realm)
        self.authority = authority
        let verdict = authority.connect(connect, clientID: clientID, at: now)
        guard verdict.isAllowed else {
            self.logDenial(verdict)
            return self.end(.notAuthorized(cause: "iot:Connect is no longer allowed"))
        }
        for filter in self.shard.filters(of: self.number) {
            let verdict = authority.subscribe(filter, at: now)
            if verdict.isAllowed { continue }
            self.logDenial(verdict)
            if self.shard.unsubscribe(self.number, from: filter) { self.subscriptionCount -= 1 }
        }
    }

    // MARK: The end

    /// Ends the connection, once: last word, will, farewell to every index, close.
    func end(_ end: ConnectionEnd, lastWord: Packet? = nil) {
        if self.phase == .ended { return }
        let wasLive = self.phase == .live
        self.phase = .ended
        self.deadline?.cancel()
        self.keepAliveCheck?.cancel()
        self.logEnd(end, wasLive: wasLive)
        // What waited for somebody who may no longer hear it is not sent either.
        if end.isRefusal { self.output = ByteBuffer() }
        if let packet = lastWord ?? self.lastWord(for: end) { self.write(packet) }
        if wasLive {
            if end.publishesWill { self.publishWill(at: end) }
            self.environment.directory.release(
                self.machine.clientID, by: self.shard.holder(self.number))
            self.leaveSession()
            // Whoever took the identifier over has a later session, which counts.
            self.environment.connectivity.note(
                self.machine.clientID, session: self.sessionNumber,
                .disconnected(at: self.environment.clock.now, end.lifecycleReason))
        }
        self.shard.remove(self.number)
        self.inbound = ByteBuffer()
        self.secretReplies.removeAll()
        // With its queue: a socket that has room again gets nothing after the last word.
        self.session = nil
        for request in self.requests.values { request.cancel() }
        self.flushOutput()
        self.context?.close(promise: nil)
        if end.isRefusal { self.closeSocketSoon() }
    }

    /// A peer that was told to go has a moment to take its last packet; TLS would wait longer for
    /// an answer, and whoever is silent would keep the socket that long.
    private func closeSocketSoon() {
        let bound = NIOLoopBound(self, eventLoop: self.shard.eventLoop)
        let delay = TimeAmount.milliseconds(BrokerLimits.refusedCloseMilliseconds)
        self.shard.eventLoop.scheduleTask(in: delay) {
            guard let context = bound.value.context,
                let tls = try? context.pipeline.syncOperations.context(
                    handlerType: NIOSSLServerHandler.self)
            else { return }
            // From here outwards: past TLS, straight to the socket.
            tls.close(mode: .all, promise: nil)
        }
    }

    /// What the version has to say about an end that the machine does not know of yet.
    private func lastWord(for end: ConnectionEnd) -> Packet? {
        let action =
            if let reason = end.disconnectReason {
                self.machine.close(reason: reason, publishesWill: end.publishesWill)
            } else {
                self.machine.connectionLost()
            }
        if case .close(let closing) = action { return closing.packet }
        return nil
    }

    /// A revocation may be committed and not yet announced: the registry is asked before a will
    /// is published, and one that cannot be asked publishes none.
    private func publishWill(at end: ConnectionEnd) {
        guard self.connect?.will != nil, let id = self.certificateID else { return }
        // The loop ends with the server, and has no time to ask.
        if case .serverStopping = end { return self.publishWill() }
        let loader = self.environment.loader
        let eventLoop = self.shard.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let isActive = await loader.isActive(id)
            eventLoop.execute {
                guard isActive else { return }
                bound.value.publishWill()
                bound.value.shard.flush()
            }
        }
    }

    private func publishWill() {
        guard let will = self.connect?.will, let authority = self.authority else { return }
        // The policy may be another one than at CONNECT.
        let verdict = authority.publish(
            will.topic, retain: will.retain, at: self.environment.clock.now)
        guard verdict.isAllowed else { return self.logDenial(verdict) }
        self.shard.publishLater(
            Message(
                topic: will.topic, payload: will.payload, qos: will.qos, retain: will.retain,
                properties: will.properties.forwarded, publisher: nil))
    }

    /// The server is stopping: no further packet is taken, and the connection ends with the last
    /// answer that is owed to it.
    func drain() {
        self.isDraining = true
        if self.requests.isEmpty { self.end(.serverStopping) }
    }
}

extension ConnectionEnd {
    init(_ closing: Closing) {
        switch closing.cause {
        case .clientDisconnected: self = .clientLeft(withWill: closing.willIsDue)
        case .clientError(let error): self = .protocolViolated(error)
        case .keepAliveTimeout: self = .keepAliveTimeout
        case .connectTimeout: self = .connectTimeout
        case .connectRefused(let reason):
            self = .connectRefused(reason, cause: "CONNECT was refused: \(reason)")
        case .connectionLost: self = .lost(cause: nil)
        case .server: self = .serverStopping
        }
    }
}
