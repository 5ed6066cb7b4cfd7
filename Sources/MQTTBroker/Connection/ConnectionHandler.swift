import Crypto
import DequeModule
import Fleet
import Logging
import MQTT
import NIOCore
import NIOSSL
import NIOTLS

/// One device's connection, from the accepted socket to the closed one. It is the only handler
/// behind TLS: it decodes in place, asks the machines and the policies, and appends whatever is to
/// be said to one buffer that is flushed once a turn.
///
/// It lives on its shard's loop and is touched nowhere else.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// How far the connection has come.
    enum Phase {
        case handshaking
        /// TLS is done; the registry is being asked about the certificate.
        case judging
        /// The principal may speak; CONNECT is awaited.
        case awaitingConnect
        case live
        case ended
    }

    let shard: SessionShard
    let environment: BrokerEnvironment
    let sourceAddress: String
    /// The name that the client asked for in its TLS hello (SNI, RFC 6066 section 3), in lower
    /// case.
    var serverName: String?
    private(set) var number: ConnectionNumber = 0
    var context: ChannelHandlerContext?
    var phase = Phase.handshaking
    var deadline: Scheduled<Void>?

    var certificateID: CertificateID?
    var principal: PrincipalRecord?
    var authority: ConnectionAuthority?
    var loadsBegun = 0
    var isReloading = false
    var firstConnection = FirstConnectionState()
    /// Its certificate had ended when it connected, and it is here to have it renewed.
    var isRenewalOnly = false

    var decoder: PacketDecoder
    var machine: ConnectionMachine
    /// Both from the CONNECT on.
    var encoder: PacketEncoder?
    var session: SessionMachine?
    var sessionNumber: SessionNumber = 0
    var keepAliveCheck: Scheduled<Void>?
    /// As accepted, without its password: the will is in it, and what a policy asked about.
    var connect: Connect?
    var inbound = ByteBuffer()
    var output = ByteBuffer()
    var isFlushDue = false
    var isReadHeld = false
    private var isProcessing = false

    /// Requests that services are working on, by a number of their own.
    var requests: [Int: Task<Void, Never>] = [:]
    var requestsBegun = 0
    var secretReplies: Deque<SecretReply> = []
    var isWaitingForGate = false
    var acknowledgements = AcknowledgementLine()
    var subscriptionCount = 0
    var isDraining = false
    var denialsLogged = 0
    /// What the client called itself, before anybody has accepted it.
    var announcedClientID = ""
    var hasKeptRefusal = false
    var hasLoggedRetain = false
    /// As other sessions of its certificate see it; nil where nobody looks.
    var ownSession: CertificateSessions.Session?
    /// A newer session of the same certificate, until this one is heard of again.
    var rival: CertificateSessions.Session?
    /// The commit that took its right away, until the socket is closed.
    var droppedBy: ChangeEffects.Cause?

    init(shard: SessionShard, channel: any Channel) {
        self.shard = shard
        self.environment = shard.environment
        self.sourceAddress = channel.remoteAddress?.ipAddress ?? "unknown"
        let settings = shard.environment.connectionSettings
        self.decoder = PacketDecoder(
            side: .server, limits: DecoderLimits(packetBytesMax: settings.packetBytesMax))
        self.machine = ConnectionMachine(settings: settings, at: .now)
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.number = self.shard.add(self)
        self.setDeadline(
            seconds: self.environment.settings.handshakeSecondsMax, end: .handshakeTimeout)
    }

    func channelActive(context: ChannelHandlerContext) {
        // Accepted in the moment the listener closed.
        if self.shard.isDraining { self.end(.serverStopping) }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end(.lost(cause: nil))
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(.lost(cause: nil))
        if let cause = self.droppedBy {
            self.droppedBy = nil
            let now = self.environment.clock.now
            self.environment.meter.count { $0.revocationTimes.note(cause, at: now) }
        }
        self.shard.flush()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            self.judgePeer(context)
            self.shard.flush()
        case TLSUserEvent.shutdownCompleted, ChannelEvent.inputClosed:
            self.end(.lost(cause: nil))
            self.shard.flush()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch self.phase {
        case .handshaking: self.end(.tlsFailed(cause: self.explainHandshake(error, context)))
        case .judging, .awaitingConnect, .live: self.end(.lost(cause: "\(error)"))
        case .ended: break
        }
        self.shard.flush()
    }

    /// The timer that runs until the next step of the opening is done.
    ///
    /// It is for peers that take their time, not for a loop that has too much to do: where the
    /// loop comes to it late, as when a whole shift's devices knock at once, the peer has as long
    /// again. Whoever only keeps sockets open does not make a loop late.
    func setDeadline(
        seconds: Int64, end: ConnectionEnd,
        extensionsLeft: Int = BrokerLimits.deadlineExtensionsMax
    ) {
        self.deadline?.cancel()
        let bound = NIOLoopBound(self, eventLoop: self.shard.eventLoop)
        let due = NIODeadline.now() + .seconds(seconds)
        self.deadline = self.shard.eventLoop.scheduleTask(deadline: due) {
            let isLate = NIODeadline.now() - due > BrokerLimits.deadlineLateness
            if isLate, extensionsLeft > 0 {
                bound.value.setDeadline(
                    seconds: seconds, end: end, extensionsLeft: extensionsLeft - 1)
                return
            }
            bound.value.end(end)
            bound.value.shard.flush()
        }
    }

    // MARK: Bytes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if self.phase == .ended { return }
        if self.inbound.readableBytes == 0 {
            self.inbound = bytes
        } else {
            self.inbound.writeBuffer(&bytes)
        }
        self.processInput()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.shard.flush()
        context.fireChannelReadComplete()
    }

    /// The socket is left alone while what it already gave cannot be worked on, so that a peer
    /// that is too fast waits in its own kernel and not in our memory.
    func read(context: ChannelHandlerContext) {
        // Until its principal is judged a connection may send its CONNECT, and TLS needs to read.
        if self.phase == .handshaking || !self.isInputHeld {
            context.read()
        } else {
            self.isReadHeld = true
        }
    }

    /// Whether no packet may be taken off the input now.
    var isInputHeld: Bool {
        switch self.phase {
        case .handshaking, .judging, .ended: true
        case .awaitingConnect: !self.machine.wantsPackets
        case .live:
            // A peer that does not read its answers is not asked for more questions.
            self.isDraining || self.isWaitingForGate || !self.machine.wantsPackets
                || self.context?.channel.isWritable != true
                || self.requests.count
                    >= self.environment.settings.reservedInFlightPerConnectionMax
        }
    }

    /// Goes on where `isInputHeld` stopped.
    func resumeInput() {
        self.processInput()
        if !self.isInputHeld, self.isReadHeld {
            self.isReadHeld = false
            self.context?.read()
        }
    }

    private func processInput() {
        // A packet's work can end in here again; the outer call has the loop.
        guard !self.isProcessing else { return }
        self.isProcessing = true
        defer { self.isProcessing = false }
        do throws(MQTTError) {
            while !self.isInputHeld, let packet = try self.decoder.next(from: &self.inbound) {
                if let rival = self.rival { self.spoke(packet, beside: rival) }
                self.perform(self.machine.received(packet, at: .now))
            }
        } catch {
            self.perform(self.machine.failed(error, version: self.decoder.version))
        }
        if self.inbound.readableBytes > 0 {
            self.inbound.discardReadBytes()
        } else {
            // The memory is TLS's, which reads into it again if nobody else holds it.
            self.inbound = ByteBuffer()
        }
    }
}
