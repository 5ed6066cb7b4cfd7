import Fleet
import MQTT
import NIOCore
import NIOEmbedded
import Policies
import TestSupport
import Testing

@testable import MQTTBroker

/// One connection on a loop that the test turns by hand.
struct BackpressureTests {
    /// A handler whose principal has been judged, on a channel without TLS.
    private func connected(
        version: ProtocolVersion = .v311,
        _ change: (inout BrokerSettings) -> Void = { _ in }
    ) throws -> (channel: EmbeddedChannel, handler: ConnectionHandler) {
        var settings = BrokerSettings()
        change(&settings)
        let store = InMemoryFleetStore()
        let environment = BrokerEnvironment(
            settings: settings,
            dependencies: BrokerDependencies(
                store: store, connectivity: store, services: [EchoService()],
                clock: ManualClock(), entropy: TestEntropy(), realm: .standard,
                logger: TestLog().logger))
        let loop = EmbeddedEventLoop()
        let port = ShardPort(index: 0, eventLoop: loop)
        let shard = SessionShard(port: port, environment: environment, peers: [port])
        let channel = EmbeddedChannel(loop: loop)
        let handler = ConnectionHandler(shard: shard, channel: channel)
        try channel.pipeline.syncOperations.addHandler(handler)
        handler.principal = try Self.principal()
        handler.phase = .awaitingConnect
        var connect = ByteBuffer()
        try PacketEncoder(version: version).encode(
            .connect(Connect(version: version, clientID: "device")), into: &connect)
        try channel.writeInbound(connect)
        let answers = try self.answers(of: channel, version)
        guard answers.count == 1, case .connack(let accepted) = answers[0] else {
            throw Unexpected(what: "\(answers) in place of a CONNACK")
        }
        #expect(accepted.reason == .success)
        return (channel, handler)
    }

    private static func principal() throws -> PrincipalRecord {
        let start = ManualClock.start
        let certificate = Certificate(
            id: CertificateID(sha256: [UInt8](repeating: 1, count: 32)), kind: .claim,
            serialNumber: "01", issuerID: nil, issuer: "", subject: "",
            publicKey: PublicKeyFingerprint(sha256: [UInt8](repeating: 2, count: 32)),
            notBefore: start, notAfter: start.advanced(bySeconds: 3600), pem: "",
            createdAt: start, status: .active, statusChangedAt: start, statusReason: nil,
            provenance: nil, firstSeenAt: nil)
        let policy = TestPolicy.record(try PolicyName("all"), TestPolicy.everything)
        return PrincipalRecord(
            certificate: certificate, issuer: nil, policies: [CompiledPolicy(policy)], things: [])
    }

    private func feed(_ packets: Packet..., to channel: EmbeddedChannel) throws {
        var buffer = ByteBuffer()
        for packet in packets {
            try PacketEncoder(version: .v311).encode(packet, into: &buffer)
        }
        try channel.writeInbound(buffer)
    }

    private func answers(
        of channel: EmbeddedChannel, _ version: ProtocolVersion = .v311
    ) throws -> [Packet] {
        var decoder = PacketDecoder(side: .client(version))
        var buffer = ByteBuffer()
        var packets: [Packet] = []
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) {
            buffer.writeBuffer(&bytes)
        }
        while let packet = try decoder.next(from: &buffer) { packets.append(packet) }
        return packets
    }

    /// The answers of a client that only asks must not pile up.
    @Test func clientThatDoesNotReadIsNotHeard() throws {
        let (channel, handler) = try self.connected()
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        try self.feed(.pingreq, .pingreq, to: channel)
        #expect(try self.answers(of: channel).isEmpty)
        #expect(handler.inbound.readableBytes == 4)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(try self.answers(of: channel) == [.pingresp, .pingresp])
        #expect(handler.inbound.readableBytes == 0)
        _ = try channel.finish()
    }

    @Test func messagesWaitForTheSocketAndTheRestIsDropped() throws {
        let (channel, handler) = try self.connected { $0.pendingMessagesMax = 2 }
        try self.feed(
            .subscribe(
                Subscribe(
                    packetID: 1, subscriptions: [Subscription(filter: try TopicFilter("#"))])),
            to: channel)
        #expect(try self.answers(of: channel).count == 1)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        for text in ["1", "2", "3"] {
            handler.deliver(
                Message(
                    topic: try TopicName("a"), payload: ByteBuffer(string: text),
                    qos: .atMostOnce, retain: false, properties: .none, publisher: nil),
                qos: .atMostOnce, retain: false)
        }
        #expect(try self.answers(of: channel).isEmpty)
        #expect(handler.environment.meter.snapshot.messagesDroppedSlow == 1)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        let texts = try self.answers(of: channel).map { packet in
            if case .publish(let publish) = packet { String(buffer: publish.payload) } else { "" }
        }
        #expect(texts == ["1", "2"])
        _ = try channel.finish()
    }

    /// What waits is charged by its length, so it may not hold on to the memory it was read into.
    @Test func messageHoldsNoMoreMemoryThanItNeeds() throws {
        var read = ByteBuffer(repeating: UInt8(ascii: "a"), count: 32 * 1024)
        let part = read.readSlice(length: 3) ?? ByteBuffer()
        var properties = Properties.none
        properties.correlationData = part
        let message = Message(
            topic: try TopicName("a"), payload: part, qos: .atLeastOnce, retain: false,
            properties: properties, publisher: nil)
        for kept in [message.payload, message.properties.correlationData ?? ByteBuffer()] {
            #expect(String(buffer: kept) == "aaa")
            #expect(kept.storageCapacity < 1024)
        }
    }

    @Test func connectionThatHasReadEverythingHoldsNoBuffer() throws {
        let (channel, handler) = try self.connected()
        try self.feed(.pingreq, to: channel)
        #expect(handler.inbound.storageCapacity == 0)
        try channel.writeInbound(ByteBuffer(bytes: [0xC0]))
        #expect(handler.inbound.readableBytes == 1)
        try channel.writeInbound(ByteBuffer(bytes: [0x00]))
        #expect(try self.answers(of: channel) == [.pingresp, .pingresp])
        #expect(handler.inbound.storageCapacity == 0)
        _ = try channel.finish()
    }

    @Test func everyTurnFlushesOnce() throws {
        let (channel, _) = try self.connected()
        try self.feed(.pingreq, .pingreq, .pingreq, to: channel)
        let first = try channel.readOutbound(as: ByteBuffer.self)
        #expect(first?.readableBytes == 6)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        _ = try channel.finish()
    }

    /// What was written for a client in the turn that revokes it, and what waited for its socket,
    /// is not sent: its last packet is all that it hears.
    @Test(arguments: [true, false]) func revokedClientHearsNothingThatWasQueued(
        isWritable: Bool
    ) throws {
        let (channel, handler) = try self.connected(version: .v5)
        channel.isWritable = isWritable
        channel.pipeline.fireChannelWritabilityChanged()
        for text in ["1", "2"] {
            handler.enqueue(
                Publish(topic: try TopicName("a"), payload: ByteBuffer(string: text)))
        }
        handler.send(try self.secret("key"))
        handler.write(.pingresp)
        _ = isWritable ? try self.answers(of: channel, .v5) : []
        handler.enqueue(Publish(topic: try TopicName("a"), payload: ByteBuffer(string: "3")))
        handler.end(.principalRefused(.notActive(.revoked)))
        #expect(
            try self.answers(of: channel, .v5)
                == [.disconnect(Disconnect(reason: .notAuthorized))])
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(try self.answers(of: channel, .v5).isEmpty)
        _ = try? channel.finish()
    }

    // MARK: Replies with a private key

    private static let reply = "$aws/certificates/create/json/accepted"

    private func secret(_ text: String) throws -> SecretReply {
        SecretReply(topic: try TopicName(Self.reply), payload: Secret(WipedBytes(text.utf8)))
    }

    private func texts(of packets: [Packet]) -> [String] {
        packets.map { packet in
            if case .publish(let publish) = packet { String(buffer: publish.payload) } else { "" }
        }
    }

    @Test func secretReplyLeavesBehindWhatWasSaidBefore() throws {
        let (channel, handler) = try self.connected()
        handler.write(.pingresp)
        handler.send(try self.secret("key"))
        let packets = try self.answers(of: channel)
        #expect(packets.first == .pingresp)
        #expect(self.texts(of: packets) == ["", "key"])
        #expect(handler.output.readableBytes == 0)
        _ = try channel.finish()
    }

    @Test func secretRepliesWaitForTheSocketInOrder() throws {
        let (channel, handler) = try self.connected()
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        for text in ["1", "2"] { handler.send(try self.secret(text)) }
        #expect(try self.answers(of: channel).isEmpty)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(self.texts(of: try self.answers(of: channel)) == ["1", "2"])
        _ = try channel.finish()
    }

    @Test func secretRepliesWaitForAcknowledgementsUpToABound() throws {
        let (channel, handler) = try self.connected()
        let filter = Subscription(
            filter: try TopicFilter(Self.reply), options: .init(qos: .atLeastOnce))
        try self.feed(.subscribe(Subscribe(packetID: 1, subscriptions: [filter])), to: channel)
        _ = try self.answers(of: channel)
        let window = Int(SessionLimits().inFlightMax)
        for number in 0...window { handler.send(try self.secret("\(number)")) }
        #expect(try self.answers(of: channel).count == window)
        try self.feed(.puback(PublishAck(packetID: 1)), to: channel)
        #expect(self.texts(of: try self.answers(of: channel)) == ["\(window)"])
        for _ in 0..<BrokerLimits.secretRepliesMax { handler.send(try self.secret("more")) }
        #expect(handler.phase == .live)
        handler.send(try self.secret("too much"))
        #expect(handler.phase == .ended)
        #expect(handler.secretReplies.isEmpty)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    /// Anchors A4 row 13: a message that waited past a change of policy is withheld.
    @Test func messageThatWaitedIsJudgedAgain() throws {
        let (channel, handler) = try self.connected()
        try self.feed(
            .subscribe(
                Subscribe(
                    packetID: 1, subscriptions: [Subscription(filter: try TopicFilter("#"))])),
            to: channel)
        _ = try self.answers(of: channel)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        handler.deliver(
            Message(
                topic: try TopicName("a"), payload: ByteBuffer(string: "1"), qos: .atMostOnce,
                retain: false, properties: .none, publisher: nil),
            qos: .atMostOnce, retain: false)
        let policy = TestPolicy.record(
            try PolicyName("connect"), TestPolicy.allow(("Connect", "client/*")))
        let known = try Self.principal()
        handler.reauthorize(
            PrincipalRecord(
                certificate: known.certificate, issuer: nil, policies: [CompiledPolicy(policy)],
                things: []))
        #expect(handler.phase == .live)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(try self.answers(of: channel).isEmpty)
        #expect(handler.environment.meter.snapshot.messagesWithheld == 1)
        _ = try channel.finish()
    }

    /// Anchors A4 row 16: whatever a connected client sends, the server answers or closes.
    @Test func everyPacketTypeAndFlagAfterConnectIsSurvived() throws {
        for first in UInt8.min...UInt8.max {
            for rest in [[0x00], [0x02, 0x00, 0x01], [0x04, 0x00, 0x01, 0x61, 0x00]] as [[UInt8]] {
                let (channel, handler) = try self.connected()
                try channel.writeInbound(ByteBuffer(bytes: [first] + rest))
                // Taken, refused, or waiting for the rest of a packet; never half of either.
                switch handler.phase {
                case .live: #expect(handler.inbound.readableBytes <= 1 + rest.count)
                case .ended: #expect(handler.inbound.readableBytes == 0)
                case .handshaking, .judging, .awaitingConnect:
                    Issue.record("byte \(first) took the connection back")
                }
                _ = try channel.finish(acceptAlreadyClosed: true)
            }
        }
    }
}
