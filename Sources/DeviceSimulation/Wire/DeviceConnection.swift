import MQTT
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One mutually authenticated MQTT connection of a device, one exchange at a time.
struct DeviceConnection: Sendable {
    /// A reply of the provisioning dialogue.
    struct Reply: Sendable {
        let isAccepted: Bool
        let payload: [UInt8]
    }

    /// A device that lives for a second needs no PINGREQ, if the gateway waits long enough.
    private static let keepAliveSecondsMin: Int64 = 60
    /// A gateway that is there answers TCP in less, unless so many dial at once that the kernel
    /// has them try again; then a device waits for other answers longer, too.
    private static let dialSecondsMin: Int64 = 10

    private let channel: any Channel
    private let handler: NIOLoopBound<DeviceHandler>
    private let timeout: TimeAmount

    private init(channel: any Channel, handler: NIOLoopBound<DeviceHandler>, timeout: TimeAmount) {
        self.channel = channel
        self.handler = handler
        self.timeout = timeout
    }

    /// TCP, TLS, CONNECT and CONNACK; whatever refuses, says why.
    static func open(
        step: SimulationStep, tls: NIOSSLContext, clientID: String, from source: String? = nil,
        context: SimulationContext
    ) async throws(DeviceFailure) -> DeviceConnection {
        let options = context.options
        let timeout = TimeAmount.seconds(options.stepSecondsMax)
        let connection: DeviceConnection
        do {
            connection = try await Self.dial(
                tls, options, timeout, from: source, on: context.group)
        } catch {
            throw DeviceFailure(
                step, .unreachable, "\(options.endpoint): \(ConnectionTrouble.sentence(for: error))"
            )
        }
        do throws(DeviceFailure) {
            let connect = Connect(
                version: options.version, clientID: clientID, cleanStart: true,
                keepAliveSeconds: UInt16(
                    clamping: max(Self.keepAliveSecondsMin, 2 * options.stepSecondsMax)))
            let answer = try await connection.exchange(step) { _ in (.connect(connect), .connack) }
            if case .connack(let connack) = answer, connack.reason != .success {
                throw DeviceFailure(
                    step, .connectRefused(code: connack.reason.rawValue),
                    "the gateway refused CONNECT: \(connack.reason)")
            }
            return connection
        } catch {
            await connection.cutPower()
            throw error
        }
    }

    private static func dial(
        _ tls: NIOSSLContext, _ options: SimulationOptions, _ timeout: TimeAmount,
        from source: String?, on group: any EventLoopGroup
    ) async throws -> DeviceConnection {
        let host = options.endpoint.host
        // SNI names hosts, never addresses (RFC 6066 3); without it the certificate is checked
        // against the address that was dialled.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        let version = options.version
        var bootstrap = ClientBootstrap(group: group)
            .connectTimeout(.seconds(max(Self.dialSecondsMin, options.stepSecondsMax / 3)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        if let source {
            bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0))
        }
        return try await bootstrap.connect(host: host, port: Int(options.endpoint.port)) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = DeviceHandler(version: version, loop: channel.eventLoop)
                try channel.pipeline.syncOperations.addHandlers([
                    NIOSSLClientHandler(
                        context: tls, serverHostname: isAddress ? nil : host),
                    handler,
                ])
                return DeviceConnection(
                    channel: channel,
                    handler: NIOLoopBound(handler, eventLoop: channel.eventLoop),
                    timeout: timeout)
            }
        }
    }

    /// Subscribes to all filters in one packet.
    func subscribe(_ filters: [String]) async throws(DeviceFailure) {
        var subscriptions: [Subscription] = []
        for filter in filters {
            do throws(MQTTError) {
                subscriptions.append(
                    Subscription(
                        filter: try TopicFilter(filter),
                        options: SubscriptionOptions(qos: .atLeastOnce)))
            } catch { throw Self.unspeakable(.subscribe, error) }
        }
        let wanted = subscriptions
        let answer = try await self.exchange(.subscribe) { packetID in
            (
                .subscribe(Subscribe(packetID: packetID, subscriptions: wanted)),
                .suback(packetID)
            )
        }
        guard case .suback(let suback) = answer, suback.reasons.count == filters.count else {
            throw DeviceFailure(
                .subscribe, .malformedAnswer, "SUBACK has not one code for each filter")
        }
        for (reason, filter) in zip(suback.reasons, filters) where reason.isFailure {
            throw DeviceFailure(
                .subscribe, .subscribeRefused(code: reason.rawValue),
                "the gateway refused the filter \(filter): \(reason)")
        }
    }

    /// Publishes a request of the dialogue and waits for its reply.
    func request(
        _ payload: [UInt8], _ call: ProvisioningDialogue.Call, step: SimulationStep
    ) async throws(DeviceFailure) -> Reply {
        let publish = try Self.publish(payload, to: call.topic, step: step)
        let answer = try await self.exchange(step) { packetID in
            (
                .publish(publish.identified(by: packetID)),
                .reply(accepted: call.accepted, rejected: call.rejected, request: packetID)
            )
        }
        switch answer {
        case .reply(let isAccepted, let payload):
            return Reply(isAccepted: isAccepted, payload: payload)
        case .puback(let puback): throw Self.refused(puback, call.topic, step)
        case .connack, .suback:
            throw DeviceFailure(step, .malformedAnswer, "an answer to another question")
        }
    }

    /// Publishes with QoS 1 and waits for the acknowledgement.
    func publish(_ payload: [UInt8], to topic: String) async throws(DeviceFailure) {
        let publish = try Self.publish(payload, to: topic, step: .publish)
        let answer = try await self.exchange(.publish) { packetID in
            (.publish(publish.identified(by: packetID)), .puback(packetID))
        }
        if case .puback(let puback) = answer, puback.reason.isFailure {
            throw Self.refused(puback, topic, .publish)
        }
    }

    /// Publishes with QoS 1 and does not wait: what a device whose power goes has done.
    func send(
        _ payload: [UInt8], to topic: String, step: SimulationStep
    ) async throws(DeviceFailure) {
        let publish = try Self.publish(payload, to: topic, step: step)
        let handler = self.handler
        await self.onLoop {
            let handler = handler.value
            handler.send(.publish(publish.identified(by: handler.nextPacketID())))
        }
    }

    /// Returns once the socket is closed, by whomever.
    func ended() async {
        // However it was closed, it is.
        try? await self.channel.closeFuture.get()
    }

    /// Says DISCONNECT and closes, TLS and all.
    func disconnect() async {
        let handler = self.handler
        await self.onLoop { handler.value.send(.disconnect(Disconnect())) }
        self.channel.close(promise: nil)
        // A connection that ends badly after DISCONNECT has ended all the same.
        try? await self.channel.closeFuture.get()
    }

    /// Ends the connection without a word.
    func cutPower() async {
        // Linger zero makes the kernel reset the connection. Where it cannot be set, because the
        // other side was faster, there is nothing left to reset.
        if let socket = self.channel as? any SocketOptionProvider {
            try? await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        let handler = self.handler
        await self.onLoop { handler.value.cutPower() }
        try? await self.channel.closeFuture.get()
    }

    // MARK: One exchange

    private func exchange(
        _ step: SimulationStep,
        _ packet: @escaping @Sendable (PacketID) -> (Packet, Expectation)
    ) async throws(DeviceFailure) -> Answer {
        let handler = self.handler
        let timeout = self.timeout
        do {
            return try await self.channel.eventLoop.flatSubmit {
                let handler = handler.value
                let (packet, expectation) = packet(handler.nextPacketID())
                return handler.exchange(
                    packet, expecting: expectation, step: step, within: timeout)
            }.get()
        } catch let failure as DeviceFailure {
            throw failure
        } catch {
            throw DeviceFailure(step, .connectionLost, "\(error)")
        }
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) async {
        // The body does not throw, so only a stopped loop could fail this, and loops are stopped
        // after the last device.
        try? await self.channel.eventLoop.submit(body).get()
    }

    private static func publish(
        _ payload: [UInt8], to topic: String, step: SimulationStep
    ) throws(DeviceFailure) -> Publish {
        do throws(MQTTError) {
            return Publish(
                topic: try TopicName(topic), payload: ByteBuffer(bytes: payload),
                qos: .atLeastOnce)
        } catch { throw Self.unspeakable(step, error) }
    }

    private static func refused(
        _ puback: PublishAck, _ topic: String, _ step: SimulationStep
    ) -> DeviceFailure {
        DeviceFailure(
            step, .publishRefused(code: puback.reason.rawValue),
            "the gateway refused the message to \(topic): \(puback.reason)")
    }

    private static func unspeakable(_ step: SimulationStep, _ error: MQTTError) -> DeviceFailure {
        DeviceFailure(step, .publishRefused(code: error.reasonCode.rawValue), "\(error)")
    }
}

extension Publish {
    fileprivate func identified(by packetID: PacketID) -> Publish {
        var publish = self
        publish.packetID = packetID
        return publish
    }
}
