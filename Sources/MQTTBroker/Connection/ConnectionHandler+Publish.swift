import Fleet
import Logging
import MQTT
import NIOCore

/// Messages from the client.
extension ConnectionHandler {
    func received(_ publish: Publish) {
        self.environment.meter.count { $0.publishesReceived += 1 }
        if publish.topic.isReserved { return self.receivedReserved(publish) }
        guard self.mayPublish(publish) else { return }
        if publish.retain, self.machine.version == .v311, !self.hasLoggedRetain {
            self.hasLoggedRetain = true
            self.environment.logger.notice(
                "a retained publish was delivered but not retained",
                metadata: self.metadata(["topic": "\(publish.topic.text.clipped)"]))
        }
        let message = Message(
            topic: publish.topic, payload: publish.payload, qos: publish.qos,
            retain: publish.retain, properties: publish.properties.forwarded,
            publisher: self.shard.holder(self.number))
        // No session outlives its connection, so every copy owed is on its way once it is routed.
        let isRouted = self.shard.publish(message)
        guard let packetID = publish.packetID, self.phase == .live else { return }
        if isRouted {
            self.acknowledge(packetID, .success)
        } else if self.machine.version == .v5 {
            self.acknowledge(packetID, .quotaExceeded, Self.queueFullCause)
        } else {
            // 3.1.1 cannot say no; a message that is not acknowledged comes again.
            self.end(.quotaExceeded(cause: Self.queueFullCause))
        }
    }

    private static let queueFullCause = "the broker's message queue is full"

    private func mayPublish(_ publish: Publish) -> Bool {
        guard let authority = self.authority else { return false }
        guard self.isOpenToRenewal(publish.topic) else {
            self.environment.meter.count { $0.publishesDenied += 1 }
            self.refuse(publish, .notAuthorized, cause: Self.endedCause)
            return false
        }
        // A reserved topic retains nothing, and says so itself.
        let verdict = authority.publish(
            publish.topic, retain: publish.retain && !publish.topic.isReserved,
            at: self.environment.clock.now)
        if verdict.isAllowed { return true }
        self.logDenial(verdict)
        self.environment.meter.count { $0.publishesDenied += 1 }
        self.refuse(publish, .notAuthorized, cause: verdict.denial)
        return false
    }

    /// MQTT 5 answers and goes on; 3.1.1 has no answer but the closed connection
    /// (provisioning specification, 5.7).
    private func refuse(_ publish: Publish, _ reason: ReasonCode, cause: String) {
        if self.machine.version == .v311 { return self.end(.notAuthorized(cause: cause)) }
        if let packetID = publish.packetID { self.acknowledge(packetID, reason, cause) }
    }

    /// - Parameter explanation: for a person, beside a reason that refuses.
    func acknowledge(
        _ packetID: PacketID, _ reason: ReasonCode, _ explanation: String? = nil
    ) {
        let ready = self.acknowledgements.finish(
            packetID, reason: reason, explanation: explanation)
        for next in ready {
            self.perform(
                self.machine.acknowledge(
                    next.packetID, reason: next.reason, reasonString: next.explanation))
        }
    }

    // MARK: Reserved topics

    private func receivedReserved(_ publish: Publish) {
        guard let service = self.environment.service(for: publish.topic) else {
            self.logRefusal(
                "publish to a reserved topic refused",
                [
                    "topic": "\(publish.topic.text.clipped)",
                    "explanation": "\(ReservedTopics.nobodyAnswers)",
                ], kept: self.refusal(publish.topic, ReservedTopics.nobodyAnswers))
            return self.refuse(
                publish, .topicNameInvalid,
                cause: "no service answers at \(publish.topic.text.clipped)")
        }
        guard self.mayPublish(publish) else { return }
        // Reserved topics retain nothing (provisioning specification, 1.2).
        guard !publish.retain else {
            self.logRefusal(
                "publish to a reserved topic refused",
                [
                    "topic": "\(publish.topic.text.clipped)",
                    "explanation": "RETAIN is set; clear it",
                ], kept: self.refusal(publish.topic, "RETAIN is set; clear it"))
            return self.refuse(
                publish, .topicNameInvalid,
                cause: "RETAIN is set on a publish to \(publish.topic.text.clipped)")
        }
        self.request(publish, of: service)
    }

    private func refusal(_ topic: TopicName, _ explanation: String) -> ConnectionRefusal {
        self.refusal(
            .topicRefused, "iot:Publish", by: "reserved topics", explanation,
            resource: topic.text)
    }

    private func request(_ publish: Publish, of service: any ReservedTopicService) {
        let eventLoop = self.shard.eventLoop
        let gate = self.environment.gate
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let isAdmitted = gate.enter {
            eventLoop.execute { bound.value.gateOpened(for: publish, of: service) }
        }
        self.isWaitingForGate = !isAdmitted
        guard isAdmitted else { return }
        guard let publisher = self.publisher else { return gate.leave() }
        if let packetID = publish.packetID { self.acknowledgements.wait(packetID) }
        self.environment.meter.count { $0.reservedRequests += 1 }
        let topic = publish.topic.text
        let payload = Array(publish.payload.readableBytesView)
        self.requestsBegun += 1
        let number = self.requestsBegun
        // Cancelled with the connection: nobody is left whom an answer could reach.
        self.requests[number] = Task {
            let replies = await service.handle(topic: topic, payload: payload, from: publisher)
            gate.leave()
            eventLoop.execute { bound.value.answered(publish, number, with: replies) }
        }
    }

    /// Who speaks here, as services know it.
    var publisher: Publisher? {
        guard let principal = self.principal else { return nil }
        return Publisher(
            principal: principal.certificate.id, kind: principal.certificate.kind,
            clientID: self.machine.clientID, sourceAddress: self.sourceAddress)
    }

    private func gateOpened(for publish: Publish, of service: any ReservedTopicService) {
        self.isWaitingForGate = false
        guard self.phase == .live, !self.isDraining else {
            return self.environment.gate.passOn()
        }
        self.request(publish, of: service)
        self.resumeInput()
        self.shard.flush()
    }

    /// PUBACK says that the request has been dealt with, so it comes first; then the replies, to
    /// this connection and nobody else, at the QoS it subscribed with.
    private func answered(_ publish: Publish, _ number: Int, with replies: [ReservedReply]) {
        self.requests[number] = nil
        guard self.phase == .live else { return }
        if let packetID = publish.packetID { self.acknowledge(packetID, .success) }
        for reply in replies { self.send(reply, to: publish) }
        if self.isDraining, self.requests.isEmpty { self.end(.serverStopping) }
        self.resumeInput()
        self.shard.flush()
        if !replies.isEmpty { CrashPoint.reached(.afterReply) }
    }
}
