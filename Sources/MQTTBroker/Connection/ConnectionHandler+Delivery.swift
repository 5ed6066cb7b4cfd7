import Fleet
import Logging
import MQTT
import NIOCore

/// Everything that goes to the client. Packets are appended to one buffer, which leaves once a
/// turn: a write of its own for each message costs ten times as much.
extension ConnectionHandler {
    /// A message somebody published, for a subscription of this connection.
    func deliver(_ message: Message, qos: QoS, retain: Bool) {
        guard self.phase == .live, let authority = self.authority else { return }
        // A filter may cover more than its owner may read (provisioning specification, 5.3).
        guard authority.receive(message.topic, at: self.environment.clock.now).isAllowed else {
            return self.environment.meter.count { $0.messagesWithheld += 1 }
        }
        self.enqueue(
            Publish(
                topic: message.topic, payload: message.payload, qos: min(message.qos, qos),
                retain: retain, properties: message.properties))
    }

    func enqueue(_ publish: Publish) {
        guard let outcome = self.session?.offer(publish, at: .now) else { return }
        switch outcome {
        case .send(let numbered): self.write(numbered)
        case .queued: break
        case .dropped: self.environment.meter.count { $0.messagesDroppedSlow += 1 }
        case .overflow:
            self.end(.quotaExceeded(cause: "the client reads too slowly; its queue is full"))
        }
    }

    func received(_ ack: PublishAck) {
        _ = self.session?.acknowledged(ack)
        self.writeQueued()
    }

    /// As much of the queue as window and socket take.
    private func writeQueued() {
        while let publish = self.session?.next(at: .now) {
            if self.mayStillReceive(publish) {
                self.write(publish)
            } else {
                if let packetID = publish.packetID { self.session?.abandon(packetID) }
                self.environment.meter.count { $0.messagesWithheld += 1 }
            }
        }
        self.writeSecretReplies()
    }

    /// What waited may have waited past a change of policy. Replies are no deliveries.
    private func mayStillReceive(_ publish: Publish) -> Bool {
        if publish.topic.isReserved, !self.environment.reserved.isAnnouncement(publish.topic.text) {
            return true
        }
        return self.authority?.receive(publish.topic, at: self.environment.clock.now).isAllowed
            == true
    }

    // MARK: Bytes out

    private func write(_ publish: Publish) {
        guard let encoder = self.encoder else { return }
        do throws(MQTTError) {
            // 3.1.1 knows no properties; what a publisher of 5 set ends here.
            var publish = publish
            if encoder.version == .v311 { publish.properties = .none }
            try encoder.encode(publish, into: &self.output)
            self.environment.meter.count { $0.messagesDelivered += 1 }
        } catch {
            // Larger than the client accepts: it counts as delivered ([MQTT-3.1.2-25]).
            if let packetID = publish.packetID { self.session?.abandon(packetID) }
            self.noteUnsent(publish.topic, error.message)
        }
        self.flushIsDue()
    }

    func write(_ packet: Packet) {
        let encoder =
            self.encoder
            ?? PacketEncoder(
                version: self.machine.version ?? .v311,
                packetBytesMax: self.machine.clientPacketBytesMax)
        do throws(MQTTError) {
            try encoder.encode(packet, into: &self.output)
        } catch {
            self.environment.logger.error(
                "a packet could not be written",
                metadata: self.metadata(["error": "\(error)"]))
        }
        self.flushIsDue()
    }

    private func flushIsDue() {
        if self.output.readableBytes >= BrokerLimits.writeBufferBytesHigh {
            self.flushOutput()
        } else if !self.isFlushDue {
            self.isFlushDue = true
            self.shard.flushLater(self)
        }
    }

    func flushOutput() {
        self.isFlushDue = false
        guard let context = self.context, self.output.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
        // TLS has copied the bytes, so the buffer is ours again; a large one is given back.
        if self.output.capacity > BrokerLimits.outputBytesKept {
            self.output = ByteBuffer()
        } else {
            self.output.clear()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.session?.isWritable = context.channel.isWritable
        if context.channel.isWritable {
            self.writeQueued()
            self.resumeInput()
            self.shard.flush()
        }
        context.fireChannelWritabilityChanged()
    }
}
