import MQTT
import NIOCore
import Testing

@Suite struct ConnectionEndingTests {
    /// [MQTT-3.1.2-22]: one and a half times the keep-alive after the last packet, whenever in
    /// between two looks that came.
    @Test(arguments: [0, 1, 8_999, 9_000, 20_000, 44_999] as [MonotonicMilliseconds])
    func silenceEndsAtTheDeadlineAndNotAtALaterLook(_ heard: MonotonicMilliseconds) {
        var machine = connected(.v5) { $0.keepAliveSeconds = 30 }
        _ = machine.received(.pingreq, at: heard)
        var now: MonotonicMilliseconds = 0
        var looks = 0
        while looks < 20, machine.isConnected {
            now += machine.nextLook(at: now)
            looks += 1
            _ = machine.tick(at: now)
        }
        #expect(now == heard + 45_000)
        #expect(looks <= 13)
    }

    @Test func whoKeepsItsKeepAliveIsLookedAtFourTimesInIt() {
        var machine = connected(.v311) { $0.keepAliveSeconds = 1200 }
        for now in stride(from: MonotonicMilliseconds(0), to: 3_600_000, by: 300_000) {
            if now.isMultiple(of: 1_200_000) { _ = machine.received(.pingreq, at: now) }
            let next = machine.nextLook(at: now)
            #expect(next == 300_000)
        }
    }

    private static func withWill(_ version: ProtocolVersion) -> ConnectionMachine {
        connected(version) {
            $0.keepAliveSeconds = 40
            $0.will = Will(topic: topic("w"), payload: buffer("gone"))
        }
    }

    @Test func anyPacketKeepsTheConnectionAlive() {
        var machine = connected(.v5) { $0.keepAliveSeconds = 40 }
        #expect(machine.nextDeadline == 60_000)
        #expect(machine.received(.pingreq, at: 59_999) == .send(.pingresp))
        #expect(machine.tick(at: 60_000) == .nothing && machine.nextDeadline == 119_999)
        #expect(
            machine.received(.puback(PublishAck(packetID: 1)), at: 100_000)
                == .acknowledged(PublishAck(packetID: 1)))
        #expect(machine.tick(at: 159_999) == .nothing)
        let action = machine.tick(at: 160_000)
        #expect(action.closing?.cause == .keepAliveTimeout && action.goodbye == .keepAliveTimeout)
    }

    @Test func silenceEndsA311ConnectionInSilenceAndPublishesTheWill() {
        var machine = Self.withWill(.v311)
        let closing = machine.tick(at: 60_000).closing
        #expect(closing?.packet == nil && closing?.willIsDue == true)
    }

    @Test func aGoodbyeDiscardsTheWillUnlessItSaysOtherwise() {
        for (reason, isDue) in [
            (.normalDisconnection, false), (.disconnectWithWillMessage, true),
            (.unspecifiedError, true),
        ] as [(ReasonCode, Bool)] {
            var machine = Self.withWill(.v5)
            let closing = machine.received(.disconnect(Disconnect(reason: reason)), at: 1).closing
            #expect(closing?.cause == .clientDisconnected(reason))
            #expect(closing?.packet == nil && closing?.willIsDue == isDue)
        }
        var without = connected(.v5)
        let action = without.received(
            .disconnect(Disconnect(reason: .disconnectWithWillMessage)), at: 1)
        #expect(action.closing?.willIsDue == false)
    }

    @Test func aLostConnectionPublishesTheWill() {
        var machine = Self.withWill(.v5)
        let closing = machine.connectionLost().closing
        #expect(closing?.cause == .connectionLost && closing?.willIsDue == true)
        #expect(machine.connectionLost() == .nothing)
        var judged = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        #expect(judged.connectionLost().closing?.willIsDue == false)
    }

    @Test func theServerEndsItWithAReasonItMaySay() {
        for (reason, said) in [
            (.sessionTakenOver, .sessionTakenOver), (.serverShuttingDown, .serverShuttingDown),
            (.badUserNameOrPassword, .unspecifiedError),
        ] as [(ReasonCode, ReasonCode)] {
            var machine = Self.withWill(.v5)
            let action = machine.close(reason: reason, publishesWill: true)
            #expect(action.goodbye == said && action.closing?.cause == .server(reason))
            #expect(action.closing?.willIsDue == true)
        }
        var three = Self.withWill(.v311)
        let action = three.close(reason: .notAuthorized, publishesWill: false)
        #expect(action.closing?.packet == nil && action.closing?.willIsDue == false)
        #expect(three.close(reason: .notAuthorized, publishesWill: true) == .nothing)
    }

    @Test func shutdownRefusesAConnectBeingJudged() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        _ = machine.received(.connect(Connect(version: .v5, clientID: "a")), at: 0)
        let action = machine.close(reason: .serverShuttingDown, publishesWill: true)
        #expect(action.connack?.reason == .serverUnavailable)
        var silent = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        #expect(
            silent.close(reason: .serverShuttingDown, publishesWill: true).closing?.packet == nil)
    }

    @Test func aSessionThatEndsWithItsConnectionIsNotProlonged() {
        let goodbye = Packet.disconnect(Disconnect(properties: [.sessionExpiryInterval(10)]))
        var machine = connected(.v5)
        #expect(machine.received(goodbye, at: 1).error?.code == .sessionExpiryRaised)
        var asked = connected(.v5) { $0.properties.sessionExpiryInterval = 5 }
        #expect(
            asked.received(goodbye, at: 1).closing?.cause
                == .clientDisconnected(.normalDisconnection))
    }

    @Test func nothingIsAcknowledgedAfterTheEnd() {
        var machine = connected(.v5)
        let publish = Publish(
            topic: topic("a"), payload: ByteBuffer(), qos: .atLeastOnce, packetID: 1)
        _ = machine.received(.publish(publish), at: 1)
        _ = machine.connectionLost()
        #expect(machine.acknowledge(1) == .nothing)
        #expect(machine.failed(MQTTError(.invalidUTF8, "x")) == .nothing)
    }
}
