import Fleet
import Logging
import MQTT
import NIOCore

/// A reply that holds a private key, until the client's window and socket take it.
struct SecretReply {
    let topic: TopicName
    let payload: Secret<WipedBytes>
    var properties = Properties.none
}

/// One packet with a secret in it, in memory of its own.
///
/// A `ByteBuffer` copies itself when it is written to while somebody else holds it, so it is
/// overwritten here, where it is stored, and only once nobody else can hold it any more.
private final class SecretPacket {
    var bytes = ByteBuffer()

    func overwrite() { self.bytes.overwrite() }
}

extension ByteBuffer {
    /// Zeroes what there is to read; in place if this is the only reference.
    fileprivate mutating func overwrite() {
        self.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.indices { Self.store(0, into: bytes, at: index) }
        }
    }

    /// Not inlined and not optimized: nobody reads what is stored, so it would be left out.
    @inline(never) @_optimize(none)
    private static func store(
        _ byte: UInt8, into bytes: UnsafeMutableRawBufferPointer, at index: Int
    ) {
        bytes[index] = byte
    }
}

/// Server-made keys leave no trace in the gateway: they pass by the session's queue and by the
/// connection's common output buffer, both of which are freed as they are.
extension ConnectionHandler {
    func send(_ reply: SecretReply) {
        guard self.secretReplies.count < BrokerLimits.secretRepliesMax else {
            return self.end(
                .quotaExceeded(cause: "the client does not acknowledge its replies"))
        }
        self.secretReplies.append(reply)
        self.writeSecretReplies()
    }

    /// As many as window and socket take.
    func writeSecretReplies() {
        while self.phase == .live, let reply = self.secretReplies.first {
            let qos = self.shard.grantedQoS(self.number, for: reply.topic) ?? .atMostOnce
            guard case .send(let packetID) = self.session?.admitUnkept(qos) else { return }
            self.secretReplies.removeFirst()
            self.write(reply, qos: qos, packetID: packetID)
        }
    }

    private func write(_ reply: SecretReply, qos: QoS, packetID: PacketID?) {
        guard let encoder = self.encoder, let context = self.context else { return }
        let packet = SecretPacket()
        // The only reference to its payload, or overwriting it would overwrite a copy.
        var publish = Publish(
            topic: reply.topic,
            payload: reply.payload.expose { $0.withBytes { ByteBuffer(bytes: $0) } }, qos: qos,
            properties: reply.properties)
        publish.packetID = packetID
        defer { publish.payload.overwrite() }
        do throws(MQTTError) {
            // The encoder asks for all the room at once, so nothing grows and leaves a copy.
            try encoder.encode(publish, into: &packet.bytes)
        } catch {
            if let packetID { self.session?.abandon(packetID) }
            return self.noteUnsent(reply.topic, error.message)
        }
        self.environment.meter.count { $0.messagesDelivered += 1 }
        // What was said before goes before.
        self.flushOutput()
        let written = context.eventLoop.makePromise(of: Void.self)
        let held = NIOLoopBound(packet, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            // A turn later: TLS may complete the promise while it still holds the bytes.
            held.eventLoop.execute { held.value.overwrite() }
        }
        context.writeAndFlush(self.wrapOutboundOut(packet.bytes), promise: written)
    }
}
