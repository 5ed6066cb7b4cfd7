import Crypto
import DeviceSimulation
import JSON
import MQTT
import NIOCore
import NIOPosix
import NIOSSL
import SwiftASN1
import Synchronization
import Testing
import X509

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A gateway that does what it is told, over real mutual TLS: just enough of the service for the
/// devices to be watched from the other side.
///
/// It knows no policy and keeps nothing; it notes what each connection said.
final class ScriptedGateway: Sendable {
    /// What becomes of a request; the default answers as the service would.
    enum Answer: Sendable {
        case normal
        case rejected(Int, String)
        case silence
        case close
        case foreignBytes
    }

    struct Journal: Sendable {
        var connections = 0
        /// The client ids of CONNECT, in order.
        var clientIDs: [String] = []
        /// Topic of every PUBLISH, in order.
        var published: [String] = []
        /// Thing name by ownership token: the memory of the service.
        var registered: [String: String] = [:]
        var tokensIssued = 0
    }

    /// Asked for each request: its topic and its number among those with this topic, from 0.
    typealias Script = @Sendable (_ topic: String, _ count: Int) -> Answer

    let endpoint: Endpoint
    let authority: TestAuthority
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    let journal: SharedJournal

    final class SharedJournal: Sendable {
        private let state = Mutex(Journal())
        var value: Journal { self.state.withLock { $0 } }
        func update<Result: Sendable>(_ body: @Sendable (inout Journal) -> Result) -> Result {
            self.state.withLock { state in body(&state) }
        }
    }

    init(script: @escaping Script = { _, _ in .normal }) async throws {
        let authority = try TestAuthority()
        let journal = SharedJournal()
        var tls = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: [.certificate(try authority.tlsCertificate(authority.server))],
            privateKey: .privateKey(
                try NIOSSLPrivateKey(
                    bytes: Array(authority.server.key.pemRepresentation.utf8), format: .pem)),
            trustRoots: .certificates(
                try NIOSSLCertificate.fromPEMBytes(Array(authority.rootPEM.utf8))))
        tls.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: tls)
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.channel = try await ServerBootstrap(group: self.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: context),
                        ScriptedConnection(
                            authority: authority, journal: journal, script: script),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.authority = authority
        self.journal = journal
        self.endpoint = Endpoint(
            host: "127.0.0.1", port: UInt16(self.channel.localAddress?.port ?? 0))
    }

    func stop() async throws {
        try await self.channel.close()
        try await self.group.shutdownGracefully()
    }

    func options(devices: Int) throws -> SimulationOptions {
        var options = SimulationOptions(
            endpoint: self.endpoint,
            claim: Credentials(
                certificatePEM: Array(self.authority.claim.pem.utf8),
                privateKeyPEM: Array(self.authority.claim.key.pemRepresentation.utf8)),
            template: "pumps", serials: try SerialNumbers(pattern: "SN-{n:04}"), devices: devices)
        options.trustAnchorsPEM = Array(self.authority.rootPEM.utf8)
        // No busy machine reaches it: what ends here ends for another reason.
        options.stepSecondsMax = 300
        return options
    }
}

/// One connection: MQTT in, scripted answers out. Confined to its channel's event loop.
private final class ScriptedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let authority: TestAuthority
    private let journal: ScriptedGateway.SharedJournal
    private let script: ScriptedGateway.Script
    private var decoder = PacketDecoder(side: .server)
    private var unread = ByteBuffer()

    init(
        authority: TestAuthority, journal: ScriptedGateway.SharedJournal,
        script: @escaping ScriptedGateway.Script
    ) {
        self.authority = authority
        self.journal = journal
        self.script = script
    }

    func channelActive(context: ChannelHandlerContext) {
        self.journal.update { $0.connections += 1 }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.unread.writeBuffer(&bytes)
        do {
            while let packet = try self.decoder.next(from: &self.unread) {
                try self.receive(packet, context)
            }
        } catch {
            Issue.record("the device sent what it should not: \(error)")
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A device whose power was cut leaves a reset behind; that is what it is there for.
        context.close(promise: nil)
    }

    private func receive(_ packet: Packet, _ context: ChannelHandlerContext) throws {
        switch packet {
        case .connect(let connect):
            self.journal.update { $0.clientIDs.append(connect.clientID) }
            self.send(.connack(ConnAck()), context)
        case .subscribe(let subscribe):
            self.send(
                .suback(
                    SubAck(
                        packetID: subscribe.packetID,
                        reasons: subscribe.subscriptions.map { .granted($0.options.qos) })),
                context)
        case .publish(let publish): try self.receive(publish, context)
        case .puback: break
        case .disconnect: context.close(promise: nil)
        default: Issue.record("no device sends \(packet.type) here")
        }
    }

    private func receive(_ publish: Publish, _ context: ChannelHandlerContext) throws {
        let topic = publish.topic.text
        let count = self.journal.update { journal in
            journal.published.append(topic)
            return journal.published.count { $0 == topic } - 1
        }
        let payload = Array(publish.payload.readableBytesView)
        if let packetID = publish.packetID {
            self.send(.puback(PublishAck(packetID: packetID)), context)
        }
        guard topic.hasPrefix("$aws/") else { return }
        switch self.script(topic, count) {
        case .silence: break
        case .close: context.close(promise: nil)
        case .foreignBytes:
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: [0, 0])), promise: nil)
        case .rejected(let status, let code):
            try self.reply(
                [
                    "statusCode": .int(status), "errorCode": .string(code),
                    "errorMessage": "scripted",
                ], to: topic + "/rejected", context)
        case .normal:
            let request = try JSONParser.parse(payload)
            try self.reply(
                topic.contains("/provision/")
                    ? try self.register(request) : try self.create(request),
                to: topic + "/accepted", context)
        }
    }

    private func create(_ request: JSONValue) throws -> JSONValue {
        let token = self.journal.update { journal in
            journal.tokensIssued += 1
            return "token-\(journal.tokensIssued)"
        }
        var reply: JSONObject = [
            "certificateId": "00", "certificateOwnershipToken": .string(token),
        ]
        if let pem = request["certificateSigningRequest"]?.stringValue {
            let csr = try CertificateSigningRequest(pemEncoded: pem)
            reply["certificatePem"] = .string(
                try self.authority.issue(to: csr.publicKey, name: "device"))
        } else {
            let key = P256.Signing.PrivateKey()
            reply["certificatePem"] = .string(
                try self.authority.issue(
                    to: Certificate.PrivateKey(key).publicKey, name: "device"))
            reply["privateKey"] = .string(key.pemRepresentation)
        }
        return .object(reply)
    }

    private func register(_ request: JSONValue) throws -> JSONValue {
        let token = request["certificateOwnershipToken"]?.stringValue ?? ""
        let serial = request["parameters"]?["SerialNumber"]?.stringValue ?? ""
        let name = "pump-\(serial)"
        self.journal.update { $0.registered[token] = name }
        return ["thingName": .string(name), "deviceConfiguration": ["every": "60"]]
    }

    private func reply(
        _ document: JSONValue, to topic: String, _ context: ChannelHandlerContext
    ) throws {
        let publish = Publish(
            topic: try TopicName(topic),
            payload: ByteBuffer(bytes: JSONPrinter.bytes(document)), qos: .atLeastOnce,
            packetID: 1)
        self.send(.publish(publish), context)
    }

    private func send(_ packet: Packet, _ context: ChannelHandlerContext) {
        var bytes = ByteBuffer()
        do {
            try PacketEncoder(version: self.decoder.version ?? .v5).encode(packet, into: &bytes)
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
        } catch { Issue.record("the script's answer has no form on the wire: \(error)") }
    }
}

/// A CA for one test, with a gateway's and a claim certificate.
struct TestAuthority: Sendable {
    struct Leaf: Sendable {
        let pem: String
        let key: P256.Signing.PrivateKey
    }

    let rootPEM: String
    let server: Leaf
    let claim: Leaf
    private let key: P256.Signing.PrivateKey
    private let name: DistinguishedName

    init() throws {
        self.key = P256.Signing.PrivateKey()
        self.name = try DistinguishedName { CommonName("Test authority") }
        self.rootPEM = try Self.certificate(
            for: Certificate.PrivateKey(self.key).publicKey, subject: self.name,
            issuer: (self.name, self.key),
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
            })
        let serverKey = P256.Signing.PrivateKey()
        self.server = Leaf(
            pem: try Self.certificate(
                for: Certificate.PrivateKey(serverKey).publicKey,
                subject: try DistinguishedName { CommonName("gateway") },
                issuer: (self.name, self.key),
                extensions: try Certificate.Extensions {
                    SubjectAlternativeNames([
                        .dnsName("localhost"),
                        .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                    ])
                }), key: serverKey)
        let claimKey = P256.Signing.PrivateKey()
        self.claim = Leaf(
            pem: try Self.certificate(
                for: Certificate.PrivateKey(claimKey).publicKey,
                subject: try DistinguishedName { CommonName("claim") },
                issuer: (self.name, self.key), extensions: Certificate.Extensions()),
            key: claimKey)
    }

    func tlsCertificate(_ leaf: Leaf) throws -> NIOSSLCertificate {
        try NIOSSLCertificate(bytes: Array(leaf.pem.utf8), format: .pem)
    }

    func issue(to publicKey: Certificate.PublicKey, name: String) throws -> String {
        try Self.certificate(
            for: publicKey, subject: try DistinguishedName { CommonName(name) },
            issuer: (self.name, self.key), extensions: Certificate.Extensions())
    }

    private static func certificate(
        for publicKey: Certificate.PublicKey, subject: DistinguishedName,
        issuer: (name: DistinguishedName, key: P256.Signing.PrivateKey),
        extensions: Certificate.Extensions
    ) throws -> String {
        let now = Date()
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: now.addingTimeInterval(-3600),
            notValidAfter: now.addingTimeInterval(3600), issuer: issuer.name, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: Certificate.PrivateKey(issuer.key)
        ).serializeAsPEM().pemString + "\n"
    }
}
