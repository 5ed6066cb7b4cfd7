import MQTT
import NIOCore
import NIOPosix
import NIOSSL

/// What a test client saw of the gateway.
enum TestEvent: Hashable, Sendable {
    case packet(Packet)
    case undecodable(MQTTError)
    case closed
}

/// A device made by hand: it says what the test tells it to, byte for byte, and shows what came
/// back. Nothing is answered by itself.
final class TestClient: Sendable {
    /// How the device presents itself to TLS.
    struct Presentation: Sendable {
        var identity: TestIdentity?
        var trust: String
        var minimum = TLSVersion.tlsv12
        var maximum: TLSVersion?
        var applicationProtocols: [String] = []
    }

    private let channel: any Channel
    private let events: AsyncStream<TestEvent>
    private let version: ProtocolVersion
    private let toggle: EventLoopFuture<NIOLoopBound<ReadToggle>>

    private init(
        channel: any Channel, events: AsyncStream<TestEvent>, version: ProtocolVersion,
        toggle: EventLoopFuture<NIOLoopBound<ReadToggle>>
    ) {
        self.channel = channel
        self.events = events
        self.version = version
        self.toggle = toggle
    }

    /// Opens a socket and, with a presentation, begins TLS. What comes of it the events say.
    static func open(
        port: Int, as presentation: Presentation?, version: ProtocolVersion = .v5
    ) async throws -> TestClient {
        let (events, continuation) = AsyncStream.makeStream(of: TestEvent.self)
        let context = try presentation.map { try Self.context($0) }
        let loop = NIOSingletons.posixEventLoopGroup.next()
        let made = loop.makePromise(of: NIOLoopBound<ReadToggle>.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.socketOption(.so_rcvbuf), value: 16 * 1024)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let toggle = ReadToggle()
                    made.succeed(NIOLoopBound(toggle, eventLoop: channel.eventLoop))
                    try channel.pipeline.syncOperations.addHandler(toggle)
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        TestClientHandler(version: version, events: continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return TestClient(
            channel: channel, events: events, version: version, toggle: made.futureResult)
    }

    private static func context(_ presentation: Presentation) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(presentation.trust.utf8)))
        configuration.minimumTLSVersion = presentation.minimum
        configuration.maximumTLSVersion = presentation.maximum
        configuration.applicationProtocols = presentation.applicationProtocols
        if let identity = presentation.identity {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(
                Array(identity.certificatePEM.utf8)
            ).map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }

    // MARK: Saying

    func send(_ packet: Packet) throws {
        var buffer = ByteBuffer()
        try PacketEncoder(version: self.version).encode(packet, into: &buffer)
        self.send(buffer)
    }

    func send(_ bytes: ByteBuffer) {
        // A socket that the gateway has closed meanwhile is what many tests are about.
        self.channel.writeAndFlush(bytes, promise: nil)
    }

    func stopReading() async throws {
        let toggle = try await self.toggle.get()
        try await self.channel.eventLoop.submit { toggle.value.isOpen = false }.get()
    }

    func goOnReading() async throws {
        let toggle = try await self.toggle.get()
        try await self.channel.eventLoop.submit { toggle.value.open() }.get()
    }

    func cut() { self.channel.close(promise: nil) }

    // MARK: Hearing

    /// The next event; after `closed` there is only `closed`.
    func next() async -> TestEvent {
        for await event in self.events { return event }
        return .closed
    }

    /// Everything up to the closed connection.
    func rest() async -> [TestEvent] {
        var seen: [TestEvent] = []
        for await event in self.events {
            seen.append(event)
            if event == .closed { break }
        }
        return seen
    }
}

/// Stops reading from the socket on request, as a device that is busy elsewhere.
final class ReadToggle: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var isOpen = true
    private var isHeld = false
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if self.isOpen { context.read() } else { self.isHeld = true }
    }

    func open() {
        self.isOpen = true
        if self.isHeld {
            self.isHeld = false
            self.context?.read()
        }
    }
}

private final class TestClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var decoder: PacketDecoder
    private var buffer = ByteBuffer()
    private let events: AsyncStream<TestEvent>.Continuation

    init(version: ProtocolVersion, events: AsyncStream<TestEvent>.Continuation) {
        self.decoder = PacketDecoder(side: .client(version))
        self.events = events
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.buffer.writeBuffer(&bytes)
        do throws(MQTTError) {
            while let packet = try self.decoder.next(from: &self.buffer) {
                self.events.yield(.packet(packet))
            }
        } catch {
            self.events.yield(.undecodable(error))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.events.yield(.closed)
        self.events.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
