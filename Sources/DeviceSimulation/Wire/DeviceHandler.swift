import MQTT
import NIOCore
import NIOSSL

/// What a device waits for after it sent something. It never waits for two things at once.
enum Expectation: Sendable {
    case connack
    case suback(PacketID)
    case puback(PacketID)
    /// A reply of the provisioning dialogue. The request's own PUBACK may come before or after it
    /// and matters only where it refuses.
    case reply(accepted: String, rejected: String, request: PacketID)
}

/// What came.
enum Answer: Sendable {
    case connack(ConnAck)
    case suback(SubAck)
    case puback(PublishAck)
    case reply(isAccepted: Bool, payload: [UInt8])
}

/// A device's end of one MQTT connection: bytes to packets, packets to the one who waits.
///
/// It lives on its channel's event loop and nowhere else. Whatever ends the connection is kept, so
/// that a device which asks later is told why, not just that.
final class DeviceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Waiter {
        let expectation: Expectation
        let step: SimulationStep
        let promise: EventLoopPromise<Answer>
        let deadline: Scheduled<Void>
    }

    /// Why the connection is of no more use.
    private struct Ending {
        let kind: DeviceFailure.Kind
        let message: String
    }

    private let loop: any EventLoop
    private let encoder: PacketEncoder
    private var decoder: PacketDecoder
    private var unread = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var waiter: Waiter?
    private var ending: Ending?
    private var lastPacketID: UInt16 = 0

    init(version: ProtocolVersion, loop: any EventLoop) {
        self.loop = loop
        self.encoder = PacketEncoder(version: version)
        self.decoder = PacketDecoder(side: .client(version))
    }

    // MARK: What the device does

    /// 1 to 65535, then from the start again ([MQTT-2.2.1-3]); with one exchange at a time there is
    /// no identifier in use to run into.
    func nextPacketID() -> PacketID {
        self.lastPacketID = self.lastPacketID == .max ? 1 : self.lastPacketID + 1
        return self.lastPacketID
    }

    /// Sends a packet and waits for what answers it; fails at once on a connection that has ended.
    func exchange(
        _ packet: Packet, expecting expectation: Expectation, step: SimulationStep,
        within timeout: TimeAmount
    ) -> EventLoopFuture<Answer> {
        let promise = self.loop.makePromise(of: Answer.self)
        if let ending = self.ending {
            promise.fail(DeviceFailure(step, ending.kind, ending.message))
            return promise.futureResult
        }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        let deadline = self.loop.scheduleTask(in: timeout) { bound.value.giveUp() }
        self.waiter = Waiter(
            expectation: expectation, step: step, promise: promise, deadline: deadline)
        self.send(packet)
        return promise.futureResult
    }

    /// Writes a packet at once, without waiting for anything.
    func send(_ packet: Packet) {
        guard let context = self.context else { return }
        var bytes = context.channel.allocator.buffer(capacity: 1024)
        do {
            try self.encoder.encode(packet, into: &bytes)
        } catch {
            return self.end(.malformedAnswer, "this packet has no form on the wire: \(error)")
        }
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }

    /// Ends the connection as a power cut does: no DISCONNECT, no TLS close, a TCP reset.
    func cutPower() {
        guard let context = self.context else { return }
        self.ending = self.ending ?? Ending(kind: .powerCut, message: "")
        let tls = try? context.pipeline.syncOperations.context(
            handlerType: NIOSSLClientHandler.self)
        // From the TLS handler's own context the close goes past it, straight to the socket.
        (tls ?? context).close(mode: .all, promise: nil)
    }

    private func giveUp() {
        self.end(.timedOut, "no answer within the step's time limit")
        self.cutPower()
    }

    // MARK: What comes in

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end(.connectionLost, "the connection was closed")
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.unread.writeBuffer(&bytes)
        do throws(MQTTError) {
            while self.ending == nil, let packet = try self.decoder.next(from: &self.unread) {
                self.receive(packet)
            }
            self.unread.discardReadBytes()
        } catch {
            self.end(.malformedAnswer, "the gateway sent no MQTT: \(error)")
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(.connectionLost, "the gateway closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOSSLError.uncleanShutdown:
            self.end(.connectionLost, "the gateway closed the connection without a TLS close")
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self.end(.handshake, ConnectionTrouble.sentence(for: error))
        default: self.end(.connectionLost, "\(error)")
        }
        context.close(promise: nil)
    }

    private func receive(_ packet: Packet) {
        switch packet {
        case .connack(let connack): self.answer(.connack(connack))
        case .suback(let suback): self.answer(.suback(suback))
        case .puback(let puback): self.answer(.puback(puback))
        case .publish(let publish): self.receive(publish)
        case .disconnect(let disconnect):
            self.end(.connectionLost, "the gateway said DISCONNECT \(disconnect.reason)")
        case .pingresp, .unsuback: break
        case .connect, .pubrec, .pubrel, .pubcomp, .subscribe, .unsubscribe, .pingreq, .auth:
            self.end(.malformedAnswer, "the gateway sent \(packet.type), which nobody asked for")
        }
    }

    private func receive(_ publish: Publish) {
        if let packetID = publish.packetID {
            self.send(.puback(PublishAck(packetID: packetID)))
        }
        guard case .reply(let accepted, let rejected, _) = self.waiter?.expectation else { return }
        let topic = publish.topic.text
        guard topic == accepted || topic == rejected else { return }
        self.answer(
            .reply(isAccepted: topic == accepted, payload: Array(publish.payload.readableBytesView))
        )
    }

    private func answer(_ answer: Answer) {
        guard let waiter = self.waiter else { return }
        switch (answer, waiter.expectation) {
        case (.connack, .connack), (.reply, .reply): break
        case (.suback(let suback), .suback(let packetID)):
            guard suback.packetID == packetID else { return }
        case (.puback(let puback), .puback(let packetID)):
            guard puback.packetID == packetID else { return }
        case (.puback(let puback), .reply(_, _, let packetID)):
            guard puback.packetID == packetID, puback.reason.isFailure else { return }
        case (.connack, _), (.suback, _), (.puback, _), (.reply, _): return
        }
        self.waiter = nil
        waiter.deadline.cancel()
        waiter.promise.succeed(answer)
    }

    private func end(_ kind: DeviceFailure.Kind, _ message: String) {
        let ending = self.ending ?? Ending(kind: kind, message: message)
        self.ending = ending
        guard let waiter = self.waiter else { return }
        self.waiter = nil
        waiter.deadline.cancel()
        waiter.promise.fail(DeviceFailure(waiter.step, ending.kind, ending.message))
    }
}
