/// What one session may hold for its client.
package struct SessionLimits: Hashable, Sendable {
    /// Messages sent at QoS 1 and not acknowledged; the client's Receive Maximum may lower it.
    package var inFlightMax: UInt16 = 100
    /// Messages waiting behind the window or behind a slow socket.
    package var queuedMessagesMax = 1000
    /// Topic, payload and properties of the waiting messages, in bytes.
    package var queuedBytesMax = 1 << 20

    package init() {}
}

/// What became of a message offered to a session.
package enum OfferOutcome: Hashable, Sendable {
    /// Send it now; at QoS 1 it has its packet identifier.
    case send(Publish)
    case queued
    /// At QoS 0, for want of room. Counted in `droppedCount`.
    case dropped
    /// At QoS 1, for want of room: the promise cannot be kept, so end the connection (0x97) or
    /// spill to disk.
    case overflow
}

/// Whether a message that is not kept may go out.
package enum UnkeptOutcome: Hashable, Sendable {
    /// With this identifier; without one at QoS 0.
    case send(PacketID?)
    case wait
}

/// The server-to-client half of a session (4.1, 4.4): packet identifiers, the window of messages in
/// flight, and what waits for it. Pure.
///
/// QoS 1 messages go out in the order they came, and again in that order on a new connection
/// ([MQTT-4.6.0-1], [MQTT-4.6.0-6]). QoS 0 messages pass them: the standard orders topics within
/// one QoS only.
package struct SessionMachine: ~Copyable {
    private let limits: SessionLimits
    private var window: Int
    private var inFlight: InFlightList
    private var waiting: MessageQueue
    private var unsent: MessageQueue
    private var lastPacketID: PacketID = 0

    /// QoS 0 messages lost to full queues.
    package private(set) var droppedCount: UInt64 = 0
    /// Messages whose expiry interval ended while they waited ([MQTT-3.3.2-5]).
    package private(set) var expiredCount: UInt64 = 0
    /// Whether the socket takes more. Set it as the transport says; while it is false even QoS 0
    /// waits.
    package var isWritable = true

    package init(limits: SessionLimits, clientReceiveMaximum: UInt16) {
        self.limits = limits
        self.window = Int(min(limits.inFlightMax, clientReceiveMaximum))
        self.inFlight = InFlightList()
        self.waiting = MessageQueue()
        self.unsent = MessageQueue()
    }

    package var inFlightCount: Int { self.inFlight.count }
    package var queuedCount: Int { self.waiting.count + self.unsent.count }
    package var queuedBytes: Int { self.waiting.bytes + self.unsent.bytes }

    private var windowIsOpen: Bool { self.inFlight.count < self.window }
}

extension SessionMachine {
    /// - Parameter message: QoS is the one granted to this subscriber; any identifier and DUP flag
    ///   it brings belong to its publisher and are replaced ([MQTT-3.3.1-3]). QoS 2 is sent as 1.
    package mutating func offer(
        _ message: Publish, at now: MonotonicMilliseconds
    ) -> OfferOutcome {
        var message = message
        message.packetID = nil
        message.duplicate = false
        message.qos = min(message.qos, .atLeastOnce)
        if message.qos == .atMostOnce {
            if self.isWritable, self.unsent.isEmpty { return .send(message) }
            guard self.hasRoom(for: message) else {
                self.droppedCount += 1
                return .dropped
            }
            self.unsent.append(message, at: now)
            return .queued
        }
        if self.isWritable, self.windowIsOpen, self.waiting.isEmpty {
            return .send(self.numbered(message))
        }
        while !self.hasRoom(for: message) {
            // What was promised displaces what was not.
            guard self.unsent.popFirst() != nil else { return .overflow }
            self.droppedCount += 1
        }
        self.waiting.append(message, at: now)
        return .queued
    }

    /// Asks for a message that must be kept nowhere, since it holds a secret: it goes out now, or
    /// its owner asks again whenever `next` has nothing more. In flight it is an identifier and
    /// nothing else, so it is never sent twice.
    package mutating func admitUnkept(_ qos: QoS) -> UnkeptOutcome {
        guard self.isWritable else { return .wait }
        if qos == .atMostOnce { return .send(nil) }
        guard self.windowIsOpen, self.waiting.isEmpty else { return .wait }
        return .send(self.takePacketID(for: nil))
    }

    /// The next waiting message that may go out. Call until nil after the socket became writable
    /// and after each acknowledgement.
    package mutating func next(at now: MonotonicMilliseconds) -> Publish? {
        guard self.isWritable else { return nil }
        while self.windowIsOpen, let entry = self.waiting.popFirst() {
            if let message = self.unexpired(entry, at: now) { return self.numbered(message) }
        }
        while let entry = self.unsent.popFirst() {
            if let message = self.unexpired(entry, at: now) { return message }
        }
        return nil
    }

    /// The client's PUBACK, whatever its reason: it ends the exchange ([MQTT-4.4.0-2]).
    ///
    /// - Returns: the message; nil where nothing with that identifier is in flight, which is
    ///   harmless.
    package mutating func acknowledged(_ ack: PublishAck) -> Publish? {
        self.inFlight.remove(ack.packetID)
    }

    /// A message that could not be sent after all, since it is larger than the client accepts: the
    /// standard has it count as delivered ([MQTT-3.1.2-25]).
    package mutating func abandon(_ packetID: PacketID) { _ = self.inFlight.remove(packetID) }

    /// The session goes on over a new connection: what was in flight is to be sent again first,
    /// with DUP and its old identifier ([MQTT-4.4.0-1]).
    package mutating func resume(clientReceiveMaximum: UInt16) -> [Publish] {
        self.window = Int(min(self.limits.inFlightMax, clientReceiveMaximum))
        self.isWritable = true
        return self.inFlight.messages.map { packetID, message in
            var message = message
            message.packetID = packetID
            message.duplicate = true
            return message
        }
    }

    private func hasRoom(for message: Publish) -> Bool {
        self.queuedCount < self.limits.queuedMessagesMax
            && self.queuedBytes + MessageQueue.cost(of: message) <= self.limits.queuedBytesMax
    }

    private mutating func numbered(_ message: Publish) -> Publish {
        var message = message
        message.packetID = self.takePacketID(for: message)
        return message
    }

    private mutating func takePacketID(for message: Publish?) -> PacketID {
        // The window is smaller than the number of identifiers and not full, so one is free.
        repeat {
            self.lastPacketID = self.lastPacketID == .max ? 1 : self.lastPacketID + 1
        } while self.inFlight.contains(self.lastPacketID)
        self.inFlight.append(message, self.lastPacketID)
        return self.lastPacketID
    }

    /// The message with what is left of its life, or nil if that is over ([MQTT-3.3.2-6]).
    private mutating func unexpired(
        _ entry: MessageQueue.Entry, at now: MonotonicMilliseconds
    ) -> Publish? {
        guard let interval = entry.message.properties.messageExpiryInterval else {
            return entry.message
        }
        let waited = max(0, now - entry.since) / 1000
        guard waited < Int64(interval) || waited == 0 else {
            self.expiredCount += 1
            return nil
        }
        var message = entry.message
        message.properties.messageExpiryInterval = interval - UInt32(clamping: waited)
        return message
    }
}
