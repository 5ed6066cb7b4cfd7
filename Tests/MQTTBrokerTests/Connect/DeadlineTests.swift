import MQTT
import NIOCore
import Testing

@testable import MQTTBroker

/// Nobody keeps a socket by saying nothing, too little, or too much.
@Suite(.timeLimit(.minutes(10)))
struct DeadlineTests {
    @Test func silentHandshakeIsClosedByDeadline() async throws {
        let gateway = try await TestGateway { $0.handshakeSecondsMax = 1 }
        let client = try await gateway.open(presenting: nil)
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["handshake-timeout"] == 1)
    }

    @Test func handshakeThatStopsHalfwayIsClosedByDeadline() async throws {
        let gateway = try await TestGateway { $0.handshakeSecondsMax = 1 }
        let client = try await gateway.open(presenting: nil)
        // The first bytes of a ClientHello record, and then no more.
        client.send(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["handshake-timeout"] == 1)
    }

    @Test func connectionWithoutConnectIsClosedByDeadline() async throws {
        let gateway = try await TestGateway { $0.connectSecondsMax = 1 }
        let client = try await gateway.open(try await gateway.device())
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["connect-timeout"] == 1)
    }

    @Test func halfAConnectIsClosedByDeadline() async throws {
        let gateway = try await TestGateway { $0.connectSecondsMax = 1 }
        let client = try await gateway.open(try await gateway.device())
        client.send(ByteBuffer(bytes: [0x10, 0x20, 0x00, 0x04]))
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["connect-timeout"] == 1)
    }

    @Test(arguments: [ProtocolVersion.v311, .v5])
    func silentClientIsClosedByKeepAlive(version: ProtocolVersion) async throws {
        let gateway = try await TestGateway { $0.keepAliveSecondsMin = 1 }
        let client = try await gateway.connect(
            try await gateway.device(), as: "device", version: version
        ) { $0.keepAliveSeconds = 1 }
        var expected: [TestEvent] = [.closed]
        if version == .v5 {
            expected.insert(.packet(.disconnect(Disconnect(reason: .keepAliveTimeout))), at: 0)
        }
        #expect(await client.rest() == expected)
        await gateway.stop()
    }

    /// Anchors A4 rows 15 and 16: every type and flag nibble as a first packet that claims 256 MB.
    @Test func firstPacketThatIsNoConnectIsClosedAtOnce() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        for first in UInt8.min...UInt8.max {
            let client = try await gateway.open(device)
            client.send(ByteBuffer(bytes: [first, 0xFF, 0xFF, 0xFF, 0x7F]))
            #expect(await client.rest() == [.closed], "first byte \(first)")
        }
        await gateway.stop()
        #expect(gateway.server.counters.connectionsAccepted == 0)
    }

    @Test func plainTextIsNoTLS() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.open(presenting: nil)
        client.send(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(await client.rest().last == .closed)
        await gateway.stop()
        #expect(gateway.server.counters.connectionsRefused["tls-failed"] == 1)
    }

    @Test func connectionsBeyondTheLimitAreClosed() async throws {
        let gateway = try await TestGateway { $0.connectionsMax = 1 }
        let device = try await gateway.device()
        let first = try await gateway.connect(device, as: "one")
        let second = try await gateway.open(device)
        #expect(await second.rest() == [.closed])
        #expect(gateway.server.counters.connectionsRefused["too-many-connections"] == 1)
        // The place is free again once the first has gone.
        try first.send(.disconnect(Disconnect()))
        _ = await first.rest()
        while gateway.server.counters.connectionsOpen > 0 { await Task.yield() }
        _ = try await gateway.connect(device, as: "two")
        await gateway.stop()
    }

    @Test func oversizePacketIsRefusedFromItsHeader() async throws {
        let gateway = try await TestGateway()
        let client = try await gateway.connect(try await gateway.device(), as: "device")
        client.send(ByteBuffer(bytes: [0x30, 0xFF, 0xFF, 0xFF, 0x7F]))
        let events = await client.rest()
        guard case .packet(.disconnect(let disconnect)) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(disconnect.reason == .packetTooLarge)
        #expect(events.last == .closed)
        await gateway.stop()
    }

    @Test func busyPortIsExplained() async throws {
        let gateway = try await TestGateway()
        let port = gateway.listeningPort
        await #expect {
            _ = try await TestGateway { $0.port = port }
        } throws: { error in
            "\(error)".contains("127.0.0.1:\(port) is in use")
        }
        await gateway.stop()
    }

    @Test func stoppingTellsMQTT5ClientsAndClosesEverybody() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let five = try await gateway.connect(device, as: "five")
        let three = try await gateway.connect(device, as: "three", version: .v311)
        await gateway.stop()
        #expect(
            await five.rest() == [
                .packet(.disconnect(Disconnect(reason: .serverShuttingDown))), .closed,
            ])
        #expect(await three.rest() == [.closed])
        #expect(gateway.server.counters.connectionsOpen == 0)
    }
}
